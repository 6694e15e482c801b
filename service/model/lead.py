"""What goes round about one lead: questions, bids, records, answers."""

from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from service.model.catalog import Buyer, Contract, Endpoint, Source, Value

Lead = dict[str, Value]
"""Normalised fields by name. `caller_id` is E.164; a hashed field stands as `<field>_sha256`, lower-case hex."""


class Bid(Struct, frozen=True):
    """One contract's price for one lead."""

    contract: Contract
    buyer: Buyer
    bid_micros: int
    """What the buyer pays."""
    payout_micros: int
    """What the publisher is quoted and owed: a whole number of cents."""
    is_default: bool = False
    """The offer's default buyer: takes what nobody else does, whatever its filters and hours say."""


class Lot(Struct, frozen=True, eq=False):
    """Bids that one trip to Redis looks at, in order. Leads that find the same bids get the same lot: what a room works
    out about these bids it keeps in `kept`, under keys of its own, and it goes when the catalog goes."""

    bids: tuple[Bid, ...]
    kept: dict[Any, Any] = field(default_factory=dict)


KEPT_MAX = 16
"""What is kept of one lot: its bids on record, ways to ask them by endpoint, and quotes, of which most leads get the
same, for the same buyers have room."""


def keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    """Keeps something of a lot; the oldest gives way."""
    if key not in kept and len(kept) >= KEPT_MAX:
        kept.pop(next(iter(kept)))
    kept[key] = value


class Question(Struct, frozen=True):
    """A decoded ping, post or full: who asks what of whom. `lead` is normalised, parameters are apart from it."""

    decision_id: str
    endpoint: Endpoint
    source: Source
    """The listed source, or one that stands for all that are not listed (id "other")."""
    source_id: str
    """As sent or named by the token; "" where there is none."""
    lead: Lead
    request_id: str = ""
    min_bid_micros: int = 0
    own_number: str = ""
    """The publisher's own number (`trackdrive_number`), E.164; "" where there is none."""
    ping_id: str = ""
    buyer_id: int | None = None
    buyer_ids: frozenset[int] = frozenset()
    test: bool = False
    opted_out: bool = False


class RecordedBid(Struct, frozen=True, array_like=True):
    buyer_id: int
    contract_id: str
    bid_micros: int
    payout_micros: int
    is_default: bool = False


class PingRecord(Struct, frozen=True, omit_defaults=True):
    """What a ping leaves behind for its posts, and the audit for `why`. Written without what is as it mostly is: some
    80 bytes of a record, twice."""

    decision_id: str
    endpoint: str
    source_id: str
    at_ms: int
    catalog: str
    lead: Lead
    bids: list[RecordedBid]
    """Candidates in rank order, held or not; positions in ids and verdicts count from here."""
    request_id: str = ""
    own_number: str = ""
    min_bid_micros: int = 0
    changes: Lead = field(default_factory=dict)
    """What the post said otherwise than its ping: kept, and deciding nothing."""
    winners: int = 1
    """Most buyers it may be sold to. Above 1 its bids are at shared prices (see `service.model.distribution`)."""
    suppressed: bool = False
    """On a suppression list or opted out: nothing of the person stands here."""
    erased_at_ms: int = 0
    """When the person was forgotten: nothing of them stands here since."""


def erased(record: PingRecord, at_ms: int) -> PingRecord:
    """The record without its person. The publisher's own id of the lead goes too: it may be made of one."""
    return replace(record, lead={}, changes={}, request_id="", erased_at_ms=at_ms)
