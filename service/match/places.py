"""Which state a zip or an area code lies in, read from the `zipcodes` package.

The package hands out 42,000 dicts; they are boiled down once to a table of one byte per possible zip.
"""

from collections import Counter, defaultdict
from functools import cache

import zipcodes
from msgspec import Struct
from phonenumbers import PhoneNumber, region_code_for_number

ZIPS = 100_000
_NOWHERE = 0


class _Places(Struct, frozen=True):
    states: tuple[str | None, ...]
    by_zip: bytes
    """The place in `states` of every zip from 00000 to 99999."""
    by_area_code: dict[str, str]


def warm() -> None:
    """Build the tables now (about a second of CPU) and not under the first lead."""
    _places()


def state_of_zip(zip_code: str) -> str | None:
    """The two-letter state of a five-digit zip; None for an unknown one."""
    if len(zip_code) != 5 or not (zip_code.isascii() and zip_code.isdigit()):
        return None
    places = _places()
    return places.states[places.by_zip[int(zip_code)]]


def state_of_area_code(area_code: str) -> str | None:
    """The state in which most zips of an area code lie; None for toll-free, Canadian and unknown codes."""
    return _places().by_area_code.get(area_code)


@cache
def _places() -> _Places:
    # filter_by and not list_all: the latter keeps all its dicts for the life of the process.
    rows = zipcodes.filter_by(country="US")  # type: ignore[no-untyped-call]
    states: list[str | None] = [None, *sorted({row["state"] for row in rows})]
    numbers = {state: number for number, state in enumerate(states)}
    by_zip = bytearray([_NOWHERE]) * ZIPS
    votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        by_zip[int(row["zip_code"])] = numbers[row["state"]]
        for area_code in row["area_codes"]:
            votes[area_code][row["state"]] += 1
    by_area_code = {code: _winner(counted) for code, counted in votes.items() if not _is_foreign(code)}
    return _Places(states=tuple(states), by_zip=bytes(by_zip), by_area_code=by_area_code)


def _winner(counted: Counter[str]) -> str:
    return min(counted, key=lambda state: (-counted[state], state))


def _is_foreign(area_code: str) -> bool:
    # Zips at the border list Canadian codes beside their own: 819 is Quebec, whatever Vermont's zips say.
    number = PhoneNumber(country_code=1, national_number=int(area_code + "2345678"))
    return region_code_for_number(number) == "CA"
