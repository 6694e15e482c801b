"""Parameters of a report: what they mean in local time, and everything that is wrong with them."""

from zoneinfo import ZoneInfo

import pytest

from service.reports.asking import OPERATOR, SPAN_DAYS_MAX, Question, Viewer, narrowed, read
from service.reports.spans import shown
from tests.reports.books import NEW_YORK, at

NOW = at("2026-11-21T18:30")  # a Saturday


def asked(params: dict[str, str], zone: ZoneInfo = NEW_YORK) -> Question:
    question = read(params, NOW, zone)
    assert isinstance(question, Question), question
    return question


def wrong(**params: str) -> dict[str, list[str]]:
    complaints = read({name.removesuffix("_"): text for name, text in params.items()}, NOW, NEW_YORK)
    assert isinstance(complaints, dict)
    return complaints


@pytest.mark.parametrize(
    ("params", "first", "last"),
    [
        ({}, "2026-11-15T00:00:00-05:00", "2026-11-22T00:00:00-05:00"),
        ({"days": "1"}, "2026-11-21T00:00:00-05:00", "2026-11-22T00:00:00-05:00"),
        ({"days": "30"}, "2026-10-23T00:00:00-04:00", "2026-11-22T00:00:00-05:00"),
        ({"period": "today"}, "2026-11-21T00:00:00-05:00", "2026-11-22T00:00:00-05:00"),
        ({"period": "yesterday"}, "2026-11-20T00:00:00-05:00", "2026-11-21T00:00:00-05:00"),
        ({"period": "this_week"}, "2026-11-16T00:00:00-05:00", "2026-11-23T00:00:00-05:00"),
        ({"period": "last_week"}, "2026-11-09T00:00:00-05:00", "2026-11-16T00:00:00-05:00"),
        ({"period": "this_month"}, "2026-11-01T00:00:00-04:00", "2026-12-01T00:00:00-05:00"),
        ({"period": "last_month"}, "2026-10-01T00:00:00-04:00", "2026-11-01T00:00:00-04:00"),
        ({"period": "2026-03"}, "2026-03-01T00:00:00-05:00", "2026-04-01T00:00:00-04:00"),
        ({"period": "2026-03-08"}, "2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00"),
        ({"from": "2026-11-01", "to": "2026-11-01"}, "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"),
        ({"from": "2026-11-20"}, "2026-11-20T00:00:00-05:00", "2026-11-21T18:30:00-05:00"),
        (
            {"from": "2026-11-20T09:30", "to": "2026-11-20T17:00:00Z"},
            "2026-11-20T09:30:00-05:00",
            "2026-11-20T12:00:00-05:00",
        ),
        # What a query makes of the plus of an offset that nobody encoded.
        (
            {"from": "2026-11-20T00:00 00:00", "to": "2026-11-21"},
            "2026-11-19T19:00:00-05:00",
            "2026-11-22T00:00:00-05:00",
        ),
    ],
)
def test_a_time_is_local_and_a_date_is_included(params: dict[str, str], first: str, last: str) -> None:
    span = asked(params).span
    assert (shown(span.from_ms, NEW_YORK), shown(span.to_ms, NEW_YORK)) == (first, last)


def test_all_that_is_wrong_is_told_at_once() -> None:
    complaints = wrong(period="someday", by="day,colour", buyer="Ann", colour="red")
    assert sorted(complaints) == ["buyer", "by", "colour", "period"]
    assert all(sentence.endswith(".") for sentences in complaints.values() for sentence in sentences)


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"period": "today", "days": "3"}, ["days"]),
        ({"days": "3", "to": "2026-11-20"}, ["to"]),
        ({"to": "2026-11-20"}, ["from"]),
        ({"from": "2026-11-20", "to": "2026-11-19"}, ["to"]),
        ({"from": "2026-13-01", "to": "soon"}, ["from", "to"]),
        ({"from": "0001-01-01"}, ["from"]),
        ({"from": "9999-12-31", "to": "9999-12-31"}, ["from", "to"]),
        ({"from": "2020-01-01", "to": "2026-01-01"}, ["from"]),
        ({"days": "0"}, ["days"]),
        ({"days": str(SPAN_DAYS_MAX + 1)}, ["days"]),
        ({"days": "³"}, ["days"]),
        ({"period": "9999-12"}, ["period"]),
        ({"period": "2026-13"}, ["period"]),
        ({"by": "hour,day"}, ["by"]),
        ({"by": "source,source"}, ["by"]),
        ({"by": ","}, ["by"]),
        ({"buyer": "-1"}, ["buyer"]),
        ({"buyer": "9" * 17}, ["buyer"]),
        ({"endpoint": "x" * 101}, ["endpoint"]),
        ({"endpoint": "a\0b", "source": "a\ud800"}, ["endpoint", "source"]),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, str], names: list[str]) -> None:
    complaints = read(params, NOW, NEW_YORK)
    assert isinstance(complaints, dict)
    assert sorted(complaints) == names


def test_the_longest_time_may_be_asked_for() -> None:
    assert asked({"days": str(SPAN_DAYS_MAX)}).cut is None
    assert asked({"from": "2025-11-01", "to": "2026-11-21", "by": "hour"}).cut == "hour"


BUYER = Viewer("buyer", buyer_id=1, contracts=frozenset({"1-calls"}))
SOURCE = Viewer("source", source_id="abc")


@pytest.mark.parametrize(
    ("viewer", "params"),
    [
        (BUYER, {"buyer": "2"}),
        (BUYER, {"source": "abc"}),
        (BUYER, {"contract": "2-calls"}),
        (BUYER, {"by": "source"}),
        (SOURCE, {"source": "xyz"}),
        (SOURCE, {"buyer": "1"}),
        (SOURCE, {"contract": "1-calls"}),
        (SOURCE, {"by": "buyer"}),
        (SOURCE, {"by": "day,contract"}),
        (SOURCE, {"by": "reason"}),
    ],
)
def test_what_is_not_the_askers_is_refused(viewer: Viewer, params: dict[str, str]) -> None:
    assert isinstance(narrowed(asked(params), viewer), str)


@pytest.mark.parametrize(
    ("viewer", "params"),
    [
        (BUYER, {}),
        (BUYER, {"buyer": "1", "contract": "1-calls", "by": "day,contract", "endpoint": "calls"}),
        (BUYER, {"by": "reason"}),
        (SOURCE, {}),
        (SOURCE, {"source": "abc", "by": "hour,endpoint,source"}),
        (OPERATOR, {"buyer": "2", "source": "xyz", "by": "buyer"}),
    ],
)
def test_what_is_the_askers_is_kept_to_it(viewer: Viewer, params: dict[str, str]) -> None:
    allowed = narrowed(asked(params), viewer)
    assert isinstance(allowed, Question)
    if viewer is not OPERATOR:
        assert (allowed.only.buyer_id, allowed.only.source_id) == (viewer.buyer_id, viewer.source_id)
    assert allowed.audience == viewer.audience
