"""An explanation that lets others go on in between."""

from hashlib import sha256

import pytest

from service.match import build, explain, explain_in_slices, in_rank_order, verdicts
from service.match.hours import next_opening
from service.model.catalog import Schedule, Span, SuppressionList
from service.model.decline import Decline
from tests.match.worlds import NOW_MS, OFFER, asked_of, catalog_of, contract

CLOSED = [Schedule("America/New_York", (Span(5, 540, 1020),)), Schedule("Europe/Paris", (Span(6, 540, 1020),))]


def test_slices_are_small_and_together_the_whole_explanation() -> None:
    catalog = catalog_of([contract(number, bid_micros=number % 7 * 1_000_000) for number in range(1, 1001)])
    asked = asked_of({}, min_bid_micros=2_000_000)
    slices = list(explain_in_slices(catalog, OFFER, asked, mode="exclusive"))
    assert max(len(part) for part in slices) <= verdicts.SLICE
    together = in_rank_order([verdict for part in slices for verdict in part], asked, catalog.offers[OFFER])
    assert together == explain(catalog, OFFER, asked)
    offered = [verdict.bid for verdict in together if verdict.bid]
    assert offered == build(catalog, OFFER).rank(asked).take(1000)


def test_each_of_the_schedules_is_asked_once_for_all_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand contracts at night, each asking when it opens, stopped everything for half a second."""
    asked_for: list[Schedule] = []

    def counted(schedule: Schedule, now_ms: int) -> str | None:
        asked_for.append(schedule)
        return next_opening(schedule, now_ms)

    monkeypatch.setattr("service.match.verdicts.next_opening", counted)
    catalog = catalog_of([contract(number, schedule=CLOSED[number % 2]) for number in range(1, 101)])
    found = explain(catalog, OFFER, asked_of({}))
    assert sorted(asked_for, key=CLOSED.index) == CLOSED
    assert {verdict.reason for verdict in found} == {Decline.SCHEDULE}
    opens_at = {verdict.detail["timezone"]: verdict.detail["opens_at"] for verdict in found}
    assert opens_at == {
        "America/New_York": "2026-11-21T09:00:00-05:00",
        "Europe/Paris": "2026-11-22T09:00:00+01:00",
    }


def test_a_hash_is_looked_for_in_long_lists_a_piece_at_a_time() -> None:
    numbers = [f"+1212555{number:04}" for number in range(3000)]
    lists = [SuppressionList("long", frozenset(numbers[:-1])), SuppressionList("one", frozenset(numbers[-1:]))]
    catalog = catalog_of([contract(1)], lists=lists)
    for number, suppressed_by in ((numbers[-1], "one"), (numbers[0], "long"), ("+12125559999", None)):
        asked = asked_of({"caller_id_sha256": sha256(number[1:].encode()).hexdigest()}, now_ms=NOW_MS)
        slices = list(explain_in_slices(catalog, OFFER, asked, mode="exclusive"))
        assert [verdict.detail.get("list") for part in slices for verdict in part] == [suppressed_by]
        assert len(slices) >= 3 or suppressed_by == "long"
