"""Reports and statements written down: as JSON, as CSV for a spreadsheet, as rows of a table. Pure.

A cell of text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage return) gets an
apostrophe before it. Numbers are numbers: -5.00 stays as it is. Which cells are numbers is known by their type, never
by their look: an id "-5" is text and is neutralised.
"""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from service.reports.figures import units
from service.reports.report import Report, Row
from service.reports.spans import shown
from service.reports.statement import Statement

Cell = str | int | Decimal | None
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")

encode = msgspec.json.Encoder(decimal_format="number").encode
"""JSON in which money is a number of exact digits: no float is made of it."""


def report_dict(report: Report, currency: str) -> dict[str, Any]:
    """The answer to a report, ready for `encode`."""
    question, only = report.question, report.question.only
    filters = {
        "endpoint": only.endpoint,
        "source": only.source_id,
        "buyer": only.buyer_id,
        "contract": only.contract,
    }
    return {
        "from": shown(question.span.from_ms, question.zone),
        "to": shown(question.span.to_ms, question.zone),
        "timezone": question.zone.key,
        "currency": currency,
        "by": report.by,
        "filters": {name: value for name, value in filters.items() if value is not None},
        "rows": [dict(zip(report.by, row.key, strict=True)) | _named(report, row) for row in report.rows],
        "total": _named(report, report.total),
    }


def report_heads(report: Report) -> list[str]:
    return [*report.by, *(figure.name for figure in report.figures)]


def report_cells(report: Report) -> list[list[Cell]]:
    """Its rows without the total, for a spreadsheet adds up by itself; the total alone where it has no groups."""
    return [[*row.key, *row.values] for row in (report.rows if report.by else [report.total])]


def statement_dict(statement: Statement, currency: str) -> dict[str, Any]:
    return {
        "buyer_id": statement.buyer_id,
        "month": statement.month,
        "from": shown(statement.span.from_ms, statement.zone),
        "to": shown(statement.span.to_ms, statement.zone),
        "timezone": statement.zone.key,
        "currency": currency,
        "opening": units(statement.opening_micros),
        "lines": [
            {"what": line.what, "about": line.about, "count": line.count, "amount": line.amount}
            for line in statement.lines
        ],
        "closing": units(statement.closing_micros),
    }


STATEMENT_HEADS = ("what", "about", "count", "amount")


def statement_cells(statement: Statement) -> list[list[Cell]]:
    """Opening and closing balance first and last."""
    cells: list[list[Cell]] = [["opening balance", "", None, units(statement.opening_micros)]]
    cells += [[line.what, line.about, line.count, line.amount] for line in statement.lines]
    return [*cells, ["closing balance", "", None, units(statement.closing_micros)]]


def csv_of(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """RFC 4180, one line of heads. Nothing in it is a formula."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([_written(cell) for cell in row] for row in rows)
    return written.getvalue()


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(FORMULA_BEGINS) else cell
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def _named(report: Report, row: Row) -> dict[str, Cell]:
    return {figure.name: value for figure, value in zip(report.figures, row.values, strict=True)}
