"""How a table of the catalog is read: by the keys it may have."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from service.catalog.checks import Check, did_you_mean
from service.catalog.mistake import Spot, shown


class Key(NamedTuple):
    """A key a table may have. `into` is the name its value is kept under, where that is another."""

    check: Check
    into: str = ""
    required: bool = False


Keys = Mapping[str, Key]
Kept = dict[str, Any]
Table = dict[str, object]


def read_table(raw: object, spot: Spot, keys: Keys) -> Kept:
    """The right values of a table; everything else is told to the spot: unknown keys, wrong values, missing keys."""
    if not isinstance(raw, dict):
        spot.wrong(f"{shown(raw)} is not a table")
        return {}
    kept: Kept = {}
    for name, value in raw.items():
        key = keys.get(name)
        if key is None:
            spot.at(name).wrong(f"is not a known key{did_you_mean(name, keys)}")
            continue
        checked = key.check(value, spot.at(name))
        if checked is not None:
            kept[key.into or name] = checked
    for name, key in keys.items():
        if key.required and name not in raw:
            spot.at(name).wrong("is missing")
    return kept


def is_whole(kept: Kept, keys: Keys) -> bool:
    """Whether all required keys were there and right, so that the thing can be made."""
    return all((key.into or name) in kept for name, key in keys.items() if key.required)


def as_is(raw: object, spot: Spot) -> object:
    """For a key whose value is read later, by whoever knows what it refers to."""
    return raw


def tables_in(raw: object, spot: Spot) -> Iterator[tuple[Table, Spot]]:
    """The tables of a list of tables, each with its spot."""
    if not isinstance(raw, list):
        spot.wrong(f"{shown(raw)} is not a list of tables")
        return
    for index, item in enumerate(raw):
        if isinstance(item, dict):
            yield item, spot.at(index)
        else:
            spot.at(index).wrong(f"{shown(item)} is not a table")


class Unique:
    """Ids of one kind, each of which may stand once in the whole catalog."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._places: dict[object, Spot] = {}

    def place_of(self, value: object) -> Spot | None:
        """Where the value was claimed first."""
        return self._places.get(value)

    def claim(self, value: object, spot: Spot) -> bool:
        """False, and a mistake, where the value has been claimed before."""
        first = self._places.setdefault(value, spot)
        if first is spot:
            return True
        spot.wrong(f"{shown(value)} is already {self._what} of {first.file}: {first.path}")
        return False
