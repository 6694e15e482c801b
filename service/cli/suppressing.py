"""`pingpost suppress`: suppression lists at run time, through the operators' path of a running service."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from service.cli.asking import ask
from service.cli.tables import table
from service.errors import PingpostError
from service.wire.privacy import PEOPLE_PER_REQUEST_MAX

PATH = "/admin/suppressions"


class NotRead(PingpostError):
    """The file cannot be read."""


def suppress(given: argparse.Namespace) -> int:
    numbers, emails = [*given.caller], [*given.email]
    for line in _lines(given):
        (emails if "@" in line else numbers).append(line)
    if not numbers and not emails:
        return _show(given)
    about = {name: value for name, value in (("list", given.list), ("reason", given.reason)) if value}
    if given.find:
        return _find(given, {**about, "numbers": numbers, "emails": emails})
    changed, answer = 0, {}
    for part in _parts(numbers, emails):
        answer = ask(PATH, given.url, {**about, **part}, method="DELETE" if given.remove else "POST")
        changed += answer["changed"]
    if given.json:
        print(json.dumps({**answer, "changed": changed}, indent=2))
        return 0
    named = len(numbers) + len(emails)
    done = "were on it and are not any more" if given.remove else "are new on it"
    print(f"suppression list {answer['list']}: {changed} of {named} named {done}")
    return 0


def _parts(numbers: list[str], emails: list[str]) -> Iterator[dict[str, list[str]]]:
    """As many at a time as a request may name."""
    for name, people in (("numbers", numbers), ("emails", emails)):
        for first in range(0, len(people), PEOPLE_PER_REQUEST_MAX):
            yield {name: people[first : first + PEOPLE_PER_REQUEST_MAX]}


def _lines(given: argparse.Namespace) -> list[str]:
    if given.file is None:
        return []
    try:
        text = sys.stdin.read() if str(given.file) == "-" else given.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8"
        raise NotRead(f"{given.file} cannot be read: {why}.") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _show(given: argparse.Namespace) -> int:
    answer = ask(PATH, given.url)
    rows = [(one["list"], one["people"], "" if _is_known(one) else "no longer there") for one in answer["lists"]]
    return _print(given, answer, table(("list", "people", "catalog"), rows))


def _is_known(one: dict[str, Any]) -> bool:
    return bool(one["in_catalog"] or one["list"] == "*")


def _find(given: argparse.Namespace, body: dict[str, Any]) -> int:
    answer = ask(f"{PATH}/find", given.url, body)
    rows = [(one["list"], one["since"], one["reason"]) for one in answer["lists"]]
    return _print(given, answer, table(("list", "since", "reason"), rows) if rows else "On no list.")


def _print(given: argparse.Namespace, answer: dict[str, Any], text: str) -> int:
    print(json.dumps(answer, indent=2) if given.json else text)
    return 0
