"""The document against the service: whatever a tool makes of the one, the other answers as described."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.catalog import load
from service.model.catalog import Catalog
from service.pages import openapi
from tests.process.running import ROOT
from tests.real_service import ADMIN_TOKEN, EDGE_TOKEN, RealService

DEMO = ROOT / "config" / "catalog"
EXAMPLES_MAX = 40
"""Per operation and path of generation: some thousand requests in all."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
RELOAD = "/admin/reload"
FIGURES = "/reports/figures"


def document() -> dict[str, object]:
    catalog = load(DEMO)
    assert isinstance(catalog, Catalog), catalog
    return openapi(catalog)


schema = schemathesis.openapi.from_dict(document())
VANITY_URIS = cycle(["my_endpoint", "static_numbers", "test_endpoint", "home_security", "solar"])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealService]:
    archive = {"PINGPOST_ARCHIVE": "1"}
    with RealService(tmp_path_factory.mktemp("demo"), "--catalog", str(DEMO), env=archive) as service:
        service.ready()
        service.until(lambda: service.ask(FIGURES, token=ADMIN_TOKEN).status == 200)  # the archive made the ledger
        yield service
    assert [line for line in service.said() if "ERROR" in line] == []


def test_the_document_that_is_served_is_the_one_that_is_tested(demo: RealService) -> None:
    assert demo.ask("/openapi.json").body == document()


@schema.exclude(path=RELOAD).parametrize()
@settings(
    max_examples=EXAMPLES_MAX,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_the_document_says(case: "Case[Any]", demo: RealService) -> None:
    if case.path.startswith("/api/v1/inbound_webhooks/") and len(str(case.path_parameters.get("vanity_uri"))) < 40:
        case.path_parameters["vanity_uri"] = next(VANITY_URIS)  # nobody guesses one
    case.call_and_validate(base_url=url(demo), headers=tokens(case.path), checks=CHECKS)


def test_what_is_bought_and_sold_is_as_the_document_says(demo: RealService) -> None:
    def asked(verb: str, uri: str, lead: dict[str, Any], token: str = "") -> tuple[str, dict[str, Any]]:
        path = f"/api/v1/inbound_webhooks/{verb}/{{vanity_uri}}"
        case = schema[path]["POST"].Case(path_parameters={"vanity_uri": uri}, body=lead, media_type="application/json")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        said = case.call_and_validate(base_url=url(demo), headers=headers, checks=CHECKS).json()
        return said["status"], said

    def called(verb: str, asks: dict[str, Any]) -> dict[str, Any]:
        case = schema[f"/api/v1/calls/{verb}"]["POST"].Case(body=asks, media_type="application/json")
        said: dict[str, Any] = case.call_and_validate(
            base_url=url(demo), headers=tokens("/api/v1/calls/"), checks=CHECKS
        ).json()
        return said

    lead = {"caller_id": "+12125551234", "request_id": "lead-1"}
    word, ping = asked("ping", "my_endpoint", lead)
    assert (word, asked("ping", "my_endpoint", lead)[1]["repeat"]) == ("success", True)
    word, post = asked("post", "my_endpoint", {"ping_id": ping["try_all_buyers_ping_id"], "state": "NY"})
    assert word == "success"
    assert asked("post", "my_endpoint", {"ping_id": ping["try_all_buyers_ping_id"]})[1]["repeat"] is True
    assert asked("post", "my_endpoint", {"ping_id": ping["buyers"][1]["ping_id"]})[0] == "already_sold"
    assert asked("post", "my_endpoint", {"ping_id": "p" + "0" * 32})[0] == "ping_expired"
    assert asked("post", "my_endpoint", {"caller_id": "+13105551234"})[0] == "success"
    assert asked("full", "my_endpoint", {"caller_id": "+13105551235"})[1]["buyers"]
    assert asked("ping", "my_endpoint", {"caller_id": "+13105551236", "min_bid": 900})[0] == "no_matching_buyer"
    assert asked("ping", "my_endpoint", {"caller_id": "+12125550000"})[0] == "suppressed"
    assert asked("full", "test_endpoint", {"caller_id": "+13105551237"})[1]["diagnostics"]["contracts"]
    home = {"zip": "85001", "monthly_bill": 210.5, "email": "ann@example.com", "first_name": "Ann"}
    assert asked("full", "solar", home, "demo-token-source-abc")[1]["sales"]
    assert [asked("ping", "my_endpoint", {"traffic_source_id": "trial"} | lead)[0] for _ in range(6)][
        -1
    ] == "rate_limited"

    call = {"edge": "e", "call": "c", "tracking_number": post["trackdrive_number"]}
    assert called("route", call)["status"] == "routed"
    assert called("route", call | {"call": "d"})["reason"] == "number_busy"
    assert called("events", call | {"event": "ended", "outcome": "answered"})["taken"] == "taken"
    found = schema["/admin/decisions/{id}"]["GET"].Case(path_parameters={"id": ping["decision_id"]})
    found.call_and_validate(base_url=url(demo), headers=tokens("/admin/"), checks=CHECKS)


def test_a_reload_is_as_the_document_says(demo: RealService) -> None:
    case = schema[RELOAD]["POST"].Case()
    case.call_and_validate(base_url=url(demo), headers=tokens(RELOAD), checks=CHECKS)


@pytest.mark.parametrize("path", ["/api/v1/calls/route", "/api/v1/calls/events", "/admin/status", RELOAD, FIGURES])
def test_without_a_token_it_is_as_the_document_says_too(demo: RealService, path: str) -> None:
    for case in (schema[path][method].Case() for method in schema[path]):
        assert case.call_and_validate(base_url=url(demo), checks=CHECKS).status_code == 401


def url(service: RealService) -> str:
    return f"http://127.0.0.1:{service.ports[0]}"


def tokens(path: str) -> dict[str, str]:
    if path.startswith("/api/v1/calls/"):
        return {"Authorization": f"Bearer {EDGE_TOKEN}"}
    if path.startswith(("/admin/", "/api/v1/sales/", "/reports/")):
        return {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    return {}
