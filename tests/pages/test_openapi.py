"""The OpenAPI document: valid, complete, and of one mind with what decodes and answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import schemathesis
from schemathesis.core.result import Ok

from service.catalog import load
from service.model.catalog import Catalog
from service.pages import STATUSES, http_status, openapi
from service.pages.sample_answers import SampleAnswers
from service.wire import answers, call_answers
from service.wire.parameters import READERS

ROOT = Path(__file__).parents[2]
DOCUMENT = openapi()
METHODS = ("get", "post", "delete")


def demo() -> Catalog:
    catalog = load(ROOT / "config/catalog")
    assert isinstance(catalog, Catalog), catalog
    return catalog


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_has_its_component_and_every_component_its_use() -> None:
    used = {name.removeprefix("#/components/schemas/") for name in references(DOCUMENT)}
    assert used == set(DOCUMENT["components"]["schemas"])


def test_the_document_is_what_a_tool_can_read() -> None:
    document = openapi(demo())
    assert json.loads(json.dumps(document)) == document
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    operations = [
        operation for path in document["paths"].values() for verb, operation in path.items() if verb in METHODS
    ]
    assert sum(isinstance(found, Ok) for found in schema.get_all_operations()) == len(operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations)


def test_every_path_of_the_contract_is_there() -> None:
    assert set(DOCUMENT["paths"]) == {
        "/api/v1/inbound_webhooks/ping/{vanity_uri}",
        "/api/v1/inbound_webhooks/post/{vanity_uri}",
        "/api/v1/inbound_webhooks/full/{vanity_uri}",
        "/api/v1/calls/route",
        "/api/v1/calls/events",
        "/api/v1/sales/{sale_id}/conversion",
        "/api/v1/sales/{sale_id}/return",
        "/admin/buyers/{id}/balance",
        "/admin/status",
        "/admin/reload",
        "/admin/buyers/{id}/pause",
        "/admin/buyers/{id}/resume",
        "/admin/decisions/{id}",
        "/reports/figures",
        "/reports/leads",
        "/reports/statements/{buyer_id}/{month}",
        "/admin/suppressions",
        "/admin/suppressions/find",
        "/admin/forget",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/posting-instructions/{vanity_uri}",
        "/posting-instructions/{vanity_uri}.json",
    }


@pytest.mark.parametrize("path", READERS)
def test_every_parameter_is_in_body_form_and_query(path: str) -> None:
    operations = DOCUMENT["paths"][f"/api/v1/inbound_webhooks/{path}/{{vanity_uri}}"]
    expected = {*READERS[path], "caller_id", "trackdrive_number"}  # type: ignore[index]
    for content in operations["post"]["requestBody"]["content"].values():
        assert set(content["schema"]["properties"]) == expected
    assert {parameter["name"] for parameter in operations["get"]["parameters"]} == expected


@pytest.mark.parametrize("path", READERS)
def test_every_status_of_the_table_is_documented_with_its_words(path: str) -> None:
    responses = DOCUMENT["paths"][f"/api/v1/inbound_webhooks/{path}/{{vanity_uri}}"]["post"]["responses"]
    for status in STATUSES:
        if path in status.paths:
            assert f"`{status.word}`" in responses[str(status.http)]["description"]
    assert "Retry-After" in responses["429"]["headers"]


def test_a_word_has_one_http_status_wherever_it_is_said() -> None:
    for status in STATUSES:
        assert http_status(status.word) == status.http, status.word
    assert {word: http_status(word) for word in ("not_found", "unauthorized", "routed", "no_route")} == {
        "not_found": 404,
        "unauthorized": 401,
        "routed": 200,
        "no_route": 200,
    }


def test_every_answer_about_a_lead_is_in_the_table_of_statuses() -> None:
    def leaves(base: type[Any]) -> Iterator[type[Any]]:
        for sub in base.__subclasses__():
            yield from leaves(sub) if sub.__subclasses__() else (sub,)

    lead_answers = {found for found in leaves(answers.Answer) if found.__module__ == answers.__name__}
    assert lead_answers == {status.answer for status in STATUSES}


def validator(answer: Any) -> Any:
    schemas = DOCUMENT["components"]["schemas"]
    return jsonschema_rs.validator_for(
        {"$ref": f"#/components/schemas/{answer.__name__}", "components": {"schemas": schemas}}
    )


def test_answers_as_they_are_sent_fit_their_schemas() -> None:
    catalog = demo()
    for endpoint in catalog.endpoints.values():
        for sample in SampleAnswers(catalog.offers[endpoint.offer], endpoint, None).all():
            body = sample["body"]
            types = {s.answer for s in STATUSES if s.word == body["status"]}
            assert any(validator(answer).is_valid(body) for answer in types), body
    for reason in call_answers.SIP_AND_CAUSE:
        assert validator(call_answers.NoRoute).is_valid(msgspec.to_builtins(call_answers.no_route(reason)))


def test_an_answer_without_its_status_does_not_fit() -> None:
    body = msgspec.to_builtins(answers.NoMatch())
    assert validator(answers.NoMatch).is_valid(body)
    for name in ("success", "status", "errors", "buyers"):
        assert not validator(answers.NoMatch).is_valid({k: v for k, v in body.items() if k != name})
    assert not validator(answers.NoMatch).is_valid(body | {"success": True})


def test_only_endpoints_with_public_instructions_are_named() -> None:
    named = {
        uri
        for path in openapi(demo())["paths"].values()
        for parameter in path.get("parameters", [])
        for uri in parameter.get("examples", {})
    }
    public = {e.vanity_uri for e in demo().endpoints.values() if e.posting_instructions == "public"}
    assert named == public
    assert not re.search(r'"examples"', json.dumps(DOCUMENT))
