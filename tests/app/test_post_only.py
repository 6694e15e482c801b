"""A post without a ping, and a full: the exchange matches and sells in one step."""

import asyncio
from typing import Any

import pytest

from tests.app.catalogs import POOL, buyer, call_offer, catalog, contract, endpoint, field
from tests.app.conftest import Serve
from tests.app.served import CALLER, Json, Served, bids, buyers, lead_path

TWO_BUYERS = catalog(endpoint(), endpoint("other"), buyer(1, contract(25.00)), buyer(2, contract(20.00)))


def count_sales(served: Served) -> int:
    return len(served.contents().get("sales", []))


async def test_a_post_without_a_ping_matches_and_sells(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    http, sold = await served.post(caller_id=CALLER)
    assert http == 200
    assert sold.pop("sale_id")
    assert sold.pop("decision_id")
    assert sold == {
        "success": True,
        "status": "success",
        "trackdrive_number": POOL[0].removeprefix("+"),
        "buyer_id": 1,
        "buyer_name": "Buyer 1",
        "bid": 25.0,
        "expires_in_seconds": 120,
    }


async def test_a_post_without_a_ping_goes_only_to_buyers_that_consent_was_given_to(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    assert (await served.post(buyer_ids=[2]))[1]["buyer_id"] == 2
    assert (await served.full(buyer_ids="2"))[1]["buyer_id"] == 2
    assert (await served.post(buyer_ids=[77]))[1]["status"] == "no_matching_buyer"


async def test_consented_buyers_are_found_however_far_down_they_stand(serve: Serve) -> None:
    many = [buyer(number, contract(100.00 - number)) for number in range(1, 61)]
    served = await serve(catalog(endpoint(buyers_max=2), *many))
    assert (await served.post(buyer_ids=[60]))[1]["buyer_id"] == 60


async def test_post_only_needs_the_fields_of_the_post_and_full_those_of_both(serve: Serve) -> None:
    offer = call_offer(
        field("caller_id", "phone", required_on=["post"]),
        field("zip", "zip", required_on=["ping"]),
    )
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), offer=offer))
    http, said = await served.post(zip="10001")
    assert (http, said["errors"]) == (422, {"caller_id": ["caller_id is required on post. You did not send a value."]})
    assert (await served.post(caller_id=CALLER))[1]["status"] == "success"
    http, said = await served.full(age=3)
    assert (http, sorted(said["errors"])) == (422, ["caller_id", "zip"])
    assert (await served.full(caller_id=CALLER, zip="10001"))[1]["status"] == "success"
    assert (await served.ping(zip="10001"))[1]["status"] == "success"
    assert (await served.ping(caller_id=CALLER))[0] == 422


# -- the same again


@pytest.mark.parametrize("verb", ["post", "full"])
async def test_a_request_id_sells_once(serve: Serve, verb: str) -> None:
    served = await serve(TWO_BUYERS)
    told = {"zip": "10001", "request_id": "lead-1"}
    _, first, _ = await served.lead(verb, "calls", told)
    http, again, _ = await served.lead(verb, "calls", told)
    assert (http, again["repeat"], again["sale_id"]) == (200, True, first["sale_id"])
    assert again["trackdrive_number"] == first["trackdrive_number"]
    assert count_sales(served) == 1
    (request,) = [name for name in served.key_names() if name.startswith("request:")]
    assert served.life_ms(request) > 23 * 3600 * 1000


@pytest.mark.parametrize("verb", ["post", "full"])
async def test_a_request_id_with_other_fields_is_a_mistake(serve: Serve, verb: str) -> None:
    served = await serve(TWO_BUYERS)
    await served.lead(verb, "calls", {"zip": "10001", "request_id": "lead-1"})
    http, said, _ = await served.lead(verb, "calls", {"zip": "10002", "request_id": "lead-1"})
    assert (http, said["status"], list(said["errors"])) == (422, "invalid", ["request_id"])
    assert count_sales(served) == 1


