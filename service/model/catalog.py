"""What a catalog is made of, frozen. Defaults here are those of the catalog's documentation.

Times of day are minutes after local midnight, money is micros, durations carry their unit last.
"""

from typing import Final, Literal, get_args

from msgspec import Struct, field

Value = str | int | float | bool
"""A normalised value of a lead's field: dates and datetimes are ISO 8601 text in UTC, so that they compare as text."""

FieldType = Literal[
    "text", "phone", "integer", "decimal", "boolean", "date", "datetime", "state", "zip", "email", "url", "ip"
]
Moment = Literal["ping", "post"]
Op = Literal["in", "not_in", "eq", "ne", "min", "max", "prefix", "matches", "exists"]
Per = Literal["hour", "day", "week", "month", "total"]
PERS: Final[tuple[Per, ...]] = get_args(Per)
RevenuePer = Literal["day", "month"]
REVENUE_PERS: Final[tuple[RevenuePer, ...]] = get_args(RevenuePer)
Window = Literal["minute", "hour", "day"]


class Account(Struct, frozen=True):
    id: str
    timezone: str = "UTC"
    currency: str = "USD"


class Field(Struct, frozen=True):
    """A contact field of an offer."""

    name: str
    type: FieldType
    required_on: tuple[Moment, ...] = ()
    personal: bool = False
    consent: bool = False
    min: Value | None = None
    max: Value | None = None
    one_of: tuple[Value, ...] = ()
    aliases: tuple[str, ...] = ()
    max_length: int = 200


class Distribution(Struct, frozen=True):
    """How many buyers get a lead: see `service.model.distribution`."""

    mode: Literal["exclusive", "multisell", "hybrid", "waterfall"] = "exclusive"
    floor_micros: int = 0
    winners: int = 1


class Offer(Struct, frozen=True):
    id: str
    name: str
    delivery: Literal["call", "data"]
    sale_on: Literal["post", "call_connected", "call_converted"] = "post"
    converts_after_seconds: int = 0
    rank_by: Literal["bid", "tier"] = "bid"
    distribution: Distribution = Distribution()
    exclusive_days: int = 0
    """Whom it sold to one buyer alone it sells to nobody for so long; 0: it does not remember."""
    floor_micros: int = 0
    default_buyer: int | None = None
    extra_fields: Literal["keep", "drop"] = "keep"
    fields: tuple[Field, ...] = ()


class RateLimits(Struct, frozen=True):
    """Requests per calendar window; None: no limit."""

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None


class Endpoint(Struct, frozen=True):
    vanity_uri: str
    offer: str
    tracking: Literal["ring_pool", "caller_number"] = "ring_pool"
    ring_pool: str | None = None
    auth_required: bool = False
    test_mode: bool = False
    buyers_max: int = 10
    ping_ttl_seconds: int = 60
    hold_seconds: int = 10
    number_hold_seconds: int = 120
    concurrency_cap_buffer_percent: int = 0
    rate_limits: RateLimits = RateLimits()
    source_rate_limits: RateLimits = RateLimits()
    rate_limiter: str | None = None
    sources: Literal["any", "listed"] = "any"
    ring_seconds: int = 20
    max_call_seconds: int = 3600
    edge_heartbeats: bool = True
    caller_must_match: bool = False
    posting_instructions: Literal["public", "token"] = "public"


class RateLimiter(Struct, frozen=True):
    """Limits by source that replace an endpoint's `source_rate_limits`."""

    id: str
    limits: dict[str, RateLimits]


class RingPool(Struct, frozen=True):
    id: str
    numbers: tuple[str, ...]
    """E.164, in the catalog's order; `ranges` are already spelled out."""
    cooldown_seconds: int = 60


class StaticNumber(Struct, frozen=True):
    number: str
    endpoint: str
    traffic_source: str


class AuthToken(Struct, frozen=True):
    name: str
    sha256: str


class Payout(Struct, frozen=True):
    """What a source is paid of a bid: exactly one of the three is set."""

    share_millionths: int | None = 1_000_000
    margin_micros: int | None = None
    fixed_micros: int | None = None


class Source(Struct, frozen=True):
    """A traffic source."""

    id: str
    name: str
    auth_tokens: tuple[AuthToken, ...] = ()
    endpoints: frozenset[str] = frozenset()
    """Vanity URIs it may use; empty: all."""
    allowed_addresses: tuple[str, ...] = ()
    """CIDR networks; empty: any."""
    payout: Payout = Payout()
    payouts: dict[str, Payout] = field(default_factory=dict)
    allow_loss: bool = False
    test_allowed: bool = False
    min_bid_micros: int = 0


