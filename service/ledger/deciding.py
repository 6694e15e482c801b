"""Decisions of the audit, written and counted; and forgotten when they are old."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, tuple_

from service.ledger.counting import Counts, count
from service.ledger.cursors import Step, Taken, Told, advance, keep_refused
from service.ledger.opening import writing
from service.ledger.tables import catalogs, decisions, declines, interest, refused, volume
from service.ledger.upserts import adding, insert
from service.model.sales import Decided

FORGET_ROWS = 2_000
"""Decisions that one transaction forgets: some hundredths of a second in which the archive writes nothing else."""

_Key = tuple[str, str, int]


def take_decisions(engine: Engine, step: Step, told: Sequence[Told[Decided]]) -> Taken[Decided] | None:
    """Writes and counts decisions and moves the cursor; None where another archive has moved it: then nothing is
    written. Raises LedgerDown, LedgerRefused."""
    with writing(engine) as connection:
        if not advance(connection, step):
            return None
        unread = [one for one in told if one.said is None]
        keep_refused(connection, step.stream, unread)
        read = {_key(one.said): one.said for one in told if one.said is not None}
        if not read:
            return Taken(0, unread)
        # Only what was not there is counted: a stream that began anew may bring again what is known.
        written = insert(connection, decisions).on_conflict_do_nothing()
        keys = connection.execute(
            written.returning(decisions.c.decision_id, decisions.c.kind, decisions.c.at_ms),
            [_row(one) for one in read.values()],
        )
        new = [read[_as_key(row)] for row in keys]
        _add(connection, count(new, _pinged(connection, new)))
        seen = {one.record.catalog: one.at_ms for one in reversed(new)}
        if seen:
            rows = [{"version": version, "first_seen_ms": at_ms} for version, at_ms in seen.items()]
            connection.execute(insert(connection, catalogs).on_conflict_do_nothing(), rows)
        return Taken(len(new), unread)


def forget_decisions(engine: Engine, before_ms: int) -> int:
    """Forgets some of the decisions before a time, the oldest first, and what could not be read of them; how many.
    To be asked again while it is FORGET_ROWS. Counts stay. Raises LedgerDown."""
    key = (decisions.c.decision_id, decisions.c.kind, decisions.c.at_ms)
    oldest = select(*key).where(decisions.c.at_ms < before_ms).order_by(decisions.c.at_ms).limit(FORGET_ROWS)
    with writing(engine) as connection:
        connection.execute(delete(refused).where((refused.c.stream == "audit") & (refused.c.at_ms < before_ms)))
        return connection.execute(delete(decisions).where(tuple_(*key).in_(oldest))).rowcount


def _key(one: Decided) -> _Key:
    return one.record.decision_id, one.kind, one.at_ms


def _as_key(row: Any) -> _Key:
    return row[0], row[1], row[2]


def _row(one: Decided) -> dict[str, Any]:
    record = one.record
    return {
        "decision_id": record.decision_id,
        "kind": one.kind,
        "at_ms": one.at_ms,
        "endpoint": record.endpoint,
        "source_id": record.source_id,
        "catalog": record.catalog,
        "caller_hash": one.caller_hash,
        "status": one.status,
        "said": one.said_csv,
        "record": one.record_json,
        "question": one.question,
        "position": one.position,
        "ord": ",".join(map(str, one.order)) if one.kind == "post" else None,
    }


def _pinged(connection: Connection, new: Sequence[Decided]) -> set[str]:
    """The posts' decisions that have a ping on record, written just now or before."""
    posts = {one.record.decision_id for one in new if one.kind == "post"}
    if not posts:
        return set()
    is_ping = (decisions.c.decision_id.in_(posts)) & (decisions.c.kind == "ping")
    return set(connection.scalars(select(decisions.c.decision_id).where(is_ping)))


def _add(connection: Connection, counts: Counts) -> None:
    """In the order of their keys, so that no two writers of these rows could wait for each other."""
    for table, rows in (
        (volume, [(*key, *numbers) for key, numbers in counts.volume.items()]),
        (interest, [(*key, *numbers) for key, numbers in counts.interest.items()]),
        (declines, [(*key, number) for key, number in counts.declines.items()]),
    ):
        names = [column.name for column in table.columns]
        if rows:
            connection.execute(adding(connection, table), [dict(zip(names, row, strict=True)) for row in sorted(rows)])
