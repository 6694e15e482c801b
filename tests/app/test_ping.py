"""What a ping is answered: buyers, their order, ids, and the same answer again to the same ping."""

import asyncio

from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint, field
from tests.app.conftest import Serve
from tests.app.served import CALLER, bids, buyers, ping_id_of

TWO_BUYERS = catalog(endpoint(), buyer(1, contract(25.00)), buyer(2, contract(20.00)))


async def test_a_ping_is_answered_with_the_buyers_that_want_it(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    http, said = await served.ping(caller_id=CALLER)
    assert http == 200
    assert (said["success"], said["status"], said["ping_ids_expiry_in_seconds"]) == (True, "success", 60)
    assert [(one["buyer_id"], one["name"], one["bid"]) for one in said["buyers"]] == [
        (1, "Buyer 1", 25.0),
        (2, "Buyer 2", 20.0),
    ]
    assert said["try_all_buyers_ping_id"]
    assert said["decision_id"]
    assert set(said) == {
        "success",
        "status",
        "try_all_buyers_ping_id",
        "ping_ids_expiry_in_seconds",
        "decision_id",
        "buyers",
    }


async def test_nobody_wants_it_is_said_in_the_documented_words(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, where={"state": ["TX"]}))))
    http, said = await served.ping(caller_id=CALLER)
    assert http == 200
    assert said.pop("decision_id")
    assert said == {
        "success": False,
        "status": "no_matching_buyer",
        "errors": ["There are no matching buyers."],
        "buyers": [],
    }


async def test_the_expiry_that_is_told_is_the_endpoints(serve: Serve) -> None:
    served = await serve(catalog(endpoint(ping_ttl_seconds=7), buyer(1, contract(25.00))))
    _, said = await served.ping()
    assert said["ping_ids_expiry_in_seconds"] == 7


async def test_no_two_ids_are_alike_and_none_can_be_made_from_another_pings(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    answers = [(await served.ping())[1] for _ in range(20)]
    ids = [answer["try_all_buyers_ping_id"] for answer in answers]
    ids += [one["ping_id"] for answer in answers for one in answer["buyers"]]
    assert len(set(ids)) == 60
    decisions = [int(answer["decision_id"], 16) for answer in answers]
    assert min(abs(one - other) for one in decisions for other in decisions if one != other) > 2**64


async def test_the_highest_bid_stands_first(serve: Serve) -> None:
    tie = buyer(3, contract(22.00, tier=2)), buyer(4, contract(22.00, tier=1))
    served = await serve(catalog(endpoint(), buyer(1, contract(20.00)), buyer(2, contract(25.00)), *tie))
    _, said = await served.ping()
    assert buyers(said) == [2, 4, 3, 1]


async def test_the_lowest_tier_stands_first_where_the_offer_ranks_by_tier(serve: Serve) -> None:
    several = buyer(1, contract(20.00, tier=1)), buyer(2, contract(25.00, tier=2)), buyer(3, contract(21.00, tier=1))
    served = await serve(catalog(endpoint(), *several, offer=call_offer(rank_by="tier")))
    _, said = await served.ping()
    assert buyers(said) == [3, 1, 2]


async def test_equals_are_drawn_so_that_each_comes_first_sometimes(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(20.00)), buyer(2, contract(20.00))))
    firsts = {buyers((await served.ping())[1])[0] for _ in range(60)}
    assert firsts == {1, 2}


async def test_no_more_buyers_are_named_than_the_endpoint_says(serve: Serve) -> None:
    many = [buyer(number, contract(30.00 - number)) for number in range(1, 9)]
    served = await serve(catalog(endpoint(buyers_max=3), *many))
    _, said = await served.ping()
    assert buyers(said) == [1, 2, 3]


async def test_full_buyers_at_the_top_do_not_hide_free_ones_below(serve: Serve) -> None:
    full = [buyer(number, contract(100.00 - number), concurrency_cap=1) for number in range(1, 41)]
    served = await serve(catalog(endpoint(buyers_max=40), endpoint("few", buyers_max=2), *full, buyer(50, contract(9))))
    _, first = await served.ping()
    assert len(buyers(first)) == 40
    _, said = await served.ping("few")
    assert buyers(said) == [50]


async def test_a_buyer_with_two_contracts_stands_once_at_its_better_bid(serve: Serve) -> None:
    two = contract(20.00, id="low"), contract(25.00, id="high")
    served = await serve(catalog(endpoint(), buyer(1, *two), buyer(2, contract(22.00))))
    _, said = await served.ping()
    assert bids(said) == {1: 25.0, 2: 22.0}
    assert buyers(said) == [1, 2]


async def test_a_buyer_whose_better_contract_is_capped_stands_with_the_other(serve: Serve) -> None:
    two = contract(20.00, id="low"), contract(25.00, id="high", caps={"total": 1})
    served = await serve(catalog(endpoint(), buyer(1, *two)))
    assert (await served.post())[1]["bid"] == 25.0
    assert bids((await served.ping())[1]) == {1: 20.0}


