"""What a post may use, what it takes, and that it takes it once."""

from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from service.model.catalog import Cap
from service.model.decline import Decline
from service.store.asks import PoolUse
from tests.store.world import CALLER, DATA, ENDPOINT, NUMBERS, OWN_NUMBERS, World, bid, sell_ask

SALE_KEYS = ("sale:*", "slots:*", "leases:*", "caps", "sales", "lent:*")


async def stocked(world: World, *more: str) -> None:
    world.redis.may_leave(*SALE_KEYS, *more)
    await world.store.stock([world.pool])


async def test_a_post_turns_its_hold_into_a_slot_and_gives_the_others_back(world: World) -> None:
    await stocked(world, "ping:d1")
    bids = [bid(1), bid(2)]
    await world.hold("d1", bids)
    sold = await world.post("d1", bids)
    assert sold.status == "sold"
    assert sold.sale is not None
    assert (sold.sale.position, sold.sale.number, sold.sale.pool) == (0, NUMBERS[0], "toll_free")
    assert [await world.leases(one) for one in bids] == [(1, 0), (0, 0)]
    assert await world.numbers() == PoolUse(pool="toll_free", free=2, lent=1, cooling=0)


async def test_what_was_sold_is_what_redis_keeps(world: World) -> None:
    await stocked(world)
    sold = await world.post_only("d1", [bid(1), bid(2)])
    assert sold.sale == await world.store.sale("d1")
    assert (await world.store.posted("d1")) == (None, sold.sale)


async def test_a_post_that_adds_nothing_has_its_pings_record_kept_and_one_that_does_its_own(world: World) -> None:
    await stocked(world, "ping:*")
    said = {"caller_id": CALLER, "note": "either|or|both"}
    for decision_id, lead in (("d1", said), ("d2", said | {"zip": "90210"})):
        await world.hold(decision_id, [bid(1), bid(2)], lead=said)
        sold = await world.post(decision_id, [bid(1), bid(2)], lead=lead, as_pinged=lead == said)
        assert sold.sale is not None
        assert sold.sale == await world.store.sale(decision_id)
        assert sold.sale.record.lead == lead
        (_, posted) = await world.store.decision(decision_id)
        assert posted["record"]["lead"] == lead


async def test_a_post_within_its_hold_is_taken_though_the_buyer_is_full(world: World) -> None:
    await stocked(world, "ping:d1", "leases:1")
    await world.hold("d1", [bid(1, 1)])
    assert (await world.hold("d2", [bid(1, 1)])).said == (Decline.CONCURRENCY,)
    assert (await world.post_only("d3", [bid(1, 1)])).said == (Decline.CONCURRENCY,)
    assert (await world.post("d1", [bid(1, 0)])).status == "sold", "even after a reload that lowered the cap"


async def test_a_post_after_its_hold_is_taken_only_while_there_is_room(world: World) -> None:
    await stocked(world, "ping:*", "leases:1")
    await world.hold("d1", [bid(1, 1)])
    world.travel(10)
    await world.hold("d2", [bid(1, 1)])
    assert (await world.post("d1", [bid(1, 1)])).said == (Decline.CONCURRENCY,)
    world.travel(10)
    assert (await world.post("d1", [bid(1, 1)])).status == "sold"


async def test_the_same_post_again_gets_the_same_sale(world: World) -> None:
    await stocked(world, "ping:d1")
    bids = [bid(1)]
    await world.hold("d1", bids)
    first = await world.post("d1", bids)
    world.travel(3_600)
    again = await world.post("d1", bids)
    assert again.status == "repeat"
    assert again.sale is not None
    assert first.sale is not None
    assert again.sale.number == first.sale.number
    assert world.redis.client.xlen("{demo}:sales") == 1


async def test_another_id_of_a_sold_ping_is_refused(world: World) -> None:
    await stocked(world, "ping:d1")
    bids = [bid(1), bid(2)]
    await world.hold("d1", bids)
    await world.post("d1", bids)
    before = world.stands()
    assert (await world.post("d1", bids[1:], question="pd1-1", order=(1,))).status == "already_sold"
    assert world.stands() == before


async def test_a_post_of_a_ping_that_is_over_sells_nothing(world: World) -> None:
    await stocked(world, "leases:1")
    await world.hold("d1", [bid(1)])
    world.travel(60)
    assert (await world.post("d1", [bid(1)])).status == "ping_gone"


async def test_an_exhausted_pool_takes_nothing_and_leaves_the_hold(world: World) -> None:
    await stocked(world, "ping:d9", "leases:1")
    for at in range(3):
        assert (await world.post_only(f"d{at}", [bid(1, 9)])).status == "sold"
    await world.hold("d9", [bid(1, 9)])
    before = world.stands()
    assert (await world.post("d9", [bid(1, 9)])).status == "no_tracking_number"
    assert world.stands() == before


