"""`pingpost status`: what /admin/status of a running service says, as tables."""

import argparse
import json
from typing import Any

from service.cli.asking import ask
from service.cli.tables import table


def status(given: argparse.Namespace) -> int:
    answer = ask("/admin/status", given.url)
    if given.json:
        print(json.dumps(answer, indent=2))
    else:
        print("\n\n".join(_tables(answer)))
    return 0


def _tables(answer: dict[str, Any]) -> list[str]:
    buyers = [
        (
            b["buyer_id"],
            b["name"],
            "yes" if b.get("paused") else "",
            b["slots"],
            b["holds"],
            b.get("cap"),
            b.get("ping_limit"),
            _money(b.get("balance")),
            _money(b.get("reserved")),
        )
        for b in answer.get("buyers", [])
    ]
    caps = [
        (c["contract"], cap["per"], cap["sold"], cap["pending"], cap["limit"], cap.get("resets_at"))
        for b in answer.get("buyers", [])
        for c in b.get("contracts", [])
        for cap in c.get("caps", [])
    ]
    caps += [
        (
            c["contract"],
            f"revenue_{cap['per']}",
            *(_money(cap[of]) for of in ("sold", "pending", "limit")),
            cap.get("resets_at"),
        )
        for b in answer.get("buyers", [])
        for c in b.get("contracts", [])
        for cap in c.get("revenue_caps", [])
    ]
    pools = [(p["id"], p["free"], p["lent"], p["cooling"]) for p in answer.get("pools", [])]
    shown = [f"catalog {answer.get('catalog', 'unknown')}"]
    shown.append(
        table(("buyer", "name", "paused", "slots", "holds", "cap", "ping limit", "balance", "reserved"), buyers)
    )
    if caps:
        shown.append(table(("contract", "per", "sold", "pending", "limit", "resets at"), caps))
    if pools:
        shown.append(table(("pool", "free", "lent", "cooling"), pools))
    return shown


def _money(units: float | None) -> str | None:
    return None if units is None else f"{units:.2f}"
