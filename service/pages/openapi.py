"""The OpenAPI 3.1 document, from the tables that requests are read by and the types that answers are encoded from."""

from typing import Final

import msgspec

from service import __version__
from service.model.catalog import Catalog
from service.pages.openapi_calls import CALL_AND_OPERATOR_ANSWERS, call_paths, open_paths, operator_paths, sale_paths
from service.pages.openapi_parts import Json, answers_of, content_of, refs
from service.pages.openapi_reports import REPORT_ANSWERS, report_paths
from service.pages.statuses import STATUSES
from service.wire.answers import Answer
from service.wire.call_answers import HealthAnswer
from service.wire.parameters import (
    BUYER_IDS_MAX,
    READERS,
    REQUEST_ID_LENGTH_MAX,
    SOURCE_ID_LENGTH_MAX,
    TMAX_MS_MAX,
    WHOLE_MAX,
    Path,
)

_OURS: Final[dict[str, tuple[Json, str]]] = {
    "caller_id": (
        {"type": ["string", "number", "null"]},
        "The lead's telephone number, in any common writing; kept as E.164.",
    ),
    "traffic_source_id": (
        {"type": ["string", "number", "null"], "maxLength": SOURCE_ID_LENGTH_MAX},
        "The publisher, where several share an account or no token is sent.",
    ),
    "trackdrive_number": (
        {},
        "The publisher's own number: required, and only read, where the endpoint tracks by caller number.",
    ),
    "auth_token": ({"type": ["string", "null"]}, "Token of the source; the Authorization header serves as well."),
    "request_id": (
        {"type": ["string", "number", "null"], "maxLength": REQUEST_ID_LENGTH_MAX},
        "The publisher's own id of the lead; makes repeats safe and is echoed.",
    ),
    "min_bid": (
        {"type": ["number", "string", "null"], "minimum": 0, "maximum": 1_000_000_000},
        "Leave out buyers that would pay less.",
    ),
    "tmax_ms": (
        {"type": ["integer", "string", "null"], "minimum": 1, "maximum": TMAX_MS_MAX},
        "The publisher's own deadline for live bids.",
    ),
    "opt_out": (
        {"type": ["boolean", "string", "integer", "null"]},
        "True: the person opted out; answered `suppressed`, and nothing of the person is stored.",
    ),
    "test": (
        {"type": ["boolean", "string", "integer", "null"]},
        "True: decide and explain, take nothing. Needs a token that may test.",
    ),
    "ping_id": (
        {"type": ["string", "null"]},
        'A buyer\'s `ping_id` or the `try_all_buyers_ping_id`; absent, null or "": sell without a ping.',
    ),
    "buyer_id": (
        {"type": ["integer", "string", "null"], "minimum": 1, "maximum": WHOLE_MAX},
        "With a buyer's `ping_id`: must be that buyer's.",
    ),
    "buyer_ids": (
        {
            "type": ["array", "string", "integer", "null"],
            "items": {"type": ["integer", "string"], "minimum": 1, "maximum": WHOLE_MAX},
            "minItems": 1,
            "maxItems": BUYER_IDS_MAX,
            "minimum": 1,
            "maximum": WHOLE_MAX,
        },
        "Only these buyers: a list, or text with commas.",
    ),
}

_SUMMARIES: Final[dict[Path, str]] = {
    "ping": "Which buyers want this lead, and at what price",
    "post": "Sell the lead: to a bid of a ping, or without a ping to the best buyer",
    "full": "Ping and post in one step",
}

_LEAD: Final = (
    "Every other name is a contact field of the endpoint's offer; the endpoint's posting instructions list them. "
    "Names that the offer does not know are kept or dropped, never an error."
)


