"""Which lines' tests on one field a value passes, answered by looking it up."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from msgspec import Struct, field

from service.match.masks import mask_of
from service.match.ranges import Entry, Ranges, ranges_of
from service.match.rules import matches, passes
from service.model.catalog import Test, Value

MEMO_BYTES_MAX = 1 << 20  # per field and worker: room for every state, age or usual zip, however long the masks are
MEMO_ENTRIES_MAX = 4096
LARGE = 16  # lines; setting so many bits one by one takes longer than anything else in a lookup
DISCRETE_OPS = frozenset({"in", "not_in", "eq", "ne", "exists"})
RANGE_OPS = frozenset({"min", "max"})


class Sets(Struct):
    """A set of lines by value: as a mask where it is large, as a list of lines where a mask would be mostly zeros."""

    width: int
    large: dict[Value, int]
    small: dict[Value, tuple[int, ...]]

    def mask(self, value: Value) -> int:
        """The lines of a value; none where it has no set."""
        mask = self.large.get(value)
        if mask is not None:
            return mask
        lines = self.small.get(value)
        return mask_of(lines, self.width) if lines else 0


def sets_of(lines: Mapping[Value, Sequence[int]], *, width: int) -> Sets:
    return Sets(
        width=width,
        large={value: mask_of(own, width) for value, own in lines.items() if len(own) >= LARGE},
        small={value: tuple(own) for value, own in lines.items() if len(own) < LARGE},
    )


class Mentions(Struct):
    """Lines that pass or fail on a value that one of them names. Kept as differences from the lines that hold on a
    value nobody names: lists of ten thousand zips as masks would be tens of megabytes."""

    others: int
    """Lines that pass on a value nobody names."""
    differing: "Sets"

    def mask(self, value: Value) -> int:
        return self.others ^ self.differing.mask(value)


class Prefixes(Struct):
    """Lines by the beginnings they want."""

    free: int
    """Lines without a prefix test in this layer."""
    lengths: tuple[int, ...]
    beginnings: "Sets"

    def mask(self, value: Value) -> int:
        mask = self.free
        if isinstance(value, str):
            for length in self.lengths:
                if length <= len(value):
                    mask |= self.beginnings.mask(value[:length])
        return mask


class FieldTable(Struct):
    """All tests of an offer's lines on one field, in one place of their conditions."""

    width: int
    missing: int
    """Lines whose tests hold where the field is not there."""
    plain: Mentions
    """For texts and numbers, among which 5 and 5.0 are one."""
    truths: Mentions
    """For booleans: True must not find what stands under 1."""
    numbers: Ranges | None
    texts: Ranges | None
    unranged: int
    prefixes: tuple[Prefixes, ...]
    patterns: tuple[tuple[str, int], ...]
    """Each distinct pattern and the lines that want it: not part of `mask`, for it costs more than all the rest."""
    memo: dict[Value, int] = field(default_factory=dict)
    truths_memo: dict[Value, int] = field(default_factory=dict)

    def mask(self, value: Value) -> int:
        """Lines whose tests, patterns apart, hold on a value."""
        memo = self.truths_memo if value is True or value is False else self.memo
        known = memo.get(value)
        if known is not None:
            return known
        mask = self._worked_out(value)
        if len(memo) >= min(MEMO_ENTRIES_MAX, MEMO_BYTES_MAX * 8 // self.width + 64):
            memo.clear()
        memo[value] = mask
        return mask

    def matched(self, value: Value, alive: int) -> int:
        """What is left of `alive` after the patterns; a pattern nobody alive wants is not looked at."""
        for pattern, lines in self.patterns:
            if alive & lines and not (isinstance(value, str) and matches(pattern, value)):
                alive &= ~lines
        return alive

    def _worked_out(self, value: Value) -> int:
        truth = isinstance(value, bool)
        mask = (self.truths if truth else self.plain).mask(value)
        if self.numbers is not None and self.texts is not None:
            ranges = self.texts if isinstance(value, str) else self.numbers
            mask &= self.unranged if truth else ranges.mask(value)
        for prefixes in self.prefixes:
            mask &= prefixes.mask(value)
        return mask


def field_table(entries: Sequence[Entry], *, everyone: int, width: int) -> FieldTable:
    """The table of one field. An entry is a line and its tests on the field; lines without one always hold."""
    failing = [line for line, tests in entries if not all(passes(test, None) for test in tests)]
    ranged = any(test.op in RANGE_OPS for _, tests in entries for test in tests)
    numbers = ranges_of(entries, kind=0, everyone=everyone, width=width) if ranged else None
    texts = ranges_of(entries, kind="", everyone=everyone, width=width) if ranged else None
    return FieldTable(
        width=width,
        missing=everyone ^ mask_of(failing, width),
        plain=_mentions(entries, truths=False, everyone=everyone, width=width),
        truths=_mentions(entries, truths=True, everyone=everyone, width=width),
        numbers=numbers,
        texts=texts,
        unranged=numbers.unranged if numbers else everyone,
        prefixes=_prefix_layers(entries, everyone=everyone, width=width),
        patterns=_patterns(entries, width=width),
    )


# A value that equals no limit: what passes on it passes on every value that nobody names.
_UNNAMED = cast(Value, object())


def _mentions(entries: Sequence[Entry], *, truths: bool, everyone: int, width: int) -> Mentions:
    failing = []
    differing: defaultdict[Value, list[int]] = defaultdict(list)
    for line, tests in entries:
        own = tests if all(t.op in DISCRETE_OPS for t in tests) else [t for t in tests if t.op in DISCRETE_OPS]
        others = all(passes(test, _UNNAMED) for test in own)
        if not others:
            failing.append(line)
        for value in _named(own):
            if isinstance(value, bool) is truths and all(passes(test, value) for test in own) is not others:
                differing[value].append(line)
    return Mentions(
        others=everyone ^ mask_of(failing, width),
        differing=sets_of(differing, width=width),
    )


def _named(tests: Iterable[Test]) -> list[Value]:
    # Keyed by kind as well, else a set would take True and 1 for one value.
    named: dict[tuple[bool, Value], Value] = {}
    for test in tests:
        if test.op == "exists":
            continue
        limits = test.limit if isinstance(test.limit, frozenset | tuple) else (test.limit,)
        named.update(((isinstance(limit, bool), limit), limit) for limit in limits)
    return list(named.values())


def _prefix_layers(entries: Sequence[Entry], *, everyone: int, width: int) -> tuple[Prefixes, ...]:
    """The n-th layer holds the n-th prefix test of each line: a rule's stands beside its contract's, both must hold."""
    layers: list[list[tuple[int, tuple[str, ...]]]] = []
    for line, tests in entries:
        wanted = [cast(tuple[str, ...], test.limit) for test in tests if test.op == "prefix"]
        for layer, prefixes in enumerate(wanted):
            if layer == len(layers):
                layers.append([])
            layers[layer].append((line, prefixes))
    return tuple(_prefix_layer(layer, everyone=everyone, width=width) for layer in layers)


def _prefix_layer(layer: list[tuple[int, tuple[str, ...]]], *, everyone: int, width: int) -> Prefixes:
    wanting: defaultdict[Value, list[int]] = defaultdict(list)
    for line, prefixes in layer:
        for prefix in prefixes:
            wanting[prefix].append(line)
    return Prefixes(
        free=everyone ^ mask_of((line for line, _ in layer), width),
        lengths=tuple(sorted({len(prefix) for _, prefixes in layer for prefix in prefixes})),
        beginnings=sets_of(wanting, width=width),
    )


def _patterns(entries: Sequence[Entry], *, width: int) -> tuple[tuple[str, int], ...]:
    wanting: defaultdict[str, list[int]] = defaultdict(list)
    for line, tests in entries:
        for test in tests:
            if test.op == "matches":
                wanting[str(test.limit)].append(line)
    return tuple((pattern, mask_of(lines, width)) for pattern, lines in wanting.items())
