"""How a lead may be sent, and every status that is not 200."""

import asyncio
import json
from typing import Any

import pytest

from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint, field
from tests.app.conftest import Serve
from tests.app.served import CALLER, Served, lead_path

OFFER = call_offer(
    field("caller_id", "phone", required_on=["ping", "post"], personal=True),
    field("insurance_company", "text", aliases=["carrier", "insurer"], one_of=["Geico", "Other"]),
    field("age", "integer", min=16, max=110),
    field("first_name", "text", personal=True),
)
ONE_BUYER = catalog(endpoint(), endpoint("sandbox", test_mode=True), buyer(1, contract(25.00)), offer=OFFER)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON_TYPE = {"Content-Type": "application/json"}


async def understood(served: Served, method: str = "POST", **how: Any) -> dict[str, Any]:
    """The fields as a test ping understood them."""
    http, said, _ = await served.request(method, lead_path("ping", "sandbox"), **how)
    assert http == 200, said
    normalised: dict[str, Any] = said["diagnostics"]["normalised"]
    return {name: normalised[name] for name in ("caller_id", "age", "city") if name in normalised}


@pytest.mark.parametrize(
    ("method", "how"),
    [
        ("POST", {"json": {"caller_id": CALLER, "age": 30, "city": "Köln"}}),
        ("POST", {"data": json.dumps({"caller_id": CALLER, "age": "30", "city": "Köln"}), "headers": FORM}),
        ("POST", {"data": {"caller_id": CALLER, "age": "30", "city": "Köln"}}),
        ("POST", {"data": b"caller_id=%2B12125551234&age=30&city=K%C3%B6ln", "headers": FORM}),
        ("POST", {"params": {"caller_id": CALLER, "age": "30", "city": "Köln"}}),
        ("GET", {"params": {"caller_id": CALLER, "age": "30", "city": "Köln"}}),
        ("GET", {"json": {"caller_id": CALLER, "age": 30, "city": "Köln"}}),
        ("POST", {"params": {"caller_id": CALLER, "city": "Köln"}, "json": {"age": 30}}),
        ("POST", {"params": {"caller_id": CALLER, "city": "Köln"}, "data": {"age": "30"}}),
    ],
)
async def test_a_lead_may_come_as_json_form_or_query(serve: Serve, method: str, how: dict[str, Any]) -> None:
    served = await serve(ONE_BUYER)
    assert await understood(served, method, **how) == {"caller_id": CALLER, "age": 30, "city": "Köln"}


