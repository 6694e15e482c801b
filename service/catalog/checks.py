"""What a single value of the catalog may be.

A check takes the raw value and its spot; it answers with the value as it is kept, or tells the spot what is wrong and
answers None.
"""

import re
from collections.abc import Callable, Hashable, Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from difflib import get_close_matches
from functools import cache
from ipaddress import ip_network
from zoneinfo import ZoneInfo

from holidays import list_supported_countries

from service.catalog.mistake import Spot, shown
from service.model import hashes, values
from service.model.money import micros_from

Check = Callable[[object, Spot], object]

NAME_LENGTH_MAX = 200
ID_LENGTH_MAX = 100  # ids are part of Redis keys and metric labels

_IDENTIFIER = re.compile(r"[A-Za-z0-9_.@~-]+", re.ASCII).fullmatch
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII).fullmatch
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII).fullmatch
_SIP = re.compile(r"sips?:[^\s@<>\"]+(?:@[^\s@<>\"]+)?", re.ASCII).fullmatch


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """The end of a sentence that names the nearest known word, or nothing."""
    near = get_close_matches(str(word), [str(one) for one in known], n=1)
    return f"; did you mean {near[0]}?" if near else ""


def flag(raw: object, spot: Spot) -> bool | None:
    if isinstance(raw, bool):
        return raw
    spot.wrong(f"{shown(raw)} is not true or false")
    return None


def text(raw: object, spot: Spot) -> str | None:
    value = values.parse_type("text", raw) if isinstance(raw, str) else None
    if isinstance(value, str):
        return value
    spot.wrong(f"{shown(raw)} is not a text of 1 to {NAME_LENGTH_MAX} characters")
    return None


def identifier(raw: object, spot: Spot) -> str | None:
    if isinstance(raw, str) and len(raw) <= ID_LENGTH_MAX and _IDENTIFIER(raw):
        return raw
    spot.wrong(f"{shown(raw)} is not a name of 1 to {ID_LENGTH_MAX} letters, digits and _ - . @ ~")
    return None


def field_name(raw: object, spot: Spot) -> str | None:
    if isinstance(raw, str) and len(raw) <= ID_LENGTH_MAX and _FIELD_NAME(raw):
        return raw
    spot.wrong(f"{shown(raw)} is not a field name: letters, digits and _ - . with a letter or _ first")
    return None


def choice(*options: str) -> Check:
    """One of a few words."""

    def check(raw: object, spot: Spot) -> str | None:
        if isinstance(raw, str) and raw in options:
            return raw
        spot.wrong(f"{shown(raw)} is not one of {', '.join(options)}{did_you_mean(raw, options)}")
        return None

    return check


def whole(low: int, high: int) -> Callable[[object, Spot], int | None]:
    """A whole number from `low` to `high`."""

    def check(raw: object, spot: Spot) -> int | None:
        if isinstance(raw, int) and not isinstance(raw, bool) and low <= raw <= high:
            return raw
        spot.wrong(f"{shown(raw)} is not a whole number from {low} to {high}")
        return None

    return check


def price(raw: object, spot: Spot) -> int | None:
    """Micros of a price; 0 is one."""
    micros = micros_from(raw)
    if micros is not None and micros >= 0:
        return micros
    spot.wrong(f"{shown(raw)} is not a price" + (" above 0" if micros is not None else ""))
    return None


def amount(raw: object, spot: Spot) -> int | None:
    """Micros of a price that is not 0."""
    micros = price(raw, spot)
    if micros == 0:
        spot.wrong(f"{shown(raw)} is not a price above 0")
        return None
    return micros


def share(raw: object, spot: Spot) -> int | None:
    """Millionths of a percentage from 0 to 100."""
    # A price and a percentage are written alike, and a percentage's micros are its millionths times a hundred.
    micros = micros_from(raw)
    if micros is not None and 0 <= micros <= 100_000_000:
        return int((Decimal(micros) / 100).to_integral_value(ROUND_HALF_EVEN))
    spot.wrong(f"{shown(raw)} is not a percentage from 0 to 100")
    return None


