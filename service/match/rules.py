"""What a test of the catalog means. The index is built by asking these functions and `explain` walks them, so that
the fast path and the slow one are the same rules.

A field that is missing fails every test but `exists = false`, `ne` and `not_in`. A value of another kind than the
limit (text against a number, a boolean against a number) is not equal to it and not comparable with it.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import re2

from service.model.catalog import Test, Value, Where

GEO_FIELDS: Final = frozenset({"state", "zip", "area_code"})
LISTED_MAX = 20  # values of a limit that a detail spells out
PATTERNS_MAX = 4096  # compiled patterns kept by a process: more than a catalog of 10,000 contracts has


def passes(test: Test, value: Value | None) -> bool:
    """Whether a value (None: the field is missing) passes a test."""
    limit = test.limit
    match test.op:
        case "exists":
            return (value is not None) is bool(limit)
        case "not_in":
            return value is None or not _listed(value, limit)
        case "ne":
            return value is None or not _same(value, limit)
    return value is not None and _present_passes(test, value)


def _present_passes(test: Test, value: Value) -> bool:
    limit = test.limit
    match test.op:
        case "in":
            return _listed(value, limit)
        case "eq":
            return _same(value, limit)
        case "min":
            return comparable(value, limit) and value >= limit  # type: ignore[operator]
        case "max":
            return comparable(value, limit) and value <= limit  # type: ignore[operator]
        case "prefix":
            return isinstance(value, str) and value.startswith(limit)  # type: ignore[arg-type]
        case "matches":
            return isinstance(value, str) and matches(str(limit), value)
    raise AssertionError(test.op)


def holds(test: Test, values: Mapping[str, Value]) -> bool:
    """Whether a test holds on a lead's values."""
    return passes(test, values.get(test.field))


def where_holds(where: Where, values: Mapping[str, Value]) -> bool:
    """Whether all tests hold, and all tests of at least one table of `any`."""
    return all(holds(test, values) for test in where.tests) and any_holds(where, values)


def any_holds(where: Where, values: Mapping[str, Value]) -> bool:
    """Whether at least one table of `any` holds; true where there is none."""
    return not where.any or any(all(holds(test, values) for test in table) for table in where.any)


def is_geo(tests: Iterable[Test]) -> bool:
    """Whether tests look at nothing but where the lead lives."""
    return all(test.field in GEO_FIELDS for test in tests)


def any_is_geo(where: Where) -> bool:
    """Whether a failing `any` is a matter of geography: all its tables are; a mixed one is a filter."""
    return all(is_geo(table) for table in where.any)


def detail_of(test: Test, values: Mapping[str, Value]) -> dict[str, object]:
    """A failed test as an answer shows it; sets and prefixes become sorted lists, cut at `LISTED_MAX`."""
    limit: object = test.limit
    if isinstance(limit, frozenset | tuple):
        limit = sorted(limit, key=lambda value: (type(value).__name__, value))[:LISTED_MAX]
    return {"field": test.field, "op": test.op, "limit": limit, "value": values.get(test.field)}


def comparable(value: object, limit: object) -> bool:
    """Whether two values have an order: both text (dates too, which compare as text) or both numbers."""
    if isinstance(value, str):
        return isinstance(limit, str)
    return not isinstance(value, bool) and isinstance(limit, int | float) and not isinstance(limit, bool)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches an RE2 pattern."""
    try:
        return _compiled(pattern).fullmatch(text) is not None
    except UnicodeEncodeError:  # half of a surrogate pair: no text that RE2 could read, so nothing it matches
        return False


@lru_cache(maxsize=PATTERNS_MAX)
def _compiled(pattern: str) -> "re2._Regexp[str]":
    return re2.compile(pattern)


def _same(value: object, limit: object) -> bool:
    # True == 1 in Python; in a lead they are different things, while 5 and 5.0 are the same.
    return value == limit and isinstance(value, bool) == isinstance(limit, bool)


def _listed(value: object, limit: object) -> bool:
    assert isinstance(limit, frozenset)
    if value not in limit:
        return False
    return isinstance(value, str) or any(_same(value, listed) for listed in limit)
