"""Calendar windows and periods: when the minute, hour, day, week, month around a moment began and end.

Weeks start on Monday. All are local to a zone, so a day may have 23 or 25 hours. Times are ms since the epoch.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

PeriodName = Literal["minute", "hour", "day", "week", "month", "total"]


class Period(NamedTuple):
    name: PeriodName
    start_ms: int
    end_ms: int | None
    """Exclusive; None for `total`, which never ends."""


def period_at(name: PeriodName, at_ms: int, zone: ZoneInfo) -> Period:
    """The period of a name that holds a moment."""
    if name == "total":
        return Period(name, 0, None)
    if name in ("minute", "hour"):
        return _within_hour(name, at_ms, zone)
    # Whole seconds before a local day is found: a float of milliseconds could round up into tomorrow.
    day = datetime.fromtimestamp(at_ms // 1000, zone).date()
    if name == "week":
        day -= timedelta(days=day.weekday())
        after = day + timedelta(days=7)
    elif name == "month":
        day = day.replace(day=1)
        after = (day + timedelta(days=31)).replace(day=1)
    else:
        after = day + timedelta(days=1)
    return Period(
        name, _midnight_ms(day.year, day.month, day.day, zone), _midnight_ms(after.year, after.month, after.day, zone)
    )


def _within_hour(name: PeriodName, at_ms: int, zone: ZoneInfo) -> Period:
    """Cut on the clock's face but measured in real time: the hour that DST repeats is two hours."""
    local = datetime.fromtimestamp(at_ms // 1000, zone)
    into_s = local.second + (local.minute * 60 if name == "hour" else 0)
    start_ms = (at_ms // 1000 - into_s) * 1000
    return Period(name, start_ms, start_ms + (3_600_000 if name == "hour" else 60_000))


def _midnight_ms(year: int, month: int, day: int, zone: ZoneInfo) -> int:
    """Where a DST change skips midnight, the first moment after it: the zone's arithmetic gives just that."""
    return int(datetime(year, month, day, tzinfo=zone).astimezone(UTC).timestamp()) * 1000
