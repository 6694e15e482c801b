"""Answers to edges (phone switches) and operators, and whether the process lives: see `answers`."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from service.model.catalog import Per
from service.wire.answers import Answer

NoRouteReason = Literal[
    "unknown_number",
    "number_expired",
    "number_busy",
    "no_buyer_left",
    "caller_mismatch",
    "call_ended",
    "store_down",
]

SIP_AND_CAUSE: dict[NoRouteReason, tuple[int, int]] = {
    "unknown_number": (404, 1),
    "number_expired": (410, 22),
    "number_busy": (486, 17),
    "no_buyer_left": (486, 17),
    "caller_mismatch": (403, 21),
    "call_ended": (487, 16),
    "store_down": (503, 34),
}
"""What a switch tells the caller's network: SIP response and Q.850 cause."""


class RouteAnswer(Answer, frozen=True, kw_only=True):
    """Dial the buyer. `destination` is E.164 or a SIP address."""

    success: bool = True
    status: Literal["routed"] = "routed"
    action: Literal["dial"] = "dial"
    destination: str
    ring_seconds: int
    max_seconds: int
    sale_id: str
    buyer_id: int
    buyer_name: str
    bid: float


class NoRoute(Answer, frozen=True, kw_only=True):
    success: bool = False
    status: Literal["no_route"] = "no_route"
    action: Literal["reject"] = "reject"
    reason: NoRouteReason
    sip: int
    cause: int


def no_route(reason: NoRouteReason) -> NoRoute:
    sip, cause = SIP_AND_CAUSE[reason]
    return NoRoute(reason=reason, sip=sip, cause=cause)


class EventAnswer(Answer, frozen=True, kw_only=True):
    """Also for calls that are not known. `taken` says what the event did."""

    success: bool = True
    status: Literal["success"] = "success"
    taken: Literal["taken", "unknown", "stale", "repeat", "tombstone", "overrun"]


class CapStatus(Struct, frozen=True, kw_only=True):
    per: Per
    limit: int
    sold: int
    pending: int
    resets_at: str | None


class RevenueCapStatus(Struct, frozen=True, kw_only=True):
    """All in units of the account's currency."""

    per: Per
    limit: float
    sold: float
    pending: float
    resets_at: str | None


class ContractStatus(Struct, frozen=True, kw_only=True):
    """`pending`: posts that are not a sale yet."""

    contract: str
    pending: int
    caps: list[CapStatus]
    revenue_caps: list[RevenueCapStatus]


class BuyerStatus(Struct, frozen=True, kw_only=True):
    """`cap` and `ping_limit` are null where the buyer has no limit, `balance` and `reserved` where it needs none."""

    buyer_id: int
    name: str
    paused: bool
    slots: int
    holds: int
    cap: int | None
    ping_limit: int | None
    balance: float | None
    reserved: float | None
    contracts: list[ContractStatus]


class PoolStatus(Struct, frozen=True, kw_only=True):
    id: str
    free: int
    lent: int
    cooling: int


class StatusAnswer(Answer, frozen=True, kw_only=True):
    success: bool = True
    status: Literal["success"] = "success"
    catalog: str
    buyers: list[BuyerStatus]
    pools: list[PoolStatus]


class ReloadAnswer(Answer, frozen=True, kw_only=True):
    """`changes`: what is other than before, contract by contract."""

    success: bool = True
    status: Literal["success"] = "success"
    catalog: str
    changes: list[str]
    notices: list[str] | UnsetType = UNSET


class ReloadRefused(Answer, frozen=True, kw_only=True):
    """A wrong catalog: all its mistakes. The old one serves on."""

    success: bool = False
    status: Literal["invalid"] = "invalid"
    errors: dict[str, list[str]]
    catalog: str


class PauseAnswer(Answer, frozen=True, kw_only=True):
    success: bool = True
    status: Literal["success"] = "success"
    buyer_id: int
    paused: bool


class DecisionAnswer(Answer, frozen=True, kw_only=True):
    """One decision as it is on record."""

    success: bool = True
    status: Literal["success"] = "success"
    decision_id: str
    decision: dict[str, Any]


class HealthAnswer(Answer, frozen=True, kw_only=True):
    """`status` is `success`, or `unavailable` with the reasons in `errors`."""

    success: bool = True
    status: Literal["success", "unavailable"] = "success"
    errors: list[str] | UnsetType = UNSET
