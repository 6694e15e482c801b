"""Which lines' minimum and maximum a value keeps: one mask per stretch between two limits."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from service.match.masks import mask_of, parity_of
from service.match.rules import comparable
from service.model.catalog import Test, Value

# A mask is kept for every so many stretches, the ones between are worked out from it: ten thousand limits of
# ten thousand lines would be 30 MB of masks.
CHECKPOINT_EVERY = 32

Entry = tuple[int, tuple[Test, ...]]


class Ranges(Struct):
    """Limits of one kind (numbers or texts), cutting its values into stretches: an even stretch lies before a limit,
    the odd one after it is the limit itself."""

    width: int
    limits: list[Value]
    turns: list[list[int]]
    """By stretch: lines that begin or cease to hold there."""
    checkpoints: list[int]
    """The mask of every `CHECKPOINT_EVERY`th stretch."""
    unranged: int
    """Lines without any range on the field."""

    def mask(self, value: Value) -> int:
        """Lines that the value does not rule out; lines without a range on the field are among them."""
        if value != value:  # not a number has no place in an order
            return self.unranged
        at = bisect_left(self.limits, value)
        stretch = 2 * at + (at < len(self.limits) and self.limits[at] == value)
        checkpoint = stretch // CHECKPOINT_EVERY
        mask = self.checkpoints[checkpoint]
        turned = [line for turns in self.turns[checkpoint * CHECKPOINT_EVERY + 1 : stretch + 1] for line in turns]
        return mask ^ parity_of(turned, self.width) if turned else mask


def ranges_of(entries: Sequence[Entry], *, kind: Value, everyone: int, width: int) -> Ranges:
    """The ranges for values comparable with `kind`. Lines whose limits are of another kind never hold."""
    ranged = [(line, own) for line, tests in entries if (own := [t for t in tests if t.op in ("min", "max")])]
    fitting = [(line, own) for line, own in ranged if all(comparable(kind, test.limit) for test in own)]
    limits = sorted({test.limit for _, own in fitting for test in own})
    places = {limit: place for place, limit in enumerate(limits)}
    turns: list[list[int]] = [[] for _ in range(2 * len(limits) + 1)]
    for line, own in fitting:
        begins, ceases = _stretch_of(own, places)
        if begins < ceases:
            turns[begins].append(line)
            if ceases < len(turns):
                turns[ceases].append(line)
    unranged = everyone ^ mask_of((line for line, _ in ranged), width)
    return Ranges(
        width=width,
        limits=limits,  # type: ignore[arg-type]
        turns=turns,
        checkpoints=_checkpoints(turns, start=unranged, width=width),
        unranged=unranged,
    )


def _stretch_of(own: list[Test], places: Mapping[Any, int]) -> tuple[int, int]:
    """The first stretch at which all of a line's limits hold, and the first after it at which they do not."""
    begins = max((2 * places[test.limit] + 1 for test in own if test.op == "min"), default=0)
    ceases = min((2 * places[test.limit] + 2 for test in own if test.op == "max"), default=2 * len(places) + 1)
    return begins, ceases


def _checkpoints(turns: list[list[int]], *, start: int, width: int) -> list[int]:
    checkpoints = []
    for first in range(0, len(turns), CHECKPOINT_EVERY):
        after_last = max(first - CHECKPOINT_EVERY + 1, 0)
        start ^= parity_of((line for stretch in turns[after_last : first + 1] for line in stretch), width)
        checkpoints.append(start)
    return checkpoints
