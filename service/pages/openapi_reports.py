"""The parts of the OpenAPI document about reports."""

from typing import Final

from service.pages.openapi_parts import Json, answers_of, refs
from service.reports.asking import BY, PARAMETERS
from service.reports.spans import PERIODS
from service.wire import answers, report_answers

REPORT_ANSWERS: Final[list[type[answers.Answer]]] = [
    report_answers.ReportAnswer,
    report_answers.StatementAnswer,
    report_answers.LeadsAnswer,
]

_MEANINGS: Final = {
    "period": f"{', '.join(PERIODS)}, a month (2026-11) or a day (2026-11-21)",
    "from": "A date or a time, local to the account unless it has an offset",
    "to": "A date, which is included, or a time, which is not",
    "days": "Today and the days before it, so many in all; 7 where no time is given",
    "by": f"What the rows are by, with commas between: {', '.join(BY)}",
    "endpoint": "Only this vanity URI",
    "source": "Only this traffic source",
    "buyer": "Only this buyer",
    "contract": "Only this contract",
    "format": "json or csv; the header Accept says it too",
}

_OF_LEADS: Final = {
    "buyer": "Whose; with the token of a buyer its own",
    "after": "The sale_id of the last lead that was read before",
    "format": _MEANINGS["format"],
}

_REFUSALS: Final = {
    401: ("`unauthorized`", answers.Refused),
    403: ("`forbidden`: not the asker's own", answers.Refused),
    404: ("`not_found`", answers.Refused),
    422: ("`invalid`", answers.Invalid),
    500: ("`internal`", answers.Internal),
    503: ("`unavailable`: the ledger does not answer", answers.Refused),
}


def report_paths() -> Json:
    buyer = _parameter("buyer_id", "path", "A buyer's id.")
    month = _parameter("month", "path", "2026-11")
    return {
        "/reports/figures": {
            "get": _operation(
                "figures",
                "Figures by time, source, buyer, contract, endpoint or reason",
                report_answers.ReportAnswer,
                [_parameter(name, "query", _MEANINGS[name]) for name in (*PARAMETERS, "format")],
            )
        },
        "/reports/leads": {
            "get": _operation(
                "leads",
                "The leads that a buyer has bought",
                report_answers.LeadsAnswer,
                [_parameter(name, "query", meaning) for name, meaning in _OF_LEADS.items()],
            )
        },
        "/reports/statements/{buyer_id}/{month}": {
            "parameters": [buyer, month],
            "get": _operation(
                "statement",
                "What moved on a buyer's account in a month",
                report_answers.StatementAnswer,
                [_parameter("format", "query", _MEANINGS["format"])],
            ),
        },
    }


def _operation(operation_id: str, summary: str, answer: type[answers.Answer], parameters: list[Json]) -> Json:
    success = answers_of("`success`", refs([answer]))
    success["content"]["text/csv"] = {"schema": {"type": "string"}}
    responses: Json = {"200": success}
    for http, (about, refused) in _REFUSALS.items():
        responses[str(http)] = answers_of(about, refs([refused]), retry_after=http == 503)
    return {
        "tags": ["reports"],
        "operationId": operation_id,
        "summary": summary,
        "security": [{"operator": []}, {"buyer": []}, {"source": []}],
        "parameters": parameters,
        "responses": responses,
    }


def _parameter(name: str, place: str, description: str) -> Json:
    schema: Json = {"type": "string"} | ({"minLength": 1} if place == "path" else {})
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": description}
