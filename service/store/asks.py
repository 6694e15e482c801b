"""What the exchange asks of the store and what it is told: one pair of nouns per verb.

Times are Redis' milliseconds since the epoch. `said` lists one verdict per bid, in the order of the bids: 0 for yes,
else the number of a `Decline`, None for a bid the script did not look at.
"""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from service.model.catalog import Endpoint, Per, Window
from service.model.lead import Bid, PingRecord
from service.model.terms import AT_POST

Scope = Literal["endpoint", "traffic_source"]


class Limit(Struct, frozen=True):
    """A rate limit to count this request under. `bucket` is the source's id, "" for the endpoint's own."""

    scope: Scope
    bucket: str
    per: Window
    limit: int


class RateLimited(Struct, frozen=True):
    """Refused by a rate limit; nothing was counted."""

    scope: Scope
    per: Window
    limit: int
    retry_after_seconds: int


class HoldAsk(Struct, frozen=True):
    """A ping. `record.bids` lists all candidates so far; `bids` are the ones this trip looks at, in the same order
    and standing at the record's end."""

    record: PingRecord
    endpoint: Endpoint
    bids: Sequence[Bid]
    kept: dict[Any, Any] | None = None
    """Where what is packed of these bids may be kept for other leads; None: they come this once."""
    limits: tuple[Limit, ...] = ()
    terms: str = AT_POST
    """When a sale of the offer is made: what is pending counts in the caps of those that it is sold to."""
    fingerprint: str = ""
    """Shields repeats; "" where two equal pings are two leads."""
    caller_id: str = ""
    said_before: tuple[int | None, ...] = ()
    """Verdicts of earlier trips of this ping."""
    last: bool = True
    """False: more candidates can follow in a further trip."""
    test: bool = False
    """Look, take nothing, keep only a test record."""
    use_buffer: bool = False
    """Room up to the cap itself, as for a post without a hold: what a test of a post looks at."""


class Held(Struct, frozen=True):
    """`said` covers the whole record, earlier trips too. `done` is False where a further trip should follow."""

    status: Literal["held", "none", "repeat", "rate_limited"]
    said: tuple[int | None, ...] = ()
    done: bool = True
    expires_at_ms: int = 0
    repeat_of: str = ""
    """decision_id of the first ping, where status is repeat."""
    rate_limited: RateLimited | None = None


class FoundPing(Struct, frozen=True):
    record: PingRecord
    said: tuple[int | None, ...]
    expires_at_ms: int
    complete: bool = True
    """False while the first ping is still at work."""
    amended: bool = False
    """The record has since been given what a post added: it is no longer the one in Redis."""


class Sale(Struct, frozen=True):
    """A sale as Redis holds it: the fixed record of the post and the state that calls change."""

    record: PingRecord
    """The post's record: lead of ping and post together."""
    question: str
    """The id that was posted; the same again is a repeat."""
    position: int
    """The place in `record.bids` of the buyer that has it now: calls may move it."""
    sold_position: int
    """The place of the buyer that the post sold to, whatever became of it: what a repeat of the post is told."""
    order: tuple[int, ...]
    """Positions that were tried or may be tried, in the order frozen at the post."""
    number: str
    """Tracking number; "" where the offer delivers data."""
    sold_at_ms: int
    number_until_ms: int
    """The number is lent to this sale until then."""
    state: Literal["pending", "sold", "lapsed", "void", "returned"]
    live_call: str
    """"<edge>:<call>" of the call that is on, or ""."""
    pool: str = ""
    """The ring pool the number came from; "" for a publisher's own number."""
    said: tuple[int | None, ...] = ()
    """Verdicts of the post, in the order of `order`; None where it did not look."""
    cap_fields: tuple[str, ...] = ()
    """Periods the sale is counted in, to be given back if a call moves it."""
    bought: tuple[str, ...] = ()
    """Hashes of the dedup marks the sale left."""
    fields_key: str = ""
    """The fields shield of a post-only or full, kept as long as the number is lent; "" where it has none."""
    made_at_ms: int = 0
    """When it was made, with the post or later; 0: not yet."""
    terms: str = AT_POST
    """When it is made (see `service.model.terms`), bound by its post."""


