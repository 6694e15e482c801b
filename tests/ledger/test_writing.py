"""Batches into the ledger, on both databases."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service import ledger
from service.errors import LedgerRefused
from service.ledger import BEGINNING, Ledger, Step, Told
from service.model.sales import SaleEvent
from tests.ledger.events import HISTORIES, credit, decided, event, replay, told

TABLES = ("sales", "entries", "decisions", "volume", "interest", "declines", "catalogs", "refused", "cursors")


def rows(to: Ledger, question: str) -> list[Any]:
    with ledger.reading(to) as connection:
        return [tuple(row) for row in connection.execute(text(question))]


def empty(to: Ledger) -> None:
    """As new, which its triggers refuse otherwise."""
    with ledger.writing(to) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            connection.execute(text("DROP TRIGGER IF EXISTS entries_refuse_delete"))
        for table in ("entries", *TABLES):
            connection.execute(text(f"DELETE FROM {table}"))


def take(to: Ledger, events: list[SaleEvent], old: str = BEGINNING, first: int = 1) -> str:
    step = Step("sales", old, f"{first + len(events) - 1}-0")
    assert ledger.take_sales(to, step, told(events, first)) is not None
    return step.new


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(HISTORIES, st.lists(st.integers(1, 8), min_size=25, max_size=25))
def test_a_history_in_any_batches_makes_what_the_pure_function_makes(
    to: Ledger, history: list[SaleEvent], batches: list[int]
) -> None:
    empty(to)
    place, at = BEGINNING, 0
    for size in batches:
        if batch := history[at : at + size]:
            place = take(to, batch, place, at + 1)
        at += size
    sales, entries = replay(history)
    assert rows(to, "SELECT sale_id, state, buyer_id, bid_micros, positions FROM sales ORDER BY 1") == sorted(
        (one.sale_id, one.state, one.buyer_id, one.bid_micros, one.positions) for one in sales.values()
    )
    assert rows(to, "SELECT key, account, amount_micros, kind FROM entries ORDER BY 1, 2") == sorted(
        (one.key, one.account, one.amount_micros, one.kind) for one in entries
    )
    assert rows(to, "SELECT key FROM entries GROUP BY key HAVING sum(amount_micros) <> 0") == []
    assert ledger.cursor(to, "sales") == place


def test_a_batch_that_another_archive_was_faster_with_writes_nothing(to: Ledger) -> None:
    take(to, [event("sold", position=0)])
    assert ledger.take_sales(to, Step("sales", BEGINNING, "1-0"), told([event("sold", "d2", 1)])) is None
    assert rows(to, "SELECT sale_id FROM sales") == [("sd1",)]
    assert ledger.cursor(to, "sales") == "1-0"


def test_a_stream_that_is_read_again_from_its_beginning_adds_nothing(to: Ledger) -> None:
    events = [event("posted", position=0), event("sold", position=0), event("moved", position=1), credit("k", 50)]
    take(to, events)
    before = [rows(to, f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]
    assert ledger.rewind(to, "sales", "4-0")
    assert ledger.cursor(to, "sales") == BEGINNING
    take(to, events)
    assert [rows(to, f"SELECT * FROM {table} ORDER BY 1") for table in TABLES] == before


def test_what_cannot_be_applied_is_kept_whole_beside(to: Ledger) -> None:
    unread: Told[SaleEvent] = Told("2-0", 2, {"event": "sold", "bid": "{"}, None, "it cannot be read")
    done = ledger.take_sales(to, Step("sales", BEGINNING, "2-0"), [*told([event("voided", "nobody")]), unread])
    assert done is not None
    assert [one.entry_id for one in done.refused] == ["1-0", "2-0"]
    assert rows(to, "SELECT stream, entry_id, fields, why FROM refused ORDER BY 2") == [
        ("sales", "1-0", '{"event": "voided"}', "voided, of a sale that the ledger does not know"),
        ("sales", "2-0", '{"event": "sold", "bid": "{"}', "it cannot be read"),
    ]


def test_a_batch_that_fails_half_way_leaves_nothing_and_the_cursor_where_it_was(to: Ledger) -> None:
    bad = credit("k", 1 << 62)
    events = [event("sold", position=0), bad, credit("l", 1 << 70)]
    with pytest.raises(LedgerRefused):
        ledger.take_sales(to, Step("sales", BEGINNING, "3-0"), told(events))
    assert rows(to, "SELECT * FROM sales") == []
    assert ledger.cursor(to, "sales") == BEGINNING


def test_decisions_are_counted_once_by_hour_source_and_contract(to: Ledger) -> None:
    hour = 3_600_000
    one = decided("d1", said=(0, 214, None), at_ms=hour + 5)
    post = decided("d1", "post", said=(0,), order=(0,), at_ms=hour + 9)
    alone = decided("d2", "post", said=(303, 0), order=(0, 1), at_ms=hour + 10)
    made = [Told(f"{at}-0", said.at_ms, {}, said) for at, said in enumerate((one, post, alone), 1)]
    for old, new in ((BEGINNING, "3-0"), ("3-0", BEGINNING), (BEGINNING, "3-0")):
        assert ledger.take_decisions(to, Step("audit", old, new), made if old == BEGINNING else []) is not None
    assert rows(to, "SELECT * FROM volume") == [(hour, "solar", "source_abc", 1, 1, 2, 2)]
    assert rows(to, "SELECT buyer_id, contract, candidates, bids, bid_micros FROM interest ORDER BY 1, 2") == [
        (1, "1-rest", 1, 0, 0),
        (1, "1-solar", 2, 1, 25_000_000),
        (2, "2-solar", 2, 1, 18_500_000),
    ]
    assert rows(to, "SELECT contract, reason, count FROM declines ORDER BY 1") == [
        ("1-solar", 303, 1),
        ("2-solar", 214, 1),
    ]
    assert rows(to, "SELECT * FROM catalogs") == [("v1", hour + 5)]


def test_a_post_whose_ping_came_in_an_earlier_batch_counts_no_candidates(to: Ledger) -> None:
    ping, post = decided("d1", at_ms=1), decided("d1", "post", order=(0,), at_ms=2)
    ledger.take_decisions(to, Step("audit", BEGINNING, "1-0"), [Told("1-0", 1, {}, ping)])
    ledger.take_decisions(to, Step("audit", "1-0", "2-0"), [Told("2-0", 2, {}, post)])
    assert rows(to, "SELECT candidates FROM interest") == [(1,)]


def test_old_decisions_go_in_small_batches_and_their_counts_stay(to: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.ledger.deciding.FORGET_ROWS", 2)
    made = [Told(f"{at}-0", at, {}, decided(f"d{at}", at_ms=at)) for at in range(1, 6)]
    ledger.take_decisions(to, Step("audit", BEGINNING, "5-0"), made)
    assert [ledger.forget_decisions(to, 4) for _ in range(3)] == [2, 1, 0]
    assert rows(to, "SELECT decision_id FROM decisions ORDER BY 1") == [("d4",), ("d5",)]
    assert rows(to, "SELECT pings FROM volume") == [(5,)]
