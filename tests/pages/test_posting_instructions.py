"""Posting instructions of every endpoint of the example and of the demo: what can be copied from them works."""

import json
import re
import shlex
import sys
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from service import wire
from service.catalog import load
from service.model.catalog import AuthToken, Catalog, Distribution, Endpoint, Field, FieldType
from service.model.values import Complaint, compile_parser
from service.pages import posting_instructions, posting_instructions_html
from service.pages.samples import sample_value
from service.served.doors import Admitted, Claim, Doors
from service.wire import Refusal

ROOT = Path(__file__).parents[2]
BASE_URL = "https://exchange.example"


def catalog_at(path: Path) -> Catalog:
    catalog = load(path)
    assert isinstance(catalog, Catalog), catalog
    return catalog


CATALOGS = {
    "example": catalog_at(ROOT / "tests/cases/catalog.example.toml"),
    "demo": catalog_at(ROOT / "config/catalog"),
}
ENDPOINTS = [(name, uri) for name, catalog in CATALOGS.items() for uri in catalog.endpoints]


def said(name: str, uri: str) -> dict[str, Any]:
    return posting_instructions(CATALOGS[name], CATALOGS[name].endpoints[uri], BASE_URL)


def decode(name: str, url: str, body: bytes) -> wire.Decoded:
    """What the endpoint at that address makes of a body."""
    path, uri = urlsplit(url).path.removeprefix("/api/v1/inbound_webhooks/").split("/")
    assert path in ("ping", "post", "full")
    catalog = CATALOGS[name]
    params = wire.params(body, "application/json", "")
    assert isinstance(params, dict), params
    decoded = wire.build_decoder(catalog, catalog.endpoints[uri]).decode(params, cast(wire.Path, path))
    assert isinstance(decoded, wire.Decoded), decoded
    return decoded


@pytest.mark.parametrize(("name", "uri"), ENDPOINTS)
def test_every_curl_sends_what_the_endpoint_takes(name: str, uri: str) -> None:
    asked = []
    for request in said(name, uri)["requests"]:
        command = shlex.split(request["curl"].replace("\\\n", " "))
        assert command[:3] == ["curl", "-X", "POST"]
        body = command[command.index("-d") + 1]
        assert json.loads(body) == request["body"]
        asked.append(decode(name, command[3], body.encode()).asked)
        assert ("Authorization: Bearer YOUR_TOKEN" in command) == CATALOGS[name].endpoints[uri].auth_required
    assert asked == ["ping", "post", "post_only", "full"]


def let_in(name: str, uri: str, body: dict[str, Any], *, bearer: bool) -> Admitted | Refusal:
    """What the doors say to a copied body, once the publisher has put its own id or token into it."""
    catalog, endpoint = CATALOGS[name], CATALOGS[name].endpoints[uri]
    own = catalog.static_numbers.get(f"+{body.get('trackdrive_number', '')}")
    source = next(
        source
        for source in catalog.sources.values()
        if (source.id == own.traffic_source if own else not source.endpoints or uri in source.endpoints)
    )
    token = AuthToken("test", sha256(b"a token").hexdigest())
    sources = catalog.sources | {source.id: replace(source, auth_tokens=(token,), allowed_addresses=())}
    doors = Doors(replace(catalog, sources=sources))
    source_id = body.get("traffic_source_id", "").replace("YOUR_SOURCE_ID", source.id)
    claim = Claim(source_id=source_id, token="a token" if bearer else "", address="192.0.2.1")
    admitted = doors.admit(endpoint, claim, admin_token=None)
    if isinstance(admitted, Refusal):
        return admitted
    return doors.foreign_number(admitted.source_id, f"+{body.get('trackdrive_number', '')}") or admitted


def listed_everywhere(name: str) -> list[str]:
    """Endpoints of a catalog where every request must say who asks."""
    return [uri for uri, e in CATALOGS[name].endpoints.items() if e.sources == "listed" and not e.auth_required]


