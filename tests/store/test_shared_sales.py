"""One post sells to several buyers in one run of a script, and offers remember whom they sold to one alone."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.model.catalog import Cap
from service.model.decline import Decline
from service.model.distribution import Exclusivity
from service.model.hashes import sha256_of
from service.model.lead import Bid
from tests.store.world import CALLER, DATA, POOL, World, bid

KEPT = Exclusivity("solar", 30, ("caller_id", "email"))
EMAIL = "ann@example.com"


def entries(world: World) -> list[dict[str, str]]:
    return [fields for _, fields in world.redis.client.xrange("{demo}:sales")]


def hash_of_sale(world: World, decision_id: str) -> dict[str, Any]:
    found: dict[str, Any] = world.redis.client.hgetall(f"{{demo}}:sale:{decision_id}")
    return found


async def sold_in_total(world: World, bids: list[Bid]) -> list[int]:
    usage = await world.store.usage([one.buyer for one in bids], [], [one.contract for one in bids])
    return [next(cap.sold for one in use.contracts for cap in one.caps) for use in usage.buyers]


def capped(*limits: int) -> list[Bid]:
    return [bid(at, None, caps=(Cap("total", limit),), dedup_days=1, dedup_on=(("email",),))
            for at, limit in enumerate(limits, start=1)]  # fmt: skip


async def test_each_winner_takes_its_cap_and_leaves_its_mark_and_its_entry(world: World) -> None:
    world.redis.may_leave("sale:*", "caps", "sales", "bought:*")
    bids = capped(5, 5, 5)
    sold = await world.post_only("d1", bids, DATA, winners=2, lead={"email": EMAIL})
    assert (sold.status, sold.said, sold.sale and sold.sale.parts) == ("sold", (0, 0, None), (0, 1))
    assert await sold_in_total(world, bids) == [1, 1, 0]
    told = [(one["event"], one["part"], one["position"], json.loads(one["bid"])["buyer_id"]) for one in entries(world)]
    assert told == [("sold", "0", "0", 1), ("sold", "1", "1", 2)]
    assert {json.loads(one["about"])["mode"] for one in entries(world)} == {"shared"}
    kept = hash_of_sale(world, "d1")
    assert (kept["parts"], kept["position"], kept["state:0"], kept["state:1"]) == ("0,1", "0", "sold", "sold")
    assert (kept["cap_fields:0"], kept["bought:0"]) == (kept["cap_fields"], kept["bought"])
    assert kept["bought:1"] == kept["bought"] != ""
    assert await world.store.sale("d1") == sold.sale
    again = await world.post_only("d2", bids, DATA, winners=2, lead={"email": EMAIL})
    assert (again.said, again.sale and again.sale.sold_to) == ((Decline.DUPLICATE, Decline.DUPLICATE, 0), (2,))


async def test_one_winner_of_several_that_were_wanted_is_a_plain_sale(world: World) -> None:
    world.redis.may_leave("sale:*", "caps", "sales", "bought:*")
    bids = capped(1, 5)
    await world.post_only("d1", bids[:1], DATA)
    sold = await world.post_only("d2", bids, DATA, winners=3)
    assert (sold.said, sold.sale and sold.sale.parts) == ((Decline.CAP_TOTAL, 0), ())
    assert "part" not in entries(world)[-1]
    assert not [name for name in hash_of_sale(world, "d2") if name.startswith(("parts", "state:"))]


async def test_a_repeat_and_another_id_find_all_sales(world: World) -> None:
    world.redis.may_leave("sale:*", "caps", "sales")
    bids = [bid(1), bid(2), bid(3)]
    first = await world.post_only("d1", bids, DATA, winners=2)
    again = await world.post_only("d1", bids, DATA, winners=2)
    assert (again.status, again.sale) == ("repeat", first.sale)
    one = await world.post_only("d1", bids, DATA, winners=2, only=2, question="pd1-2")
    assert (one.status, one.sale) == ("already_sold", first.sale)
    assert len(entries(world)) == 2


async def test_posts_that_differ_in_their_terms_alone_are_not_taken_for_each_other(world: World) -> None:
    world.redis.may_leave("sale:*", "caps", "sales", "exclusive:*")
    bids = [bid(1), bid(2), bid(3)]
    terms: tuple[dict[str, Any], ...] = ({"winners": 2}, {"winners": 1}, {"winners": 3}, {"exclusivity": KEPT}, {})
    sales = [(await world.post_only(f"d{at}", bids, DATA, **one)).sale for at, one in enumerate(terms)]
    assert [len(sale.sold_to) for sale in sales if sale] == [2, 1, 3, 1, 1]
    assert [len(sale.exclusive) for sale in sales if sale] == [0, 0, 0, 1, 0]


async def test_the_audit_has_all_positions(world: World) -> None:
    world.redis.may_leave("sale:*", "caps", "sales")
    await world.post_only("d1", [bid(1), bid(2), bid(3)], DATA, winners=2)
    await world.post_only("d2", [bid(1), bid(2), bid(3)], DATA)
    assert (await world.store.decision("d1"))[0]["parts"] == (0, 1)
    assert "parts" not in (await world.store.decision("d2"))[0]


async def test_the_default_buyer_is_no_further_winner(world: World) -> None:
    world.redis.may_leave("sale:*", "caps", "sales")
    last = Bid(bid(3).contract, bid(3).buyer, 5_000_000, 5_000_000, is_default=True)
    sold = await world.post_only("d1", [bid(1), bid(2), last], DATA, winners=3)
    assert (sold.said, sold.sale and sold.sale.parts) == ((0, 0, Decline.OUTRANKED), (0, 1))
    sold = await world.post_only("d2", [last], DATA, winners=3)
    assert sold.sale is not None
    assert sold.sale.sold_to == (0,)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_the_script_chooses_the_winners_that_plain_words_would(world: World, data: st.DataObject) -> None:
    """The first bids that can take the lead, one per buyer, the default buyer only alone, at most so many."""
    world.redis.client.flushall()
    world.redis.may_leave("*")
    buyers = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=7))
    full = data.draw(st.lists(st.booleans(), min_size=len(buyers), max_size=len(buyers)))
    winners, look_further = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([0, 5]))
    has_default = data.draw(st.booleans())
    bids = [bid(buyer, None, suffix=f"-{at}", caps=(Cap("total", 1),)) for at, buyer in enumerate(buyers)]
    if has_default:
        bids[-1] = Bid(bids[-1].contract, bids[-1].buyer, 5, 5, is_default=True)
    for at, is_full in enumerate(full):
        if is_full:
            await world.post_only(f"filling-{at}", [bids[at]], DATA)
    sold = await world.post_only("d1", bids, DATA, winners=winners, look_further=look_further)

    able: list[int] = []
    for at, one in enumerate(bids):
        is_twin = one.buyer.id in [bids[other].buyer.id for other in able]
        if not (full[at] or is_twin or (one.is_default and able)):
            able.append(at)
    assert (sold.sale.sold_to if sold.sale else ()) == tuple(able[:winners])
    assert len([one for one in entries(world) if one["sale"] == "d1"]) == len(able[:winners])
    assert await sold_in_contracts(world, bids) == [int(full[at] or at in able[:winners]) for at in range(len(bids))]


async def sold_in_contracts(world: World, bids: list[Bid]) -> list[int]:
    """In the order of the bids."""
    buyers = {one.buyer.id: one.buyer for one in bids}
    usage = await world.store.usage(list(buyers.values()), [], [one.contract for one in bids])
    sold = {one.contract: one.caps[0].sold for use in usage.buyers for one in use.contracts}
    return [sold[one.contract.id] for one in bids]


# Exclusivity


async def test_whom_an_offer_sold_to_one_alone_it_offers_nobody(world: World) -> None:
    world.redis.may_leave("sale:*", "caps", "sales", "exclusive:*", "ping:*")
    bids = [bid(1), bid(2, dedup_days=1, dedup_on=(("caller_id",),))]
    sold = await world.post_only("d1", bids[:1], DATA, exclusivity=KEPT, lead={"caller_id": CALLER, "email": EMAIL})
    assert sold.sale is not None
    assert len(sold.sale.exclusive) == 2
    assert await world.store.sale("d1") == sold.sale
    for at, lead in enumerate(({"caller_id": CALLER}, {"email": EMAIL}, {"email_sha256": sha256_of(EMAIL)})):
        held = await world.hold(f"h{at}", bids, DATA, exclusivity=KEPT, lead=lead)
        assert (held.status, held.said) == ("none", (Decline.DUPLICATE, Decline.DUPLICATE))
        again = await world.post_only(f"s{at}", bids, DATA, exclusivity=KEPT, lead=lead, winners=2)
        assert (again.status, again.said) == ("none", (Decline.DUPLICATE, Decline.DUPLICATE))
    assert (await world.hold("h9", bids, DATA, exclusivity=KEPT, lead={"email": "bob@example.com"})).status == "held"
    assert (await world.hold("h10", bids, DATA, lead={"email": EMAIL})).status == "held"
    world.travel(31 * 86_400)
    assert (await world.hold("h11", bids, DATA, exclusivity=KEPT, lead={"email": EMAIL})).status == "held"


async def test_a_shared_sale_leaves_no_mark_of_exclusivity(world: World) -> None:
    world.redis.may_leave("sale:*", "caps", "sales")
    for decision_id, only in (("d1", None), ("d2", 1)):
        sold = await world.post_only(decision_id, [bid(1), bid(2)], DATA, exclusivity=KEPT, winners=2, only=only)
        assert sold.sale is not None
        assert sold.sale.exclusive == ()


@pytest.mark.parametrize("attempts", [1, 2])
async def test_a_call_that_nobody_takes_gives_the_mark_back_and_a_move_keeps_it(world: World, attempts: int) -> None:
    world.redis.may_leave("*")
    await world.store.stock([POOL])
    bids = [bid(1), bid(2)]
    sold = await world.post_only("d1", bids, exclusivity=KEPT)
    assert sold.sale is not None
    assert (await world.route(sold.sale, bids)).reason == ""
    assert (await world.route(sold.sale, bids, attempt=1)).position == 1
    if attempts == 2:
        assert (await world.route(sold.sale, bids, attempt=2)).reason == "no_buyer_left"
    assert len(world.redis.client.keys("*exclusive*")) == 2 - attempts
