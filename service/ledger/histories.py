"""What the ledger knows of one decision, one sale, one caller."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Table, select

from service.ledger.tables import cursors, decisions, entries, sales

Row = dict[str, Any]
"""A row by the names of its columns."""


class History(Struct, frozen=True):
    """`records`: the decisions' rows, oldest first; `sales` and their `entries` likewise."""

    records: list[Row]
    sales: list[Row]
    entries: list[Row]


def history_of(connection: Connection, decision_id: str) -> History:
    """Everything of a decision; empty where it is unknown, or older than what is kept."""
    made = _rows(connection, sales, sales.c.decision_id == decision_id, (sales.c.sale_id,))
    ids = [row["sale_id"] for row in made]
    return History(
        records=_rows(connection, decisions, decisions.c.decision_id == decision_id, (decisions.c.at_ms,)),
        sales=made,
        entries=_rows(connection, entries, entries.c.sale_id.in_(ids), (entries.c.id,)) if ids else [],
    )


def decisions_of_caller(connection: Connection, caller_hash: str, limit: int) -> list[Row]:
    """The latest decisions on a caller, newest first: `decision_id` and `at_ms` of its first record."""
    latest = (
        select(decisions.c.decision_id, decisions.c.at_ms)
        .where(decisions.c.caller_hash == caller_hash)
        .order_by(decisions.c.at_ms.desc())
        # A decision has a record for its ping and one for each of its posts.
        .limit(limit * RECORDS_OF_ONE_MAX)
    )
    found: dict[str, Row] = {}
    for row in connection.execute(latest).mappings():
        found.setdefault(row["decision_id"], dict(row))
    return list(found.values())[:limit]


RECORDS_OF_ONE_MAX = 10
"""As many records of each decision are read as would be of a publisher that posts a ping nine times."""


def archived_to(connection: Connection, streams: Sequence[str]) -> dict[str, str]:
    """The last id of each stream that is in the ledger; without those of which nothing is."""
    rows = connection.execute(select(cursors).where(cursors.c.stream.in_(streams)))
    return {row.stream: row.last_id for row in rows}


def _rows(connection: Connection, table: Table, where: Any, order: tuple[Any, ...]) -> list[Row]:
    return [dict(row) for row in connection.execute(select(table).where(where).order_by(*order)).mappings()]
