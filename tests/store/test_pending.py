"""Sales that are made later than at their post, balances, and caps on revenue."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from service.errors import StoreDown
from service.model.catalog import Cap, RevenueCap
from service.model.decline import Decline
from service.model.lead import Bid
from service.store import events
from service.store.aftermath import About, KnownSale
from service.store.asks import Balance, CallEvent, CapUse, Sale
from service.store.balances import CreditAsk
from service.store.lapsing import lapse
from tests.store.world import DATA, ENDPOINT, World, bid, record

CONNECTED = "connected:0"
CONVERTED = "converted:90000"
ABOUT = About("my_endpoint", "source_abc", "", "v1", "auto")
PRICE = 25_000_000


def prepaid(buyer_id: int, cap: int | None = 5, **contract: Any) -> Bid:
    one = bid(buyer_id, cap, **contract)
    return replace(one, buyer=replace(one.buyer, balance_required=True))


async def paid_in(world: World, one: Bid, micros: int, key: str = "k") -> None:
    world.redis.may_leave("balance:*", "credits", "sales")
    credited = await world.store.credit(CreditAsk(one.buyer.id, micros, key, "top_up", "wire", "operator"))
    assert credited.status == "credited"


async def stocked(world: World) -> None:
    world.redis.may_leave(
        "sale:*", "caps", "sales", "lent:*", "call:*", "slots:*", "leases:*", "pending*", "reserved:*", "bought:*",
        "converted:*", "returned:*", "test:*",
    )  # fmt: skip
    await world.store.stock([world.pool])


async def post(world: World, bids: list[Bid], lead: str = "d1", terms: str = CONNECTED) -> Sale:
    sold = await world.post_only(lead, bids, terms=terms)
    assert sold.sale is not None, sold
    return sold.sale


async def verdict(world: World, one: Bid, lead: str = "d9", terms: str = CONNECTED) -> int | None:
    """Of a ping; it takes nothing."""
    return (await world.hold(lead, [one], test=True, terms=terms)).said[0]


async def caps(world: World, one: Bid) -> tuple[list[CapUse], list[CapUse]]:
    (use,) = (await world.store.usage([one.buyer], [], [one.contract], ["auto"])).buyers
    return use.contracts[0].caps, use.contracts[0].revenue_caps


async def counted(world: World, one: Bid) -> tuple[int, int]:
    """Sold and pending, by the first of the contract's caps."""
    (first, *_), _ = await caps(world, one)
    return first.sold, first.pending


async def balance(world: World, one: Bid) -> tuple[int, int]:
    found = await world.store.balance(one.buyer.id)
    return found.balance_micros, found.reserved_micros


def on_record(world: World) -> list[str]:
    return [fields["event"] for _, fields in world.redis.client.xrange("{demo}:sales")]


def known(world: World, one: Bid, lead: str = "d1", **more: Any) -> KnownSale:
    told = {"decision_id": lead, "part": None, "position": 0, "number": "", "about": ABOUT, "made_at_ms": 1}
    return KnownSale(**{**told, "bid": record(lead, [one]).bids[0], "buyer": one.buyer, **more})


# -- when a sale is made


async def test_a_sale_that_waits_for_its_call_is_pending_and_is_made_when_somebody_answers(world: World) -> None:
    one = prepaid(1, caps=(Cap("day", 2),))
    await stocked(world)
    await paid_in(world, one, 2 * PRICE)
    sale = await post(world, [one])
    assert (sale.state, sale.made_at_ms, sale.terms) == ("pending", 0, CONNECTED)
    assert await world.store.sale("d1") == sale
    assert (await counted(world, one), await balance(world, one)) == ((0, 1), (2 * PRICE, PRICE))
    await world.route(sale, [one])
    answered = await world.event("answered", [one], attempt=0)
    assert answered.status == "taken"
    assert answered.made is not None
    assert (answered.made.bid_micros, answered.made.payout_micros, answered.is_late) == (PRICE, 20_000_000, False)
    assert (await counted(world, one), await balance(world, one)) == ((1, 0), (PRICE, 0))
    assert (await world.event("heartbeat", [one])).made is None, "it is made once"
    assert (await world.event("ended", [one], outcome="answered")).made is None
    assert on_record(world) == ["credited", "posted", "sold", "ended"]
    sold = world.redis.client.xrange("{demo}:sales")[2][1]
    posted = world.redis.client.xrange("{demo}:sales")[1][1]
    assert {name: sold[name] for name in ("sale", "position", "number", "bid", "about")} == {
        name: posted[name] for name in ("sale", "position", "number", "bid", "about")
    }
    assert (sold["made"], sold["late"]) == ("connected", "0")
    made = await world.store.sale("d1")
    assert made is not None
    assert (made.state, made.made_at_ms) == ("sold", int(sold["at_ms"]))
    assert len(made.cap_fields) == 5