async def test_a_bid_rule_changes_the_bid(serve: Serve) -> None:
    rules = [{"where": {"age": {"min": 60}}, "multiply": 1.5}, {"where": {"age": {"min": 30}}, "bid": 12.00}]
    offer = call_offer(field("age", "integer"))
    served = await serve(catalog(endpoint(), buyer(1, contract(20.00, bids=rules)), offer=offer))
    assert [bids((await served.ping(age=age))[1])[1] for age in (20, 40, 60)] == [20.0, 12.0, 30.0]


# -- the same ping again


async def test_the_same_ping_again_gets_the_first_answer(serve: Serve) -> None:
    one_slot = buyer(1, contract(25.00), concurrency_cap=5), buyer(2, contract(20.00))
    served = await serve(catalog(endpoint(), *one_slot))
    _, first = await served.ping(caller_id=CALLER)
    http, again = await served.ping(caller_id="(212) 555-1234")
    assert http == 200
    assert again.pop("repeat") is True
    assert 58 <= again.pop("ping_ids_expiry_in_seconds") <= first.pop("ping_ids_expiry_in_seconds") == 60
    assert again == first
    assert served.leases("holds", 1) == [first["decision_id"]]


async def test_a_repeated_ping_is_told_the_seconds_that_are_left(serve: Serve) -> None:
    served = await serve(catalog(endpoint(ping_ttl_seconds=2), buyer(1, contract(25.00))))
    _, first = await served.ping(caller_id=CALLER)
    told = {first["ping_ids_expiry_in_seconds"]}
    async with asyncio.timeout(10):
        while "repeat" in (again := (await served.ping(caller_id=CALLER))[1]):
            assert again["success"] is True
            told.add(again["ping_ids_expiry_in_seconds"])
    assert {2} < told <= {2, 1, 0}  # a busy machine may miss one
    assert again["success"] is True
    assert again["decision_id"] != first["decision_id"]


async def test_a_request_id_makes_a_ping_without_caller_repeatable(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    _, first = await served.ping(request_id="lead-1")
    _, again = await served.ping(request_id="lead-1")
    assert (again["repeat"], again["decision_id"]) == (True, first["decision_id"])
    assert again["request_id"] == "lead-1"


async def test_without_caller_and_request_id_two_equal_pings_are_two_leads(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=5)))
    answers = [(await served.ping(zip="10001"))[1] for _ in range(2)]
    assert [answer.get("repeat") for answer in answers] == [None, None]
    assert len(served.leases("holds", 1)) == 2


async def test_a_ping_that_differs_in_anything_is_another_lead(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), endpoint("other"), buyer(1, contract(25.00))))
    _, first = await served.ping(caller_id=CALLER)
    others = [
        await served.ping(caller_id="+12125551235"),
        await served.ping(caller_id=CALLER, zip="10001"),
        await served.ping(caller_id=CALLER, traffic_source_id="abc"),
        await served.ping(caller_id=CALLER, min_bid=1),
        await served.ping("other", caller_id=CALLER),
    ]
    assert ["repeat" in said for _, said in others] == [False] * 5
    assert len({first["decision_id"], *(said["decision_id"] for _, said in others)}) == 6


async def test_a_ping_that_nobody_wanted_is_asked_anew(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=1)))
    await served.ping(caller_id=CALLER)
    _, refused = await served.ping(caller_id="+12125550001")
    assert refused["status"] == "no_matching_buyer"
    served.delete("leases:1")
    _, said = await served.ping(caller_id="+12125550001")
    assert (said["status"], said.get("repeat")) == ("success", None)


async def test_copies_at_once_take_one_set_of_holds_and_get_one_answer(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), *(buyer(n, contract(25.00 - n), concurrency_cap=9) for n in (1, 2))))
    answers = [said for _, said in await asyncio.gather(*(served.ping(caller_id=CALLER) for _ in range(8)))]
    assert len({answer["decision_id"] for answer in answers}) == 1
    assert [answer["buyers"] for answer in answers] == [answers[0]["buyers"]] * 8
    assert sum("repeat" not in answer for answer in answers) == 1
    assert served.leases("holds", 1) == served.leases("holds", 2) == [answers[0]["decision_id"]]


async def test_a_repeat_is_answered_while_the_buyers_have_no_room_left(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=1)))
    _, first = await served.ping(caller_id=CALLER)
    _, again = await served.ping(caller_id=CALLER)
    assert ping_id_of(again, 1) == ping_id_of(first, 1)


async def test_a_ping_that_took_two_trips_is_repeated_as_long_as_any(serve: Serve) -> None:
    full = [buyer(number, contract(100.00 - number), concurrency_cap=1) for number in range(1, 41)]
    served = await serve(catalog(endpoint(buyers_max=40), endpoint("few", buyers_max=2), *full, buyer(50, contract(9))))
    await served.ping()
    _, first = await served.ping("few", caller_id=CALLER)
    assert buyers(first) == [50]
    (shield,) = [name for name in served.key_names() if name.startswith("shield:")]
    assert served.life_ms(shield) > 55_000
    assert (await served.ping("few", caller_id=CALLER))[1]["repeat"] is True
