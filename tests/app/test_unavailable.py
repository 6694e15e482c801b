"""What a ping or a post is declined for at the moment it is asked: pauses, caps, duplicates, room, numbers."""

import asyncio
from hashlib import sha256

import pytest

from tests.app.catalogs import POOL, buyer, call_offer, catalog, contract, endpoint, field
from tests.app.conftest import Serve
from tests.app.served import CALLER, Json, Served, buyers, ping_id_of


async def reason(served: Served, quoted: Json, buyer_id: int = 1) -> str:
    """Why the one buyer cannot take the lead; nothing but the audit was written."""
    before = served.contents()
    http, said = await served.post(ping_id=ping_id_of(quoted, buyer_id))
    assert (http, said["success"], said["status"]) == (200, False, "buyer_unavailable"), said
    after = served.contents()
    before.pop("audit"), after.pop("audit")
    assert after == before
    return str(said["reason"])


async def test_a_paused_buyer_is_not_offered_and_cannot_take_what_it_was_offered(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), buyer(2, contract(20.00))))
    _, quoted = await served.ping()
    _, other = await served.ping()
    assert (await served.admin("POST", "buyers/1/pause"))[0] == 200
    assert await reason(served, quoted) == "paused"
    assert buyers((await served.ping())[1]) == [2]
    assert (await served.post(ping_id=other["try_all_buyers_ping_id"]))[1]["buyer_id"] == 2
    await served.admin("POST", "buyers/1/resume")
    assert (await served.post(ping_id=ping_id_of(quoted, 1)))[1]["status"] == "success"


async def test_a_buyer_paused_in_the_catalog_is_not_offered(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), paused=True), buyer(2, contract(20.00))))
    assert buyers((await served.ping())[1]) == [2]


# -- caps


@pytest.mark.parametrize("per", ["hour", "day", "week", "month", "total"])
async def test_a_cap_counts_sales_and_not_pings(serve: Serve, per: str) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, caps={per: 2})), buyer(2, contract(20.00))))
    quotes = [(await served.ping())[1] for _ in range(4)]
    assert [buyers(quoted) for quoted in quotes] == [[1, 2]] * 4
    for quoted in quotes[:2]:
        assert (await served.post(ping_id=ping_id_of(quoted, 1)))[1]["status"] == "success"
    assert await reason(served, quotes[2]) == f"cap_{per}"
    assert (await served.post(ping_id=quotes[3]["try_all_buyers_ping_id"]))[1]["buyer_id"] == 2
    assert buyers((await served.ping())[1]) == [2]
    assert (await served.post())[1]["buyer_id"] == 2


async def test_the_first_cap_reached_is_the_reason(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, caps={"day": 1, "month": 5}))))
    (_, first), (_, second) = await served.ping(), await served.ping()
    await served.post(ping_id=ping_id_of(first, 1))
    assert await reason(served, second) == "cap_day"


async def test_posts_at_once_never_sell_over_a_cap(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, caps={"day": 3}))))
    answers = await asyncio.gather(*(served.post() for _ in range(9)))
    assert sorted(said["status"] for _, said in answers) == ["no_matching_buyer"] * 6 + ["success"] * 3


# -- dedup


async def test_a_contract_does_not_buy_the_same_caller_twice_whichever_way_it_comes(serve: Serve) -> None:
    once = buyer(1, contract(25.00, dedup_days=30)), buyer(2, contract(20.00))
    served = await serve(catalog(endpoint(), endpoint("other"), *once))
    _, held = await served.ping(caller_id=CALLER, zip="10001")
    assert (await served.post(caller_id=CALLER))[1]["buyer_id"] == 1
    assert await reason(served, held) == "duplicate"
    assert buyers((await served.ping(caller_id=CALLER))[1]) == [2]
    assert buyers((await served.ping("other", caller_id=CALLER, traffic_source_id="abc"))[1]) == [2]
    assert (await served.post("other", caller_id=CALLER))[1]["buyer_id"] == 2
    assert buyers((await served.ping(caller_id="+12125550001"))[1]) == [1, 2]


async def test_a_duplicate_is_found_by_its_hash(serve: Serve) -> None:
    offer = call_offer(field("caller_id", "phone", personal=True, required_on=["post"]))
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, dedup_days=30)), offer=offer))
    await served.post(caller_id=CALLER)
    digest = sha256(CALLER.removeprefix("+").encode()).hexdigest()
    assert (await served.ping(caller_id_sha256=digest))[1]["status"] == "no_matching_buyer"
    _, quoted = await served.ping()
    _, said = await served.post(ping_id=ping_id_of(quoted, 1), caller_id=CALLER)
    assert (said["status"], said["reason"]) == ("buyer_unavailable", "duplicate")


async def test_dedup_looks_at_the_fields_the_contract_names(serve: Serve) -> None:
    offer = call_offer(field("email", "email", personal=True), field("first_name", "text"), field("last_name", "text"))
    named = contract(25.00, dedup_days=1, dedup_on=["email", ["first_name", "last_name"]])
    served = await serve(catalog(endpoint(), buyer(1, named), offer=offer))
    ann = {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com"}
    assert (await served.post(caller_id=CALLER, **ann))[1]["status"] == "success"
    assert (await served.ping(email="ANN@example.com"))[1]["status"] == "no_matching_buyer"
    assert (await served.ping(first_name="Ann", last_name="Lee"))[1]["status"] == "no_matching_buyer"
    for other in ({"first_name": "Ann"}, {"last_name": "Lee"}, {"caller_id": CALLER}, {"email": "bob@example.com"}):
        assert (await served.ping(**other))[1]["status"] == "success", other


async def test_a_mark_lives_as_long_as_the_window(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, dedup_days=2))))
    await served.post(caller_id=CALLER)
    (mark,) = [name for name in served.key_names() if name.startswith("bought:")]
    assert 0 <= 2 * 86_400_000 - served.life_ms(mark) < 60_000
    served.delete(mark)
    assert (await served.ping(caller_id=CALLER))[1]["status"] == "success"


