"""Calendar periods in a zone, across both changes of the clocks."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.periods import PeriodName, period_at

NEW_YORK = ZoneInfo("America/New_York")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("minute", "2026-11-20T14:23:00-05:00", "2026-11-20T14:24:00-05:00"),
        ("hour", "2026-11-20T14:00:00-05:00", "2026-11-20T15:00:00-05:00"),
        ("day", "2026-11-20T00:00:00-05:00", "2026-11-21T00:00:00-05:00"),
        ("week", "2026-11-16T00:00:00-05:00", "2026-11-23T00:00:00-05:00"),
        ("month", "2026-11-01T00:00:00-04:00", "2026-12-01T00:00:00-05:00"),
    ],
)
def test_periods_begin_and_end_in_local_time(name: PeriodName, start: str, end: str) -> None:
    period = period_at(name, ms("2026-11-20T14:23:45-05:00"), NEW_YORK)
    assert (period.start_ms, period.end_ms) == (ms(start), ms(end))


def test_total_never_ends() -> None:
    assert period_at("total", 1, NEW_YORK)[1:] == (0, None)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-06-01", 24)])
def test_a_day_has_the_hours_that_the_clocks_give_it(day: str, hours: int) -> None:
    period = period_at("day", ms(f"{day}T12:00:00-05:00"), NEW_YORK)
    assert period.end_ms is not None
    assert period.end_ms - period.start_ms == hours * 3_600_000


def test_the_hour_that_is_repeated_is_two_hours() -> None:
    first = period_at("hour", ms("2026-11-01T01:30:00-04:00"), NEW_YORK)
    second = period_at("hour", ms("2026-11-01T01:30:00-05:00"), NEW_YORK)
    assert first.end_ms == second.start_ms


def test_a_day_whose_midnight_is_skipped_begins_at_the_change() -> None:
    santiago = ZoneInfo("America/Santiago")
    period = period_at("day", ms("2026-09-06T12:00:00-03:00"), santiago)
    assert period.start_ms == ms("2026-09-06T01:00:00-03:00")


@given(
    st.sampled_from(["minute", "hour", "day", "week", "month"]),
    st.integers(1_600_000_000_000, 2_000_000_000_000),
    st.sampled_from(["America/New_York", "America/Santiago", "Asia/Kolkata", "UTC", "America/St_Johns"]),
)
def test_a_period_holds_its_moment_and_is_the_same_from_each_of_its_ends(name: str, at_ms: int, zone: str) -> None:
    period = period_at(name, at_ms, ZoneInfo(zone))  # type: ignore[arg-type]
    assert period.end_ms is not None
    assert period.start_ms <= at_ms < period.end_ms
    assert period_at(period.name, period.start_ms, ZoneInfo(zone)) == period
    assert period_at(period.name, period.end_ms - 1, ZoneInfo(zone)) == period
    assert period_at(period.name, period.end_ms, ZoneInfo(zone)).start_ms == period.end_ms
    assert timedelta(milliseconds=period.end_ms - period.start_ms) <= timedelta(days=31, hours=1)
