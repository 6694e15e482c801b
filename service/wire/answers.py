"""Answers about a lead as types: what is encoded, and what the OpenAPI document describes, from one definition.

Money here is units, not micros: an answer is the outermost edge. What is UNSET does not stand in the JSON.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from service.model.catalog import Window
from service.model.distribution import Mode

Scope = Literal["endpoint", "traffic_source"]


def _says(sentence: str) -> Any:
    """A default of `errors`: one sentence, in a list of its own for each answer."""
    return field(default_factory=lambda: [sentence])


class Answer(Struct, frozen=True, kw_only=True):
    """What every answer has."""

    success: bool
    status: str


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of one contract of the offer, with its one cause."""

    buyer_id: int
    contract: str
    verdict: Literal["offered", "declined"]
    bid: float | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    code: int | UnsetType = UNSET
    detail: dict[str, Any] | UnsetType = UNSET


class Diagnostics(Struct, frozen=True, kw_only=True):
    """Only in test mode: the whole decision. `normalised` has the derived `state` and `area_code` too, and `state_from`
    says where the state came from (sent, zip, area_code, or ""). `timing_us` by part: decode, match, buyers, store."""

    catalog: str
    normalised: dict[str, Any]
    state_from: Literal["sent", "zip", "area_code", ""]
    timing_us: dict[str, int]
    contracts: list[Verdict]


class LeadAnswer(Answer, frozen=True, kw_only=True):
    """What every answer about a lead has. `repeat` and `test` stand in it only where they are true."""

    decision_id: str | UnsetType = UNSET
    request_id: str | UnsetType = UNSET
    repeat: bool | UnsetType = UNSET
    test: bool | UnsetType = UNSET
    diagnostics: Diagnostics | UnsetType = UNSET


class OfferedBuyer(Struct, frozen=True, kw_only=True):
    """A buyer that wants the lead. `bid`: what the publisher is paid."""

    buyer_id: int
    name: str
    bid: float
    ping_id: str


class PingAnswer(LeadAnswer, frozen=True, kw_only=True):
    """Buyers in the order in which try-all would try them. Of an offer that delivers data, `mode` says whether the lead
    goes to one buyer alone or to several, `winners` to how many of these buyers try-all would sell it, and `total_bid`
    what that pays."""

    success: bool = True
    status: Literal["success"] = "success"
    try_all_buyers_ping_id: str
    ping_ids_expiry_in_seconds: int
    mode: Mode | UnsetType = UNSET
    winners: int | UnsetType = UNSET
    total_bid: float | UnsetType = UNSET
    buyers: list[OfferedBuyer]


class PostAnswer(LeadAnswer, frozen=True, kw_only=True):
    """A sold call. `trackdrive_number` as digits with the country's. `buyers`: only of a full, those of its ping."""

    success: bool = True
    status: Literal["success"] = "success"
    trackdrive_number: str
    buyer_id: int
    buyer_name: str
    bid: float
    sale_id: str
    expires_in_seconds: int
    ignored_changes: list[str] | UnsetType = UNSET
    buyers: list[OfferedBuyer] | UnsetType = UNSET


class DataSale(Struct, frozen=True, kw_only=True):
    """One buyer of a sold lead."""

    buyer_id: int
    buyer_name: str
    bid: float
    sale_id: str
    redirect_url: str | UnsetType = UNSET


class DataPostAnswer(LeadAnswer, frozen=True, kw_only=True):
    """A sold lead of an offer that delivers data: to one buyer alone, or shared by those of `sales`, which pay
    `total_bid` together. `redirect_url` is that of the best-paying buyer."""

    success: bool = True
    status: Literal["success"] = "success"
    mode: Mode
    sales: list[DataSale]
    total_bid: float
    redirect_url: str | UnsetType = UNSET
    ignored_changes: list[str] | UnsetType = UNSET
    buyers: list[OfferedBuyer] | UnsetType = UNSET


class Declined(LeadAnswer, frozen=True, kw_only=True):
    """Base of the answers that sell nothing though nothing is wrong with the question."""

    success: bool = False
    errors: list[str]


class NoMatch(Declined, frozen=True, kw_only=True):
    """Nobody wants it, or nobody has room."""

    status: Literal["no_matching_buyer"] = "no_matching_buyer"
    errors: list[str] = _says("There are no matching buyers.")
    buyers: list[OfferedBuyer] = []


class Suppressed(Declined, frozen=True, kw_only=True):
    status: Literal["suppressed"] = "suppressed"
    errors: list[str] = _says("This lead is suppressed or opted out.")
    buyers: list[OfferedBuyer] | UnsetType = UNSET


class PingExpired(Declined, frozen=True, kw_only=True):
    status: Literal["ping_expired"] = "ping_expired"
    errors: list[str] = _says("This ping_id is over, was never issued, or belongs to another endpoint or source.")


class AlreadySold(Declined, frozen=True, kw_only=True):
    status: Literal["already_sold"] = "already_sold"
    errors: list[str] = _says("Another id of this ping has sold this lead.")


class BuyerUnavailable(Declined, frozen=True, kw_only=True):
    """`reason` is a decline."""

    status: Literal["buyer_unavailable"] = "buyer_unavailable"
    errors: list[str] = _says("The buyer cannot take this lead now.")
    reason: str


class NoTrackingNumber(Declined, frozen=True, kw_only=True):
    status: Literal["no_tracking_number"] = "no_tracking_number"
    errors: list[str] = _says("All tracking numbers are lent at the moment. Nothing was taken; the ping stays good.")


class BuyerRejected(Declined, frozen=True, kw_only=True):
    status: Literal["buyer_rejected"] = "buyer_rejected"
    errors: list[str] = _says("The buyer's own system did not accept this lead.")
    reason: str | UnsetType = UNSET


RefusedStatus = Literal[
    "malformed_body",
    "unauthorized",
    "forbidden",
    "forbidden_address",
    "forbidden_endpoint",
    "unknown_endpoint",
    "not_found",
    "conflict",
    "method_not_allowed",
    "body_too_large",
    "unsupported_media_type",
    "unavailable",
]


class Refused(LeadAnswer, frozen=True, kw_only=True):
    success: bool = False
    status: RefusedStatus
    errors: list[str]


class Invalid(LeadAnswer, frozen=True, kw_only=True):
    """`errors`: all that is wrong, as sentences by field or parameter."""

    success: bool = False
    status: Literal["invalid"] = "invalid"
    errors: dict[str, list[str]]


class TooMany(LeadAnswer, frozen=True, kw_only=True):
    """A rate limit: whose, per which window, and how many it allows."""

    success: bool = False
    status: Literal["rate_limited"] = "rate_limited"
    errors: list[str]
    scope: Scope
    per: Window
    limit: int


class Internal(Answer, frozen=True, kw_only=True):
    """A bug of ours; `trace_id` is in the log."""

    success: bool = False
    status: Literal["internal"] = "internal"
    errors: list[str] = _says("Something went wrong on our side.")
    trace_id: str


def too_many(scope: Scope, per: Window, limit: int) -> TooMany:
    whose = "This endpoint takes" if scope == "endpoint" else "This traffic source may send"
    return TooMany(scope=scope, per=per, limit=limit, errors=[f"{whose} at most {limit} requests per {per}."])