class Test(Struct, frozen=True):
    """One operator on one field. `limit` is a frozenset for in/not_in, a tuple of texts for prefix, a bool for exists,
    an RE2 pattern for matches, else one normalised value."""

    __test__ = False  # the word belongs to the catalog, not to pytest

    field: str
    op: Op
    limit: Value | frozenset[Value] | tuple[str, ...]


class Where(Struct, frozen=True):
    """All `tests` must hold, and all tests of at least one table of `any` (where there is any)."""

    tests: tuple[Test, ...] = ()
    any: tuple[tuple[Test, ...], ...] = ()


class Span(Struct, frozen=True):
    """Open from `start` to `end` on a weekday (0 is Monday), in minutes; an end above 1440 passes midnight."""

    weekday: int
    start: int
    end: int


class Schedule(Struct, frozen=True):
    """When a contract or a bid rule is open, in local time. No spans: open on every day that is not closed."""

    timezone: str
    spans: tuple[Span, ...] = ()
    closed_on: frozenset[str] = frozenset()
    """Local dates, ISO 8601."""
    holidays: str | None = None
    """A country, or country-subdivision, of the `holidays` package: "US", "US-CA"."""


class BidRule(Struct, frozen=True):
    """The first rule that holds sets the contract's prices; `multiply` is already worked out."""

    bid_micros: int
    where: Where = Where()
    hours: Schedule | None = None
    bid_shared_micros: int | None = None
    """None where the contract has none."""


class Cap(Struct, frozen=True):
    per: Per
    limit: int


class RevenueCap(Struct, frozen=True):
    """A cap on what the sales of a period cost their buyer."""

    per: RevenuePer
    limit_micros: int


class Contract(Struct, frozen=True):
    """The tie of one buyer to one offer."""

    id: str
    buyer_id: int
    offer: str
    bid_micros: int
    bid_shared_micros: int | None = None
    """What it pays for a lead that others buy too; None: it has no such price."""
    sells: Literal["both", "exclusive", "shared"] = "both"
    """Which leads are sold to it: those it gets alone, those that others get too, or both."""
    tier: int = 1
    weight: int = 1
    where: Where = Where()
    schedule: Schedule | None = None
    """None: always open."""
    caps: tuple[Cap, ...] = ()
    revenue_caps: tuple[RevenueCap, ...] = ()
    dedup_days: int = 0
    dedup_on: tuple[tuple[str, ...], ...] = ()
    """Groups of fields: a match on all fields of any group is a duplicate."""
    bids: tuple[BidRule, ...] = ()
    return_days: int = 0
    """So long after it was made the buyer may give a sale back; 0: only an operator can."""


class Buyer(Struct, frozen=True):
    id: int
    name: str
    timezone: str
    auth_tokens: tuple[AuthToken, ...] = ()
    """It reads its own reports with them."""
    destination: str | None = None
    concurrency_cap: int | None = None
    concurrency_cap_buffer_percent: int | None = None
    balance_required: bool = False
    paused: bool = False
    contracts: tuple[Contract, ...] = ()


class SuppressionList(Struct, frozen=True):
    id: str
    numbers: frozenset[str]
    offers: frozenset[str] | None = None
    buyers: frozenset[int] | None = None
    """Neither offers nor buyers: the list applies to all."""


class Catalog(Struct, frozen=True):
    """A whole catalog: a value that is replaced, never changed."""

    version: str
    account: Account
    offers: dict[str, Offer]
    endpoints: dict[str, Endpoint]
    rate_limiters: dict[str, RateLimiter]
    pools: dict[str, RingPool]
    static_numbers: dict[str, StaticNumber]
    sources: dict[str, Source]
    buyers: dict[int, Buyer]
    suppression_lists: tuple[SuppressionList, ...]
    notices: tuple[str, ...] = ()
    """Sentences for the operator: accepted, but worth knowing (a key that is kept and not yet acted on)."""

    def contracts_of(self, offer: str) -> tuple[Contract, ...]:
        """Every contract on an offer, in the catalog's order of buyers and contracts."""
        return tuple(c for buyer in self.buyers.values() for c in buyer.contracts if c.offer == offer)