def factor(raw: object, spot: Spot) -> Decimal | None:
    """What a bid is multiplied by: above 0, at most 1000."""
    micros = micros_from(raw)
    if micros is not None and 0 < micros <= 1_000_000_000:
        return Decimal(str(raw).strip())
    spot.wrong(f"{shown(raw)} is not a number above 0 and up to 1000")
    return None


def _number(raw: object) -> str | None:
    """E.164, of digits only. A lead's letters are read as on a keypad or as an extension; in a catalog they are typos
    that would send calls to a stranger."""
    if isinstance(raw, str) and any(sign.isalpha() for sign in raw.removeprefix("tel:")):
        return None
    return values.e164(raw)


def phone(raw: object, spot: Spot) -> str | None:
    number = _number(raw)
    if number is None:
        spot.wrong(f"{shown(raw)} is not a telephone number")
    return number


def destination(raw: object, spot: Spot) -> str | None:
    """A telephone number or a SIP address."""
    if isinstance(raw, str) and len(raw) <= NAME_LENGTH_MAX and _SIP(raw):
        return raw
    number = _number(raw)
    if number is None:
        spot.wrong(f"{shown(raw)} is not a telephone number or a sip: address")
    return number


def sha256(raw: object, spot: Spot) -> str | None:
    digest = hashes.parse_sha256(raw)
    if isinstance(digest, values.Complaint):
        spot.wrong(f"{shown(raw)} {digest.text}")
        return None
    return digest


def network(raw: object, spot: Spot) -> str | None:
    """A CIDR network; a single address is one of its own."""
    try:
        if isinstance(raw, str):
            return str(ip_network(raw, strict=False))
    except ValueError:
        pass
    spot.wrong(f"{shown(raw)} is not an IP address or CIDR network")
    return None


def currency(raw: object, spot: Spot) -> str | None:
    if isinstance(raw, str) and _CURRENCY(raw):
        return raw
    spot.wrong(f"{shown(raw)} is not a currency code of three capital letters")
    return None


def timezone(raw: object, spot: Spot) -> str | None:
    if isinstance(raw, str) and _is_timezone(raw):
        return raw
    spot.wrong(f"{shown(raw)} is not a time zone (as America/New_York)")
    return None


@cache
def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not found, a folder, an absolute path, bytes that are no zone
        return False
    return bool(name)


def day(raw: object, spot: Spot) -> str | None:
    """A date, as text or as TOML's own."""
    value = raw.isoformat() if isinstance(raw, date) and not isinstance(raw, datetime) else raw
    try:
        if isinstance(value, str) and date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    spot.wrong(f"{shown(raw)} is not a date (as 2026-12-25)")
    return None


def holidays_of(raw: object, spot: Spot) -> str | None:
    """A country, or a country and its subdivision, whose holidays are known."""
    country, dash, subdivision = raw.partition("-") if isinstance(raw, str) else ("", "", "")
    subdivisions = _subdivisions().get(country)
    if isinstance(raw, str) and subdivisions is not None and (not dash or subdivision in subdivisions):
        return raw
    spot.wrong(f'{shown(raw)} is not a country or subdivision with known holidays (as "US" or "US-CA")')
    return None


@cache
def _subdivisions() -> dict[str, list[str]]:
    return list_supported_countries(include_aliases=False)


def list_of(check: Callable[[object, Spot], object]) -> Check:
    """A list whose items all pass the check; an item that stands in it twice is a mistake."""

    def checked(raw: object, spot: Spot) -> tuple[object, ...] | None:
        if not isinstance(raw, list):
            spot.wrong(f"{shown(raw)} is not a list")
            return None
        kept: dict[Hashable, None] = {}
        for index, item in enumerate(raw):
            value = check(item, spot.at(index))
            if isinstance(value, Hashable) and value is not None:
                if value in kept:
                    spot.at(index).wrong(f"{shown(item)} is in the list twice")
                kept[value] = None
        return tuple(kept)

    return checked


def known(what: str, names: Iterable[object]) -> Check:
    """The id of something else in the catalog; `what` names its kind."""

    def check(raw: object, spot: Spot) -> object:
        if isinstance(raw, (str, int)) and not isinstance(raw, bool) and raw in names_known:
            return raw
        spot.wrong(f"{shown(raw)} is not {what} of this catalog{did_you_mean(raw, names_known)}")
        return None

    names_known = frozenset(names)
    return check