async def test_an_end_that_says_answered_alone_is_enough(world: World) -> None:
    one = bid(1, caps=(Cap("day", 2),))
    await stocked(world)
    await world.route(await post(world, [one]), [one])
    assert (await world.event("ended", [one], outcome="answered")).made is not None
    assert await counted(world, one) == (1, 0)
    assert on_record(world) == ["posted", "sold", "ended"]


@pytest.mark.parametrize(("duration_ms", "is_made"), [(90_000, True), (89_999, False), (None, False)])
async def test_a_call_converts_by_the_length_that_its_edge_measured(
    world: World, duration_ms: int | None, is_made: bool
) -> None:
    one = prepaid(1, caps=(Cap("day", 1),))
    await stocked(world)
    await paid_in(world, one, PRICE)
    await world.route(await post(world, [one], terms=CONVERTED), [one])
    await world.event("answered", [one])
    ended = await world.event("ended", [one], outcome="answered", duration_ms=duration_ms)
    assert (ended.made is not None) is is_made
    assert (await counted(world, one), await balance(world, one)) == (
        ((1, 0), (0, 0)) if is_made else ((0, 0), (PRICE, 0))
    )
    assert on_record(world)[2:] == ["sold" if is_made else "lapsed", "ended"]
    sale = await world.store.sale("d1")
    assert sale is not None
    assert sale.state == ("sold" if is_made else "lapsed")


async def test_a_call_whose_end_is_never_heard_converts_at_the_heartbeat_that_shows_it(world: World) -> None:
    one = bid(1, caps=(Cap("day", 1),))
    await stocked(world)
    await world.route(await post(world, [one], terms=CONVERTED), [one])
    assert (await world.event("answered", [one])).made is None
    for _ in range(2):
        world.travel(40)
        assert (await world.event("heartbeat", [one])).made is None
        assert await counted(world, one) == (0, 1), "it is pending for as long as its call lives"
    world.travel(10)
    answered_ms = int(world.redis.client.hget("{demo}:call:6:edge-1:c1", "answered"))
    world.redis.client.hset("{demo}:call:6:edge-1:c1", "answered", answered_ms - 90_000)
    beat = await world.event("heartbeat", [one])
    assert beat.made is not None
    assert not beat.is_late
    assert await counted(world, one) == (1, 0)


async def test_an_unanswered_end_leaves_it_pending_until_its_number_comes_back(world: World) -> None:
    one = prepaid(1, caps=(Cap("day", 1),))
    await stocked(world)
    await paid_in(world, one, PRICE)
    sale = await post(world, [one])
    await world.route(sale, [one])
    await world.event("ended", [one], outcome="no_answer")
    assert (await counted(world, one), await balance(world, one)) == ((0, 1), (PRICE, PRICE))
    await world.route(sale, [one], "c2")
    assert (await world.event("answered", [one], "c2")).made is not None, "a redial reaches it"


async def test_who_is_killed_between_sale_and_event_finds_the_sale_made_when_the_event_comes_again(
    world: World,
) -> None:
    one = prepaid(1, caps=(Cap("day", 1),))
    await stocked(world)
    await paid_in(world, one, PRICE)
    await world.route(await post(world, [one]), [one])
    runner = world.store._runner
    ended = CallEvent(event="ended", edge="edge-1", call="c1", outcome="answered")
    found = await events._read(runner, runner.keys.call("edge-1", "c1"))
    assert (await events._settle(runner, ended, found, {1: one.buyer}))[0] == b"made"
    again = await world.event("ended", [one], outcome="answered")
    assert (again.status, again.made) == ("taken", None)
    assert (await counted(world, one), await balance(world, one)) == ((1, 0), (0, 0))
    assert on_record(world) == ["credited", "posted", "sold", "ended"]
    assert await world.leases(one) == (0, 0)


