"""Statements: lines that add up to the micro, whatever moved on the account."""

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from service.ledger import open_ledger, writing
from service.ledger.reader import LedgerReader
from service.ledger.tables import entries, sales
from service.reports import sheets
from service.reports.spans import month_span
from service.reports.statement import DoesNotAddUp, Statement, statement_of
from tests.reports.books import NEW_YORK, Books, at

NOVEMBER = month_span("2026-11", NEW_YORK)
BEFORE, WITHIN, AFTER = at("2026-10-31T23:59"), at("2026-11-15T12:00"), at("2026-12-01T00:00")


def statement(books: Books, buyer_id: int = 1) -> Statement:
    assert NOVEMBER is not None
    reader = LedgerReader(books.url)
    try:
        return statement_of(reader, buyer_id, "2026-11", NOVEMBER, NEW_YORK)
    finally:
        reader.close()


def lines(books: Books, buyer_id: int = 1) -> list[tuple[str, str, int, str]]:
    return [(line.what, line.about, line.count, str(line.amount)) for line in statement(books, buyer_id).lines]


def test_a_month_of_an_ordinary_buyer(books: Books) -> None:
    books.entry(BEFORE, 100_000_000, "top_up", reason="wire 1")
    books.entry(WITHIN, 500_000_000, "top_up", reason="wire 2")
    books.entry(WITHIN, -1_500_000, "correction", reason="fee")
    for contract in ("a", "a", "b"):
        books.entry(WITHIN, -25_000_000, "sale", sale_id=books.sale(WITHIN, contract=contract))
    returned = books.sale(WITHIN, contract="b", state="returned")
    books.entry(WITHIN, -25_000_000, "sale", sale_id=returned)
    books.entry(WITHIN, 25_000_000, "return", sale_id=returned, reason="wrong number")
    voided = books.sale(WITHIN, contract="a", state="void")
    books.entry(WITHIN, -25_000_000, "sale", sale_id=voided)
    books.entry(WITHIN, 25_000_000, "void", sale_id=voided)
    books.entry(AFTER, -25_000_000, "sale", sale_id=books.sale(AFTER))
    books.entry(WITHIN, -7_000_000, "correction", buyer_id=2)
    found = statement(books)
    assert sheets.statement_cells(found) == [
        ["opening balance", "", None, 100],
        ["sales", "a", 3, -75],
        ["sales", "b", 2, -50],
        ["voided", "a", 1, 25],
        ["returned", "b", 1, 25],
        ["top-ups", "wire 2", 1, 500],
        ["corrections", "fee", 1, -1.5],
        ["closing balance", "", None, 523.5],
    ]


def test_a_sale_that_its_call_moved_is_the_later_buyers_and_names_no_contract_to_the_former(books: Books) -> None:
    sale = books.sale(WITHIN, buyer_id=2, contract="2-secret", moves=1, bid_micros=20_000_000)
    books.entry(WITHIN, -25_000_000, "sale", sale_id=sale)
    books.entry(WITHIN, 25_000_000, "move", sale_id=sale)
    books.entry(WITHIN, -20_000_000, "move", buyer_id=2, sale_id=sale)
    assert lines(books) == [("moved on", "", 1, "0.00")]
    assert lines(books, 2) == [("sales", "2-secret", 1, "-20.00")]


def test_a_month_in_which_nothing_moved(books: Books) -> None:
    books.entry(BEFORE, 5_000_000, "top_up")
    found = statement(books)
    assert (found.opening_micros, found.lines, found.closing_micros) == (5_000_000, [], 5_000_000)


def test_a_statement_that_does_not_add_up_is_not_given(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.entry(WITHIN, 5_000_000, "top_up")
    monkeypatch.setattr("service.reports.statement.lines_of", lambda account: [])
    with pytest.raises(DoesNotAddUp):
        statement(books)


KINDS = ["sale", "move", "void", "return", "top_up", "correction"]
MOVED = st.tuples(
    st.sampled_from([BEFORE, WITHIN, AFTER]),
    st.integers(-(10**13), 10**13).filter(bool),
    st.sampled_from(KINDS),
    st.sampled_from([1, 2]),
    st.sampled_from(["a", "=b", ""]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moved=st.lists(MOVED, max_size=12))
def test_whatever_moves_the_lines_make_the_balances(books: Books, moved: list[tuple[Any, ...]]) -> None:
    with writing(open_ledger(books.url)) as connection:
        _empty(connection)
    keys = count()
    for when, amount, kind, sale_of, about in moved:
        of_sale = kind not in ("top_up", "correction")
        sale_id = books.sale(when, buyer_id=sale_of, contract=about) if of_sale else None
        books.entry(when, amount, kind, key=f"k{next(keys)}", sale_id=sale_id, reason=about or None)
    found = statement(books)
    assert found.opening_micros == sum(amount for when, amount, *_ in moved if when == BEFORE)
    assert found.closing_micros == sum(amount for when, amount, *_ in moved if when != AFTER)
    assert sum(line.amount_micros for line in found.lines) == found.closing_micros - found.opening_micros
    if any(when == WITHIN and sale_of == 2 for when, _, kind, sale_of, _ in moved if kind in ("sale", "move")):
        assert any(line.what == "moved on" for line in found.lines)


def _empty(connection: Any) -> None:
    """Of what the ledger itself refuses to forget."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET session_replication_role = replica")
    else:
        triggers = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
        for name in triggers:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    for table in (entries, sales):
        connection.execute(delete(table))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET session_replication_role = DEFAULT")
