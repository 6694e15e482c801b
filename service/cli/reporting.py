"""`pingpost report` and `statement`: what the ledger counts, as tables, JSON or CSV."""

import argparse
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from service.cli.current import served_catalog, settings_of
from service.cli.tables import table
from service.errors import PingpostError
from service.ledger import url_of
from service.ledger.reader import LedgerReader
from service.model.catalog import Catalog
from service.reports import sheets
from service.reports.asking import PARAMETERS, Question, read
from service.reports.figures import Figure, Value
from service.reports.report import Report, Row, TooWide, report_on
from service.reports.spans import month_span, shown
from service.reports.statement import Statement, statement_of

WRONG_USAGE = 2
PERCENT = Decimal(100)


class NoStatement(PingpostError):
    """The question is wrong: no such buyer, no month."""


def report(given: argparse.Namespace) -> int:
    told = settings_of(given)
    catalog = served_catalog(told)
    zone = ZoneInfo(catalog.account.timezone)
    params = {name: str(text) for name in PARAMETERS if (text := getattr(given, name)) is not None}
    question = read(params, time.time_ns() // 1_000_000, zone)
    if isinstance(question, dict):
        return _wrong([sentence for sentences in question.values() for sentence in sentences])
    reader = LedgerReader(url_of(told.ledger_url, told.var))
    made = report_on(reader, question)
    reader.close()
    if isinstance(made, TooWide):
        return _wrong([made.sentence])
    if given.json:
        print(sheets.encode(sheets.report_dict(made, catalog.account.currency)).decode())
    elif given.csv:
        print(sheets.csv_of(sheets.report_heads(made), sheets.report_cells(made)), end="")
    else:
        print(_caption(question, catalog))
        print(_table(made, catalog) if made.by else _list(made))
    return 0


def statement(given: argparse.Namespace) -> int:
    told = settings_of(given)
    catalog = served_catalog(told)
    zone = ZoneInfo(catalog.account.timezone)
    span = month_span(given.month, zone)
    if span is None:
        raise NoStatement(f"{given.month!r} is not a month; write 2026-11.")
    if not (given.buyer.isascii() and given.buyer.isdigit() and len(given.buyer) <= 16):
        raise NoStatement(f"{given.buyer!r} is not the id of a buyer, a whole number.")
    reader = LedgerReader(url_of(told.ledger_url, told.var))
    made = statement_of(reader, int(given.buyer), given.month, span, zone)
    reader.close()
    buyer = catalog.buyers.get(made.buyer_id)
    if buyer is None and not made.lines and made.closing_micros == 0:
        raise NoStatement(f"There is no buyer {made.buyer_id}.")
    if given.json:
        print(sheets.encode(sheets.statement_dict(made, catalog.account.currency)).decode())
    elif given.csv:
        print(sheets.csv_of(sheets.STATEMENT_HEADS, sheets.statement_cells(made)), end="")
    else:
        print(f"{buyer.name if buyer else 'Buyer'} (buyer {made.buyer_id}), {made.month}: {_span(made)}")
        print(table(("", "contract or reason", "count", catalog.account.currency), sheets.statement_cells(made)))
    return 0


def _span(made: Statement) -> str:
    return f"{shown(made.span.from_ms, made.zone)} to {shown(made.span.to_ms, made.zone)} ({made.zone.key})"


def _caption(question: Question, catalog: Catalog) -> str:
    span, zone = question.span, question.zone
    return f"{shown(span.from_ms, zone)} to {shown(span.to_ms, zone)} ({zone.key}), {catalog.account.currency}"


def _list(made: Report) -> str:
    """A report of one row: a line for each figure, and what it means."""
    rows = [
        (figure.name, _told(figure, value), figure.meaning)
        for figure, value in zip(made.figures, made.total.values, strict=True)
    ]
    return table(("figure", "value", "is"), rows)


def _table(made: Report, catalog: Catalog) -> str:
    """Without the figures that are nothing in every row; CSV and JSON have them all."""
    every = [*made.rows, made.total]
    shown_at = [at for at in range(len(made.figures)) if any(row.values[at] for row in every)]
    heads = [*made.by, *(made.figures[at].name for at in shown_at)]
    rows = [[*_keys(made, row, catalog), *_cells(made, row, shown_at)] for row in made.rows]
    total = ["total", *([""] * (len(made.by) - 1)), *_cells(made, made.total, shown_at)]
    return table(heads, [*rows, total])


def _keys(made: Report, row: Row, catalog: Catalog) -> list[str]:
    named = []
    for by, label in zip(made.by, row.key, strict=True):
        buyer = catalog.buyers.get(label) if by == "buyer" and isinstance(label, int) else None
        named.append(f"{label} {buyer.name}" if buyer else str(label) or "(none)")
    return named


def _cells(made: Report, row: Row, shown_at: Sequence[int]) -> list[str]:
    return [_told(made.figures[at], row.values[at]) for at in shown_at]


def _told(figure: Figure, value: Value) -> str:
    if value is None:
        return ""
    if figure.kind == "rate":
        return f"{value * PERCENT:.2f}%"
    return f"{value:.2f}" if figure.kind == "money" else str(value)


def _wrong(sentences: Sequence[str]) -> int:
    for sentence in sentences:
        print(f"pingpost: {sentence}", file=sys.stderr)
    return WRONG_USAGE
