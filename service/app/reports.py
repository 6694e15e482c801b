"""The paths of reports: for operators, for buyers on their own contracts, for sources on their own traffic."""

import re
import time
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from service.app.guards import is_on_ops_port
from service.app.replies import Reply, refuse
from service.app.serving import SERVING, Serving
from service.reports import sheets
from service.reports.asking import OPERATOR, Viewer, narrowed, read
from service.reports.leads import leads_dict, leads_sheet
from service.reports.report import Report, TooWide, report_on
from service.reports.spans import month_span
from service.reports.statement import Statement, statement_of
from service.served.doors import same_token
from service.served.snapshot import Snapshot
from service.wire import Complaints, Refusal, bearer

FORMATS = {"json": "application/json", "csv": "text/csv"}
_BUYER_ID = re.compile(r"[0-9]{1,16}", re.ASCII)


async def figures(request: web.Request) -> Reply:
    """`GET /reports/figures`."""
    serving = request.app[SERVING]
    snapshot, viewer = serving.snapshot, _viewer(serving, request)
    if viewer is None:
        return refuse(_unauthorized())
    params, wrong = _params(request)
    as_csv = _wants_csv(request, params.pop("format", ""), wrong)
    zone = ZoneInfo(snapshot.catalog.account.timezone)
    question = read(params, time.time_ns() // 1_000_000, zone)
    if isinstance(question, dict) or wrong:
        return refuse(Refusal("invalid", {**(question if isinstance(question, dict) else {}), **wrong}))
    allowed = narrowed(question, viewer)
    if isinstance(allowed, str):
        return refuse(Refusal("forbidden", [allowed]))
    report = await serving.desk.ask(lambda reader: report_on(reader, allowed))
    if isinstance(report, TooWide):
        return refuse(Refusal("invalid", {"by": [report.sentence]}))
    return _csv_report(report) if as_csv else _json(sheets.report_dict(report, snapshot.catalog.account.currency))


async def statement(request: web.Request) -> Reply:
    """`GET /reports/statements/{buyer_id}/{month}`."""
    serving = request.app[SERVING]
    snapshot, viewer = serving.snapshot, _viewer(serving, request)
    if viewer is None:
        return refuse(_unauthorized())
    params, wrong = _params(request)
    as_csv = _wants_csv(request, params.pop("format", ""), wrong)
    wrong |= {name: [f"{name[:100]} is not a parameter of a statement."] for name in params}
    buyer_text, month = request.match_info["buyer_id"], request.match_info["month"]
    zone = ZoneInfo(snapshot.catalog.account.timezone)
    span = month_span(month, zone)
    if not _BUYER_ID.fullmatch(buyer_text):
        wrong["buyer_id"] = ["buyer_id must be the id of a buyer: a whole number."]
    if span is None:
        wrong["month"] = ["month must be a month: 2026-11."]
    if wrong or span is None:
        return refuse(Refusal("invalid", wrong))
    buyer_id = int(buyer_text)
    if viewer is not OPERATOR and viewer.buyer_id != buyer_id:
        return refuse(Refusal("forbidden", ["This token reads no statement of this buyer."]))
    found = await serving.desk.ask(lambda reader: statement_of(reader, buyer_id, month, span, zone))
    if _is_nobodys(found, snapshot):
        return refuse(Refusal("not_found", ["There is no buyer of this id."]))
    if as_csv:
        text = sheets.csv_of(sheets.STATEMENT_HEADS, sheets.statement_cells(found))
        return _csv(text, f"statement-{buyer_id}-{month}.csv")
    return _json(sheets.statement_dict(found, snapshot.catalog.account.currency))


async def leads(request: web.Request) -> Reply:
    """`GET /reports/leads`: what a buyer has bought, whole. Sources have no business here."""
    serving = request.app[SERVING]
    snapshot, viewer = serving.snapshot, _viewer(serving, request)
    if viewer is None:
        return refuse(_unauthorized())
    params, wrong = _params(request)
    as_csv = _wants_csv(request, params.pop("format", ""), wrong)
    after, buyer_text = params.pop("after", None), params.pop("buyer", None)
    wrong |= {name: [f"{name[:100]} is not a parameter of leads."] for name in params}
    if buyer_text is not None and not _BUYER_ID.fullmatch(buyer_text):
        wrong["buyer"] = ["buyer must be the id of a buyer: a whole number."]
    elif buyer_text is None and viewer is OPERATOR:
        wrong["buyer"] = ["buyer is required: whose leads?"]
    if wrong:
        return refuse(Refusal("invalid", wrong))
    buyer_id = viewer.buyer_id if buyer_text is None else int(buyer_text)
    if buyer_id is None or (viewer is not OPERATOR and viewer.buyer_id != buyer_id):
        return refuse(Refusal("forbidden", ["This token reads no leads of this buyer."]))
    found = await serving.desk.ask(lambda reader: reader.leads(buyer_id, after))
    if found is None:
        return refuse(Refusal("invalid", {"after": ["after must be the sale_id of a lead that you have read here."]}))
    account = snapshot.catalog.account
    zone = ZoneInfo(account.timezone)
    if as_csv:
        heads, cells = leads_sheet(found, zone)
        return _csv(sheets.csv_of(heads, cells), f"leads-{buyer_id}.csv")
    return _json(leads_dict(found, zone, account.currency))


def _is_nobodys(found: Statement, snapshot: Snapshot) -> bool:
    """Neither a buyer of the catalog nor one that ever was."""
    return found.buyer_id not in snapshot.catalog.buyers and not found.lines and found.closing_micros == 0


def _viewer(serving: Serving, request: web.Request) -> Viewer | None:
    """Whose token came. The operators' counts where operators are served: on their own port, if there is one."""
    token = bearer(request.headers.get("Authorization", ""))
    if not token:
        return None
    if is_on_ops_port(request) and same_token(token, serving.settings.admin_token):
        return OPERATOR
    doors = serving.snapshot.doors
    buyer = doors.buyer_of_token(token)
    if buyer is not None:
        contracts = frozenset(contract.id for contract in buyer.contracts)
        return Viewer("buyer", buyer_id=buyer.id, contracts=contracts)
    source = doors.source_of_token(token)
    return Viewer("source", source_id=source.id) if source is not None else None


def _unauthorized() -> Refusal:
    return Refusal(
        "unauthorized", ["Reports need the token of an operator, a buyer or a source, as Authorization: Bearer …"]
    )


def _params(request: web.Request) -> tuple[dict[str, str], Complaints]:
    """The query's parameters, and those that are given twice."""
    params: dict[str, str] = {}
    wrong: Complaints = {}
    for name, text in request.query.items():
        if name in params:
            wrong[name] = [f"{name[:100]} is given twice."]
        params[name] = text
    return params, wrong


def _wants_csv(request: web.Request, word: str, wrong: Complaints) -> bool:
    """By `format`, else by the first type of the two that the client names."""
    if word:
        if word not in FORMATS:
            wrong["format"] = [f"format must be {' or '.join(FORMATS)}."]
        return word == "csv"
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("Accept", "").split(",")]
    return next((kind for kind in accepted if kind in FORMATS.values()), "") == FORMATS["csv"]


def _json(content: dict[str, Any]) -> Reply:
    return Reply(200, sheets.encode({"success": True, "status": "success", **content}))


def _csv_report(report: Report) -> Reply:
    return _csv(sheets.csv_of(sheets.report_heads(report), sheets.report_cells(report)), "report.csv")


def _csv(text: str, name: str) -> Reply:
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Reply(200, text.encode("utf-8", "replace"), headers)
