"""Mistakes in a catalog, and the place each belongs to."""

import json
import re
from datetime import date, time

from msgspec import Struct

SHOWN_LENGTH_MAX = 60

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+").fullmatch


class Mistake(Struct, frozen=True):
    """One thing that is wrong: the file's name, the path of the value in it ("" for the file itself), what is wrong."""

    file: str
    path: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.path, self.text) if part)


class Spot:
    """A place in a file of the catalog. Mistakes are told to it; its path is only written out when there is one."""

    __slots__ = ("_mistakes", "_parent", "_step", "file")

    def __init__(self, file: str, mistakes: list[Mistake]) -> None:
        self.file = file
        self._mistakes = mistakes
        self._parent: Spot | None = None
        self._step: str | int = ""

    def at(self, step: str | int) -> "Spot":
        """The place of a key, or of an item by its index, inside this one."""
        spot = Spot(self.file, self._mistakes)
        spot._parent = self
        spot._step = step
        return spot

    def wrong(self, text: str) -> None:
        self._mistakes.append(Mistake(self.file, self.path, text))

    @property
    def path(self) -> str:
        if self._parent is None:
            return ""
        before = self._parent.path
        if isinstance(self._step, int):
            return f"{before}[{self._step}]"
        step = self._step if _BARE_KEY(self._step) else json.dumps(self._step)
        return f"{before}.{step}" if before else step


def shown(value: object) -> str:
    """A wrong value as it is told to the operator: as in TOML, and never long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, int) and value.bit_length() > 64:
        # Python refuses to write out very large integers at all.
        return "a number beyond 64 bits"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_LENGTH_MAX else text[: SHOWN_LENGTH_MAX - 1] + "…"