async def test_a_call_keeps_pending_what_it_rings_for(world: World) -> None:
    one = prepaid(1, caps=(Cap("day", 1),))
    await stocked(world)
    await paid_in(world, one, PRICE)
    sale = await post(world, [one])
    world.travel(ENDPOINT.number_hold_seconds - 5)
    await world.route(sale, [one])
    world.travel(10)
    assert (await counted(world, one), await balance(world, one)) == ((0, 1), (PRICE, PRICE))
    assert (await world.event("answered", [one])).is_late is False


async def test_what_has_lapsed_counts_nowhere_and_goes_on_record_once(world: World) -> None:
    one = prepaid(1, caps=(Cap("day", 1),), revenue_caps=(RevenueCap("month", PRICE),))
    await stocked(world)
    await paid_in(world, one, PRICE)
    await post(world, [one])
    assert await verdict(world, one) == Decline.BALANCE
    world.travel(ENDPOINT.number_hold_seconds)
    assert (await counted(world, one), await balance(world, one)) == ((0, 0), (PRICE, 0))
    assert await verdict(world, one) == 0
    await asyncio.gather(*(lapse(world.store._runner) for _ in range(5)))
    assert on_record(world) == ["credited", "posted", "lapsed"]
    assert not world.redis.client.exists("{demo}:pending:1-auto", "{demo}:pendings")
    assert (await world.store.sale("d1")).state == "lapsed"  # type: ignore[union-attr]
    assert (await post(world, [one], "d2")).state == "pending"
    assert (await world.hold("d3", [one], test=True, terms=CONNECTED)).said == (Decline.BALANCE,)


async def test_whom_nobody_was_sold_may_be_sold_again(world: World) -> None:
    one = bid(1, 5, dedup_days=30, dedup_on=(("caller_id",),))
    await stocked(world)
    await post(world, [one])
    assert await verdict(world, one) == Decline.DUPLICATE
    world.travel(ENDPOINT.number_hold_seconds)
    await lapse(world.store._runner)
    assert world.redis.client.keys("{demo}:bought:*") == []
    assert await verdict(world, one, "d8") == 0


async def test_a_call_that_is_answered_after_the_pending_life_is_booked_and_late(world: World) -> None:
    one = prepaid(1, caps=(Cap("day", 1),))
    await stocked(world)
    await paid_in(world, one, PRICE)
    sale = await post(world, [one])
    await world.route(sale, [one])
    world.travel(ENDPOINT.number_hold_seconds)
    await lapse(world.store._runner)
    answered = await world.event("answered", [one])
    assert (answered.made is not None, answered.is_late) == (True, True)
    assert (await counted(world, one), await balance(world, one)) == ((1, 0), (0, 0))
    assert on_record(world) == ["credited", "posted", "lapsed", "sold"]


async def test_a_move_gives_what_is_pending_to_the_next_buyer_and_a_void_to_nobody(world: World) -> None:
    bids = [prepaid(1, caps=(Cap("day", 1),)), prepaid(2, caps=(Cap("day", 1),))]
    await stocked(world)
    for one in bids:
        await paid_in(world, one, PRICE, f"k{one.buyer.id}")
    sale = await post(world, bids)
    await world.route(sale, bids)
    for _ in range(3):
        assert (await world.route(sale, bids, attempt=1)).position == 1
    assert [await balance(world, one) for one in bids] == [(PRICE, 0), (PRICE, PRICE)]
    assert [await counted(world, one) for one in bids] == [(0, 0), (0, 1)]
    for _ in range(3):
        assert (await world.route(sale, bids, attempt=2)).reason == "no_buyer_left"
    assert [await balance(world, one) for one in bids] == [(PRICE, 0), (PRICE, 0)]
    assert [await counted(world, one) for one in bids] == [(0, 0), (0, 0)]
    events = [fields for _, fields in world.redis.client.xrange("{demo}:sales")][2:]
    assert [(fields["event"], fields.get("pending")) for fields in events] == [
        ("posted", None), ("moved", "1"), ("voided", None),
    ]  # fmt: skip


