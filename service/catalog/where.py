"""The filters of contracts and bid rules: field → condition, with values normalised by the field's type."""

from collections.abc import Callable

import re2

from service.catalog.checks import did_you_mean, flag
from service.catalog.documents import Documents
from service.catalog.mistake import Spot, shown
from service.catalog.offers import ORDERED_TYPES, Vocabulary, Word
from service.catalog.table import tables_in
from service.model.catalog import Test, Value, Where
from service.model.values import Complaint

PATTERN_LENGTH_MAX = 1000
ALTERNATIVES_MAX = 100

_NOT_TEXT = frozenset({"integer", "decimal", "boolean"})

Limit = Value | frozenset[Value] | tuple[str, ...]


def read_where(raw: object, spot: Spot, words: Vocabulary, files: Documents) -> Where:
    """The filter, as far as it is right."""
    if not isinstance(raw, dict):
        spot.wrong(f"{shown(raw)} is not a table of conditions")
        return Where()
    reader = _Reader(words, files)
    tests = reader.tests({field: condition for field, condition in raw.items() if field != "any"}, spot)
    if "any" not in raw:
        return Where(tests)
    place = spot.at("any")
    alternatives = list(tables_in(raw["any"], place))
    if not alternatives or len(alternatives) > ALTERNATIVES_MAX:
        place.wrong(f"is not a list of 1 to {ALTERNATIVES_MAX} tables of conditions")
    for table, at in alternatives:
        if not table:
            at.wrong("holds no condition: it would always hold")
    return Where(tests, tuple(reader.tests(table, at) for table, at in alternatives))


class _Reader:
    """Reads conditions in the words of one offer."""

    def __init__(self, words: Vocabulary, files: Documents) -> None:
        self._words = words.words
        self._files = files

    def tests(self, table: dict[str, object], spot: Spot) -> tuple[Test, ...]:
        tests: list[Test] = []
        for field, condition in table.items():
            word = self._words.get(field)
            if word is None:
                spot.at(field).wrong(f"is not a field of the offer{did_you_mean(field, self._words)}")
            elif word.type is not None:
                tests.extend(self._condition(field, condition, spot.at(field)))
        return tuple(tests)

    def _condition(self, field: str, condition: object, spot: Spot) -> list[Test]:
        word = self._words[field]
        if isinstance(condition, list):
            values = _values(condition, word, spot)
            return [Test(field, "in", values)] if values else []
        if not isinstance(condition, dict) or not condition:
            spot.wrong(f"{shown(condition)} is not a list of values or a table of operators")
            return []
        tests = []
        for operator, raw in condition.items():
            place = spot.at(operator)
            if operator == "file":
                listed = self._files.values(raw, word.parser, place)
                if listed:
                    tests.append(Test(field, "in", listed))
                continue
            read = OPERATORS.get(operator)
            if read is None:
                place.wrong(f"is not an operator{did_you_mean(operator, [*OPERATORS, 'file'])}")
                continue
            limit = read(raw, word, place)
            if limit is not None:
                tests.append(Test(field, operator, limit))
        _check_range(tests, spot)
        return tests


def _check_range(tests: list[Test], spot: Spot) -> None:
    limits = {test.op: test.limit for test in tests}
    low, high = limits.get("min"), limits.get("max")
    # Both are of the field's own type.
    if low is not None and high is not None and low > high:  # type: ignore[operator]
        spot.at("min").wrong(f"{shown(low)} is above max {shown(high)}")


def _value(raw: object, word: Word, spot: Spot) -> Value | None:
    value = word.parser(raw)
    if isinstance(value, Complaint):
        spot.wrong(f"{shown(raw)} {value.text}")
        return None
    return value


def _values(raw: object, word: Word, spot: Spot) -> frozenset[Value] | None:
    if not isinstance(raw, list) or not raw:
        spot.wrong(f"{shown(raw)} is not a list of values" if not isinstance(raw, list) else "is an empty list")
        return None
    values = (_value(item, word, spot.at(index)) for index, item in enumerate(raw))
    return frozenset(value for value in values if value is not None) or None


def _ordered(raw: object, word: Word, spot: Spot) -> Value | None:
    if word.type not in ORDERED_TYPES:
        spot.wrong(f"is for fields of type {', '.join(sorted(ORDERED_TYPES))}, not {word.type}")
        return None
    return _value(raw, word, spot)


def _prefixes(raw: object, word: Word, spot: Spot) -> tuple[str, ...] | None:
    if word.type in _NOT_TEXT:
        spot.wrong(f"is not for fields of type {word.type}")
        return None
    prefixes = raw if isinstance(raw, list) else [raw]
    if not prefixes:
        spot.wrong("is an empty list")
    kept = []
    for index, prefix in enumerate(prefixes):
        place = spot.at(index) if isinstance(raw, list) else spot
        if not isinstance(prefix, str) or not prefix:
            place.wrong(f"{shown(prefix)} is not the beginning of a text")
        elif word.type == "phone" and not prefix.startswith("+"):
            place.wrong(f"{shown(prefix)} is not the beginning of a number in E.164 (as +1212)")
        else:
            kept.append(prefix)
    return tuple(kept) or None


def _pattern(raw: object, word: Word, spot: Spot) -> str | None:
    if word.type in _NOT_TEXT:
        spot.wrong(f"is not for fields of type {word.type}")
        return None
    if not isinstance(raw, str) or not 0 < len(raw) <= PATTERN_LENGTH_MAX:
        spot.wrong(f"{shown(raw)} is not a pattern of 1 to {PATTERN_LENGTH_MAX} characters")
        return None
    try:
        re2.compile(raw, _QUIET)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args else error
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
        spot.wrong(f"{shown(raw)} is not an RE2 pattern: {reason}")
        return None
    return raw


def _exists(raw: object, word: Word, spot: Spot) -> bool | None:
    return flag(raw, spot)


_QUIET = re2.Options()
_QUIET.log_errors = False  # the mistake is told to the operator, not to stderr as well

OPERATORS: dict[str, Callable[[object, Word, Spot], Limit | None]] = {
    "in": _values,
    "not_in": _values,
    "eq": _value,
    "ne": _value,
    "min": _ordered,
    "max": _ordered,
    "prefix": _prefixes,
    "matches": _pattern,
    "exists": _exists,
}