async def test_numbers_are_lent_to_one_sale_at_a_time_and_rest_between_two(world: World) -> None:
    await stocked(world)
    lent = [(await world.post_only(f"d{at}", [bid(1, 9)])).sale for at in range(3)]
    assert {sale.number for sale in lent if sale} == set(NUMBERS)
    world.travel(120)
    assert (await world.numbers()).cooling == 3
    assert (await world.post_only("d3", [bid(1, 9)])).status == "no_tracking_number"
    world.travel(60)
    again = await world.post_only("d4", [bid(1, 9)])
    assert again.sale is not None
    assert again.sale.number == NUMBERS[0], "the one that has rested longest"


async def test_caps_count_sales_and_refuse_the_next(world: World) -> None:
    await stocked(world)
    one = bid(1, None, caps=(Cap("total", 2), Cap("day", 9)))
    assert [(await world.post_only(f"d{at}", [one])).status for at in range(3)] == ["sold", "sold", "none"]
    assert (await world.post_only("d9", [one])).said == (Decline.CAP_TOTAL,)
    (use,) = (await world.store.usage([one.buyer], [], [one.contract])).buyers
    assert [(cap.per, cap.sold, cap.resets_at_ms is None) for cap in use.contracts[0].caps] == [
        ("total", 2, True),
        ("day", 2, False),
    ]


async def test_each_candidate_is_judged_by_its_own_caps(world: World) -> None:
    await stocked(world)
    once = (Cap("day", 9), Cap("total", 1))
    free, sold_out, capped, last = bid(1), bid(2, caps=once), bid(3, caps=once), bid(4, caps=once)
    assert (await world.post_only("d1", [sold_out])).status == "sold"
    assert (await world.post_only("d2", [last])).status == "sold"
    world.redis.may_leave("ping:d3")
    held = await world.hold("d3", [free, sold_out, capped, last])
    assert held.said == (0, Decline.CAP_TOTAL, 0, Decline.CAP_TOTAL)


async def test_a_cap_that_comes_later_knows_what_was_sold_before(world: World) -> None:
    await stocked(world)
    await world.post_only("d1", [bid(1)])
    assert (await world.post_only("d2", [bid(1, caps=(Cap("week", 1),))])).said == (Decline.CAP_WEEK,)


async def test_a_person_is_bought_once_within_the_window_in_clear_or_hashed(world: World) -> None:
    await stocked(world, "bought:*")
    once = bid(1, None, dedup_days=2, dedup_on=(("caller_id",), ("email", "state")))
    lead = {"caller_id": CALLER, "email": "ann@example.org", "state": "CA"}
    assert (await world.post_only("d1", [once], lead=lead)).status == "sold"
    assert (await world.post_only("d2", [once])).said == (Decline.DUPLICATE,)
    same_mail = {"caller_id": "+12125559999", "email": "ann@example.org", "state": "NY"}
    assert (await world.post_only("d3", [once], lead=same_mail)).status == "sold", "a group must match together"
    hashed = sha256(CALLER.removeprefix("+").encode()).hexdigest()
    assert (await world.hold("d4", [once], lead={"caller_id_sha256": hashed})).said == (Decline.DUPLICATE,)
    assert CALLER[1:] not in str(world.redis.client.keys("*bought*"))
    world.travel(2 * 86_400)
    assert (await world.hold("d5", [once])).said == (0,)
    world.redis.may_leave("ping:d5")


async def test_post_only_is_repeated_by_its_request_id(world: World) -> None:
    await stocked(world, "request:*")
    keys = {"request_key": "r1", "request_fields": "f1"}
    assert (await world.post_only("d1", [bid(1)], DATA, **keys)).status == "sold"
    again = await world.post_only("d2", [bid(1)], DATA, **keys)
    assert (again.status, again.elsewhere) == ("elsewhere", "d1")
    assert (await world.post_only("d3", [bid(1)], DATA, request_key="r1", request_fields="f2")).status == "conflict"
    world.travel(86_400)
    assert (await world.post_only("d4", [bid(1)], DATA, **keys)).status == "sold"


async def test_post_only_of_a_call_is_repeated_by_its_fields_while_the_number_is_lent(world: World) -> None:
    await stocked(world)
    assert (await world.post_only("d1", [bid(1)], fields_key="f1")).status == "sold"
    again = await world.post_only("d2", [bid(1)], fields_key="f1")
    assert (again.status, again.elsewhere) == ("elsewhere", "d1")
    world.travel(120)
    assert (await world.post_only("d3", [bid(1)], fields_key="f1")).status == "sold"
    world.travel(120)


async def test_data_is_sold_without_slots_and_numbers(world: World) -> None:
    world.redis.may_leave("sale:*", "caps", "sales")
    sold = await world.post_only("d1", [bid(1, 0)], DATA)
    assert sold.sale is not None
    assert (sold.sale.number, sold.sale.pool) == ("", "")
    assert await world.leases(bid(1)) == (0, 0)


async def test_a_full_learns_who_else_had_room_and_takes_nothing_of_them(world: World) -> None:
    await stocked(world)
    bids = [bid(1, 0), bid(2), bid(2, suffix="-2"), bid(3), bid(4)]
    sold = await world.post_only("d1", bids, look_further=2)
    assert sold.said == (Decline.CONCURRENCY, 0, Decline.OUTRANKED, 0, None)
    assert sold.sale is not None
    assert sold.sale.position == 1
    assert await world.leases(bids[3]) == (0, 0)