async def test_a_request_id_belongs_to_its_source_and_endpoint(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    told = {"zip": "10001", "request_id": "lead-1"}
    answers = [
        await served.post(**told),
        await served.post(**told, traffic_source_id="abc"),
        await served.post("other", **told),
    ]
    assert ["repeat" in said for _, said in answers] == [False] * 3
    assert count_sales(served) == 3


async def test_many_copies_at_once_sell_once(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    for told in ({"request_id": "lead-1"}, {"caller_id": CALLER}):
        before = count_sales(served)
        answers = [said for _, said in await asyncio.gather(*(served.post(**told) for _ in range(10)))]
        assert len({said["sale_id"] for said in answers}) == 1
        assert sum("repeat" not in said for said in answers) == 1
        assert count_sales(served) == before + 1


async def test_a_call_is_sold_once_by_its_fields_while_its_number_is_lent(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, first = await served.post(caller_id=CALLER, zip="10001")
    _, again = await served.post(caller_id="212-555-1234", zip="10001")
    assert (again["repeat"], again["trackdrive_number"]) == (True, first["trackdrive_number"])
    (fields,) = [name for name in served.key_names() if name.startswith("fields:")]
    assert 118_000 < served.life_ms(fields) <= 120_000
    served.delete(fields)
    _, later = await served.post(caller_id=CALLER, zip="10001")
    assert later["trackdrive_number"] != first["trackdrive_number"]


async def test_another_field_source_or_endpoint_makes_another_lead(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    answers = [
        await served.post(caller_id=CALLER),
        await served.post(caller_id=CALLER, zip="10001"),
        await served.post(caller_id=CALLER, traffic_source_id="abc"),
        await served.post("other", caller_id=CALLER),
    ]
    assert ["repeat" in said for _, said in answers] == [False] * 4
    assert len({said["sale_id"] for _, said in answers}) == 4


async def test_without_caller_and_request_id_each_post_is_a_lead_of_its_own(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    numbers = [(await served.post(zip="10001"))[1]["trackdrive_number"] for _ in range(2)]
    assert len(set(numbers)) == 2


async def test_declines_are_not_remembered(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    await served.admin("POST", "buyers/1/pause")
    told = {"caller_id": CALLER, "request_id": "lead-1"}
    assert (await served.post(**told))[1]["status"] == "no_matching_buyer"
    await served.admin("POST", "buyers/1/resume")
    _, said = await served.post(**told)
    assert (said["status"], "repeat" in said) == ("success", False)


# -- no ping_id, and an empty one


@pytest.mark.parametrize("nothing", [{}, {"ping_id": None}, {"ping_id": ""}])
async def test_no_ping_id_in_json_is_post_only(serve: Serve, nothing: Json) -> None:
    served = await serve(TWO_BUYERS)
    http, said = await served.post(caller_id=CALLER, **nothing)
    assert (http, said["status"], said["buyer_id"]) == (200, "success", 1)


@pytest.mark.parametrize(
    "how",
    [
        {"data": "ping_id=&zip=10001", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"params": {"ping_id": "", "zip": "10001"}},
        {"json": {"ping_id": "  "}},
        {"json": {"ping_id": 7}},
        {"json": {"ping_id": []}},
    ],
)
async def test_an_empty_ping_id_in_a_form_or_query_sells_nothing(serve: Serve, how: dict[str, Any]) -> None:
    served = await serve(TWO_BUYERS)
    http, said, _ = await served.request("POST", lead_path("post", "calls"), **how)
    assert (http, said["status"], list(said["errors"])) == (422, "invalid", ["ping_id"])
    assert count_sales(served) == 0


# -- full


async def test_a_full_answers_as_a_post_does_with_the_buyers_of_its_ping(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, sold = await served.full(caller_id=CALLER)
    assert (sold["status"], sold["buyer_id"], sold["bid"]) == ("success", 1, 25.0)
    assert sold["trackdrive_number"] == POOL[0].removeprefix("+")
    assert bids(sold) == {1: 25.0, 2: 20.0}
    assert set(sold["buyers"][0]) == {"buyer_id", "name", "bid", "ping_id"}


async def test_a_full_that_nobody_wants_has_an_empty_list(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, where={"state": ["TX"]}))))
    _, said = await served.full(caller_id=CALLER)
    assert (said["success"], said["status"], said["buyers"]) == (False, "no_matching_buyer", [])


async def test_a_full_names_as_many_buyers_as_a_ping_would(serve: Serve) -> None:
    many = [buyer(number, contract(30.00 - number)) for number in range(1, 7)]
    served = await serve(catalog(endpoint(buyers_max=3), *many))
    assert buyers((await served.full())[1]) == buyers((await served.ping())[1]) == [1, 2, 3]


async def test_a_full_takes_nothing_of_buyers_that_did_not_win(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), *(buyer(n, contract(9.00 - n), concurrency_cap=5) for n in (1, 2, 3))))
    await served.full()
    assert [len(served.leases("slots", number)) for number in (1, 2, 3)] == [1, 0, 0]
    assert [len(served.leases("holds", number)) for number in (1, 2, 3)] == [0, 0, 0]


async def test_the_ids_of_a_full_are_those_of_a_sold_ping(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, sold = await served.full(caller_id=CALLER)
    for one in sold["buyers"]:
        assert (await served.post(ping_id=one["ping_id"]))[1]["status"] == "already_sold"
    assert count_sales(served) == 1


@pytest.mark.parametrize("verb", ["post", "full"])
async def test_a_sale_without_a_hold_may_use_the_buffer(serve: Serve, verb: str) -> None:
    buffered = buyer(1, contract(25.00), concurrency_cap=4)
    served = await serve(catalog(endpoint(concurrency_cap_buffer_percent=50), buffered))
    assert [len((await served.ping())[1]["buyers"]) for _ in range(3)] == [1, 1, 0]
    statuses = [(await served.lead(verb, "calls", {})).json["status"] for _ in range(3)]
    assert statuses == ["success", "success", "no_matching_buyer"]


async def test_a_repeated_full_gets_the_same_answer(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, first = await served.full(caller_id=CALLER)
    _, again = await served.full(caller_id=CALLER)
    assert again.pop("repeat") is True
    for said in (first, again):
        said.pop("expires_in_seconds")
    assert again == first
