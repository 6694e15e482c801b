"""Periods of the moment, remembered per zone until the hour is over: a ping asks for dozens of them."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.model.catalog import PERS, Per
from service.model.periods import Period, period_at


class Hour(NamedTuple):
    """One hour of one zone, and the periods it lies in."""

    start_ms: int
    end_ms: int
    periods: dict[Per, Period]
    csv: str
    """Starts of all periods."""


class Calendar:
    def __init__(self) -> None:
        self._hours: dict[str, Hour] = {}

    def hour(self, zone: str, at_ms: int) -> Hour:
        found = self._hours.get(zone)
        if found is None or not found.start_ms <= at_ms < found.end_ms:
            found = self._hours[zone] = _hour(ZoneInfo(zone), at_ms)
        return found

    def minute(self, zone: str, at_ms: int) -> Period:
        return period_at("minute", at_ms, ZoneInfo(zone))


def _hour(zone: ZoneInfo, at_ms: int) -> Hour:
    periods: dict[Per, Period] = {per: period_at(per, at_ms, zone) for per in PERS}
    hour = periods["hour"]
    assert hour.end_ms is not None
    # A zone that shifts by half an hour can end a day inside its hour.
    end_ms = min(period.end_ms for period in periods.values() if period.end_ms is not None)
    return Hour(hour.start_ms, end_ms, periods, ",".join(str(period.start_ms) for period in periods.values()))


def periods_csv(zone: str, at_ms: int) -> str:
    """Starts of all periods of a moment that is past: not remembered in the place of the present one's."""
    return _hour(ZoneInfo(zone), at_ms).csv
