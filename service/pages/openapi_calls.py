"""The paths of phone switches and operators, and those open to all."""

from typing import Final, get_args

from service.pages.openapi_parts import Json, answers_of, content_of, refs
from service.wire import answers, call_answers, sale_answers
from service.wire.calls import ATTEMPT_MAX, CALL_LENGTH_MAX, EDGE_LENGTH_MAX, OUTCOME_LENGTH_MAX, EventName, Last
from service.wire.parameters import WHOLE_MAX
from service.wire.reading import AMOUNT_LENGTH_MAX
from service.wire.sales import KEY_LENGTH_MAX, REASON_LENGTH_MAX, CreditKind

CALL_AND_OPERATOR_ANSWERS: Final[list[type[answers.Answer]]] = [
    call_answers.RouteAnswer,
    call_answers.NoRoute,
    call_answers.EventAnswer,
    call_answers.StatusAnswer,
    call_answers.ReloadAnswer,
    call_answers.ReloadRefused,
    call_answers.PauseAnswer,
    call_answers.DecisionAnswer,
    call_answers.HealthAnswer,
    sale_answers.ConversionAnswer,
    sale_answers.ReturnAnswer,
    sale_answers.BalanceAnswer,
]

_CALL: Final[Json] = {
    "edge": {"type": ["string", "number"], "minLength": 1, "maxLength": EDGE_LENGTH_MAX, "description": "The switch."},
    "call": {
        "type": ["string", "number"],
        "minLength": 1,
        "maxLength": CALL_LENGTH_MAX,
        "description": "The call, as the switch names it.",
    },
    "attempt": {"type": ["integer", "string", "null"], "minimum": 0, "maximum": ATTEMPT_MAX},
}

_ROUTE: Final[Json] = {
    "type": "object",
    "required": ["edge", "call", "tracking_number"],
    "properties": {
        **_CALL,
        "tracking_number": {
            "type": ["string", "number"],
            "minLength": 1,
            "maxLength": CALL_LENGTH_MAX,
            "description": "The number that was called.",
        },
        "caller_id": {"description": "Who calls; what is no number is a caller without one."},
        "last": {"enum": [*get_args(Last), "", None], "description": "How the attempt before this one ended."},
    },
}

_EVENT: Final[Json] = {
    "type": "object",
    "required": ["event", "edge", "call"],
    "properties": {
        "event": {"enum": list(get_args(EventName))},
        **_CALL,
        "outcome": {
            "type": ["string", "number", "null"],
            "maxLength": OUTCOME_LENGTH_MAX,
            "description": "On `ended`.",
        },
        "duration_ms": {"type": ["integer", "string", "null"], "minimum": 0, "maximum": WHOLE_MAX},
    },
}

_CREDIT: Final[Json] = {
    "type": "object",
    "required": ["amount", "key", "reason"],
    "properties": {
        "amount": {
            "type": ["number", "string"],
            "minLength": 1,
            "maxLength": AMOUNT_LENGTH_MAX,
            "description": "Below 0 only in a correction.",
        },
        "key": {
            "type": ["string", "number"],
            "minLength": 1,
            "maxLength": KEY_LENGTH_MAX,
            "description": "Names the entry: it counts once, for ever.",
        },
        "reason": {"type": ["string", "number"], "minLength": 1, "maxLength": REASON_LENGTH_MAX},
        "kind": {"enum": [*get_args(CreditKind), "", None], "description": "A top-up, unless it is said."},
    },
}

_RETURN: Final[Json] = {
    "type": "object",
    "required": ["reason"],
    "properties": {"reason": {"type": ["string", "number"], "minLength": 1, "maxLength": REASON_LENGTH_MAX}},
}

_REFUSALS: Final = {
    400: ("`malformed_body`", answers.Refused),
    401: ("`unauthorized`", answers.Refused),
    404: ("`not_found`: no such path, or its token is not set up", answers.Refused),
    413: ("`body_too_large`", answers.Refused),
    415: ("`unsupported_media_type`", answers.Refused),
    422: ("`invalid`", answers.Invalid),
    500: ("`internal`", answers.Internal),
    503: ("`unavailable`", answers.Refused),
}


def call_paths() -> Json:
    route = _operation("edges", "route", "Where a call goes", refs([call_answers.RouteAnswer, call_answers.NoRoute]))
    event = _operation("edges", "call_event", "What became of a call", refs([call_answers.EventAnswer]))
    route["requestBody"] = {"required": True, "content": content_of(_ROUTE, _as_form(_ROUTE))}
    event["requestBody"] = {"required": True, "content": content_of(_EVENT, _as_form(_EVENT))}
    # A switch that is told 503 must still tell the caller's network something: the same reject as ever.
    unavailable = refs([call_answers.NoRoute, answers.Refused])
    route["responses"]["503"] = answers_of("`no_route`: `store_down`, or `unavailable`", unavailable, retry_after=True)
    return {"/api/v1/calls/route": {"post": route}, "/api/v1/calls/events": {"post": event}}


