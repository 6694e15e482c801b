"""Streams as scripts fill them, and what the ledger has of them."""

import json
from typing import Any

from sqlalchemy import text

from service import ledger
from service.archive import Archive, ArchiveSettings
from service.ledger import Ledger
from service.store import Store, StoreSettings
from tests.ledger.events import BIDS
from tests.store.world import open_store

SALES, AUDIT = "{demo}:sales", "{demo}:audit"
# The machine may be busy: here it is not the time of an answer that is looked at.
PATIENT = StoreSettings(give_up_ms=6_000, late_margin_ms=1_000)
QUICK = ArchiveSettings(idle_seconds=0.01, retry_seconds=0.01, retry_seconds_max=0.05)
ABOUT = {"endpoint": "solar", "source_id": "source_abc", "request_id": "", "catalog": "v1", "offer": "solar"}


def sold(decision: str, position: int = 0, event: str = "sold") -> dict[str, Any]:
    """Fields as sell.lua and route.lua write them."""
    one = BIDS[position]
    bid = {name: getattr(one, name) for name in one.__struct_fields__}
    about = {"position": position, "bid": json.dumps(bid), "about": json.dumps(ABOUT), "at_ms": 5}
    return {"event": event, "sale": decision, "number": "", **about}


def pinged(decision: str, position: int | None = None) -> dict[str, Any]:
    """Fields as hold.lua writes them; with a position, as sell.lua does."""
    bids = [[one.buyer_id, one.contract, one.bid_micros, one.payout_micros] for one in BIDS[:2]]
    record = {"decision_id": decision, "endpoint": "solar", "source_id": "source_abc", "at_ms": 5, "catalog": "v1"}
    asked = {"decision": decision, "said": "0,214", "record": json.dumps({**record, "lead": {}, "bids": bids})}
    if position is None:
        return {"kind": "ping", **asked}
    about = {"status": "sold", "question": f"p{decision}", "order": "0,1", "position": position, "number": ""}
    return {"kind": "post", **asked, **about}


async def archive_on(url: str, to: Ledger, limits: ArchiveSettings = QUICK) -> tuple[Archive, Store]:
    """An archive, and its store, which the test closes."""
    store = await open_store(url, PATIENT)
    return Archive(store, to, limits), store


def scalar(to: Ledger, question: str) -> Any:
    with ledger.reading(to) as connection:
        return connection.scalar(text(question))


def rows(to: Ledger, question: str) -> list[tuple[Any, ...]]:
    with ledger.reading(to) as connection:
        return [tuple(row) for row in connection.execute(text(question))]


def unbalanced(to: Ledger) -> list[tuple[Any, ...]]:
    return rows(to, "SELECT key FROM entries GROUP BY key HAVING sum(amount_micros) <> 0")