class SellAsk(Struct, frozen=True):
    """A post. `record.bids` are all bids of the ping; `bids` the ones this post may sell to, in order, standing at
    `order` in the record. `needs_ping`: the ping must still be alive (a post with a ping id)."""

    record: PingRecord
    endpoint: Endpoint
    question: str
    bids: Sequence[Bid]
    order: tuple[int, ...]
    needs_ping: bool
    as_pinged: bool = False
    """The record is the ping's, word for word: with `needs_ping` it need not be sent, for Redis has it."""
    reserve: tuple[int, ...] = ()
    """Further places for the sale's frozen order: not tried by this post, but when its call finds nobody left."""
    held_buyers: tuple[int, ...] = ()
    """Buyers of the ping's holds: all are given back when the sale is made."""
    limits: tuple[Limit, ...] = ()
    terms: str = AT_POST
    """When the sale is made (see `service.model.terms`); until then it is pending."""
    request_key: str = ""
    """Post-only and full: the same key answers the same for 24 h."""
    request_fields: str = ""
    """What the fields of a repeat by `request_key` must equal: a hash of them all. Other ones are a conflict."""
    fields_key: str = ""
    """Shields a call's post-only or full that has a caller_id: the same key answers the same while the number is lent.
    "" where two equal ones are two leads; without effect on an offer that delivers data."""
    caller_id: str = ""
    look_further: int = 0
    """How many bids that could take it a full wants to know of, the winner counted; nothing is taken for the rest.
    0: the script stops at the winner."""
    said_before: tuple[int | None, ...] = ()
    """Verdicts of earlier trips, on the bids at the record's beginning: the audit has one record of all trips."""
    is_last: bool = True
    """False: where nobody can take it, more bids follow in a further trip."""


class Sold(Struct, frozen=True):
    """`said` is of this trip's bids. `none`: none of them could take it (`said` has why). `elsewhere` names the
    decision that answered the same request. `conflict`: the request_key was used with other fields."""

    status: Literal[
        "sold",
        "repeat",
        "already_sold",
        "ping_gone",
        "none",
        "no_tracking_number",
        "rate_limited",
        "elsewhere",
        "conflict",
    ]
    said: tuple[int | None, ...] = ()
    sale: Sale | None = None
    elsewhere: str = ""
    rate_limited: RateLimited | None = None


class FoundCall(Struct, frozen=True):
    """Where a tracking number leads. `sale_of`/`ping_of` are decision ids; both "" where nothing stands behind it."""

    known: bool
    """False: the number is in no pool, is nobody's listed own number, and nothing stands behind it."""
    sale_of: str = ""
    ping_of: str = ""


class RouteAsk(Struct, frozen=True):
    """A call at its attempt. `bids` are those of `sale.order` after the current position (with the default buyer last),
    `positions` their places in the record."""

    edge: str
    call: str
    attempt: int
    last: str
    decision_id: str
    sale: Sale
    endpoint: Endpoint
    current: Bid | None
    """The bid at `sale.position` as the catalog has it now; None where its buyer is gone: a lapsed slot moves on."""
    bids: Sequence[Bid]
    positions: tuple[int, ...]
    caller_matches: bool = True


RouteReason = Literal[
    "unknown_number", "number_expired", "number_busy", "no_buyer_left", "caller_mismatch", "call_ended"
]


class Routed(Struct, frozen=True):
    """`reason` "" means dial the buyer at `position`. `sale` is as it stands after this step."""

    reason: RouteReason | Literal[""]
    position: int = -1
    sale: Sale | None = None


class CallEvent(Struct, frozen=True):
    event: Literal["answered", "heartbeat", "ended"]
    edge: str
    call: str
    attempt: int | None = None
    """None: of whatever attempt is on. A heartbeat of it says `answered` too, for that may have been lost."""
    outcome: str = ""
    """Of `ended`: answered, busy, no_answer, failed, unavailable or cancelled. Any other word is not answered."""
    duration_ms: int | None = None


EventStatus = Literal["taken", "unknown", "stale", "repeat", "tombstone", "overrun"]


class MadeBid(Struct, frozen=True):
    """A bid as the sales stream has it."""

    buyer_id: int
    contract: str
    bid_micros: int
    payout_micros: int


class EventTaken(Struct, frozen=True):
    """`tombstone`: an end that came before its route. `overrun`: the slot had lapsed and there is no room for it."""

    status: EventStatus
    endpoint: str = ""
    """Vanity URI the call's sale came by; "" where the call is not known."""
    decision_id: str = ""
    made: MadeBid | None = None
    """The bid of the pending sale that was made by this event."""
    is_late: bool = False
    """It was not pending any more."""


class Balance(Struct, frozen=True):
    balance_micros: int
    reserved_micros: int
    """Of pending sales: kept from others, and not charged yet."""


class CapUse(Struct, frozen=True):
    """Of sales, or of their price in micros."""

    per: Per
    limit: int
    sold: int
    pending: int
    resets_at_ms: int | None


class ContractUse(Struct, frozen=True):
    contract: str
    pending: int
    """Posts that are not made yet."""
    caps: list[CapUse]
    revenue_caps: list[CapUse]


class BuyerUse(Struct, frozen=True):
    buyer_id: int
    slots: int
    holds: int
    contracts: list[ContractUse]
    balance: Balance | None = None
    """Only of a buyer that needs one."""


class PoolUse(Struct, frozen=True):
    pool: str
    free: int
    lent: int
    cooling: int


class Usage(Struct, frozen=True):
    buyers: list[BuyerUse]
    pools: list[PoolUse]
