"""A post with an id of a ping: who buys, at what price, and that a ping is sold once."""

import asyncio
from hashlib import sha256
from typing import Any

import pytest

from tests.app.catalogs import POOL, buyer, call_offer, catalog, contract, endpoint, field, source
from tests.app.conftest import Serve
from tests.app.served import CALLER, Json, Served, buyers, ping_id_of

TWO_BUYERS = catalog(endpoint(), endpoint("other"), buyer(1, contract(25.00)), buyer(2, contract(20.00)))


async def test_a_buyers_id_sells_to_that_buyer_at_its_bid(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, quoted = await served.ping(caller_id=CALLER)
    http, sold = await served.post(ping_id=ping_id_of(quoted, 2), caller_id=CALLER)
    assert http == 200
    assert sold.pop("sale_id")
    assert sold == {
        "success": True,
        "status": "success",
        "trackdrive_number": POOL[0].removeprefix("+"),
        "buyer_id": 2,
        "buyer_name": "Buyer 2",
        "bid": 20.0,
        "expires_in_seconds": 120,
        "decision_id": quoted["decision_id"],
    }


async def test_the_try_all_id_sells_to_the_first_buyer(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, quoted = await served.ping(caller_id=CALLER)
    _, sold = await served.post(ping_id=quoted["try_all_buyers_ping_id"])
    assert (sold["status"], sold["buyer_id"], sold["bid"]) == ("success", 1, 25.0)


async def test_try_all_goes_on_to_the_next_buyer_at_what_was_quoted_for_it(serve: Serve) -> None:
    capped = buyer(1, contract(25.00, caps={"day": 1})), buyer(2, contract(20.00)), buyer(3, contract(15.00))
    served = await serve(catalog(endpoint(), *capped))
    (_, first), (_, second) = await served.ping(), await served.ping()
    await served.post(ping_id=first["try_all_buyers_ping_id"])
    _, sold = await served.post(ping_id=second["try_all_buyers_ping_id"])
    assert (sold["buyer_id"], sold["bid"]) == (2, 20.0)


async def test_try_all_with_nobody_left_is_declined_and_takes_nothing(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, caps={"day": 1}))))
    (_, first), (_, second) = await served.ping(), await served.ping()
    await served.post(ping_id=first["try_all_buyers_ping_id"])
    before = served.contents()
    http, said = await served.post(ping_id=second["try_all_buyers_ping_id"])
    assert (http, said["success"], said["status"]) == (200, False, "no_matching_buyer")
    after = served.contents()
    assert len(after.pop("audit")) == len(before.pop("audit")) + 1
    assert after == before


