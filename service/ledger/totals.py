"""What reports are made of: rows counted and added up by the database, and nothing worked out.

Volume is kept by the hour it came in, sales one by one; both are cut into the same buckets of local time.
"""

from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Table,
    Text,
    and_,
    case,
    distinct,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from service.ledger.tables import declines, interest, sales, volume

Group = Literal["endpoint", "source", "buyer", "contract", "reason"]
BUCKETS_MS = {"hour": 3_600_000, "day": 86_400_000}
ROWS_MAX = 10_000
"""Groups in one answer: what a spreadsheet takes and a person does not read; more of them is a question too wide."""

_COLUMNS: dict[Group, str] = {
    "endpoint": "endpoint",
    "source": "source_id",
    "buyer": "buyer_id",
    "contract": "contract",
    "reason": "reason",
}


class Stretch(Struct, frozen=True):
    """From a moment to another (exclusive) in which local time runs evenly: `offset_ms` ahead of UTC. `bucket_ms` cuts
    it on the local clock's face; 0: it is one bucket."""

    from_ms: int
    to_ms: int
    offset_ms: int
    bucket_ms: int = 0


class Part(Struct, frozen=True):
    """A stretch, and what its sums are by."""

    stretch: Stretch
    by: tuple[Group, ...] = ()


class Only(Struct, frozen=True):
    """What is looked at; None: all."""

    endpoint: str | None = None
    source_id: str | None = None
    buyer_id: int | None = None
    contract: str | None = None


class Sum(Struct, frozen=True):
    """One group. `bucket`: how many buckets its stretch's local clock had counted, 0 where it is one. `groups` are in
    the order they were asked in."""

    bucket: int
    groups: tuple[str | int, ...]
    counts: dict[str, int]


class TooManyGroups(Exception):
    """More than ROWS_MAX."""


def sums(connection: Connection, part: Part, only: Only, tables: frozenset[str]) -> list[Sum]:
    """Everything counted in a part, by groups that all of the `tables` (of volume, interest, sales, declines) have; one
    group can stand in several sums, each with other counts. Raises TooManyGroups."""
    found: list[Sum] = []
    for name in sorted(tables):
        found += _summed(connection, name, part, only)
    return found


def _summed(connection: Connection, name: str, part: Part, only: Only) -> list[Sum]:
    table, at, counted = _COUNTED[name]
    stretch, moment = part.stretch, table.c[at]
    groups: list[ColumnElement[Any]] = [table.c[_COLUMNS[group]] for group in part.by]
    is_cut = stretch.bucket_ms > 0
    if is_cut:
        # Written out: PostgreSQL does not see that two expressions with parameters are the same one.
        groups.insert(0, (moment + _number(stretch.offset_ms)) // _number(stretch.bucket_ms))
    asked = (
        select(*groups, *(column.label(label) for label, column in counted.items()))
        .where(moment >= stretch.from_ms, moment < stretch.to_ms, *_filters(table, only))
        .group_by(*groups)
        .limit(ROWS_MAX + 1)
    )
    rows = connection.execute(asked).all()
    if len(rows) > ROWS_MAX:
        raise TooManyGroups
    return [_sum(tuple(row), len(groups), is_cut=is_cut, labels=tuple(counted)) for row in rows]


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(int(value)), BigInteger)


def _sum(row: tuple[Any, ...], groups_count: int, *, is_cut: bool, labels: tuple[str, ...]) -> Sum:
    groups = row[:groups_count]
    # A database adds up BIGINT to its widest number, or to nothing where there is no row.
    counts = {label: int(value or 0) for label, value in zip(labels, row[groups_count:], strict=True)}
    return Sum(int(groups[0]), groups[1:], counts) if is_cut else Sum(0, groups, counts)


def _filters(table: Table, only: Only) -> list[ColumnElement[bool]]:
    wanted = {
        "endpoint": only.endpoint,
        "source_id": only.source_id,
        "buyer_id": only.buyer_id,
        "contract": only.contract,
    }
    return [table.c[name] == value for name, value in wanted.items() if value is not None]


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


_is_made = sales.c.state.in_(("sold", "returned"))
# A sale of several bears its part in its id. To tell all decisions apart would take longer than all the rest.
_is_alone = sales.c.sale_id == literal_column("'s'", Text).concat(sales.c.decision_id)
_stands = sales.c.state == "sold"
_is_converted = and_(
    _is_made, or_(sales.c.converted_at_ms.is_not(None), sales.c.made_by.in_(("converted", "reported")))
)
# A call that moved or voided the sale came, though no end of it was heard.
_waits_in_vain = and_(
    sales.c.number != "", sales.c.call.is_(None), sales.c.moves == 0, sales.c.state.not_in(("pending", "void"))
)

_COUNTED: dict[str, tuple[Table, str, dict[str, ColumnElement[Any]]]] = {
    "volume": (
        volume,
        "hour_ms",
        {name: func.sum(volume.c[name]) for name in ("pings", "pings_offered", "posts", "posts_sold")},
    ),
    "interest": (
        interest,
        "hour_ms",
        {
            "candidates": func.sum(interest.c.candidates),
            "bids": func.sum(interest.c.bids),
            "bids_micros": func.sum(interest.c.bid_micros),
        },
    ),
    "sales": (
        sales,
        "posted_at_ms",
        {
            "sales": _count_if(_is_made),
            "leads": _count_if(and_(_is_made, _is_alone))
            + func.count(distinct(case((and_(_is_made, not_(_is_alone)), sales.c.decision_id)))),
            "returned": _count_if(sales.c.state == "returned"),
            "pending": _count_if(sales.c.state == "pending"),
            "conversions": _count_if(_is_converted),
            "no_call": _count_if(_waits_in_vain),
            "revenue_micros": func.sum(case((_stands, sales.c.bid_micros), else_=0)),
            "payout_micros": func.sum(case((_stands, sales.c.payout_micros), else_=0)),
        },
    ),
    "declines": (declines, "hour_ms", {"declines": func.sum(declines.c.count)}),
}
"""By name: the table, its moment, and what is counted in it."""
