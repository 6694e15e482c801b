"""How many buyers get a lead, and at which price: what publishers are quoted, what a post sells, what is on record."""

import json
from typing import Any

import pytest

from tests.app.calling import ring, sales, sold, sold_today
from tests.app.catalogs import buyer, call_offer, catalog, contract, data_offer, endpoint, field, source
from tests.app.conftest import Serve
from tests.app.served import CALLER, Json, Served, bids, buyers, ping_id_of

EMAIL = field("email", "email", personal=True)
MULTISELL = {"distribution": {"mode": "multisell", "winners": 2}}
HYBRID = {"distribution": {"mode": "hybrid", "floor": 40, "winners": 2}}


def wants(bid: float, shared: float | None = None, **keys: Any) -> str:
    told = {"offer": "leads"} | ({} if shared is None else {"bid_shared": shared}) | keys
    return contract(bid, **told)


def leads(*buying: str, offer: Json | None = None, **place: Any) -> str:
    """The offer "leads" with these buyers, at an endpoint of the same name."""
    return catalog(data_offer(EMAIL, **offer or {}), endpoint("leads", offer="leads", **place), *buying)


THREE = (buyer(1, wants(50, 12)), buyer(2, wants(45, 15)), buyer(3, wants(30, 10)))


def sold_to(said: Json) -> dict[int, float]:
    return {one["buyer_id"]: one["bid"] for one in said["sales"]}


def shown(said: Json) -> tuple[str, int, float]:
    return said["mode"], said["winners"], said["total_bid"]


def sale_in_redis(served: Served, said: Json) -> Json:
    found: Json = served.contents()[f"sale:{said['decision_id']}"]
    return found


# Exclusive


async def test_an_exclusive_ping_says_that_one_buyer_gets_the_lead(serve: Serve) -> None:
    served = await serve(leads(*THREE))
    _, quoted = await served.ping("leads")
    assert (bids(quoted), shown(quoted)) == ({1: 50.0, 2: 45.0, 3: 30.0}, ("exclusive", 1, 50.0))
    _, said = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"])
    assert (sold_to(said), said["total_bid"], said["mode"]) == ({1: 50.0}, 50.0, "exclusive")
    assert said["sales"][0]["sale_id"] == f"s{said['decision_id']}"
    assert "parts" not in sale_in_redis(served, said)
    (event,) = sales(served)
    assert "part" not in event
    assert json.loads(event["about"])["mode"] == "exclusive"


