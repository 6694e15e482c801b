"""The leads that a buyer has bought, as it reads them. A lead is whole here, for it is the buyer's now. Pure."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from service.ledger.histories import Row
from service.model.lead import Lead
from service.reports.figures import units
from service.reports.sheets import Cell
from service.reports.spans import shown

HEADS = ("sale_id", "sold_at", "endpoint", "contract", "bid")


class _Kept(Struct):
    """The part of a decision's record that is asked for."""

    lead: Lead


_kept = msgspec.json.Decoder(_Kept).decode


def leads_dict(rows: Sequence[Row], zone: ZoneInfo, currency: str) -> dict[str, Any]:
    """The answer, ready for `sheets.encode`. `lead` is null where it is not kept any more, and empty where the person
    was forgotten."""
    told = [dict(zip(HEADS, _about(row, zone), strict=True)) | {"lead": _lead(row)} for row in rows]
    return {"timezone": zone.key, "currency": currency, "leads": told}


def leads_sheet(rows: Sequence[Row], zone: ZoneInfo) -> tuple[list[str], list[list[Cell]]]:
    """Heads and cells: a column for each field that any of the leads has."""
    leads = [_lead(row) or {} for row in rows]
    names = sorted({name for lead in leads for name in lead})
    cells = [
        [*_about(row, zone), *(_cell(lead.get(name)) for name in names)] for row, lead in zip(rows, leads, strict=True)
    ]
    return [*HEADS, *(f"lead.{name}" for name in names)], cells


def _about(row: Row, zone: ZoneInfo) -> list[Cell]:
    sold_at = shown(row["made_at_ms"], zone)
    return [row["sale_id"], sold_at, row["endpoint"], row["contract"], units(row["bid_micros"])]


def _lead(row: Row) -> Lead | None:
    return None if row["record"] is None else _kept(row["record"]).lead


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
