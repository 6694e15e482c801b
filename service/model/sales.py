"""What the streams tell, as scripts wrote it and the archive reads it: what became of sales, and what was decided."""

from typing import Literal

from msgspec import Struct

from service.model.lead import PingRecord

EventName = Literal["posted", "sold", "moved", "voided", "lapsed", "ended", "converted", "returned", "credited"]
Said = tuple[int | None, ...]


class SoldBid(Struct, frozen=True):
    """Whom a sale goes to, at what price."""

    buyer_id: int
    contract: str
    bid_micros: int
    payout_micros: int
    is_default: bool = False


class SoldAbout(Struct, frozen=True):
    """What was sold, through which door."""

    endpoint: str
    source_id: str
    request_id: str
    catalog: str
    offer: str
    mode: str | None = None


class SaleEvent(Struct, frozen=True, kw_only=True):
    """One entry of the stream of sales. Which fields an event has is in the table of `lua/README.md`."""

    event: EventName
    at_ms: int
    decision_id: str = ""
    sale_id: str = ""
    """As the publisher knows it; "" for what is no sale's (credited)."""
    position: int | None = None
    number: str = ""
    bid: SoldBid | None = None
    about: SoldAbout | None = None
    made: str = ""
    call: str = ""
    outcome: str = ""
    answered: bool = False
    duration_ms: int = 0
    reason: str = ""
    buyer: int | None = None
    amount_micros: int = 0
    key: str = ""
    kind: Literal["top_up", "correction"] | None = None


class Decided(Struct, frozen=True, kw_only=True):
    """One entry of the audit: a ping that was answered, or a post that was decided."""

    at_ms: int
    kind: Literal["ping", "post"]
    said: Said
    """Verdicts: of a ping on each bid of the record, of a post on each of `order`. None: not looked at."""
    record: PingRecord
    record_json: str
    said_csv: str
    caller_hash: str | None = None
    status: str | None = None
    question: str | None = None
    position: int | None = None
    order: tuple[int, ...] = ()
