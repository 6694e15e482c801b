"""When a schedule is open. Everything is judged on local wall time, so that a span of 09:00 to 17:30 means what the
clock on the buyer's wall says on both sides of a daylight-saving change: an hour that is skipped is nobody's, an hour
that comes twice counts twice.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from service.model.catalog import Schedule

SECOND_MS = 1000
DAY_MINUTES = 1440
# A week shows every span once, and one day more the change at its end.
WEEK_SEARCH_DAYS = 8
# With closed days the next change can be a holiday far away; a year and a month more than holds every yearly one.
CLOSED_SEARCH_DAYS = 400


def is_open(schedule: Schedule, now_ms: int) -> bool:
    """Whether a schedule is open at a moment. A day that is closed is closed from midnight to midnight, also to the
    rest of a span that began the day before."""
    local = _local(now_ms, ZoneInfo(schedule.timezone))
    if _is_closed_day(schedule, local.date()):
        return False
    if not schedule.spans:
        return True
    weekday, minute = local.weekday(), local.hour * 60 + local.minute
    return any(
        (span.weekday == weekday and span.start <= minute < span.end)
        or ((span.weekday + 1) % 7 == weekday and minute + DAY_MINUTES < span.end)
        for span in schedule.spans
    )


def next_change_ms(schedule: Schedule, now_ms: int) -> int | None:
    """The first moment after now at which the schedule opens or closes; None where there is none in sight."""
    is_now = is_open(schedule, now_ms)
    for moment_ms in _moments(schedule, now_ms):
        if is_open(schedule, moment_ms) != is_now:
            return moment_ms
    return None


def next_moment_ms(schedule: Schedule, now_ms: int) -> int:
    """The first moment after now at which the schedule might open or close; much sooner found than the next change."""
    return next(_moments(schedule, now_ms))


def next_opening(schedule: Schedule, now_ms: int) -> str | None:
    """The next moment at which a closed schedule opens, ISO 8601 in local time with its offset; None where it does not
    open in sight, or is open."""
    if is_open(schedule, now_ms):
        return None
    opens_ms = next_change_ms(schedule, now_ms)
    return None if opens_ms is None else _local(opens_ms, ZoneInfo(schedule.timezone)).isoformat()


def _moments(schedule: Schedule, now_ms: int) -> Iterator[int]:
    """Moments after now, in order, between which the schedule cannot change."""
    zone = ZoneInfo(schedule.timezone)
    first = _local(now_ms, zone).date()
    minutes = {0} | {minute % DAY_MINUTES for span in schedule.spans for minute in (span.start, span.end)}
    search_days = CLOSED_SEARCH_DAYS if schedule.closed_on or schedule.holidays else WEEK_SEARCH_DAYS
    for days in range(search_days + 1):
        day = first + timedelta(days=days)
        yield from (ms for ms in sorted(_moments_of_day(day, minutes, zone)) if ms > now_ms)


def _moments_of_day(day: date, minutes: set[int], zone: ZoneInfo) -> set[int]:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    moments = set()
    for minute in minutes:
        wall = midnight + timedelta(minutes=minute)  # wall time: the arithmetic of aware datetimes ignores offsets
        moments |= {_ms(wall), _ms(wall.replace(fold=1))}
    following = midnight + timedelta(days=1)
    if midnight.utcoffset() != following.utcoffset():
        moments.add(_jump_ms(_ms(midnight), _ms(following), zone))
    # A wall time that is skipped falls, by either fold, beside the day it was asked for: those are left out.
    return {moment for moment in moments if _local(moment, zone).date() == day}


def _jump_ms(low_ms: int, high_ms: int, zone: ZoneInfo) -> int:
    """The first second on which the zone has another offset than at `low_ms`."""
    before = _local(low_ms, zone).utcoffset()
    low, high = low_ms // SECOND_MS, high_ms // SECOND_MS
    while high - low > 1:
        middle = (low + high) // 2
        if _local(middle * SECOND_MS, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high * SECOND_MS


def _is_closed_day(schedule: Schedule, day: date) -> bool:
    if schedule.closed_on and day.isoformat() in schedule.closed_on:
        return True
    return schedule.holidays is not None and day in _holidays(schedule.holidays, day.year)


@lru_cache(maxsize=512)
def _holidays(code: str, year: int) -> frozenset[date]:
    country, _, subdivision = code.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=year))


def _local(moment_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment_ms // SECOND_MS, UTC).astimezone(zone)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND_MS