async def test_where_a_name_stands_in_both_the_body_wins(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    query = {"caller_id": "+12125550001", "age": "99"}
    bodies: list[dict[str, Any]] = [{"json": {"caller_id": CALLER}}, {"data": {"caller_id": CALLER}}]
    for body in bodies:
        assert await understood(served, params=query, **body) == {
            "caller_id": CALLER,
            "age": 99,
        }


@pytest.mark.parametrize("verb", ["ping", "post", "full"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_lead_path_takes_get_and_post(serve: Serve, verb: str, method: str) -> None:
    served = await serve(ONE_BUYER)
    http, said, headers = await served.request(method, lead_path(verb, "calls"), params={"caller_id": CALLER})
    assert (http, said["status"]) == (200, "success")
    assert headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    "written",
    ["+12125551234", "12125551234", "2125551234", "(212) 555-1234", "212.555.1234", "1-212-555-1234", 2125551234],
)
async def test_any_common_writing_of_a_number_is_understood(serve: Serve, written: object) -> None:
    served = await serve(ONE_BUYER)
    assert await understood(served, json={"caller_id": written}) == {"caller_id": CALLER}


async def test_a_field_is_known_by_its_aliases(serve: Serve) -> None:
    picky = buyer(1, contract(25.00, where={"insurance_company": ["Geico"]}))
    served = await serve(catalog(endpoint(), picky, offer=OFFER))
    for name in ("insurance_company", "carrier", "insurer"):
        assert (await served.ping(caller_id=CALLER, **{name: "Geico"}))[1]["success"] is True, name
        assert (await served.ping(caller_id=CALLER, **{name: "Other"}))[1]["success"] is False, name
    http, said = await served.ping(caller_id=CALLER, carrier="Nobody")
    assert (http, list(said["errors"])) == (422, ["insurance_company"])


async def test_an_unknown_name_is_never_a_mistake(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    strange = {"": 1, "x" * 500: 1, "a b": [1, {"c": None}], "é": True, "constructor": {}, "city": None, "$": 1e308}
    assert (await served.ping(caller_id=CALLER, **strange))[1]["status"] == "success"
    assert (await served.ping(caller_id=CALLER, ping_id="x", buyer_ids=[1]))[1]["status"] == "success"


async def test_what_the_offer_does_not_name_is_kept_or_dropped_as_it_says(serve: Serve) -> None:
    told = {"caller_id": CALLER, "city": "Boston"}
    for rule, kept in (("keep", {"city": "Boston"}), ("drop", {})):
        served = await serve(
            catalog(endpoint(test_mode=True), buyer(1, contract(25.00)), offer=call_offer(extra_fields=rule))
        )
        _, said = await served.ping(**told)
        normalised = said["diagnostics"]["normalised"]
        assert {name: normalised[name] for name in ("city",) if name in normalised} == kept


# -- what is wrong with a request


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", JSON_TYPE),
        (b"[]", JSON_TYPE),
        (b"null", JSON_TYPE),
        (b'"text"', JSON_TYPE),
        (b"7", JSON_TYPE),
        (b"{}{}", JSON_TYPE),
        (b'{"age": NaN}', JSON_TYPE),
        (b"{'age': 1}", JSON_TYPE),
        (b'{"age": 1, "age": 2}', JSON_TYPE),
        (b'{"a": {"b": 1, "b": 2}}', JSON_TYPE),
        (b'{"city": "\xff"}', JSON_TYPE),
        ('{"city": "x"}'.encode("utf-16"), JSON_TYPE),
        (b'{"a":' * 8_000 + b"1" + b"}" * 8_000, JSON_TYPE),
        (b"[" * 60_000, JSON_TYPE),
        (b"{", FORM),
        (b"[1]", FORM),
        (b"city=%ff", FORM),
        (b"city=a&city=b", FORM),
        (b"&".join(b"n%d=1" % number for number in range(1000)), FORM),
    ],
)
async def test_a_body_that_cannot_be_read_is_malformed(serve: Serve, body: bytes, headers: dict[str, str]) -> None:
    served = await serve(ONE_BUYER)
    for verb in ("ping", "post", "full"):
        http, said, told = await served.request("POST", lead_path(verb, "calls"), data=body, headers=headers)
        assert (http, said["success"], said["status"]) == (400, False, "malformed_body")
        assert len(said["errors"]) == 1
        assert told["Cache-Control"] == "no-store"


async def test_a_query_that_cannot_be_read_is_malformed(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    for query in ("city=a&city=b", "city=%ff"):
        http, said, _ = await served.request("GET", f"{lead_path('ping', 'calls')}?{query}")
        assert (http, said["status"]) == (400, "malformed_body"), query


@pytest.mark.parametrize(
    "type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/json; charset=latin1"]
)
async def test_a_foreign_type_of_body_is_unsupported(serve: Serve, type: str) -> None:
    served = await serve(ONE_BUYER)
    how = {"data": b'{"caller_id": "+12125551234"}', "headers": {"Content-Type": type}}
    http, said, _ = await served.request("POST", lead_path("ping", "calls"), **how)
    assert (http, said["success"], said["status"]) == (415, False, "unsupported_media_type")


async def test_a_body_may_have_sixty_four_kib_and_no_more(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    lead = json.dumps({"caller_id": CALLER}).encode()
    for size, status in ((64 * 1024, 200), (64 * 1024 + 1, 413), (1024 * 1024, 413)):
        body = lead + b" " * (size - len(lead))
        http, said, _ = await served.request("POST", lead_path("ping", "calls"), data=body, headers=JSON_TYPE)
        assert http == status
    assert (said["success"], said["status"]) == (False, "body_too_large")


async def test_an_unknown_endpoint_is_not_found(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    for uri in ("nowhere", "CALLS", "calls%00", "%20", "..%2fcalls"):
        for verb in ("ping", "post", "full"):
            http, said, _ = await served.lead(verb, uri, {})
            assert (http, said["success"], said["status"]) == (404, False, "unknown_endpoint"), uri


@pytest.mark.parametrize("verb", ["ping", "post", "full"])
async def test_other_methods_are_not_allowed_and_sell_nothing(serve: Serve, verb: str) -> None:
    served = await serve(ONE_BUYER)
    before = served.contents()
    for method in ("HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        answer = await served.request(method, lead_path(verb, "calls"), params={"caller_id": CALLER})
        assert answer.http == 405, method
        assert answer.headers["Allow"] == "GET, POST"
        if method != "HEAD":
            assert (answer.json["success"], answer.json["status"]) == (False, "method_not_allowed")
    assert served.contents() == before


async def test_all_that_is_wrong_is_said_at_once(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    told = {"age": 200, "carrier": "Nobody", "min_bid": -1, "buyer_ids": "x", "first_name": ["x"]}
    http, said = await served.post(**told)
    assert (http, said["success"], said["status"]) == (422, False, "invalid")
    assert set(said["errors"]) == {"caller_id", "age", "insurance_company", "min_bid", "buyer_ids", "first_name"}
    assert said["errors"]["age"] == ["age is above 110. You sent 200."]
    assert said["errors"]["caller_id"] == ["caller_id is required on post. You did not send a value."]
    assert all(isinstance(sentence, str) for sentences in said["errors"].values() for sentence in sentences)


async def test_a_personal_value_is_not_echoed(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    _, said = await served.ping(caller_id="0815-4711", first_name="Annabel" * 50)
    assert set(said["errors"]) == {"caller_id", "first_name"}
    assert "0815" not in str(said)
    assert "Annabel" not in str(said)


@pytest.mark.parametrize("value", ["\x00", "a\x00b", "‮" * 3])
async def test_control_characters_in_a_parameter_are_a_mistake(serve: Serve, value: str) -> None:
    served = await serve(ONE_BUYER)
    http, said = await served.ping(caller_id=CALLER, traffic_source_id=value, request_id=value)
    assert (http, set(said["errors"])) == (422, {"traffic_source_id", "request_id"})


async def test_every_answer_may_not_be_stored(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    answers = [
        await served.lead("ping", "calls", {"caller_id": CALLER}),
        await served.lead("post", "calls", {"ping_id": "x"}),
        await served.lead("ping", "calls", {}),
        await served.lead("ping", "calls", []),
        await served.lead("ping", "calls", {"auth_token": "x"}),
        await served.lead("ping", "nowhere", {}),
        await served.request("PUT", lead_path("ping", "calls")),
        await served.request("GET", "/nothing/here"),
        await served.lead("ping", "calls", {"city": "x" * 70_000}),
    ]
    assert [answer.http for answer in answers] == [200, 200, 422, 400, 401, 404, 405, 404, 413]
    assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store"] * 9
    assert all({"success", "status"} <= set(answer.json) for answer in answers)


async def test_errors_are_a_list_of_sentences_but_on_422(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    assert isinstance((await served.ping())[1]["errors"], dict)
    for fields in ({"auth_token": "x"}, {"caller_id": CALLER, "opt_out": 1}, {"caller_id": CALLER, "min_bid": 99}):
        _, said = await served.ping(**fields)
        assert isinstance(said["errors"], list), said
        assert all(sentence.endswith(".") for sentence in said["errors"])


async def test_too_much_in_flight_is_refused_at_once(serve: Serve) -> None:
    served = await serve(ONE_BUYER, in_flight_max=1)
    answers = await asyncio.gather(*(served.lead("ping", "calls", {"caller_id": CALLER}) for _ in range(30)))
    refused = [answer for answer in answers if answer.http != 200]
    assert 0 < len(refused) < 30
    for answer in refused:
        assert (answer.http, answer.json["success"], answer.json["status"]) == (503, False, "unavailable")
        assert answer.headers["Retry-After"] == "1"
    assert (await served.ping(caller_id=CALLER))[0] == 200