async def test_a_publishers_own_number_leads_to_the_latest_sale(world: World) -> None:
    await stocked(world, "ping:d1", "caller:*")
    own = "+18665550150"
    await world.hold("d1", [bid(1)], OWN_NUMBERS, own_number=own)
    sold = await world.post("d1", [bid(1)], OWN_NUMBERS, own_number=own)
    assert sold.sale is not None
    assert (sold.sale.number, sold.sale.pool) == (own, "")
    await world.hold("d2", [bid(1)], OWN_NUMBERS, own_number=own)
    world.redis.may_leave("ping:d2", "leases:1")
    found = await world.store.find_call("edge-1", "c1", own, CALLER, [world.pool], False)
    assert (found.sale_of, found.ping_of) == ("d1", "")
    assert not (await world.store.find_call("edge-1", "c1", own, "+12125550000", [], False)).known
    assert (await world.store.find_call("edge-1", "c1", own, "+12125550000", [], True)).known


async def test_every_sale_is_in_the_stream_and_every_post_in_the_audit(world: World) -> None:
    await stocked(world, "ping:d1", "leases:1")
    bids = [bid(1)]
    await world.hold("d1", bids)
    for at in range(2, 5):
        await world.post_only(f"d{at}", bids)
    assert (await world.post("d1", bids)).status == "no_tracking_number"
    ping, post = await world.store.decision("d1")
    assert (ping["kind"], ping["said"]) == ("ping", (0,))
    assert (post["kind"], post["status"], post["said"]) == ("post", "no_tracking_number", (0,))
    sold = [fields["sale"] for _, fields in world.redis.client.xrange("{demo}:sales")]
    assert sold == ["d2", "d3", "d4"]


async def test_a_longer_number_hold_keeps_slot_and_number_together(world: World) -> None:
    await stocked(world)
    long = replace(ENDPOINT, number_hold_seconds=300)
    await world.post_only("d1", [bid(1)], long)
    world.travel(295)
    assert (await world.leases(bid(1)), (await world.numbers()).lent) == ((1, 0), 1)
    world.travel(5)
    assert (await world.leases(bid(1)), (await world.numbers()).lent) == ((0, 0), 0)


async def test_a_request_is_told_from_another_by_all_its_fields_and_shielded_by_those_of_the_call(world: World) -> None:
    await stocked(world, "request:*", "fields:*")
    first: dict[str, Any] = {"request_key": "r1", "request_fields": "all", "fields_key": "f1"}
    assert (await world.post_only("d1", [bid(1)], **first)).status == "sold"
    assert (await world.post_only("d2", [bid(1)], **{**first, "fields_key": ""})).elsewhere == "d1"
    assert (await world.post_only("d3", [bid(1)], **{**first, "request_fields": "others"})).status == "conflict"
    assert (await world.post_only("d4", [bid(1)], **{**first, "request_key": "r2"})).elsewhere == "d1"
    assert (await world.post_only("d5", [bid(1)], request_key="r2", request_fields="all")).status == "sold"


async def test_a_post_in_several_trips_is_on_record_once_with_all_that_was_said(world: World) -> None:
    await stocked(world)
    bids = [bid(1, 0), bid(2, 0), bid(3)]
    first = await world.store.sell(replace(sell_ask("d1", bids[:2]), is_last=False))
    assert first.status == "none"
    assert await world.store.decision("d1") == []
    second = replace(sell_ask("d1", bids), bids=bids[2:], order=(2,), said_before=first.said)
    assert (await world.store.sell(second)).said == (0,)
    (post,) = await world.store.decision("d1")
    assert (post["status"], post["position"], post["order"]) == ("sold", 2, (0, 1, 2))
    assert post["said"] == (Decline.CONCURRENCY, Decline.CONCURRENCY, 0)

    last = replace(sell_ask("d2", bids[:2]), bids=bids[1:2], order=(1,), said_before=(Decline.CONCURRENCY,))
    assert (await world.store.sell(last)).status == "none"
    (post,) = await world.store.decision("d2")
    assert (post["status"], post["order"], post["said"]) == ("none", (0, 1), (Decline.CONCURRENCY,) * 2)


async def test_a_post_only_is_looked_up_without_reading_all_records_before_it(world: World) -> None:
    world.redis.may_leave("sale:*", "caps", "sales")
    client = world.redis.client
    long_ago_ms = world.store.now_ms() - 3_600_000
    with client.pipeline() as filling:
        for at in range(2_000):
            filling.xadd("{demo}:audit", {"decision": "other", "kind": "ping"}, id=f"{long_ago_ms}-{at + 1}")
        filling.execute()
    asked = sell_ask("d1", [bid(1)], DATA)
    await world.store.sell(replace(asked, record=replace(asked.record, at_ms=world.store.now_ms())))
    client.config_resetstat()
    assert [found["kind"] for found in await world.store.decision("d1")] == ["post"]
    assert client.info("commandstats")["cmdstat_xrevrange"]["calls"] <= 2
