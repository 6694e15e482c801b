"""The conditions of an offer's lines, field by field: who is left after a lead's values were looked up."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from service.match.masks import mask_of
from service.match.ranges import Entry
from service.match.tables import FieldTable, field_table
from service.model.catalog import Test, Value

Demand = tuple[int, tuple[Test, ...]]
"""A line and tests that must all hold for it, on any fields."""


class AllOf(Struct):
    """Tests that must all hold, one table per field."""

    tables: tuple[tuple[str, FieldTable], ...]

    def left(self, values: Mapping[str, Value], alive: int) -> int:
        """The lines of `alive` whose tests all hold."""
        for name, table in self.tables:
            value = values.get(name)
            if value is None:
                alive &= table.missing
                continue
            alive &= table.mask(value)
            if table.patterns and alive:
                alive = table.matched(value, alive)
        return alive


class AnyOf(Struct):
    """Alternatives: lane n holds the n-th table of every line that has one."""

    free: int
    """Lines that have no alternatives, and so nothing to fail."""
    lanes: tuple[tuple[int, AllOf], ...]

    def left(self, values: Mapping[str, Value], alive: int) -> int:
        """The lines of `alive` at least one of whose tables holds."""
        free = alive & self.free
        if free == alive:
            return alive
        hit = free
        for lines, tests in self.lanes:
            if alive & lines:
                hit |= tests.left(values, alive & lines)
        return hit


def all_of(demands: Iterable[Demand], *, everyone: int, width: int) -> AllOf:
    by_field: defaultdict[str, list[Entry]] = defaultdict(list)
    for line, tests in demands:
        own: defaultdict[str, list[Test]] = defaultdict(list)
        for test in tests:
            own[test.field].append(test)
        for name, wanted in own.items():
            by_field[name].append((line, tuple(wanted)))
    return AllOf(
        tables=tuple((name, field_table(entries, everyone=everyone, width=width)) for name, entries in by_field.items())
    )


def any_of(alternatives: Sequence[tuple[int, tuple[tuple[Test, ...], ...]]], *, everyone: int, width: int) -> AnyOf:
    """Of lines and their tables. A line stands in it once; without tables it is free."""
    lanes: list[list[Demand]] = []
    for line, tables in alternatives:
        for number, tests in enumerate(tables):
            if number == len(lanes):
                lanes.append([])
            lanes[number].append((line, tests))
    bound = mask_of((line for line, tables in alternatives if tables), width)
    return AnyOf(
        free=everyone ^ bound,
        lanes=tuple(
            (mask_of((line for line, _ in lane), width), all_of(lane, everyone=everyone, width=width)) for lane in lanes
        ),
    )