@pytest.mark.parametrize(("name", "uri"), ENDPOINTS)
def test_every_copied_request_is_let_in(name: str, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    instructions = said(name, uri)
    for request in instructions["requests"]:
        decode(name, shlex.split(request["curl"].replace("\\\n", " "))[3], json.dumps(request["body"]).encode())
        admitted = let_in(name, uri, request["body"], bearer="Bearer YOUR_TOKEN" in request["curl"])
        assert isinstance(admitted, Admitted), (request["title"], admitted)
    ping, _, sold, *_ = (answer["body"] for answer in instructions["answers"])
    network = Wire(name, lambda decoded: ping if decoded.asked == "ping" else sold)
    run_python(instructions["python"], network, monkeypatch)
    for body in network.bodies:
        admitted = let_in(name, uri, body, bearer="Authorization" in network.headers)
        assert isinstance(admitted, Admitted), admitted


def test_some_endpoint_asks_every_request_who_sends_it() -> None:
    assert listed_everywhere("demo")


@pytest.mark.parametrize(("name", "uri"), ENDPOINTS)
def test_requests_that_sell_without_a_ping_are_of_other_persons(name: str, uri: str) -> None:
    ping, post, alone, full = (request["body"] for request in said(name, uri)["requests"])
    for field in ("caller_id", "email"):
        sent = [body[field] for body in (ping | post, alone, full) if field in body]
        assert len(set(sent)) == len(sent)


def test_a_page_by_caller_number_talks_of_no_numbers_of_ours() -> None:
    catalog = CATALOGS["demo"]
    page = posting_instructions_html(catalog, catalog.endpoints["static_numbers"], BASE_URL)
    assert "tracking number" not in page
    assert "no_tracking_number" not in page
    assert "let the caller dial your own number" in page
    ours = posting_instructions_html(catalog, catalog.endpoints["my_endpoint"], BASE_URL)
    assert "send the caller to the tracking number in the answer" in ours
    assert "no_tracking_number" in ours
    assert "2,000,000 an hour" in ours


def test_a_page_of_data_leads_promises_no_delivery() -> None:
    catalog = CATALOGS["demo"]
    page = posting_instructions_html(catalog, catalog.endpoints["solar"], BASE_URL)
    assert "delivered" not in page
    assert "the lead is sold." in page


@pytest.mark.parametrize(
    ("distribution", "told", "sales"),
    [
        (Distribution(), "to one buyer alone:", 1),
        (Distribution("multisell", winners=2), "to up to 2 buyers, who know that they share the lead", 2),
        (Distribution("hybrid", winners=4), "to one buyer alone where one pays enough for that, else to up to 4", 2),
    ],
)
def test_a_page_says_to_how_many_a_lead_is_sold(distribution: Distribution, told: str, sales: int) -> None:
    catalog = CATALOGS["demo"]
    offers = catalog.offers | {"solar_quotes": replace(catalog.offers["solar_quotes"], distribution=distribution)}
    catalog = replace(catalog, offers=offers)
    page = posting_instructions_html(catalog, catalog.endpoints["solar"], BASE_URL)
    assert told in " ".join(page.split()).replace(" :", ":")
    answers = posting_instructions(catalog, catalog.endpoints["solar"], BASE_URL)["answers"]
    bodies = {one["title"]: one["body"] for one in answers}
    ping, post = bodies["A ping that buyers want"], bodies["A post that sold"]
    assert (ping["mode"], ping["total_bid"]) == (post["mode"], post["total_bid"])
    assert (ping["winners"], len(post["sales"])) == (sales, sales)
    calls = posting_instructions_html(catalog, catalog.endpoints["my_endpoint"], BASE_URL)
    assert "total_bid" not in calls


@pytest.mark.parametrize(("name", "uri"), ENDPOINTS)
def test_a_copied_post_completes_its_copied_ping(name: str, uri: str) -> None:
    ping, post, *_ = said(name, uri)["requests"]
    catalog = CATALOGS[name]
    decoder = wire.build_decoder(catalog, catalog.endpoints[uri])
    pinged = decode(name, ping["curl"].split()[3], json.dumps(ping["body"]).encode())
    posted = decoder.decode(post["body"], "post")
    assert isinstance(posted, wire.Decoded)
    merged = decoder.merge(pinged.lead, posted)
    assert (merged.complaints, merged.ignored_changes) == ({}, [])
    # Together they say the whole lead: every field of the offer.
    assert set(merged.lead) == {field.name for field in decoder.fields}


@pytest.mark.parametrize(("name", "uri"), ENDPOINTS)
def test_the_ping_that_is_copied_names_no_person(name: str, uri: str) -> None:
    catalog = CATALOGS[name]
    ping = said(name, uri)["requests"][0]["body"]
    for field in catalog.offers[catalog.endpoints[uri].offer].fields:
        if field.personal and "ping" not in field.required_on and field.name != "caller_id":
            assert field.name not in ping


def run_python(program: str, network: "Wire", monkeypatch: pytest.MonkeyPatch) -> None:
    requests = ModuleType("requests")
    requests.Session = lambda: network  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "requests", requests)
    exec(compile(program, "copied", "exec"), {})


class Wire:
    """Stands for the network of the copied program: what it sends is decoded, what it reads is the sample answer."""

    def __init__(self, name: str, answer: Callable[[wire.Decoded], dict[str, Any]]) -> None:
        self.name = name
        self.answer = answer
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []

    def post(self, url: str, *, json: dict[str, Any], timeout: float) -> SimpleNamespace:
        assert url.startswith(BASE_URL)
        assert timeout > 0
        decoded = decode(self.name, url, msgspec.json.encode(json))
        self.asked.append(decoded.asked)
        self.bodies.append(json)
        return SimpleNamespace(json=lambda: self.answer(decoded))