async def test_a_move_of_a_made_sale_moves_its_charge(world: World) -> None:
    bids = [prepaid(1), prepaid(2), bid(3)]
    await stocked(world)
    for one in bids[:2]:
        await paid_in(world, one, PRICE, f"k{one.buyer.id}")
    sale = await post(world, bids, terms="")
    assert [await balance(world, one) for one in bids] == [(0, 0), (PRICE, 0), (0, 0)]
    await world.route(sale, bids)
    await world.route(sale, bids, attempt=1)
    assert [await balance(world, one) for one in bids] == [(PRICE, 0), (0, 0), (0, 0)]
    await world.route(sale, bids, attempt=2)
    assert [await balance(world, one) for one in bids] == [(PRICE, 0), (PRICE, 0), (0, 0)]
    await world.route(sale, bids, attempt=3)
    assert [await balance(world, one) for one in bids] == [(PRICE, 0), (PRICE, 0), (0, 0)]
    assert on_record(world)[2:] == ["sold", "moved", "moved", "voided"]


# -- balance and caps on revenue


async def test_a_buyer_that_needs_a_balance_buys_what_it_covers(world: World) -> None:
    one, other = prepaid(1), bid(2)
    await stocked(world)
    assert await verdict(world, one, terms="") == Decline.BALANCE
    before = world.stands()
    assert (await world.post_only("d0", [one])).said == (Decline.BALANCE,)
    assert world.stands() == before
    await paid_in(world, one, 2 * PRICE + PRICE - 1)
    told = [await world.post_only(f"d{at}", [one, other]) for at in range(3)]
    assert [sold.said for sold in told] == [(0, None), (0, None), (Decline.BALANCE, 0)]
    assert await balance(world, one) == (PRICE - 1, 0)
    assert await world.store.balance(2) == Balance(0, 0), "who needs none is charged none"


async def test_a_price_is_that_of_the_bid_and_not_of_the_contract(world: World) -> None:
    one = prepaid(1, revenue_caps=(RevenueCap("day", 40_000_000),))
    await stocked(world)
    await paid_in(world, one, 30_000_000)
    cheap, dear = replace(one, bid_micros=30_000_000), replace(one, bid_micros=30_000_001)
    assert await verdict(world, dear, terms="") == Decline.BALANCE
    assert await verdict(world, cheap, terms="") == 0
    assert (await world.post_only("d1", [cheap])).status == "sold"
    assert await balance(world, one) == (0, 0)


async def test_caps_on_revenue_count_what_is_sold_and_what_is_pending(world: World) -> None:
    one = bid(1, None, revenue_caps=(RevenueCap("day", 3 * PRICE), RevenueCap("month", 10 * PRICE)))
    await stocked(world)
    sale = await post(world, [one])
    await post(world, [one], "d2")
    await world.route(sale, [one])
    await world.event("answered", [one])
    assert await verdict(world, one) == 0
    assert await verdict(world, replace(one, bid_micros=PRICE + 1)) == Decline.CAP_DAY
    await post(world, [one], "d3")
    assert (await world.post_only("d4", [one], terms=CONNECTED)).said == (Decline.CAP_DAY,)
    _, (day, month) = await caps(world, one)
    assert (day.limit, day.sold, day.pending) == (3 * PRICE, PRICE, 2 * PRICE)
    assert (month.limit, month.sold, month.pending) == (10 * PRICE, PRICE, 2 * PRICE)


async def test_each_candidate_is_judged_by_its_own_guard(world: World) -> None:
    plain, poor = bid(1, caps=(Cap("day", 5),)), prepaid(2, caps=(Cap("day", 5),))
    bare, rich = prepaid(3, None), prepaid(4, revenue_caps=(RevenueCap("day", PRICE - 1),))
    capped = bid(5, caps=(Cap("total", 1),))
    await stocked(world)
    for one in (bare, rich):
        await paid_in(world, one, PRICE, f"k{one.buyer.id}")
    await world.post_only("d0", [capped])
    world.redis.may_leave("leases:*")
    held = await world.hold("d1", [poor, plain, rich, capped, bare], test=True)
    assert held.said == (Decline.BALANCE, 0, Decline.CAP_DAY, Decline.CAP_TOTAL, 0)


