"""A report: rows of figures by what was asked, and their total."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from service.ledger.reader import LedgerReader
from service.ledger.totals import ROWS_MAX, Group, Part, Stretch, Sum, TooManyGroups
from service.model.decline import Decline
from service.reports.asking import Question
from service.reports.figures import Figure, Value, applicable
from service.reports.spans import Cut, label_of, stretches

Key = tuple[str | int, ...]
_REASONS = {int(decline): decline.word for decline in Decline}


class Row(Struct, frozen=True):
    """`key` has a label for each of the report's `by`, `values` one for each of its figures."""

    key: Key
    values: tuple[Value, ...]


class Report(Struct, frozen=True):
    question: Question
    by: tuple[str, ...]
    figures: tuple[Figure, ...]
    rows: list[Row]
    total: Row


class TooWide(Struct, frozen=True):
    """More rows than anybody reads: the sentence that says what to do."""

    sentence: str


def report_on(reader: LedgerReader, question: Question) -> Report | TooWide:
    """Answers a question that its asker may ask. Raises LedgerDown, LedgerUnfit."""
    only = question.only
    filtered = frozenset(name for name in ("buyer_id", "contract") if getattr(only, name) is not None)
    by_buyer = frozenset({"buyer"} if filtered else ())
    figures = applicable(question.audience, frozenset(question.groups), by_buyer)
    tables = frozenset(table for figure in figures for table in figure.tables)
    cuts = stretches(question.span, question.cut, question.zone) if question.by else []
    # The total is not the sum of the rows: a lead that two buyers bought stands in both of theirs, and is one.
    (whole,) = stretches(question.span, None, question.zone)
    try:
        asked = [Part(whole), *(Part(stretch, question.groups) for stretch in cuts)]
        counted_whole, *counted = reader.sums(asked, only, tables)
    except TooManyGroups:
        return TooWide(_too_wide(question))
    rows = _added(question, cuts, counted)
    if len(rows) > ROWS_MAX:
        return TooWide(_too_wide(question))
    total = Row((), _values(figures, _merged(counted_whole)))
    ordered = sorted(rows.items(), key=lambda row: _moment(row[0], question.cut))
    shown = [Row(key, _values(figures, counts)) for key, counts in ordered]
    return Report(question, question.by, figures, shown, total)


def _too_wide(question: Question) -> str:
    return f"by {', '.join(question.by)} makes more than {ROWS_MAX} rows: ask for a shorter time, or for one of them."


def _added(question: Question, cuts: list[Stretch], counted: list[list[Sum]]) -> dict[Key, dict[str, int]]:
    """Counts by key: those of one day in two stretches, and those of several tables, come together."""
    rows: dict[Key, dict[str, int]] = {}
    for stretch, sums in zip(cuts, counted, strict=True):
        for one in sums:
            cut = question.cut
            label = () if cut is None else (label_of(stretch, one.bucket, cut, question.zone),)
            groups = map(_label, question.groups, one.groups)
            _add(rows.setdefault((*label, *groups), {}), one.counts)
    return {key: counts for key, counts in rows.items() if any(counts.values())}


def _moment(key: Key, cut: Cut | None) -> tuple[object, ...]:
    """What a row is ordered by. Of an hour that the clocks have twice, the text would not tell which is the first."""
    return (datetime.fromisoformat(str(key[0])), *key[1:]) if cut == "hour" else key


def _label(group: Group, value: str | int) -> str | int:
    """A decline by its word; one that a newer program wrote, by its number."""
    return _REASONS.get(int(value), str(value)) if group == "reason" else value


def _merged(sums: list[Sum]) -> dict[str, int]:
    merged: dict[str, int] = {}
    for one in sums:
        _add(merged, one.counts)
    return merged


def _add(into: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        into[name] = into.get(name, 0) + count


def _values(figures: tuple[Figure, ...], counts: Mapping[str, int]) -> tuple[Value, ...]:
    return tuple(figure.value(counts) for figure in figures)
