"""Spans of local time, and how they are cut: right across changes of the clocks. Pure."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from service.ledger.totals import BUCKETS_MS, Stretch
from service.model.periods import period_at

Cut = Literal["hour", "day", "week", "month"]
CUTS: tuple[Cut, ...] = ("hour", "day", "week", "month")
PERIODS = ("today", "yesterday", "this_week", "last_week", "this_month", "last_month")
DAY_MS = 86_400_000
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Span(NamedTuple):
    """From a moment to another, exclusive; ms of UTC."""

    from_ms: int
    to_ms: int


def day_span(first: date, last: date, zone: ZoneInfo) -> Span:
    """Whole local days, both ends included."""
    return Span(_midnight_ms(first, zone), _midnight_ms(last + timedelta(days=1), zone))


def last_days(count: int, now_ms: int, zone: ZoneInfo) -> Span:
    """Today and the days before it, so many in all."""
    today = _day_of(now_ms, zone)
    return day_span(today - timedelta(days=count - 1), today, zone)


def named_period(word: str, now_ms: int, zone: ZoneInfo) -> Span | None:
    """A word of PERIODS, a month (2026-11) or a day (2026-11-21); None for anything else."""
    if word in PERIODS:
        when, _, what = word.rpartition("_")
        name: Literal["day", "week", "month"] = "week" if what == "week" else "month" if what == "month" else "day"
        current = period_at(name, now_ms, zone)
        if when == "last" or what == "yesterday":
            current = period_at(name, current.start_ms - 1, zone)
        assert current.end_ms is not None
        return Span(current.start_ms, current.end_ms)
    return month_span(word, zone) or _one_day(word, zone)


def month_span(word: str, zone: ZoneInfo) -> Span | None:
    """Of "2026-11"; None for what is no month."""
    first = _date_of(f"{word}-01") if _MONTH.fullmatch(word) else None
    if first is None or first.year == date.max.year:
        return None
    period = period_at("month", _midnight_ms(first, zone), zone)
    assert period.end_ms is not None
    return Span(period.start_ms, period.end_ms)


def moment_of(text: str, zone: ZoneInfo, *, is_end: bool) -> int | None:
    """A date (as an end it is included) or an ISO 8601 time, without an offset in the zone; None for anything else."""
    if _DATE.fullmatch(text):
        day = _date_of(text)
        if day is None or not date.min.year < day.year < date.max.year:
            return None
        return _midnight_ms(day + timedelta(days=1) if is_end else day, zone)
    try:
        # A query turns the plus of an offset into a space.
        at = datetime.fromisoformat(re.sub(r" (?=[0-9]{2}:[0-9]{2}$)", "+", text) if "T" in text else text)
        aware = at if at.tzinfo else at.replace(tzinfo=zone)
        return int(aware.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def stretches(span: Span, cut: Cut | None, zone: ZoneInfo) -> list[Stretch]:
    """A span as the ledger counts it: hours and days in stretches between two changes of the clocks, a stretch for
    each week and month, or one for all."""
    if cut is None:
        return [Stretch(*span, offset_ms=0)]
    if cut in BUCKETS_MS:
        return [Stretch(at, end, offset, BUCKETS_MS[cut]) for at, end, offset in _even(span, zone)]
    found = []
    at = span.from_ms
    while at < span.to_ms:
        end = period_at(cut, at, zone).end_ms
        assert end is not None
        found.append(Stretch(at, min(end, span.to_ms), offset_ms=0))
        at = end
    return found


def label_of(stretch: Stretch, bucket: int, cut: Cut, zone: ZoneInfo) -> str:
    """What a bucket is called: 2026-11-01T01:00-04:00, 2026-11-01, the Monday of its week, 2026-11."""
    if cut in BUCKETS_MS:
        local = datetime.fromtimestamp(bucket * stretch.bucket_ms // 1000, UTC).replace(tzinfo=None)
        if cut == "day":
            return local.date().isoformat()
        return f"{local.isoformat(timespec='minutes')}{_offset_text(stretch.offset_ms)}"
    first = _day_of(period_at(cut, stretch.from_ms, zone).start_ms, zone)
    return f"{first:%Y-%m}" if cut == "month" else first.isoformat()


def shown(at_ms: int, zone: ZoneInfo) -> str:
    """A moment for people: local, to the second where it has none of its milliseconds."""
    local = datetime.fromtimestamp(at_ms // 1000, zone) + timedelta(milliseconds=at_ms % 1000)
    return local.isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds")


def _even(span: Span, zone: ZoneInfo) -> Iterator[tuple[int, int, int]]:
    """Its parts in which the clocks are not changed: from, to, ahead of UTC by."""
    start, at = span.from_ms, span.from_ms
    while at < span.to_ms:
        after = min(at + DAY_MS, span.to_ms)  # no zone changes its clocks and back within a day
        if _offset_ms(at, zone) != _offset_ms(after, zone):
            change = _first_with(_offset_ms(after, zone), at, after, zone)
            yield start, change, _offset_ms(start, zone)
            start = change
        at = after
    if start < span.to_ms:
        yield start, span.to_ms, _offset_ms(start, zone)


def _first_with(offset_ms: int, low: int, high: int, zone: ZoneInfo) -> int:
    """The first moment with the later offset, between one that has another and one that has it."""
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_ms(middle, zone) == offset_ms:
            high = middle
        else:
            low = middle
    return high


def _offset_ms(at_ms: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(at_ms // 1000, zone).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)


def _offset_text(offset_ms: int) -> str:
    minutes = abs(offset_ms) // 60_000
    return f"{'-' if offset_ms < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _day_of(at_ms: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at_ms // 1000, zone).date()


def _one_day(word: str, zone: ZoneInfo) -> Span | None:
    day = _date_of(word) if _DATE.fullmatch(word) else None
    return day_span(day, day, zone) if day and date.min.year < day.year < date.max.year else None


def _date_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    """Where a change of the clocks skips midnight, the first moment after it."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).timestamp()) * 1000