def openapi(catalog: Catalog | None = None) -> Json:
    """The document. With a catalog, endpoints whose posting instructions are public stand in it as examples."""
    public = [e.vanity_uri for e in catalog.endpoints.values() if e.posting_instructions == "public"] if catalog else []
    answer_types = [*dict.fromkeys(status.answer for status in STATUSES), *CALL_AND_OPERATOR_ANSWERS, *REPORT_ANSWERS]
    paths: Json = {}
    for path in READERS:
        paths[f"/api/v1/inbound_webhooks/{path}/{{vanity_uri}}"] = _lead_path(path, public)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pingpost",
            "version": __version__,
            "description": "A ping/post exchange for leads and calls. Every answer has `success` and `status`.",
        },
        "paths": {**paths, **call_paths(), **sale_paths(), **operator_paths(), **report_paths(), **open_paths(public)},
        "components": {
            "schemas": _schemas(answer_types),
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", "description": text}
                for name, text in (
                    ("source", "Token of a traffic source."),
                    ("edge", "Token of the phone switches."),
                    ("buyer", "Token of a buyer."),
                    ("operator", "Token of the operators."),
                )
            },
        },
    }


def _schemas(types: list[type[Answer]]) -> Json:
    """Components of all answers. What an answer always carries is required, also where it has a default."""
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for answer in types:
        schema = schemas[answer.__name__]
        schema["required"] = [f.encode_name for f in msgspec.structs.fields(answer) if f.default is not msgspec.UNSET]
        success = schema["properties"]["success"]
        if "default" in success and answer is not HealthAnswer:
            success["const"] = success.pop("default")
    return schemas


def _lead_path(path: Path, public: list[str]) -> Json:
    vanity_uri: Json = {
        "name": "vanity_uri",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "description": "Names the endpoint.",
    }
    if public:
        vanity_uri["examples"] = {uri: {"value": uri} for uri in public}
    sec_gpc = {
        "name": "Sec-GPC",
        "in": "header",
        "schema": {"type": "string"},
        "description": "`1`: as `opt_out`.",
    }
    names = ["caller_id", "trackdrive_number", *READERS[path]]
    common: Json = {
        "tags": ["publishers"],
        "description": _LEAD,
        "security": [{}, {"source": []}],
        "responses": _lead_responses(path),
    }
    query = [_in_query(name) for name in names]
    return {
        "parameters": [vanity_uri, sec_gpc],
        "get": {"operationId": f"{path}_by_query", "summary": _SUMMARIES[path], "parameters": query, **common},
        "post": {
            "operationId": path,
            "summary": _SUMMARIES[path],
            "requestBody": {"required": False, "content": content_of(_body_schema(names), _form_schema(names))},
            **common,
        },
    }


def _body_schema(names: list[str]) -> Json:
    properties = {name: {**_OURS[name][0], "description": _OURS[name][1]} for name in names}
    return {"type": "object", "properties": properties, "additionalProperties": True}


def _form_schema(names: list[str]) -> Json:
    properties = {name: {**_text_schema(name), "description": _OURS[name][1]} for name in names}
    return {"type": "object", "properties": properties, "additionalProperties": {"type": "string"}}


def _in_query(name: str) -> Json:
    return {"name": name, "in": "query", "schema": _text_schema(name), "description": _OURS[name][1]}


def _text_schema(name: str) -> Json:
    """In a form or query all is text; what it must look like is said where it is wrong."""
    schema: Json = {"type": "string"}
    if "maxLength" in _OURS[name][0]:
        schema["maxLength"] = _OURS[name][0]["maxLength"]
    if name in ("ping_id", "buyer_ids"):  # empty is a template that was not filled in
        schema["minLength"] = 1
    return schema


def _lead_responses(path: Path) -> Json:
    responses: Json = {}
    for http in sorted({s.http for s in STATUSES if path in s.paths}):
        rows = [s for s in STATUSES if s.http == http and path in s.paths]
        words = "; ".join(f"`{s.word}`: {s.when}" for s in rows)
        responses[str(http)] = answers_of(words, refs([s.answer for s in rows]), retry_after=http in (429, 503))
    return responses
