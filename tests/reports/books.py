"""Rows of a ledger as tests write them: what a test does not care about has a plain value."""

from datetime import datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, insert

from service.ledger import writing
from service.ledger.tables import declines, entries, interest, sales, volume

NEW_YORK = ZoneInfo("America/New_York")
HOUR_MS = 3_600_000
_ids = count()


def at(text: str, zone: ZoneInfo = NEW_YORK) -> int:
    """Milliseconds of a local time; with an offset, of that."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)


class Books:
    def __init__(self, url: str, engine: Engine) -> None:
        self.url = url
        self.engine = engine

    def volume(self, when: int, **counts: Any) -> None:
        self._put(volume, {"pings": 0, "pings_offered": 0, "posts": 0, "posts_sold": 0} | _door(when) | counts)

    def interest(self, when: int, **counts: Any) -> None:
        bidder = {"buyer_id": 1, "contract": f"{counts.get('buyer_id', 1)}-calls"}
        self._put(interest, {"candidates": 0, "bids": 0, "bid_micros": 0} | bidder | _door(when) | counts)

    def declined(self, when: int, reason: int, times: int, **counts: Any) -> None:
        bidder = {"buyer_id": 1, "contract": f"{counts.get('buyer_id', 1)}-calls"}
        self._put(declines, {"reason": reason, "count": times} | bidder | _door(when) | counts)

    def sale(self, when: int, **columns: Any) -> str:
        """A sale of buyer 1 at 25, payout 20, whose call ended; its id."""
        decision_id = columns.pop("decision_id", f"{next(_ids):032x}")
        buyer_id = columns.get("buyer_id", 1)
        row: dict[str, Any] = {
            "sale_id": f"s{decision_id}", "decision_id": decision_id, "offer": "calls", "endpoint": "calls",
            "source_id": "abc", "buyer_id": buyer_id, "contract": f"{buyer_id}-calls", "bid_micros": 25_000_000,
            "payout_micros": 20_000_000, "is_default": False, "catalog": "v1", "request_id": "", "state": "sold",
            "posted_at_ms": when, "made_at_ms": when, "made_by": "post", "number": "+18005550100", "positions": "0",
            "moves": 0, "call": "e:c", "call_outcome": "answered", "call_answered": True, "call_duration_ms": 61_000,
        }  # fmt: skip
        row |= columns
        self._put(sales, row)
        sale_id: str = row["sale_id"]
        return sale_id

    def entry(self, when: int, amount_micros: int, kind: str, buyer_id: int = 1, **columns: Any) -> None:
        row: dict[str, Any] = {
            "key": f"key-{next(_ids)}", "account": f"buyer:{buyer_id}", "at_ms": when, "amount_micros": amount_micros,
            "kind": kind, "buyer_id": buyer_id,
        }  # fmt: skip
        self._put(entries, row | columns)

    def _put(self, table: Any, row: dict[str, Any]) -> None:
        with writing(self.engine) as connection:
            connection.execute(insert(table), row)


def _door(when: int) -> dict[str, Any]:
    return {"hour_ms": when // HOUR_MS * HOUR_MS, "endpoint": "calls", "source_id": "abc"}
