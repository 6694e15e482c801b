"""What the ledger says of money, to be compared with Redis."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, case, func, select, tuple_

from service.ledger.cursors import BEGINNING
from service.ledger.opening import reading, reading_one_state
from service.ledger.tables import cursors, entries, sales
from service.model.catalog import PERS, Per

IN_MAX = 500
"""Values that one question names."""

Sold = Mapping[Per, tuple[int, int]]
"""Sales, and their price in micros, by kind of period."""


class Sums(Struct, frozen=True):
    """All at one moment."""

    balances: dict[int, int]
    """Micros by buyer; not of those that have no entry."""
    sold: list[dict[str, Sold]]
    """What contracts have sold, for each of the zones that were asked for."""


class KnownSale(Struct, frozen=True):
    sale_id: str
    decision_id: str
    state: str
    position: int
    posted_at_ms: int
    returned_at_ms: int | None


class KnownCredit(Struct, frozen=True):
    entry_id: int
    key: str
    buyer_id: int
    amount_micros: int


def sums(engine: Engine, at: str, buyers: Sequence[int], zones: Sequence[Mapping[Per, int]]) -> Sums | None:
    """As they are with just the sales stream up to the entry `at` counted in, which is its last one; None where
    the ledger stands elsewhere. A stream that has no entry is counted in always. `zones`: the starts of the periods
    that are asked for, once for each time zone. Raises LedgerDown."""
    with reading_one_state(engine) as connection:
        if at != BEGINNING and connection.scalar(select(cursors.c.last_id).where(cursors.c.stream == "sales")) != at:
            return None
        return Sums(_balances(connection, buyers), [_sold(connection, starts) for starts in zones])


def _balances(connection: Connection, buyers: Sequence[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for some in _parts(buyers):
        asked = select(entries.c.buyer_id, func.sum(entries.c.amount_micros)).where(entries.c.buyer_id.in_(some))
        found |= {buyer: int(micros) for buyer, micros in connection.execute(asked.group_by(entries.c.buyer_id))}
    return found


def _sold(connection: Connection, starts: Mapping[Per, int]) -> dict[str, Sold]:
    columns: list[Any] = [sales.c.contract]
    for per in PERS:
        counts = sales.c.taken_at_ms >= starts[per]
        columns += [func.sum(case((counts, 1), else_=0)), func.sum(case((counts, sales.c.bid_micros), else_=0))]
    found = connection.execute(select(*columns).where(sales.c.state == "sold").group_by(sales.c.contract))
    return {
        contract: {per: (int(words[at * 2]), int(words[at * 2 + 1])) for at, per in enumerate(PERS)}
        for contract, *words in found
    }


def sales_of(engine: Engine, sale_ids: Sequence[str]) -> dict[str, KnownSale]:
    """Raises LedgerDown."""
    found: dict[str, KnownSale] = {}
    with reading(engine) as connection:
        for some in _parts(sale_ids):
            rows = connection.execute(select(*_SALE).where(sales.c.sale_id.in_(some)))
            found |= {row[0]: _known(row) for row in rows}
    return found


def sales_since(engine: Engine, posted_at_ms: int) -> Iterator[list[KnownSale]]:
    """Those posted at a moment or later, some at a time. Raises LedgerDown."""
    place, key = (posted_at_ms, ""), (sales.c.posted_at_ms, sales.c.sale_id)
    while True:
        asked = select(*_SALE).where(tuple_(*key) > place).order_by(*key).limit(IN_MAX)
        with reading(engine) as connection:
            some = [_known(row) for row in connection.execute(asked)]
        if not some:
            return
        yield some
        place = (some[-1].posted_at_ms, some[-1].sale_id)


def returned_since(engine: Engine, returned_at_ms: int) -> Iterator[list[KnownSale]]:
    """Sales that were returned at a moment or later, some at a time. Raises LedgerDown."""
    place = ""
    while True:
        asked = select(*_SALE).where(sales.c.sale_id > place, sales.c.returned_at_ms >= returned_at_ms)
        with reading(engine) as connection:
            some = [_known(row) for row in connection.execute(asked.order_by(sales.c.sale_id).limit(IN_MAX))]
        if not some:
            return
        yield some
        place = some[-1].sale_id


def credits_of(engine: Engine, keys: Sequence[str]) -> dict[str, KnownCredit]:
    """By the operator's key. Raises LedgerDown."""
    found: dict[str, KnownCredit] = {}
    with reading(engine) as connection:
        for some in _parts(keys):
            named = entries.c.key.in_([_CREDIT + key for key in some])
            for row in connection.execute(_credits().where(named)):
                found[_credit(row).key] = _credit(row)
    return found


def all_credits(engine: Engine) -> Iterator[list[KnownCredit]]:
    """Some at a time, the oldest first. Raises LedgerDown."""
    place = 0
    while True:
        asked = _credits().where(entries.c.id > place).order_by(entries.c.id).limit(IN_MAX)
        with reading(engine) as connection:
            some = [_credit(row) for row in connection.execute(asked)]
        if not some:
            return
        yield some
        place = some[-1].entry_id


_CREDIT = "credit:"
_SALE = (
    sales.c.sale_id,
    sales.c.decision_id,
    sales.c.state,
    sales.c.positions,
    sales.c.posted_at_ms,
    sales.c.returned_at_ms,
)


def _known(row: Any) -> KnownSale:
    sale_id, decision_id, state, positions, posted_at_ms, returned_at_ms = row
    return KnownSale(sale_id, decision_id, state, int(positions.rpartition(",")[2]), posted_at_ms, returned_at_ms)


def _credits() -> Any:
    of_buyers = entries.c.kind.in_(("top_up", "correction")) & entries.c.buyer_id.is_not(None)
    return select(entries.c.id, entries.c.key, entries.c.buyer_id, entries.c.amount_micros).where(of_buyers)


def _credit(row: Any) -> KnownCredit:
    entry_id, key, buyer_id, amount_micros = row
    return KnownCredit(entry_id, key.removeprefix(_CREDIT), buyer_id, amount_micros)


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for at in range(0, len(values), IN_MAX):
        yield values[at : at + IN_MAX]