# -- conversions and returns


async def test_a_reported_conversion_makes_a_pending_sale_once(world: World) -> None:
    one = prepaid(1, caps=(Cap("day", 1),))
    await stocked(world)
    await paid_in(world, one, PRICE)
    await post(world, [one], terms=CONVERTED)
    told = await asyncio.gather(*(world.store.convert(known(world, one), "buyer:1") for _ in range(5)))
    assert sorted((one.status, one.is_repeat, one.is_late) for one in told) == [
        ("made", False, False), *[("made", True, False)] * 4,
    ]  # fmt: skip
    assert (await counted(world, one), await balance(world, one)) == ((1, 0), (0, 0))
    assert on_record(world) == ["credited", "posted", "sold"]


async def test_a_conversion_after_the_pending_life_is_booked_all_the_same(world: World) -> None:
    one = prepaid(1, caps=(Cap("day", 1),))
    await stocked(world)
    await paid_in(world, one, PRICE)
    await post(world, [one], terms=CONVERTED)
    world.travel(ENDPOINT.number_hold_seconds)
    await post(world, [one], "d2", terms=CONVERTED)
    assert (await world.store.convert(known(world, one, "d2"), "operator")).is_late is False
    late = await world.store.convert(known(world, one), "operator")
    assert (late.status, late.is_late) == ("made", True)
    assert (await counted(world, one), await balance(world, one)) == ((2, 0), (-PRICE, 0))


async def test_a_conversion_of_a_made_sale_is_noted_once_and_of_a_void_one_not_at_all(world: World) -> None:
    one = bid(1)
    await stocked(world)
    sale = await post(world, [one], terms="")
    for is_repeat in (False, True):
        told = await world.store.convert(known(world, one), "operator")
        assert (told.status, told.is_repeat) == ("noted", is_repeat)
    assert on_record(world) == ["sold", "converted"]
    other = await post(world, [one], "d2", terms="")
    await world.route(other, [one], "c2")
    await world.route(other, [one], "c2", attempt=1)
    assert (await world.store.convert(known(world, one, "d2"), "operator")).status == "void"
    assert (await world.store.convert(known(world, one, "none"), "operator")).status == "unknown"
    assert (await world.store.convert(known(world, one, position=1), "operator")).status == "changed"
    assert sale.state == "sold"


async def test_a_return_gives_back_price_and_cap_once(world: World) -> None:
    one = prepaid(1, caps=(Cap("day", 1),), revenue_caps=(RevenueCap("day", PRICE),), dedup_days=30,
                  dedup_on=(("caller_id",),))  # fmt: skip
    await stocked(world)
    await paid_in(world, one, PRICE)
    await post(world, [one], terms="")
    assert (await counted(world, one), await balance(world, one)) == ((1, 0), (0, 0))
    told = await asyncio.gather(*(world.store.refund(known(world, one), "wrong number", "buyer:1") for _ in range(5)))
    assert sorted(one.status for one in told) == ["repeat"] * 4 + ["returned"]
    assert (await counted(world, one), await balance(world, one)) == ((0, 0), (PRICE, 0))
    assert (await caps(world, one))[1][0].sold == 0
    assert world.redis.client.keys("*bought*"), "it has had the lead"
    assert on_record(world) == ["credited", "sold", "returned"]
    world.redis.client.delete("{demo}:sale:d1")
    assert (await world.store.refund(known(world, one, archived="sold"), "again", "operator")).status == "repeat"


async def test_what_is_not_made_cannot_be_returned(world: World) -> None:
    one = bid(1)
    await stocked(world)
    await post(world, [one])
    before = world.stands()
    assert (await world.store.refund(known(world, one), "r", "operator")).status == "pending"
    assert (await world.store.refund(known(world, one, "none"), "r", "operator")).status == "unknown"
    assert (await world.store.refund(known(world, one, position=3), "r", "operator")).status == "changed"
    assert world.stands() == before


