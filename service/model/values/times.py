"""Dates and moments, as text that compares in order of time."""

import re
from datetime import UTC, date, datetime

from service.model.values.complaint import Complaint
from service.model.values.numbers import parse_decimal

TIME_LENGTH_MAX = 40
# 10^11 seconds is the year 5138, 10^11 milliseconds is 1973: no lead's time lies between.
EPOCH_MS_FROM = 10**11

_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch
_US_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII).fullmatch
_ISO_DATETIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?\s?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
).fullmatch

_NOT_DATE = Complaint("is not a date (YYYY-MM-DD or MM/DD/YYYY)")
_NOT_DATETIME = Complaint("is not a time (ISO 8601 or epoch seconds)")


def parse_date(raw: object) -> str | Complaint:
    """YYYY-MM-DD, from that or MM/DD/YYYY."""
    if isinstance(raw, datetime):
        return _NOT_DATE
    if isinstance(raw, date):
        return raw.isoformat()
    text = raw.strip() if isinstance(raw, str) and len(raw) <= TIME_LENGTH_MAX else ""
    try:
        if _ISO_DATE(text):
            return date.fromisoformat(text).isoformat()
        if parts := _US_DATE(text):
            return date(int(parts[3]), int(parts[1]), int(parts[2])).isoformat()
    except ValueError:
        return _NOT_DATE
    return _NOT_DATE


def parse_datetime(raw: object) -> str | Complaint:
    """YYYY-MM-DDTHH:MM:SSZ, from ISO 8601 (UTC where no offset is given) or epoch seconds or milliseconds."""
    try:
        if isinstance(raw, datetime):
            return _utc(raw)
        if isinstance(raw, date):
            return _utc(datetime(raw.year, raw.month, raw.day))
        text = raw.strip() if isinstance(raw, str) and len(raw) <= TIME_LENGTH_MAX else ""
        if _ISO_DATETIME(text):
            return _utc(datetime.fromisoformat(re.sub(r"\s(?=[Zz+-])", "", text).upper()))
        epoch = parse_decimal(raw)
        if isinstance(epoch, Complaint):
            return _NOT_DATETIME
        seconds = epoch / 1000 if abs(epoch) >= EPOCH_MS_FROM else epoch
        return _utc(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return _NOT_DATETIME


def _utc(moment: datetime) -> str:
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(tzinfo=None, microsecond=0).isoformat() + "Z"