@pytest.mark.parametrize(("name", "uri"), ENDPOINTS)
def test_the_python_program_holds_the_conversation(
    name: str, uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instructions = said(name, uri)
    ping, _, sold, *_ = (answer["body"] for answer in instructions["answers"])
    network = Wire(name, lambda decoded: ping if decoded.asked == "ping" else sold)
    run_python(instructions["python"], network, monkeypatch)
    assert network.asked == ["ping", "post"]
    assert network.headers == (
        {"Authorization": "Bearer YOUR_TOKEN"} if CATALOGS[name].endpoints[uri].auth_required else {}
    )
    printed = capsys.readouterr().out
    assert "Example Buyer One 25.0\n" in printed
    assert str(sold.get("trackdrive_number", sold.get("sales"))) in printed


@pytest.mark.parametrize(("name", "uri"), ENDPOINTS)
def test_sample_answers_are_this_endpoints_and_name_no_real_buyer(name: str, uri: str) -> None:
    catalog = CATALOGS[name]
    endpoint = catalog.endpoints[uri]
    instructions = said(name, uri)
    ping, _, sold, *_ = (answer["body"] for answer in instructions["answers"])
    assert ping["ping_ids_expiry_in_seconds"] == endpoint.ping_ttl_seconds
    assert ping.get("test", False) == endpoint.test_mode
    assert len(ping["buyers"]) <= endpoint.buyers_max
    for bought in ping["buyers"]:
        parsed = wire.parse_ping_id(bought["ping_id"])
        assert parsed is not None
        assert parsed.test == endpoint.test_mode
    if catalog.offers[endpoint.offer].delivery == "call":
        assert sold["expires_in_seconds"] == endpoint.number_hold_seconds
    else:
        assert sold["sales"]
    text = json.dumps(instructions) + posting_instructions_html(catalog, endpoint, BASE_URL)
    for buyer in catalog.buyers.values():
        assert not re.search(rf"\b{re.escape(buyer.name)}\b", text)
    for source in catalog.sources.values():
        assert source.id not in text


@pytest.mark.parametrize(("name", "uri"), ENDPOINTS)
def test_the_page_stands_alone_and_shows_everything(name: str, uri: str) -> None:
    catalog = CATALOGS[name]
    page = posting_instructions_html(catalog, catalog.endpoints[uri], BASE_URL)
    tags: list[tuple[str, dict[str, str | None]]] = []
    shown: list[str] = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attrs: tags.append((tag, dict(attrs)))  # type: ignore[method-assign]
    reader.handle_data = shown.append  # type: ignore[method-assign, assignment]
    reader.feed(page)
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe"}
    assert not [attrs for _, attrs in tags if set(attrs) & {"style", "src", "onclick", "onload"}]
    text = "".join(shown)
    instructions = said(name, uri)
    for expected in (
        *instructions["urls"].values(),
        *(field["name"] for field in instructions["fields"]),
        *(row["name"] for row in instructions["parameters"]),
        *(request["curl"] for request in instructions["requests"]),
        instructions["python"],
        *(row["status"] for row in instructions["statuses"]),
    ):
        assert expected in text


def test_what_the_catalog_says_cannot_break_out_of_the_page() -> None:
    nasty = "</code><script>alert('1')</script>"
    field = Field("roof", "text", one_of=(nasty,), aliases=(nasty, "b"))
    catalog = CATALOGS["example"]
    offer = catalog.offers["auto_insurance"]
    offers = catalog.offers | {"auto_insurance": type(offer)(nasty, nasty, "call", fields=(field,))}
    changed = Catalog(**{name: getattr(catalog, name) for name in catalog.__struct_fields__} | {"offers": offers})
    endpoint = Endpoint("my_endpoint", "auto_insurance", ring_pool="toll_free")
    page = posting_instructions_html(changed, endpoint, BASE_URL)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


TYPES: tuple[FieldType, ...] = (
    "text", "phone", "integer", "decimal", "boolean", "date", "datetime", "state", "zip", "email", "url", "ip"
)  # fmt: skip


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_has_a_sample(type_: FieldType) -> None:
    assert sample_value(Field("x", type_)) is not None


@given(st.sampled_from(["integer", "decimal"]), st.integers(-(10**6), 10**6), st.integers(0, 10**6))
def test_a_sample_keeps_the_limits_of_its_field(type_: FieldType, low: int, width: int) -> None:
    field = Field("x", type_, min=low, max=low + width)
    value = sample_value(field)
    assert value is not None
    assert not isinstance(compile_parser(field)(value), Complaint)


@given(st.integers(1, 200))
def test_a_sample_text_is_not_too_long(length_max: int) -> None:
    assert len(str(sample_value(Field("x", "text", max_length=length_max)))) <= length_max