# -- concurrency


async def test_pings_are_offered_a_buyer_up_to_its_cap_less_the_buffer(serve: Serve) -> None:
    served = await serve(
        catalog(endpoint(concurrency_cap_buffer_percent=20), buyer(1, contract(25.00), concurrency_cap=5))
    )
    statuses = [(await served.ping())[1]["status"] for _ in range(6)]
    assert statuses == ["success"] * 4 + ["no_matching_buyer"] * 2
    assert len(served.leases("holds", 1)) == 4


async def test_the_buyers_own_buffer_goes_over_the_endpoints(serve: Serve) -> None:
    own = buyer(1, contract(25.00), concurrency_cap=4, concurrency_cap_buffer_percent=50)
    served = await serve(catalog(endpoint(concurrency_cap_buffer_percent=0), own))
    assert [(await served.ping())[1]["success"] for _ in range(3)] == [True, True, False]


async def test_a_cap_of_one_is_offered_once_whatever_the_buffer(serve: Serve) -> None:
    served = await serve(
        catalog(endpoint(concurrency_cap_buffer_percent=90), buyer(1, contract(25.00), concurrency_cap=1))
    )
    assert [(await served.ping())[1]["success"] for _ in range(2)] == [True, False]


async def test_a_post_within_its_hold_is_never_declined_for_room(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=3)))
    quotes = [(await served.ping())[1] for _ in range(3)]
    assert (await served.post())[1]["status"] == "no_matching_buyer"
    for quoted in quotes:
        assert (await served.post(ping_id=ping_id_of(quoted, 1)))[1]["status"] == "success"
    assert (len(served.leases("holds", 1)), len(served.leases("slots", 1))) == (0, 3)


async def test_a_post_whose_hold_is_over_may_use_the_buffer_and_no_more(serve: Serve) -> None:
    served = await serve(
        catalog(endpoint(concurrency_cap_buffer_percent=50), buyer(1, contract(25.00), concurrency_cap=2))
    )
    _, first = await served.ping()
    served.delete("leases:1")
    _, second = await served.ping()
    assert (await served.ping())[1]["success"] is False
    _, sold = await served.post(ping_id=ping_id_of(first, 1))
    assert sold["status"] == "success"
    _, third = await served.post(ping_id=ping_id_of(second, 1))
    assert third["status"] == "success"
    assert (await served.post())[1]["status"] == "no_matching_buyer"


async def test_a_post_whose_hold_is_over_is_declined_where_the_buyer_is_full(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=1)))
    _, quoted = await served.ping()
    served.delete("leases:1")
    await served.post()
    assert await reason(served, quoted) == "concurrency"


async def test_all_contracts_and_endpoints_share_a_buyers_room(serve: Serve) -> None:
    offers = "\n".join((call_offer(), call_offer(id="more", name="More")))
    two = contract(25.00), contract(20.00, offer="more")
    more = endpoint("more", offer="more", ring_pool="pool")
    served = await serve(catalog(endpoint(), more, buyer(1, *two, concurrency_cap=2), offer=offers))
    assert [(await served.ping(uri))[1]["success"] for uri in ("calls", "more", "calls", "more")] == [
        True,
        True,
        False,
        False,
    ]


async def test_hold_seconds_of_nought_looks_and_holds_nothing(serve: Serve) -> None:
    served = await serve(catalog(endpoint(hold_seconds=0), buyer(1, contract(25.00), concurrency_cap=1)))
    quotes = [(await served.ping())[1] for _ in range(2)]
    assert [quoted["success"] for quoted in quotes] == [True, True]
    assert served.leases("holds", 1) == []
    assert (await served.post(ping_id=ping_id_of(quotes[0], 1)))[1]["status"] == "success"
    assert await reason(served, quotes[1]) == "concurrency"


async def test_a_buyer_without_a_cap_is_never_full_and_its_sales_are_seen(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    await served.ping()
    assert served.leases("holds", 1) == []
    for _ in range(3):
        assert (await served.post())[1]["status"] == "success"
    assert len(served.leases("slots", 1)) == 3


# -- numbers


async def test_an_exhausted_pool_takes_nothing_and_the_hold_stays(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=5), pool=POOL[:1]))
    await served.post()
    _, quoted = await served.ping()
    before = served.contents()
    for ping_id in (ping_id_of(quoted, 1), quoted["try_all_buyers_ping_id"]):
        http, said = await served.post(ping_id=ping_id)
        assert (http, said["success"], said["status"]) == (200, False, "no_tracking_number")
    assert (await served.post())[1]["status"] == "no_tracking_number"
    assert (await served.full())[1]["status"] == "no_tracking_number"
    after = served.contents()
    assert len(after.pop("audit")) == len(before.pop("audit")) + 4
    assert after == before
    assert served.leases("holds", 1) == [quoted["decision_id"]]
    served.free_number("pool", POOL[0])
    _, sold = await served.post(ping_id=ping_id_of(quoted, 1))
    assert (sold["status"], sold["trackdrive_number"]) == ("success", POOL[0].removeprefix("+"))


async def test_each_sale_gets_a_number_of_its_own(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    answers = await asyncio.gather(*(served.post() for _ in range(12)))
    numbers = [said["trackdrive_number"] for _, said in answers if said["success"]]
    assert sorted(numbers) == [number.removeprefix("+") for number in POOL]
    assert [said["status"] for _, said in answers if not said["success"]] == ["no_tracking_number"] * 2