def sale_paths() -> Json:
    """Those of buyers and operators."""
    sale = _path_parameter("sale_id", "The sale_id of a post's answer.")
    conversion = _operation(
        "sales", "conversion", "A sale's lead converted", refs([sale_answers.ConversionAnswer]), conflicts=True
    )
    give_back = _operation("sales", "return", "Give a sale back", refs([sale_answers.ReturnAnswer]), conflicts=True)
    give_back["requestBody"] = {"required": True, "content": content_of(_RETURN, _as_form(_RETURN))}
    return {
        "/api/v1/sales/{sale_id}/conversion": {"parameters": [sale], "post": conversion},
        "/api/v1/sales/{sale_id}/return": {"parameters": [sale], "post": give_back},
    }


def operator_paths() -> Json:
    buyer = _path_parameter("id", "A buyer's id.")
    decision = _path_parameter("id", "A decision_id, ping_id or sale_id.")
    status = _operation("operators", "status", "Buyers, caps and pools", refs([call_answers.StatusAnswer]))
    reload = _operation("operators", "reload", "Take the catalog anew", refs([call_answers.ReloadAnswer]))
    reload["responses"]["422"] = answers_of("`invalid`: the catalog's mistakes", refs([call_answers.ReloadRefused]))
    found = _operation("operators", "decision", "A whole decision", refs([call_answers.DecisionAnswer]))
    pauses = {
        f"/admin/buyers/{{id}}/{verb}": {
            "parameters": [buyer],
            "post": _operation("operators", verb, f"{verb.capitalize()} a buyer", refs([call_answers.PauseAnswer])),
        }
        for verb in ("pause", "resume")
    }
    balance = _operation("operators", "balance", "What a buyer has paid in", refs([sale_answers.BalanceAnswer]))
    credit = _operation(
        "operators", "credit", "A top-up or a correction", refs([sale_answers.BalanceAnswer]), conflicts=True
    )
    credit["requestBody"] = {"required": True, "content": content_of(_CREDIT, _as_form(_CREDIT))}
    return {
        "/admin/buyers/{id}/balance": {"parameters": [buyer], "get": balance, "post": credit},
        "/admin/status": {"get": status},
        "/admin/reload": {"post": reload},
        **pauses,
        "/admin/decisions/{id}": {"parameters": [decision], "get": found},
    }


def open_paths(public: list[str]) -> Json:
    vanity_uri = _path_parameter("vanity_uri", "Names the endpoint.")
    if public:
        vanity_uri["examples"] = {uri: {"value": uri} for uri in public}
    unknown = {
        "401": answers_of("`unauthorized`: this page needs the source's token", refs([answers.Refused])),
        "404": answers_of("`unknown_endpoint`", refs([answers.Refused])),
    }
    # The page's own path takes no dot: `.json` behind a name is the other operation.
    page_name = {**vanity_uri, "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}}
    page = _open("posting_instructions", "How to send leads to an endpoint, as a page", "text/html", {"type": "string"})
    page["responses"] |= unknown
    page["security"] = [{}, {"source": []}]
    machine = _open("posting_instructions_json", "The same for machines", "application/json", {"type": "object"})
    machine["responses"] |= unknown
    machine["security"] = [{}, {"source": []}]
    ready = _open("readyz", "Ready to answer leads", "application/json", refs([call_answers.HealthAnswer]))
    ready["responses"]["503"] = answers_of("`unavailable`", refs([call_answers.HealthAnswer]))
    return {
        "/posting-instructions/{vanity_uri}": {"parameters": [page_name], "get": page},
        "/posting-instructions/{vanity_uri}.json": {"parameters": [page_name], "get": machine},
        "/healthz": {
            "get": _open("healthz", "The process lives", "application/json", refs([call_answers.HealthAnswer]))
        },
        "/readyz": {"get": ready},
        "/metrics": {"get": _open("metrics", "Prometheus metrics", "text/plain", {"type": "string"})},
        "/openapi.json": {"get": _open("openapi", "This document", "application/json", {"type": "object"})},
    }


def _operation(tag: str, operation_id: str, summary: str, success: Json, *, conflicts: bool = False) -> Json:
    responses: Json = {"200": answers_of("`success`", success)}
    if conflicts:
        responses["409"] = answers_of(
            "`conflict`: it is too late for it, or was said otherwise", refs([answers.Refused])
        )
    for http, (about, answer) in _REFUSALS.items():
        responses[str(http)] = answers_of(about, refs([answer]), retry_after=http == 503)
    security = "edge" if tag == "edges" else "operator"
    return {
        "tags": [tag],
        "operationId": operation_id,
        "summary": summary,
        "security": [{security: []}],
        "responses": responses,
    }


def _open(operation_id: str, summary: str, media: str, schema: Json) -> Json:
    content = {"200": {"description": summary, "content": {media: {"schema": schema}}}}
    return {"tags": ["open"], "operationId": operation_id, "summary": summary, "responses": content}


def _path_parameter(name: str, description: str) -> Json:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": description}


def _as_form(schema: Json) -> Json:
    """The same in text."""
    properties: Json = {}
    for name, about in schema["properties"].items():
        if "enum" in about:
            properties[name] = {"enum": [word for word in about["enum"] if word is not None]}
        else:
            properties[name] = {"type": "string"} | {k: v for k, v in about.items() if k in ("minLength", "maxLength")}
    return {"type": "object", "required": schema["required"], "properties": properties}