async def test_a_sale_that_only_the_ledger_knows_is_converted_and_returned(world: World) -> None:
    one = prepaid(1, caps=(Cap("day", 5),))
    await stocked(world)
    await paid_in(world, one, PRICE)
    made = await world.store.convert(known(world, one, archived="lapsed"), "operator")
    assert (made.status, made.is_late) == ("made", True)
    assert (await counted(world, one), await balance(world, one)) == ((1, 0), (0, 0))
    now_ms = world.store.now_ms()
    sale = known(world, one, archived="sold", made_at_ms=now_ms)
    assert (await world.store.refund(sale, "r", "operator")).status == "returned"
    assert (await counted(world, one), await balance(world, one)) == ((0, 0), (PRICE, 0))
    old = known(world, one, "d2", archived="sold", made_at_ms=now_ms - 40 * 86_400_000)
    assert (await world.store.refund(old, "r", "operator")).status == "returned"
    assert await counted(world, one) == (0, 0), "its periods are over"


async def test_the_parts_of_a_sale_are_charged_and_returned_one_by_one(world: World) -> None:
    bids = [prepaid(1), bid(2), prepaid(3), prepaid(4, caps=(Cap("day", 1),))]
    await stocked(world)
    for one in (bids[0], bids[3]):
        await paid_in(world, one, PRICE, f"k{one.buyer.id}")
    shared = await world.post_only("d1", bids, DATA, winners=3)
    assert shared.sale is not None
    assert shared.sale.parts == (0, 1, 3)
    assert [await balance(world, one) for one in bids] == [(0, 0), (0, 0), (0, 0), (0, 0)]
    parts = {at: known(world, bids[at], part=at, position=at) for at in shared.sale.parts}
    assert (await world.store.refund(known(world, bids[0]), "r", "operator")).status == "unknown"
    assert (await world.store.convert(known(world, bids[0]), "operator")).status == "unknown"
    assert (await world.store.convert(parts[1], "operator")).status == "noted"
    returned = [await world.store.refund(parts[at], "r", "operator") for at in (0, 3, 0)]
    assert [one.status for one in returned] == ["returned", "returned", "repeat"]
    assert [await balance(world, one) for one in bids] == [(PRICE, 0), (0, 0), (0, 0), (PRICE, 0)]
    assert await counted(world, bids[3]) == (0, 0)
    assert (await world.store.convert(parts[0], "operator")).status == "returned"
    events = [(fields["event"], fields.get("part")) for _, fields in world.redis.client.xrange("{demo}:sales")][2:]
    assert events == [
        ("sold", "0"), ("sold", "1"), ("sold", "3"), ("converted", "1"), ("returned", "0"), ("returned", "3"),
    ]  # fmt: skip


async def test_late_scripts_of_money_write_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    one = prepaid(1)
    await stocked(world)
    await paid_in(world, one, PRICE)
    await post(world, [one])
    runner = world.store._runner
    before = world.stands()
    monkeypatch.setattr(runner, "_not_after_ms", lambda give_up_at: 0)
    for asked in (
        world.store.credit(CreditAsk(1, 5, "k2", "top_up", "r", "operator")),
        world.store.convert(known(world, one), "operator"),
        world.store.refund(known(world, one), "r", "operator"),
        world.post_only("d2", [one]),
    ):
        with pytest.raises(StoreDown):
            await asked
    assert world.stands() == before


async def test_a_conversion_that_one_buyer_reported_is_not_the_next_ones(world: World) -> None:
    one, other = bid(1), bid(2)
    await stocked(world)
    sale = await post(world, [one, other])
    assert (await world.store.convert(known(world, one), "buyer:1")).status == "made"
    await world.route(sale, [one, other])
    await world.route(sale, [one, other], attempt=1)
    moved = replace(known(world, other), position=1)
    for is_repeat in (False, True):
        told = await world.store.convert(moved, "buyer:2")
        assert (told.status, told.is_repeat) == ("made", is_repeat)
    found = await world.store.sale("d1")
    assert found is not None
    assert (found.state, found.position) == ("sold", 1)