async def test_a_call_says_nothing_of_modes(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    _, quoted = await served.ping(caller_id=CALLER)
    assert not {"mode", "winners", "total_bid"} & set(quoted)
    _, said = await served.post(ping_id=quoted["try_all_buyers_ping_id"])
    assert not {"mode", "total_bid", "sales"} & set(said)


async def test_a_waterfall_goes_by_tier(serve: Serve) -> None:
    waterfall = {"distribution": {"mode": "waterfall"}}
    buying = (
        buyer(1, wants(50, tier=2)),
        buyer(2, wants(20, tier=1, caps={"day": 1})),
        buyer(3, wants(30, tier=2)),
    )
    served = await serve(leads(*buying, offer=waterfall))
    _, quoted = await served.ping("leads")
    assert (buyers(quoted), shown(quoted)) == ([2, 1, 3], ("exclusive", 1, 20.0))
    answers = [(await served.post("leads"))[1] for _ in range(2)]
    assert [sold_to(said) for said in answers] == [{2: 20.0}, {1: 50.0}]


async def test_a_call_goes_down_a_waterfall(serve: Serve) -> None:
    offer = call_offer(distribution={"mode": "waterfall"})
    served = await serve(catalog(endpoint(), buyer(1, contract(50, tier=2)), buyer(2, contract(20)), offer=offer))
    _, quoted = await served.ping(caller_id=CALLER)
    assert buyers(quoted) == [2, 1]
    post = (await served.post(ping_id=quoted["try_all_buyers_ping_id"]))[1]
    assert post["buyer_id"] == 2
    assert (await ring(served, post["trackdrive_number"]))["buyer_id"] == 2
    assert (await ring(served, post["trackdrive_number"], attempt=1, last="busy"))["buyer_id"] == 1


async def test_who_sells_only_shared_gets_nothing_alone_and_the_reverse(serve: Serve) -> None:
    buying = (buyer(1, wants(50, sells="shared")), buyer(2, wants(45, sells="exclusive")), buyer(3, wants(30)))
    served = await serve(leads(*buying))
    assert buyers((await served.ping("leads"))[1]) == [2, 3]
    served = await serve(leads(*buying, offer=MULTISELL))
    assert buyers((await served.ping("leads"))[1]) == [1, 3]


# Multisell


async def test_a_shared_lead_is_quoted_and_sold_at_shared_prices(serve: Serve) -> None:
    served = await serve(leads(*THREE, offer=MULTISELL))
    _, quoted = await served.ping("leads")
    assert (bids(quoted), buyers(quoted)) == ({2: 15.0, 1: 12.0, 3: 10.0}, [2, 1, 3])
    assert shown(quoted) == ("shared", 2, 27.0)
    _, said = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"], email="ann@example.com")
    assert (sold_to(said), said["mode"], said["total_bid"]) == ({2: 15.0, 1: 12.0}, "shared", 27.0)
    decision_id = said["decision_id"]
    assert [one["sale_id"] for one in said["sales"]] == [f"s{decision_id}-0", f"s{decision_id}-1"]


async def test_every_sale_of_a_shared_lead_is_on_record_and_counted(serve: Serve) -> None:
    capped = [buyer(at, wants(50, 20 - at, caps={"day": 5}, dedup_days=9)) for at in (1, 2, 3)]
    served = await serve(leads(*capped, offer=MULTISELL))
    _, said = await served.post("leads", email="ann@example.com")
    told = [(event["event"], event["part"], event["position"], event["sale"]) for event in sales(served)]
    assert told == [("sold", "0", "0", said["decision_id"]), ("sold", "1", "1", said["decision_id"])]
    assert [json.loads(event["bid"])["bid_micros"] for event in sales(served)] == [19_000_000, 18_000_000]
    assert {json.loads(event["about"])["mode"] for event in sales(served)} == {"shared"}
    assert [await sold_today(served, one) for one in (1, 2, 3)] == [1, 1, 0]
    marks = [name.split(":")[1] for name in served.key_names() if name.startswith("bought:")]
    assert sorted(marks) == ["1-leads", "2-leads"]
    sale = sale_in_redis(served, said)
    assert (sale["parts"], sale["position"], sale["state"]) == ("0,1", "0", "sold")
    for part in (0, 1):
        assert sale[f"state:{part}"] == "sold"
        assert sale[f"cap_fields:{part}"]
        assert sale[f"bought:{part}"]
    assert (sale["cap_fields:0"], sale["bought:0"]) == (sale["cap_fields"], sale["bought"])
    assert (await served.post("leads", email="ann@example.com"))[1]["sales"][0]["buyer_id"] == 3


async def test_the_same_post_of_a_shared_lead_gets_all_its_sales_again(serve: Serve) -> None:
    served = await serve(leads(*THREE, offer=MULTISELL))
    _, quoted = await served.ping("leads")
    try_all = quoted["try_all_buyers_ping_id"]
    _, first = await served.post("leads", ping_id=try_all)
    for _ in range(2):
        assert (await served.post("leads", ping_id=try_all))[1] == first | {"repeat": True}
    for one in (1, 2, 3):
        assert (await served.post("leads", ping_id=ping_id_of(quoted, one)))[1]["status"] == "already_sold"
    assert len(sales(served)) == 2


async def test_one_buyers_id_of_a_shared_ping_sells_to_this_buyer_alone_at_its_shared_price(serve: Serve) -> None:
    served = await serve(leads(*THREE, offer=MULTISELL | {"exclusive_days": 0}))
    _, quoted = await served.ping("leads")
    _, said = await served.post("leads", ping_id=ping_id_of(quoted, 3))
    assert (sold_to(said), said["mode"], said["total_bid"]) == ({3: 10.0}, "shared", 10.0)
    assert said["sales"][0]["sale_id"] == f"s{said['decision_id']}"
    assert (await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"]))[1]["status"] == "already_sold"
    assert (await served.post("leads", ping_id=ping_id_of(quoted, 3)))[1] == said | {"repeat": True}
    (event,) = sales(served)
    assert "part" not in event
    assert json.loads(event["about"])["mode"] == "shared"


async def test_the_next_buyers_take_the_place_of_those_that_no_longer_can(serve: Serve) -> None:
    buying = (buyer(1, wants(50, 20, caps={"day": 1})), *(buyer(at, wants(50, 20 - at)) for at in (2, 3, 4)))
    served = await serve(leads(*buying, offer=MULTISELL))
    quotes = [(await served.ping("leads"))[1] for _ in range(2)]
    told = [(await served.post("leads", ping_id=one["try_all_buyers_ping_id"]))[1] for one in quotes]
    assert [list(sold_to(said)) for said in told] == [[1, 2], [2, 3]]
    assert told[1]["sales"][0]["sale_id"].endswith("-1")


async def test_fewer_buyers_than_winners_is_a_sale_to_these(serve: Serve) -> None:
    buying = (buyer(1, wants(50, 20, caps={"day": 1})), buyer(2, wants(50, 18)))
    served = await serve(leads(*buying, offer=MULTISELL))
    quotes = [(await served.ping("leads"))[1] for _ in range(2)]
    assert shown(quotes[0]) == ("shared", 2, 38.0)
    told = [(await served.post("leads", ping_id=one["try_all_buyers_ping_id"]))[1] for one in quotes]
    assert [sold_to(said) for said in told] == [{1: 20.0, 2: 18.0}, {2: 18.0}]
    assert told[1]["sales"][0]["sale_id"] == f"s{told[1]['decision_id']}"
    assert shown((await served.ping("leads"))[1]) == ("shared", 1, 18.0)


async def test_a_buyer_with_two_contracts_buys_a_shared_lead_once(serve: Serve) -> None:
    twice = buyer(1, wants(50, 20, id="dear"), wants(50, 19, id="cheap"))
    served = await serve(leads(twice, buyer(2, wants(50, 5)), offer=MULTISELL))
    _, quoted = await served.ping("leads")
    assert (bids(quoted), shown(quoted)) == ({1: 20.0, 2: 5.0}, ("shared", 2, 25.0))
    assert sold_to((await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"]))[1]) == {1: 20.0, 2: 5.0}
    assert sold_to((await served.post("leads"))[1]) == {1: 20.0, 2: 5.0}


async def test_consent_keeps_a_shared_lead_to_those_that_are_named(serve: Serve) -> None:
    served = await serve(leads(*THREE, offer=MULTISELL))
    _, quoted = await served.ping("leads")
    _, said = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"], buyer_ids=[1, 3])
    assert sold_to(said) == {1: 12.0, 3: 10.0}
    assert sold_to((await served.post("leads", buyer_ids=[3]))[1]) == {3: 10.0}


async def test_a_post_only_and_a_full_sell_to_several_and_repeat(serve: Serve) -> None:
    served = await serve(leads(*THREE, offer=MULTISELL))
    _, first = await served.post("leads", request_id="r-1")
    assert sold_to(first) == {2: 15.0, 1: 12.0}
    assert (await served.post("leads", request_id="r-1"))[1] == first | {"repeat": True}
    _, whole = await served.full("leads", request_id="r-2")
    assert (sold_to(whole), buyers(whole), whole["total_bid"]) == ({2: 15.0, 1: 12.0}, [2, 1, 3], 27.0)
    assert (await served.full("leads", request_id="r-2"))[1] == whole | {"repeat": True}
    assert len(sales(served)) == 4


async def test_a_post_only_finds_its_winners_below_many_that_are_full(serve: Serve) -> None:
    full = [buyer(at, wants(50, 30, caps={"day": 1}, dedup_days=9)) for at in range(1, 41)]
    free = [buyer(at, wants(50, 20)) for at in (50, 51)]
    served = await serve(leads(*full, *free, offer=MULTISELL, buyers_max=10))
    for _ in range(20):
        assert set((await served.post("leads"))[1]["sales"][0]) >= {"buyer_id"}
    assert sorted(sold_to((await served.post("leads"))[1])) == [50, 51]


async def test_a_repeated_ping_has_the_same_terms(serve: Serve) -> None:
    served = await serve(leads(*THREE, offer=MULTISELL))
    for fields in ({"caller_id": CALLER}, {"request_id": "r-1"}):
        _, first = await served.ping("leads", **fields)
        _, again = await served.ping("leads", **fields)
        assert again["repeat"] is True
        assert (shown(again), bids(again)) == (shown(first), bids(first)) == (("shared", 2, 27.0), bids(first))


async def test_payouts_and_floors_are_of_each_sale(serve: Serve) -> None:
    paid = (source("share", payout={"share_percent": 80}), source("fixed", payout={"fixed": 4}))
    served = await serve(leads(*THREE, *paid, offer=MULTISELL | {"floor": 11}))
    _, said = await served.post("leads", traffic_source_id="share")
    assert (sold_to(said), said["total_bid"]) == ({2: 12.0, 1: 9.6}, 21.6)
    _, said = await served.post("leads", traffic_source_id="fixed")
    assert (sold_to(said), said["total_bid"]) == ({2: 4.0, 1: 4.0}, 8.0)
    assert buyers((await served.ping("leads"))[1]) == [2, 1]
    assert sold_to((await served.post("leads", min_bid=13))[1]) == {2: 15.0}


async def test_the_default_buyer_takes_alone_what_nobody_else_does(serve: Serve) -> None:
    offer = MULTISELL | {"default_buyer": 3}
    buying = (buyer(1, wants(50, 12, caps={"day": 1})), buyer(3, wants(30, 10, where={"state": ["TX"]})))
    served = await serve(leads(*buying, offer=offer))
    assert sold_to((await served.post("leads"))[1]) == {1: 12.0}
    _, quoted = await served.ping("leads")
    assert (bids(quoted), shown(quoted)) == ({3: 10.0}, ("shared", 1, 10.0))
    assert sold_to((await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"]))[1]) == {3: 10.0}


async def test_a_bid_rule_changes_the_shared_price(serve: Serve) -> None:
    rules = [{"where": {"state": ["NY"]}, "multiply": 2}, {"where": {"state": ["CA"]}, "bid": 60, "bid_shared": 30}]
    served = await serve(leads(buyer(1, wants(50, 12, bids=rules)), buyer(2, wants(45, 15)), offer=MULTISELL))
    for state, quoted in (("NY", 24.0), ("CA", 30.0), ("TX", 12.0)):
        assert bids((await served.ping("leads", state=state))[1]) == {1: quoted, 2: 15.0}


# Hybrid


async def test_a_hybrid_sells_alone_where_a_bid_clears_its_floor(serve: Serve) -> None:
    served = await serve(leads(*THREE, offer=HYBRID))
    _, quoted = await served.ping("leads")
    assert (bids(quoted), shown(quoted)) == ({1: 50.0, 2: 45.0}, ("exclusive", 1, 50.0))
    _, said = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"])
    assert (sold_to(said), said["mode"]) == ({1: 50.0}, "exclusive")


async def test_a_hybrid_shares_what_nobody_pays_its_floor_for(serve: Serve) -> None:
    low = HYBRID | {"distribution": HYBRID["distribution"] | {"floor": 50.01}}
    served = await serve(leads(*THREE, buyer(4, wants(50)), offer=low))
    _, quoted = await served.ping("leads")
    assert (bids(quoted), shown(quoted)) == ({2: 15.0, 1: 12.0, 3: 10.0}, ("shared", 2, 27.0))
    assert sold_to((await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"]))[1]) == {2: 15.0, 1: 12.0}
    assert sold_to((await served.full("leads"))[1]) == {2: 15.0, 1: 12.0}


async def test_a_hybrid_shares_where_those_that_would_pay_alone_cannot_take_it(serve: Serve) -> None:
    buying = (buyer(1, wants(50, 12, caps={"day": 1})), buyer(2, wants(30, 15)), buyer(3, wants(30, 10)))
    served = await serve(leads(*buying, offer=HYBRID))
    _, early = await served.ping("leads")
    assert (bids(early), shown(early)) == ({1: 50.0}, ("exclusive", 1, 50.0))
    assert sold_to((await served.post("leads"))[1]) == {1: 50.0}
    for fields in ({}, {"request_id": "r-1"}, {"caller_id": CALLER}):
        _, quoted = await served.ping("leads", **fields)
        assert (bids(quoted), shown(quoted)) == ({2: 15.0, 3: 10.0}, ("shared", 2, 25.0))
        _, said = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"])
        assert (sold_to(said), said["mode"]) == ({2: 15.0, 3: 10.0}, "shared")
    for sell in (served.post, served.full):
        _, said = await sell("leads")
        assert (sold_to(said), said["mode"]) == ({2: 15.0, 3: 10.0}, "shared")
    # What was quoted for one alone is not shared afterwards.
    assert (await served.post("leads", ping_id=early["try_all_buyers_ping_id"]))[1]["status"] == "no_matching_buyer"


async def taken(served: Served, *buyer_ids: int) -> None:
    """Sells a lead to each of these alone, which is all that they may buy."""
    for one in buyer_ids:
        assert sold_to((await served.post("leads", buyer_ids=[one]))[1]) == {one: 50.0}


ALONE = tuple(buyer(at, wants(50, tier=at, caps={"total": 1})) for at in range(1, 7))
"""As many as one trip looks at where an answer has two buyers."""


@pytest.mark.parametrize("more", [0, 2])
async def test_a_hybrid_does_not_share_what_one_of_many_takes_alone(serve: Serve, more: int) -> None:
    """Whether the ranking of those that pay its floor ends with the first trip, before it, or in a further one."""
    further = (buyer(at, wants(50 - at, caps={"total": 1})) for at in range(7, 7 + more))
    served = await serve(leads(*ALONE, *further, buyer(20, wants(30, 15)), offer=HYBRID, buyers_max=2))
    await taken(served, 1, 2, 3, 4, 5)
    for fields in ({}, {"request_id": "r-1"}):
        _, quoted = await served.ping("leads", **fields)
        assert (buyers(quoted)[0], quoted["mode"], quoted["winners"]) == (6, "exclusive", 1)
        assert 20 not in buyers(quoted)
    _, said = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"])
    assert (sold_to(said), said["mode"]) == ({6: 50.0}, "exclusive")
    for at in range(7, 7 + more):
        assert sold_to((await served.post("leads"))[1]) == {at: 50.0 - at}
    for verb in (served.ping, served.post, served.full):
        assert (await verb("leads"))[1]["mode"] == "shared"


async def test_a_hybrid_has_its_default_buyer_behind_all(serve: Serve) -> None:
    offer = HYBRID | {"default_buyer": 9}
    last = buyer(9, wants(50, 5, where={"state": ["TX"]}))
    served = await serve(leads(*THREE, last, offer=offer))
    assert shown((await served.ping("leads"))[1]) == ("exclusive", 1, 50.0)
    served = await serve(leads(last, offer=offer))
    _, quoted = await served.ping("leads")
    assert (bids(quoted), shown(quoted)) == ({9: 5.0}, ("shared", 1, 5.0))


async def test_a_hybrid_that_nobody_wants_says_so(serve: Serve) -> None:
    served = await serve(leads(buyer(1, wants(50, 12, caps={"day": 1})), offer=HYBRID))
    assert (await served.post("leads"))[1]["success"]
    before = served.contents()
    for verb in (served.ping, served.post, served.full):
        assert (await verb("leads"))[1]["status"] == "no_matching_buyer"
    after = served.contents()
    assert {name for name in after if after[name] != before.get(name)} <= {"audit"}


async def test_a_hybrid_with_nobody_to_share_with_is_on_record_all_the_same(serve: Serve) -> None:
    served = await serve(leads(buyer(1, wants(50, caps={"day": 1})), offer=HYBRID))
    assert (await served.post("leads"))[1]["success"]
    for verb in (served.ping, served.post, served.full):
        _, said = await verb("leads")
        assert said["status"] == "no_matching_buyer"
        http, told = await served.admin("GET", f"decisions/{said['decision_id']}")
        assert http == 200
        (record,) = told["decision"]["records"]
        assert [one["reason"] for one in record["contracts"]] == ["cap_day"]


# Test mode


async def test_a_test_explains_and_would_sell_in_the_mode_of_the_lead(serve: Serve) -> None:
    served = await serve(leads(*THREE, buyer(4, wants(50, sells="exclusive")), offer=MULTISELL, test_mode=True))
    _, quoted = await served.ping("leads")
    assert (bids(quoted), shown(quoted)) == ({2: 15.0, 1: 12.0, 3: 10.0}, ("shared", 2, 27.0))
    verdicts = {one["buyer_id"]: one for one in quoted["diagnostics"]["contracts"]}
    assert [verdicts[one]["bid"] for one in (1, 2, 3)] == [12.0, 15.0, 10.0]
    assert (verdicts[4]["reason"], verdicts[4]["detail"]) == ("filter", {"sold": "shared", "sells": "exclusive"})
    _, said = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"])
    assert (sold_to(said), said["total_bid"], said["mode"]) == ({2: 15.0, 1: 12.0}, 27.0, "shared")
    assert len({one["sale_id"] for one in said["sales"]}) == 2
    assert sold_to((await served.post("leads", ping_id=ping_id_of(quoted, 3)))[1]) == {3: 10.0}
    assert sold_to((await served.full("leads"))[1]) == {2: 15.0, 1: 12.0}
    assert "sales" not in served.key_names()


async def test_a_test_of_a_hybrid_goes_the_way_of_a_real_lead(serve: Serve) -> None:
    buying = (buyer(1, wants(50, caps={"day": 1})), buyer(2, wants(30, 15)), buyer(3, wants(30, 10)))
    sandbox = endpoint("sandbox", offer="leads", test_mode=True)
    served = await serve(leads(*buying, sandbox, offer=HYBRID))
    assert shown((await served.ping("sandbox"))[1]) == ("exclusive", 1, 50.0)
    assert sold_to((await served.post("leads"))[1]) == {1: 50.0}
    _, quoted = await served.ping("sandbox")
    assert (bids(quoted), shown(quoted)) == ({2: 15.0, 3: 10.0}, ("shared", 2, 25.0))
    verdicts = {one["buyer_id"]: one for one in quoted["diagnostics"]["contracts"]}
    assert [(verdicts[one].get("reason"), verdicts[one].get("bid")) for one in (1, 2, 3)] == [
        ("cap_day", None),
        (None, 15.0),
        (None, 10.0),
    ]


async def test_a_decision_is_explained_in_its_mode(serve: Serve) -> None:
    served = await serve(leads(*THREE, buyer(4, wants(50, sells="exclusive")), offer=MULTISELL))
    _, said = await served.post("leads")
    _, told = await served.admin("GET", f"decisions/{said['sales'][1]['sale_id']}")
    (record,) = told["decision"]["records"]
    assert (record["mode"], record["parts"]) == ("shared", [0, 1])
    verdicts = {one["buyer_id"]: one for one in record["contracts"]}
    assert (verdicts[1]["bid"], verdicts[4]["reason"]) == (12.0, "filter")


# Exclusive days


KEPT = {"exclusive_days": 30}
ANN, BOB = "ann@example.com", "bob@example.com"


async def test_a_person_who_was_sold_exclusively_is_not_sold_again_on_the_offer(serve: Serve) -> None:
    served = await serve(leads(*THREE, source("other_source"), offer=KEPT))
    assert (await served.post("leads", email=ANN, caller_id=CALLER))[1]["success"]
    known: tuple[Json, ...] = ({"email": ANN}, {"caller_id": CALLER}, {"email": "ANN@example.com ", "caller_id": ""})
    for fields in known:
        for verb in (served.ping, served.post, served.full):
            _, said = await verb("leads", traffic_source_id="other_source", **fields)
            assert said["status"] == "no_matching_buyer", fields
    assert (await served.ping("leads", email=BOB))[1]["success"]
    assert (await served.ping("leads"))[1]["success"]


async def test_a_person_is_known_by_the_hash_in_a_ping_and_by_the_post(serve: Serve) -> None:
    from service.model.hashes import sha256_of

    served = await serve(leads(*THREE, offer=KEPT))
    assert (await served.post("leads", email=ANN))[1]["success"]
    assert (await served.ping("leads", email_sha256=sha256_of(ANN)))[1]["status"] == "no_matching_buyer"
    _, quoted = await served.ping("leads")
    _, said = await served.post("leads", ping_id=ping_id_of(quoted, 2), email=ANN)
    assert (said["status"], said["reason"]) == ("buyer_unavailable", "duplicate")
    _, said = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"], email=ANN)
    assert said["status"] == "no_matching_buyer"
    assert (await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"], email=BOB))[1]["success"]


async def test_the_days_of_exclusivity_end(serve: Serve) -> None:
    served = await serve(leads(*THREE, offer=KEPT))
    assert (await served.post("leads", email=ANN, caller_id=CALLER))[1]["success"]
    marks = [name for name in served.key_names() if name.startswith("exclusive:")]
    assert len(marks) == 2
    assert not any(ANN in name or CALLER in name for name in marks)
    for name in marks:
        assert 29 * 86_400_000 < served.life_ms(name) <= 30 * 86_400_000
    served.delete(*marks)
    assert (await served.post("leads", email=ANN))[1]["success"]


async def test_a_shared_sale_leaves_no_mark_of_exclusivity_and_respects_it(serve: Serve) -> None:
    buying = (buyer(1, wants(50, 12, caps={"total": 1})), buyer(2, wants(30, 15)), buyer(3, wants(30, 10)))
    served = await serve(leads(*buying, offer=HYBRID | KEPT))
    assert (await served.post("leads", email=ANN))[1]["mode"] == "exclusive"
    for _ in range(2):
        assert (await served.post("leads", email=BOB))[1]["mode"] == "shared"
    assert (await served.post("leads", email=ANN))[1]["status"] == "no_matching_buyer"
    assert len([name for name in served.key_names() if name.startswith("exclusive:")]) == 1


async def test_a_repeat_of_an_exclusive_sale_is_no_duplicate(serve: Serve) -> None:
    served = await serve(leads(*THREE, offer=KEPT))
    _, quoted = await served.ping("leads", email=ANN)
    _, first = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"])
    assert (await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"]))[1] == first | {"repeat": True}


async def test_a_test_says_that_the_offer_remembers(serve: Serve) -> None:
    sandbox = endpoint("sandbox", offer="leads", test_mode=True)
    served = await serve(leads(buyer(1, wants(50)), buyer(2, wants(45, dedup_days=7)), sandbox, offer=KEPT))
    assert (await served.post("leads", email=ANN))[1]["success"]
    _, said = await served.ping("sandbox", email=ANN)
    told = {one["buyer_id"]: (one["reason"], one["detail"]) for one in said["diagnostics"]["contracts"]}
    assert told == {
        1: ("duplicate", {"exclusive_days": 30}),
        2: ("duplicate", {"dedup_days": 7, "exclusive_days": 30}),
    }


@pytest.mark.parametrize("ends", ["void", "sold"])
async def test_a_call_that_finds_nobody_takes_its_mark_back(serve: Serve, ends: str) -> None:
    served = await serve(
        catalog(endpoint(), buyer(1, contract(25)), buyer(2, contract(20)), offer=call_offer(exclusive_days=30))
    )
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    assert (await ring(served, post["trackdrive_number"], attempt=1, last="busy"))["buyer_id"] == 2
    if ends == "void":
        assert (await ring(served, post["trackdrive_number"], attempt=2, last="busy"))["reason"] == "no_buyer_left"
    marks = [name for name in served.key_names() if name.startswith("exclusive:")]
    assert len(marks) == (0 if ends == "void" else 1)
    _, said = await served.ping(caller_id=CALLER)
    assert said["success"] is (ends == "void")
