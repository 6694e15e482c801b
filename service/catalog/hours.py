"""Opening hours: days and spans in words, to minutes of weekdays."""

import re
from collections.abc import Iterator

from service.catalog.checks import did_you_mean
from service.catalog.mistake import Spot, shown
from service.model.catalog import Span

MINUTES_PER_DAY = 24 * 60
SPANS_PER_DAY_MAX = 48

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAYS: dict[str, range] = {
    **{day: range(index, index + 1) for index, day in enumerate(_DAYS)},
    "mon_fri": range(5),
    "sat_sun": range(5, 7),
    "all": range(7),
}

_SPAN = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", re.ASCII).fullmatch


def read_hours(raw: object, spot: Spot) -> tuple[Span, ...]:
    """The spans in order of weekday and start. Days that stand in several keys are open in all of their spans."""
    if not isinstance(raw, dict):
        spot.wrong(f"{shown(raw)} is not a table of days")
        return ()
    spans: set[Span] = set()
    unclear = False
    for name, texts in raw.items():
        place = spot.at(name)
        if name not in WEEKDAYS:
            place.wrong(f"is not a day (mon to sun, mon_fri, sat_sun, all){did_you_mean(name, WEEKDAYS)}")
            unclear = True
        elif not isinstance(texts, list) or len(texts) > SPANS_PER_DAY_MAX:
            place.wrong(f"{shown(texts)} is not a list of up to {SPANS_PER_DAY_MAX} spans")
            unclear = True
        else:
            times = list(_times(texts, place))
            unclear |= len(times) < len(texts)
            spans.update(Span(weekday, start, end) for weekday in WEEKDAYS[name] for start, end in times)
    if not spans and not unclear:
        spot.wrong("names no time: it would never be open (pause the buyer instead)")
    return tuple(sorted(spans, key=lambda span: (span.weekday, span.start, span.end)))


def _times(texts: list[object], spot: Spot) -> Iterator[tuple[int, int]]:
    for index, text in enumerate(texts):
        match = _SPAN(text) if isinstance(text, str) else None
        start, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (-1, -1)
        if not 0 <= start < MINUTES_PER_DAY or end > MINUTES_PER_DAY:
            spot.at(index).wrong(f'{shown(text)} is not a span of time (as "09:00-17:30", up to "24:00")')
        elif start == end:
            spot.at(index).wrong(f'{shown(text)} ends when it starts (a whole day is "00:00-24:00")')
        else:
            # An end before its start lies on the next day.
            yield start, end if end > start else end + MINUTES_PER_DAY
