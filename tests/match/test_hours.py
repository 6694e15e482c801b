"""When a schedule next opens or closes."""

from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest

from service.match.hours import is_open, next_change_ms, next_opening
from service.model.catalog import Schedule, Span
from tests.match.generated import DAY_MS, MOMENTS_MS, generated_schedule

MINUTE_MS = 60_000
NINE_TO_FIVE = tuple(Span(day, 540, 1020) for day in range(5))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


def every_day(start: int, end: int, zone: str = "America/New_York") -> Schedule:
    return Schedule(zone, tuple(Span(day, start, end) for day in range(7)))


def test_the_next_change_is_the_first_minute_on_which_the_schedule_differs() -> None:
    random = Random(11)
    looked = 0
    for _ in range(150):
        schedule = generated_schedule(random)
        if schedule is None:
            continue
        now_ms = (random.choice(MOMENTS_MS) + random.randrange(-DAY_MS, DAY_MS)) // MINUTE_MS * MINUTE_MS + 1234
        is_now = is_open(schedule, now_ms)
        change_ms = next_change_ms(schedule, now_ms)
        # Zones change at whole minutes: looking at each minute of two days is the truth.
        minutes = range(now_ms - 1234 + MINUTE_MS, now_ms + 2 * DAY_MS, MINUTE_MS)
        truth = next((minute for minute in minutes if is_open(schedule, minute) is not is_now), None)
        if truth is None:
            assert change_ms is None or change_ms > minutes[-1]
        else:
            assert change_ms == truth
            looked += 1
    assert looked > 20


def test_a_moment_before_its_start_a_span_is_closed_and_a_moment_before_its_end_open() -> None:
    schedule = Schedule("America/New_York", NINE_TO_FIVE)
    assert not is_open(schedule, ms("2026-11-23T09:00:00-05:00") - 1)
    assert is_open(schedule, ms("2026-11-23T09:00:00-05:00"))
    assert is_open(schedule, ms("2026-11-23T17:00:00-05:00") - 1)
    assert not is_open(schedule, ms("2026-11-23T17:00:00-05:00"))


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-06T20:00:00-05:00", "2026-03-09T09:00:00-04:00"),
        ("2026-10-30T20:00:00-04:00", "2026-11-02T09:00:00-05:00"),
        ("2026-11-23T08:59:59-05:00", "2026-11-23T09:00:00-05:00"),
    ],
)
def test_the_next_opening_is_told_in_the_time_that_will_be_then(now: str, opens: str) -> None:
    assert next_opening(Schedule("America/New_York", NINE_TO_FIVE), ms(now)) == opens


def test_an_open_schedule_has_no_next_opening() -> None:
    assert next_opening(every_day(0, 1440), ms("2026-11-23T12:00:00Z")) is None


def test_a_schedule_that_never_closes_never_changes() -> None:
    assert next_change_ms(every_day(0, 1440), ms("2026-11-23T12:00:00Z")) is None


def test_a_span_that_begins_in_the_skipped_hour_opens_when_the_clock_has_jumped() -> None:
    schedule = every_day(150, 240)  # 02:30 to 04:00
    jump_ms = ms("2026-03-08T07:00:00Z")
    assert not is_open(schedule, jump_ms - 1)
    assert next_change_ms(schedule, jump_ms - 5 * MINUTE_MS) == jump_ms


def test_a_span_that_ends_in_the_doubled_hour_opens_again_with_it() -> None:
    schedule = every_day(0, 90)  # 00:00 to 01:30
    first_end_ms, again_ms, second_end_ms = (
        ms("2026-11-01T05:30:00Z"),
        ms("2026-11-01T06:00:00Z"),
        ms("2026-11-01T06:30:00Z"),
    )
    assert next_change_ms(schedule, first_end_ms - 1) == first_end_ms
    assert next_change_ms(schedule, first_end_ms) == again_ms
    assert next_change_ms(schedule, again_ms) == second_end_ms


def test_a_day_of_which_midnight_is_skipped_begins_with_its_first_moment() -> None:
    # In Havana 00:00 became 01:00 on 2026-03-08.
    schedule = Schedule("America/Havana", closed_on=frozenset({"2026-03-08"}))
    begins_ms = int(datetime(2026, 3, 8, 5, tzinfo=UTC).timestamp()) * 1000
    assert datetime.fromtimestamp(begins_ms / 1000, ZoneInfo("America/Havana")).hour == 1
    assert next_change_ms(schedule, begins_ms - MINUTE_MS) == begins_ms


def test_the_next_holiday_is_found_months_ahead() -> None:
    schedule = Schedule("America/New_York", holidays="US")
    assert next_change_ms(schedule, ms("2026-02-20T12:00:00-05:00")) == ms("2026-05-25T00:00:00-04:00")


def test_a_schedule_of_closed_days_alone_opens_after_the_last_of_them() -> None:
    schedule = Schedule("UTC", closed_on=frozenset({"2026-12-24", "2026-12-25"}))
    assert next_opening(schedule, ms("2026-12-24T12:00:00Z")) == "2026-12-26T00:00:00+00:00"