async def test_a_try_all_post_goes_only_to_buyers_that_consent_was_given_to(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    quotes = [(await served.ping())[1]["try_all_buyers_ping_id"] for _ in range(4)]
    assert (await served.post(ping_id=quotes[0], buyer_ids=[2]))[1]["buyer_id"] == 2
    assert (await served.post(ping_id=quotes[1], buyer_ids="2, 1"))[1]["buyer_id"] == 1
    assert (await served.post(ping_id=quotes[2], buyer_ids=2))[1]["buyer_id"] == 2
    assert (await served.post(ping_id=quotes[3], buyer_ids=[77]))[1]["status"] != "success"


async def test_consent_binds_a_post_with_a_buyers_id_too(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, quoted = await served.ping()
    _, said = await served.post(ping_id=ping_id_of(quoted, 1), buyer_ids=[2])
    assert said["success"] is False
    assert served.leases("slots", 1) == []


@pytest.mark.parametrize("buyer_ids", [[], "", ["x"], [0], "1;2", [[1]], True])
async def test_a_list_of_buyers_that_cannot_be_read_is_a_mistake(serve: Serve, buyer_ids: object) -> None:
    served = await serve(TWO_BUYERS)
    http, said = await served.post(buyer_ids=buyer_ids)
    assert (http, list(said["errors"])) == (422, ["buyer_ids"])


async def test_a_buyer_id_may_stand_beside_the_ping_id_and_must_agree(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, quoted = await served.ping()
    http, said = await served.post(ping_id=ping_id_of(quoted, 1), buyer_id=2)
    assert (http, said["status"], list(said["errors"])) == (422, "invalid", ["buyer_id"])
    http, sold = await served.post(ping_id=ping_id_of(quoted, 1), buyer_id="1")
    assert (http, sold["status"]) == (200, "success")
    http, _ = await served.post(ping_id=ping_id_of(quoted, 1), buyer_id=2)
    assert http == 422


async def test_the_price_of_the_ping_stands_whatever_the_post_says(serve: Serve) -> None:
    rules = contract(25.00, bids=[{"where": {"age": {"min": 60}}, "bid": 50.00}], where={"age": {"max": 70}})
    offer = call_offer(field("age", "integer"))
    served = await serve(catalog(endpoint(), buyer(1, rules), offer=offer))
    _, quoted = await served.ping(age=30)
    _, sold = await served.post(ping_id=quoted["try_all_buyers_ping_id"], age=65)
    assert (sold["bid"], sold["ignored_changes"]) == (25.0, ["age"])


# -- ids


async def is_expired(served: Served, uri: str = "calls", **fields: Any) -> bool:
    http, said = await served.post(uri, **fields)
    return http == 200 and said["success"] is False and said["status"] == "ping_expired"


async def test_an_id_that_was_never_issued_is_expired(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, quoted = await served.ping()
    real = quoted["try_all_buyers_ping_id"]
    made_up = [
        "x",
        "xyz789",
        real[:-1],
        real + "0",
        real + "-9",
        real + "-",
        real.upper(),
        "p" + "0" * 32,
        "é",
        "1' OR 1",
    ]
    for ping_id in [*made_up, "x" * 10_000, real[0] + "s" + real[1:], quoted["decision_id"]]:
        assert await is_expired(served, ping_id=ping_id), ping_id
    assert (await served.post(ping_id=real))[1]["status"] == "success"


async def test_an_id_is_good_on_the_endpoint_of_its_ping_only(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, quoted = await served.ping()
    assert await is_expired(served, "other", ping_id=quoted["try_all_buyers_ping_id"])
    assert await is_expired(served, "other", ping_id=ping_id_of(quoted, 1))
    assert (await served.post(ping_id=ping_id_of(quoted, 1)))[1]["status"] == "success"
    assert await is_expired(served, "other", ping_id=ping_id_of(quoted, 1))


async def test_an_id_is_good_for_the_source_of_its_ping_only(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, quoted = await served.ping(traffic_source_id="abc")
    assert await is_expired(served, traffic_source_id="xyz", ping_id=ping_id_of(quoted, 1))
    assert (await served.post(traffic_source_id="abc", ping_id=ping_id_of(quoted, 1)))[1]["status"] == "success"
    assert await is_expired(served, traffic_source_id="xyz", ping_id=ping_id_of(quoted, 1))


async def test_another_sources_token_does_not_open_an_id(serve: Serve) -> None:
    def with_token(name: str) -> str:
        return source(name, auth_tokens=[{"name": "t", "sha256": sha256(f"token of {name}".encode()).hexdigest()}])

    served = await serve(
        catalog(endpoint(auth_required=True), with_token("abc"), with_token("xyz"), buyer(1, contract(25.00)))
    )
    _, quoted = await served.ping(auth_token="token of abc")
    ping_id = quoted["try_all_buyers_ping_id"]
    assert await is_expired(served, auth_token="token of xyz", ping_id=ping_id)
    assert (await served.post(ping_id=ping_id))[0] == 401
    assert (await served.post(auth_token="token of abc", ping_id=ping_id))[1]["status"] == "success"


async def test_a_ping_is_over_when_its_time_is(serve: Serve) -> None:
    served = await serve(catalog(endpoint(ping_ttl_seconds=1), buyer(1, contract(25.00, caps={"total": 1}))))
    _, quoted = await served.ping()
    assert 0 < served.life_ms(f"ping:{quoted['decision_id']}") <= 1000
    async with asyncio.timeout(10):
        while served.life_ms(f"ping:{quoted['decision_id']}") >= 0:
            await served.request("GET", "/healthz")
    assert await is_expired(served, ping_id=quoted["try_all_buyers_ping_id"])
    assert await is_expired(served, ping_id=ping_id_of(quoted, 1))
    assert [name for name in served.key_names() if name.startswith(("sale:", "slots:", "lent:"))] == []


# -- one ping, one sale


async def test_one_ping_makes_one_sale_whichever_ids_are_posted_at_once(serve: Serve) -> None:
    three = [buyer(number, contract(30.00 - number), concurrency_cap=9) for number in (1, 2, 3)]
    served = await serve(catalog(endpoint(), *three))
    _, quoted = await served.ping(caller_id=CALLER)
    ids = [quoted["try_all_buyers_ping_id"], *(ping_id_of(quoted, number) for number in (1, 2, 3))]
    answers = [said for _, said in await asyncio.gather(*(served.post(ping_id=one) for one in ids * 6))]
    sold = [said for said in answers if said["status"] == "success"]
    assert len(sold) == 6
    assert sum("repeat" not in said for said in sold) == 1
    assert len({(said["sale_id"], said["trackdrive_number"], said["buyer_id"]) for said in sold}) == 1
    assert [said["status"] for said in answers if said not in sold] == ["already_sold"] * 18
    stored = served.contents()
    assert len(stored["sales"]) == len(stored["lent:pool"]) == 1
    assert sum(len(served.leases("slots", number)) for number in (1, 2, 3)) == 1
    assert sum(len(served.leases("holds", number)) for number in (1, 2, 3)) == 0


async def test_the_same_post_again_gets_the_same_sale(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, quoted = await served.ping()
    _, first = await served.post(ping_id=ping_id_of(quoted, 1))
    before = served.contents()
    http, again = await served.post(ping_id=ping_id_of(quoted, 1))
    assert http == 200
    assert again.pop("repeat") is True
    assert 118 <= again.pop("expires_in_seconds") <= first.pop("expires_in_seconds")
    assert again == first
    assert served.contents() == before


async def test_a_sale_is_repeated_for_a_day_when_its_ping_is_long_over(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, quoted = await served.ping()
    _, first = await served.post(ping_id=ping_id_of(quoted, 1))
    day_ms = 24 * 3600 * 1000
    assert day_ms - 60_000 < served.life_ms(f"sale:{quoted['decision_id']}") <= day_ms
    served.delete(f"ping:{quoted['decision_id']}")
    _, again = await served.post(ping_id=ping_id_of(quoted, 1))
    assert (again["repeat"], again["trackdrive_number"]) == (True, first["trackdrive_number"])
    _, other = await served.post(ping_id=quoted["try_all_buyers_ping_id"])
    assert (other["success"], other["status"]) == (False, "already_sold")


async def test_a_post_gives_the_pings_other_holds_back(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), *(buyer(n, contract(9.00), concurrency_cap=5) for n in (1, 2, 3))))
    _, quoted = await served.ping()
    await served.post(ping_id=ping_id_of(quoted, 2))
    assert [served.leases("holds", number) for number in (1, 2, 3)] == [[], [], []]
    assert [len(served.leases("slots", number)) for number in (1, 2, 3)] == [0, 1, 0]


# -- what a post says


MERGED = catalog(
    endpoint(),
    buyer(1, contract(25.00)),
    offer=call_offer(
        field("caller_id", "phone", personal=True, required_on=["post"]),
        field("email", "email", personal=True),
        field("zip", "zip", required_on=["ping"]),
        field("first_name", "text", required_on=["post"], personal=True),
        field("age", "integer"),
    ),
)


async def posted_record(served: Served, decision_id: str) -> Json:
    _, said = await served.admin("GET", f"decisions/{decision_id}")
    record: Json = said["decision"]["records"][-1]["record"]
    return record


async def test_new_fields_are_added_and_changed_ones_are_listed_and_decide_nothing(serve: Serve) -> None:
    served = await serve(MERGED)
    _, quoted = await served.ping(zip="10001", age=40, city="New York")
    told = {"zip": "90210", "age": "40", "caller_id": CALLER, "first_name": "Ann", "city": "Boston"}
    _, sold = await served.post(ping_id=ping_id_of(quoted, 1), **told)
    assert (sold["status"], sold["ignored_changes"]) == ("success", ["city", "zip"])
    record = await posted_record(served, quoted["decision_id"])
    assert record["lead"]["zip"] == "10001"
    assert record["lead"]["first_name"] == "Ann"
    assert record["changes"] == {"zip": "90210", "city": "Boston"}
    _, again = await served.post(ping_id=ping_id_of(quoted, 1), **told)
    assert again["ignored_changes"] == ["city", "zip"]


async def test_a_post_that_changes_nothing_lists_no_changes(serve: Serve) -> None:
    served = await serve(MERGED)
    _, quoted = await served.ping(zip="10001-1234", age=40)
    _, sold = await served.post(ping_id=ping_id_of(quoted, 1), zip="10001", caller_id=CALLER, first_name="Ann")
    assert (sold["status"], "ignored_changes" in sold) == ("success", False)


async def test_a_post_is_checked_on_ping_and_post_fields_together(serve: Serve) -> None:
    served = await serve(MERGED)
    _, quoted = await served.ping(zip="10001", first_name="Ann")
    http, said = await served.post(ping_id=ping_id_of(quoted, 1))
    assert http == 422
    assert said["errors"] == {"caller_id": ["caller_id is required on post. You did not send a value."]}
    http, _ = await served.post(ping_id=ping_id_of(quoted, 1), caller_id=CALLER)
    assert http == 200


async def test_all_wrong_fields_are_named_and_nothing_is_taken(serve: Serve) -> None:
    served = await serve(MERGED)
    _, quoted = await served.ping(zip="10001")
    before = served.contents()
    http, said = await served.post(ping_id=ping_id_of(quoted, 1), caller_id="no number", age="old", email="@")
    assert (http, said["status"], sorted(said["errors"])) == (422, "invalid", ["age", "caller_id", "email"])
    assert served.contents() == before


async def test_a_field_may_come_hashed_on_the_ping_and_must_match_on_the_post(serve: Serve) -> None:
    served = await serve(MERGED)
    hashes = {
        "caller_id_sha256": sha256(CALLER.removeprefix("+").encode()).hexdigest(),
        "email_sha256": sha256(b"ann@example.com").hexdigest().upper(),
    }
    _, quoted = await served.ping(zip="10001", **hashes)
    wrong = {"caller_id": "+12125559999", "first_name": "Ann", "email": "bob@example.com"}
    http, said = await served.post(ping_id=ping_id_of(quoted, 1), **wrong)
    assert (http, sorted(said["errors"])) == (422, ["caller_id", "email"])
    right = {"caller_id": CALLER, "first_name": "Ann", "email": "Ann@Example.com"}
    http, said = await served.post(ping_id=ping_id_of(quoted, 1), **right)
    assert (http, said["status"]) == (200, "success")


async def test_a_hash_does_not_stand_in_for_what_a_post_needs(serve: Serve) -> None:
    served = await serve(MERGED)
    _, quoted = await served.ping(zip="10001", caller_id_sha256="0" * 64)
    http, said = await served.post(ping_id=ping_id_of(quoted, 1), first_name="Ann")
    assert (http, list(said["errors"])) == (422, ["caller_id"])


async def test_the_request_id_is_echoed_in_every_answer(serve: Serve) -> None:
    served = await serve(MERGED)
    _, quoted = await served.ping(zip="10001", request_id="r-1")
    told = {"caller_id": CALLER, "first_name": "Ann", "request_id": "r-1"}
    answers = [
        quoted,
        (await served.ping(zip="10001", request_id="r-1"))[1],
        (await served.ping(request_id="r-1"))[1],
        (await served.post(ping_id="gone", **told))[1],
        (await served.post(ping_id=ping_id_of(quoted, 1), request_id="r-1"))[1],
        (await served.post(ping_id=ping_id_of(quoted, 1), **told))[1],
        (await served.post(ping_id=ping_id_of(quoted, 1), **told))[1],
        (await served.post(ping_id=quoted["try_all_buyers_ping_id"], **told))[1],
        (await served.full(zip="1", request_id="r-1"))[1],
        (await served.ping(auth_token="wrong", request_id="r-1"))[1],
    ]
    assert [said["status"] for said in answers] == [
        "success",
        "success",
        "invalid",
        "ping_expired",
        "invalid",
        "success",
        "success",
        "already_sold",
        "invalid",
        "unauthorized",
    ]
    assert [said.get("request_id") for said in answers] == ["r-1"] * 10


async def test_buyers_of_the_ping_that_left_the_answer_cannot_be_posted(serve: Serve) -> None:
    served = await serve(catalog(endpoint(buyers_max=1), buyer(1, contract(25.00)), buyer(2, contract(20.00))))
    _, quoted = await served.ping()
    assert buyers(quoted) == [1]
    assert await is_expired(served, ping_id=ping_id_of(quoted, 1).replace("-0", "-1"))
