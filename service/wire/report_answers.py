"""Answers to whoever asks for a report: see `answers`. Money and rates are decimal numbers, written out exactly."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from service.wire.answers import Answer

Exact = Annotated[Decimal, Meta(extra_json_schema={"type": "number"})]


class ReportAnswer(Answer, frozen=True, kw_only=True):
    """`rows` have what they are by and then the figures; a figure is null where there is nothing to divide by. `from`
    (included) and `to` (not) are local to `timezone`."""

    success: bool = True
    status: Literal["success"] = "success"
    from_: str = field(name="from")
    to: str
    timezone: str
    currency: str
    by: list[str]
    filters: dict[str, str | int]
    rows: list[dict[str, Any]]
    total: dict[str, Any]


class BoughtLead(Struct, frozen=True, kw_only=True):
    """`lead`: all its fields; null where they are not kept any more, empty where the person was forgotten."""

    sale_id: str
    sold_at: str
    endpoint: str
    contract: str
    bid: Exact
    lead: dict[str, Any] | None


class LeadsAnswer(Answer, frozen=True, kw_only=True):
    """At most 500 `leads`, oldest first; `after` the last one's `sale_id` come the next."""

    success: bool = True
    status: Literal["success"] = "success"
    timezone: str
    currency: str
    leads: list[BoughtLead]


class StatementLine(Struct, frozen=True, kw_only=True):
    """`about`: the contract, or the reason of a top-up or correction. What the buyer is charged is below 0."""

    what: Literal["sales", "moved on", "voided", "returned", "top-ups", "corrections"]
    about: str
    count: int
    amount: Exact


class StatementAnswer(Answer, frozen=True, kw_only=True):
    """`opening` and all amounts make `closing`."""

    success: bool = True
    status: Literal["success"] = "success"
    buyer_id: int
    month: str
    from_: str = field(name="from")
    to: str
    timezone: str
    currency: str
    opening: Exact
    lines: list[StatementLine]
    closing: Exact
