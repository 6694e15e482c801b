"""`pingpost balance`: what buyers have paid in, through the operators' path of a running service.

Not by Redis itself: the service knows which one it uses (its own, too), which buyers there are, and writes what was
entered by whom into its log; and the operator may sit elsewhere.
"""

import argparse
import json
from typing import Any

from service.cli.asking import ask


def show(given: argparse.Namespace) -> int:
    return _print(ask(_path(given), given.url), given)


def top_up(given: argparse.Namespace) -> int:
    return _credit(given, "top_up")


def correct(given: argparse.Namespace) -> int:
    return _credit(given, "correction")


def _credit(given: argparse.Namespace, kind: str) -> int:
    entry = {"amount": given.amount, "key": given.key, "reason": given.reason, "kind": kind}
    answer = ask(_path(given), given.url, entry)
    if answer.get("repeat") and not given.json:
        print(f"The key {given.key} has been counted before; nothing was added.")
    return _print(answer, given)


def _path(given: argparse.Namespace) -> str:
    return f"/admin/buyers/{given.buyer}/balance"


def _print(answer: dict[str, Any], given: argparse.Namespace) -> int:
    if given.json:
        print(json.dumps(answer, indent=2))
        return 0
    balance, reserved = answer["balance"], answer["reserved"]
    pending = f", of which {reserved:.2f} is reserved for pending sales" if reserved else ""
    needed = "" if answer["balance_required"] else " (its sales need no balance, and are not charged to it)"
    print(f"buyer {answer['buyer_id']}: {balance:.2f}{pending}{needed}")
    return 0
