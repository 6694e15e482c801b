"""Events of the sales stream, written: a batch is one transaction, and so is its place in the stream."""

from collections.abc import Sequence

from msgspec.structs import asdict, replace
from sqlalchemy import Connection, Engine, select

from service.ledger.applying import Applied, EntryRow, NotApplied, SaleRow, apply
from service.ledger.cursors import Step, Taken, Told, advance, keep_refused
from service.ledger.opening import writing
from service.ledger.tables import entries, sales
from service.ledger.upserts import insert, replacing
from service.model.sales import SaleEvent


def take_sales(engine: Engine, step: Step, told: Sequence[Told[SaleEvent]]) -> Taken[SaleEvent] | None:
    """Applies events in order and moves the cursor; None where another archive has moved it: then nothing is written.
    Raises LedgerDown, LedgerRefused."""
    with writing(engine) as connection:
        if not advance(connection, step):
            return None
        rows = _rows(connection, {one.said.sale_id for one in told if one.said is not None and one.said.sale_id})
        before, made, refused = dict(rows), list[EntryRow](), list[Told[SaleEvent]]()
        for one in told:
            done = NotApplied(one.why) if one.said is None else apply(one.said, rows.get(one.said.sale_id))
            if isinstance(done, NotApplied):
                refused.append(replace(one, why=done.why))
            else:
                _note(done, rows, made)
        _write(connection, [row for sale_id, row in rows.items() if before.get(sale_id) != row], made)
        keep_refused(connection, step.stream, refused)
        return Taken(len(told) - len(refused), refused)


def _rows(connection: Connection, sale_ids: set[str]) -> dict[str, SaleRow]:
    found = connection.execute(select(sales).where(sales.c.sale_id.in_(sale_ids))).mappings()
    return {row["sale_id"]: SaleRow(**row) for row in found}


def _note(done: Applied, rows: dict[str, SaleRow], made: list[EntryRow]) -> None:
    if done.sale is not None:
        rows[done.sale.sale_id] = done.sale
    known = {row.key for row in made} if done.sale is None else ()  # only a credit's key is another's to choose
    made += [row for row in done.entries if row.key not in known]


def _write(connection: Connection, changed: Sequence[SaleRow], made: Sequence[EntryRow]) -> None:
    if changed:
        connection.execute(replacing(connection, sales), [asdict(row) for row in changed])
    if made:
        # A key is written once and whole: of the same key with another account only that would be new, and not balance.
        keys = select(entries.c.key).where(entries.c.key.in_({row.key for row in made}))
        known = set(connection.scalars(keys))
        if new := [asdict(row) for row in made if row.key not in known]:
            connection.execute(insert(connection, entries), new)
