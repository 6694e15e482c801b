"""Where a call goes: who may ask, how, and what a switch is told where it goes nowhere."""

import asyncio
from typing import Any

import pytest

from tests.app.calling import EDGE, ring, sold, tell
from tests.app.catalogs import buyer, catalog, contract, endpoint
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN, CALLER, EDGE_TOKEN, bearer

TWO_BUYERS = catalog(endpoint(), buyer(1, contract(25.00)), buyer(2, contract(20.00)))
ROUTE, EVENTS = "/api/v1/calls/route", "/api/v1/calls/events"


async def test_a_call_is_dialled_to_the_buyer_of_its_sale(serve: Serve) -> None:
    served = await serve(catalog(endpoint(ring_seconds=15, max_call_seconds=900), buyer(1, contract(25.00))))
    post = await sold(served)
    assert await ring(served, post["trackdrive_number"]) == {
        "success": True,
        "status": "routed",
        "action": "dial",
        "destination": "+18885552001",
        "ring_seconds": 15,
        "max_seconds": 900,
        "sale_id": post["sale_id"],
        "buyer_id": 1,
        "buyer_name": "Buyer 1",
        "bid": 25.0,
    }


async def test_the_same_question_gets_the_very_same_answer_and_one_slot(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    first = await ring(served, post["trackdrive_number"])
    again = await asyncio.gather(*(ring(served, post["trackdrive_number"]) for _ in range(5)))
    assert again == [first] * 5
    assert served.leases("slots", 1) == [post["decision_id"]]
    assert served.leases("slots", 2) == []


async def test_racing_copies_of_a_first_question_are_one_call(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    said = await asyncio.gather(*(ring(served, post["trackdrive_number"]) for _ in range(8)))
    assert [one["status"] for one in said] == ["routed"] * 8
    assert served.leases("slots", 1) == [post["decision_id"]]


async def test_racing_calls_on_one_number_are_one_dialled_and_the_others_busy(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    said = await asyncio.gather(*(ring(served, post["trackdrive_number"], f"call-{at}") for at in range(6)))
    assert sorted(one.get("reason", "dialled") for one in said) == ["dialled"] + ["number_busy"] * 5


async def test_a_number_is_found_in_every_common_writing(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    digits = post["trackdrive_number"].removeprefix("1")
    for call, written in enumerate((f"+1{digits}", f"1{digits}", f"({digits[:3]}) {digits[3:6]}-{digits[6:]}")):
        said = await ring(served, written, f"call-{call}")
        assert said["status"] == "routed", (written, said)
        await tell(served, "ended", f"call-{call}", outcome="no_answer")


@pytest.mark.parametrize("path", [ROUTE, EVENTS])
async def test_without_an_edge_token_in_the_settings_there_is_nothing_there(serve: Serve, path: str) -> None:
    served = await serve(TWO_BUYERS, edge_token=None)
    for headers in ({}, bearer(EDGE_TOKEN), bearer(""), bearer("None")):
        answer = await served.request("POST", path, json={}, headers=headers)
        assert (answer.http, answer.json["status"]) == (404, "not_found")


@pytest.mark.parametrize("path", [ROUTE, EVENTS])
@pytest.mark.parametrize(
    "headers",
    [{}, bearer(""), bearer("wrong"), bearer(ADMIN_TOKEN), bearer("gültig"), {"Authorization": f"Basic {EDGE_TOKEN}"}],
)
async def test_a_wrong_token_is_turned_away(serve: Serve, path: str, headers: dict[str, str]) -> None:
    served = await serve(TWO_BUYERS)
    before = served.contents()
    answer = await served.request("POST", path, json={"edge": EDGE, "call": "call-1"}, headers=headers)
    assert (answer.http, answer.json["status"], answer.json["success"]) == (401, "unauthorized", False)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert served.contents() == before


async def test_a_dialplan_may_send_a_form_and_gets_the_same_answer(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    form = {"edge": EDGE, "call": "call-1", "tracking_number": post["trackdrive_number"], "attempt": "0"}
    answer = await served.request("POST", ROUTE, data=form, headers=bearer(EDGE_TOKEN))
    assert (answer.http, answer.json["status"]) == (200, "routed")
    assert await ring(served, post["trackdrive_number"]) == answer.json
    told = {"event": "ended", "edge": EDGE, "call": "call-1", "outcome": "answered", "duration_ms": "61000"}
    answer = await served.request("POST", EVENTS, data=told, headers=bearer(EDGE_TOKEN))
    assert (answer.http, answer.json["taken"]) == (200, "taken")


@pytest.mark.parametrize("path", [ROUTE, EVENTS])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_a_call_is_only_ever_posted(serve: Serve, path: str, method: str) -> None:
    served = await serve(TWO_BUYERS)
    answer = await served.request(method, path, headers=bearer(EDGE_TOKEN))
    assert (answer.http, answer.headers["Allow"]) == (405, "POST")


# -- where it goes nowhere


def rejected(reason: str, sip: int, cause: int) -> dict[str, Any]:
    return {
        "success": False,
        "status": "no_route",
        "action": "reject",
        "reason": reason,
        "sip": sip,
        "cause": cause,
    }


@pytest.mark.parametrize("number", ["+12025550199", "anonymous", "5", "+0"])
async def test_a_number_of_nobody_is_unknown(serve: Serve, number: str) -> None:
    served = await serve(TWO_BUYERS)
    assert await ring(served, number) == rejected("unknown_number", 404, 1)


async def test_a_number_of_the_pool_without_a_sale_has_expired(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    assert await ring(served, "+18005550109") == rejected("number_expired", 410, 22)


async def test_a_number_whose_time_is_over_has_expired(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    served.redis.hset(f"{{test}}:sale:{post['decision_id']}", "until_ms", 1)
    assert await ring(served, post["trackdrive_number"]) == rejected("number_expired", 410, 22)
    assert await ring(served, post["trackdrive_number"]) == rejected("number_expired", 410, 22)


async def test_a_number_with_a_live_call_is_busy(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    await ring(served, post["trackdrive_number"], "call-1")
    assert await ring(served, post["trackdrive_number"], "call-2") == rejected("number_busy", 486, 17)
    assert served.leases("slots", 1) == [post["decision_id"]]


async def test_a_call_of_the_same_name_from_another_edge_is_another_call(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    assert (await ring(served, post["trackdrive_number"], edge="edge-2"))["reason"] == "number_busy"


async def test_a_sale_of_one_buyer_has_nobody_left_after_it(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, ping = await served.ping(caller_id=CALLER)
    _, post = await served.post(ping_id=ping["buyers"][0]["ping_id"])
    assert (await ring(served, post["trackdrive_number"]))["buyer_id"] == 1
    said = await ring(served, post["trackdrive_number"], attempt=1, last="busy")
    assert said == rejected("no_buyer_left", 486, 17)


async def test_an_endpoint_may_insist_on_the_caller_of_the_lead(serve: Serve) -> None:
    served = await serve(catalog(endpoint(caller_must_match=True), buyer(1, contract(25.00))))
    post = await sold(served)
    number = post["trackdrive_number"]
    assert await ring(served, number, "call-1", caller_id="+13105551234") == rejected("caller_mismatch", 403, 21)
    assert await ring(served, number, "call-2", caller_id="anonymous") == rejected("caller_mismatch", 403, 21)
    assert (await ring(served, number, "call-3", caller_id="(212) 555-1234"))["status"] == "routed"


async def test_elsewhere_anybody_may_call_the_number(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    assert (await ring(served, post["trackdrive_number"], caller_id="anonymous"))["status"] == "routed"


async def test_a_call_that_has_ended_goes_nowhere(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await tell(served, "ended", outcome="caller_hung_up")
    said = await ring(served, post["trackdrive_number"], attempt=1, last="busy")
    assert said == rejected("call_ended", 487, 16)
    assert served.leases("slots", 1) == served.leases("slots", 2) == []


# -- questions that are none


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"edge", "call", "tracking_number"}),
        ({"edge": "", "call": " ", "tracking_number": None}, {"edge", "call", "tracking_number"}),
        ({"edge": "e", "call": "c", "tracking_number": "+12025550199", "attempt": "two"}, {"attempt"}),
        ({"edge": "e", "call": "c", "tracking_number": "+12025550199", "attempt": -1}, {"attempt"}),
        ({"edge": "e", "call": "c", "tracking_number": "+12025550199", "attempt": 1.5}, {"attempt"}),
        ({"edge": "e", "call": "c", "tracking_number": "+12025550199", "attempt": 10**30}, {"attempt"}),
        ({"edge": "e", "call": "c", "tracking_number": "+12025550199", "last": "bored"}, {"last"}),
        ({"edge": "e" * 10_000, "call": ["c"], "tracking_number": "+12025550199"}, {"edge", "call"}),
        ({"edge": "e\x00", "call": {"a": 1}, "tracking_number": "+12025550199"}, {"edge", "call"}),
    ],
)
async def test_all_that_is_wrong_with_a_question_is_told_at_once(
    serve: Serve, fields: dict[str, Any], wrong: set[str]
) -> None:
    served = await serve(TWO_BUYERS)
    http, said = await served.route(**fields)
    assert (http, said["status"], set(said["errors"])) == (422, "invalid", wrong)
    assert all(sentence.startswith(name) for name, (sentence,) in said["errors"].items())


async def test_a_sale_whose_endpoint_has_left_the_catalog_still_reaches_its_buyer(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    (served.folder / "catalog.toml").write_text(catalog(endpoint("other"), buyer(1, contract(25.00))))
    http, said = await served.admin("POST", "reload")
    assert http == 200, said
    assert (await ring(served, post["trackdrive_number"]))["buyer_id"] == 1
