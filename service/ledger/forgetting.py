"""A person goes from the ledger: from the records of decisions. Sales and entries hold nobody, and stay."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Engine, bindparam, false, or_, select, text, update

from service.ledger.opening import faults, reading, writing
from service.ledger.tables import decisions, entries, refused, sales
from service.model.lead import PingRecord, erased
from service.model.person import Traces

SCAN_ROWS = 20_000
"""Decisions that are looked through in one go: some tenths of a second of the database."""
IDS_AT_ONCE = 500
ERASE_ROWS = 2_000
"""As many as one transaction forgets of old leads."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(PingRecord).decode


class Receipt(Struct, frozen=True):
    """A buyer that was sold a person: once for each of its sales, also of one that a call moved on to another."""

    sale_id: str
    decision_id: str
    buyer_id: int
    contract: str
    at_ms: int
    state: str


def decisions_of_caller(engine: Engine, caller_hashes: Collection[str]) -> set[str]:
    """Found by an index: whose caller this was. Raises LedgerDown."""
    with reading(engine) as connection:
        asked = select(decisions.c.decision_id).where(decisions.c.caller_hash.in_(caller_hashes)).distinct()
        return set(connection.scalars(asked))


def decisions_naming(engine: Engine, traces: Traces) -> Iterator[tuple[set[str], int]]:
    """The decisions whose record names somebody anywhere, part by part; with each, how many rows were looked through.
    Raises LedgerDown."""
    since = 0
    while True:
        with reading(engine) as connection:
            later = select(decisions.c.at_ms).where(decisions.c.at_ms >= since).order_by(decisions.c.at_ms)
            until = connection.scalar(later.offset(SCAN_ROWS).limit(1))
            part = select(decisions.c.decision_id, decisions.c.record).where(
                decisions.c.at_ms >= since, decisions.c.erased_at_ms.is_(None), _like(decisions.c.record, traces)
            )
            rows = connection.execute(part if until is None else part.where(decisions.c.at_ms <= until)).all()
        yield {row.decision_id for row in rows if traces.stand_in_record(_decode(row.record))}, SCAN_ROWS
        if until is None:
            return
        since = until + 1


def receipts_of(engine: Engine, decision_ids: Collection[str]) -> list[Receipt]:
    """Who was sold these decisions' people, oldest first. Raises LedgerDown."""
    found: list[Receipt] = []
    with reading(engine) as connection:
        for some in _parts(sorted(decision_ids)):
            rows = connection.execute(select(sales).where(sales.c.decision_id.in_(some))).all()
            by_id = {row.sale_id: row for row in rows}
            booked = select(entries.c.sale_id, entries.c.buyer_id).where(entries.c.sale_id.in_(by_id)).distinct()
            pairs = {(sale_id, buyer_id) for sale_id, buyer_id in connection.execute(booked) if buyer_id is not None}
            pairs |= {(row.sale_id, row.buyer_id) for row in rows}
            for sale_id, buyer_id in sorted(pairs):
                row = by_id[sale_id]
                contract = row.contract if row.buyer_id == buyer_id else ""
                found.append(Receipt(sale_id, row.decision_id, buyer_id, contract, row.posted_at_ms, row.state))
    return sorted(found, key=lambda one: (one.at_ms, one.sale_id, one.buyer_id))


def erase_decisions(engine: Engine, decision_ids: Collection[str], traces: Traces, at_ms: int) -> int:
    """Erases the person of decisions, and what of them stands in texts of the decisions' sales; how many records were
    erased. Who was decided on when, by which contract, and the money stay. Raises LedgerDown."""
    done = 0
    for some in _parts(sorted(decision_ids)):
        with writing(engine) as connection:
            done += _erase(connection, decisions.c.decision_id.in_(some), at_ms)
            _clean_sales(connection, some, traces)
    return done


def erase_refused(engine: Engine, traces: Traces) -> int:
    """Erases somebody from the entries that could not be understood; how many named them. Raises LedgerDown."""
    with writing(engine) as connection:
        _zero_what_goes(connection)
        rows = connection.execute(select(refused).where(_like(refused.c.fields, traces))).all()
        named = [row for row in rows if traces.stand_in(row.fields)]
        for row in named:
            # Nobody can say which of a decision's words are a person's; of a sale the rest is money.
            kept = "{}" if row.stream == "audit" else traces.blotted(row.fields)
            is_it = (refused.c.stream == row.stream) & (refused.c.entry_id == row.entry_id)
            connection.execute(update(refused).where(is_it).values(fields=kept))
        return len(named)


def erase_old_leads(engine: Engine, before_ms: int, at_ms: int) -> int:
    """Erases the people of some of the decisions before a time; how many. To be asked again while it is ERASE_ROWS.
    Raises LedgerDown."""
    key = (decisions.c.at_ms < before_ms) & decisions.c.erased_at_ms.is_(None)
    with writing(engine) as connection:
        upper = connection.scalar(
            select(decisions.c.at_ms).where(key).order_by(decisions.c.at_ms).offset(ERASE_ROWS - 1).limit(1)
        )
        return _erase(connection, key if upper is None else key & (decisions.c.at_ms <= upper), at_ms)


def scrub(engine: Engine) -> bool:
    """SQLite: writes the file anew, without what was erased from its pages; False where somebody still reads it as it
    was. PostgreSQL does so by itself, in its own time (autovacuum). Raises LedgerDown."""
    if engine.dialect.name != "sqlite":
        return True
    with faults(), engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        connection.rollback()
        try:
            raw.execute("VACUUM")
            ((is_busy, *_),) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError:
            return False
        return not is_busy


def _erase(connection: Connection, which: ColumnElement[bool], at_ms: int) -> int:
    _zero_what_goes(connection)
    key = (decisions.c.decision_id, decisions.c.kind, decisions.c.at_ms)
    rows = connection.execute(select(*key, decisions.c.record).where(which, decisions.c.erased_at_ms.is_(None))).all()
    if rows:
        is_it = [column == bindparam(f"of_{column.name}") for column in key]
        new: dict[str, Any] = {"record": bindparam("blank"), "caller_hash": None, "erased_at_ms": at_ms}
        connection.execute(
            update(decisions).where(*is_it).values(new),
            [
                {
                    "of_decision_id": row.decision_id,
                    "of_kind": row.kind,
                    "of_at_ms": row.at_ms,
                    "blank": _encode(erased(_decode(row.record), at_ms)).decode(),
                }
                for row in rows
            ],
        )
    return len(rows)


def _clean_sales(connection: Connection, decision_ids: Sequence[str], traces: Traces) -> None:
    """Of a sale only what others wrote can name somebody: the publisher's id of the lead, and why it was returned."""
    asked = select(sales.c.sale_id, sales.c.request_id, sales.c.return_reason)
    for row in connection.execute(asked.where(sales.c.decision_id.in_(decision_ids))).all():
        texts = {"request_id": row.request_id, "return_reason": row.return_reason}
        named = {name: traces.blotted(value) for name, value in texts.items() if value and traces.stand_in(value)}
        if named:
            connection.execute(update(sales).where(sales.c.sale_id == row.sale_id).values(named))


def _zero_what_goes(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA secure_delete=ON"))


def _like(column: ColumnElement[str], traces: Traces) -> ColumnElement[bool]:
    return or_(false(), *(column.ilike(pattern) for pattern in traces.likes))


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), IDS_AT_ONCE):
        yield ids[first : first + IDS_AT_ONCE]
