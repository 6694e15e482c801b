"""What a ping takes, and what it leaves."""

from msgspec.structs import replace

from service.model.catalog import Cap
from service.model.decline import Decline
from service.store import Store
from service.store.asks import HoldAsk
from tests.conftest import RedisForTest
from tests.store.world import CALLER, DATA, ENDPOINT, OWN_NUMBERS, World, bid, hold_ask, record


async def test_a_ping_takes_one_hold_on_each_buyer_that_has_room(world: World) -> None:
    bids = [bid(1), bid(2)]
    held = await world.hold("d1", bids)
    assert (held.status, held.said, held.done) == ("held", (0, 0), True)
    assert [await world.leases(one) for one in bids] == [(0, 1), (0, 1)]
    world.redis.may_leave("leases:*", "ping:d1")


async def test_the_buffer_is_kept_from_pings_and_used_by_posts(world: World) -> None:
    world.redis.may_leave("leases:*", "slots:*", "ping:*", "sale:*", "caps", "sales", "lent:*")
    await world.store.stock([world.pool])
    one = bid(1, 5, buffer=20)
    for at in range(4):
        assert (await world.hold(f"d{at}", [one])).said == (0,)
    assert (await world.hold("d4", [one])).said == (Decline.CONCURRENCY,)
    assert (await world.post_only("d5", [one])).status == "sold"
    assert (await world.post_only("d6", [one])).said == (Decline.CONCURRENCY,)


async def test_a_hold_runs_out_by_itself(world: World) -> None:
    world.redis.may_leave("leases:1")
    one = bid(1, 1)
    await world.hold("d1", [one])
    world.travel(10)
    assert await world.leases(one) == (0, 0)
    assert (await world.hold("d2", [one])).said == (0,)
    world.travel(60)


async def test_what_is_over_is_dropped_in_passing(world: World) -> None:
    """Some pings clean one of their buyers, the clock says which: a set never keeps much more than what lives."""
    world.redis.may_leave("ping:*", "leases:*")
    bids = [bid(number, 10_000) for number in range(1, 6)]
    for at in range(200):
        await world.hold(f"d{at}", bids)
    world.travel(10)
    for count in range(1, 2_001):  # twenty pings clean all five, if they come at twenty different milliseconds
        await world.hold(f"e{count}", bids)
        if [world.redis.client.zcard(f"{{demo}}:leases:{one.buyer.id}") for one in bids] == [count] * 5:
            return
    raise AssertionError("what was over stayed")


async def test_what_is_over_fills_no_room_before_it_is_dropped(world: World) -> None:
    world.redis.may_leave("ping:*", "leases:1")
    one = bid(1, 3)
    for at in range(3):
        await world.hold(f"d{at}", [one])
    assert (await world.hold("d3", [one])).said == (Decline.CONCURRENCY,)
    world.redis.client.zadd("{demo}:leases:1", {"d0": 1, "d1": 1}, xx=True)
    assert world.redis.client.zcard("{demo}:leases:1") == 3
    assert (await world.hold("d4", [one])).said == (0,)
    assert (await world.hold("d5", [one])).said == (0,)
    assert (await world.hold("d6", [one])).said == (Decline.CONCURRENCY,)


async def test_a_buyer_without_a_cap_is_offered_and_not_held(world: World) -> None:
    world.redis.may_leave("ping:d1")
    assert (await world.hold("d1", [bid(1, None)])).said == (0,)


async def test_a_data_offer_takes_no_holds(world: World) -> None:
    world.redis.may_leave("ping:d1")
    assert (await world.hold("d1", [bid(1, 1)], DATA)).said == (0,)


async def test_a_ping_that_only_looks_holds_nothing_but_sees_who_is_full(world: World) -> None:
    world.redis.may_leave("ping:*", "leases:1")
    looking = replace(ENDPOINT, hold_seconds=0)
    assert (await world.hold("d1", [bid(1, 1)], looking)).said == (0,)
    assert await world.leases(bid(1)) == (0, 0)
    await world.hold("d2", [bid(1, 1)])
    assert (await world.hold("d3", [bid(1, 1)], looking)).said == (Decline.CONCURRENCY,)


async def test_a_test_ping_leaves_only_its_own_record(world: World) -> None:
    world.redis.may_leave("test:d1")
    held = await world.hold("d1", [bid(1, 1)], test=True, fingerprint="f")
    assert held.said == (0,)
    found = await world.store.ping("d1", test=True)
    assert found is not None
    assert found.said == (0,)
    assert await world.store.ping("d1") is None
    assert world.redis.client.exists("{demo}:audit") == 0


async def test_a_second_contract_of_a_held_buyer_is_outranked(world: World) -> None:
    world.redis.may_leave("ping:d1", "leases:1")
    held = await world.hold("d1", [bid(1), bid(1, suffix="-2")])
    assert held.said == (0, Decline.OUTRANKED)


async def test_no_more_buyers_are_held_than_the_endpoint_answers(world: World) -> None:
    world.redis.may_leave("ping:d1", "leases:*")
    few = replace(ENDPOINT, buyers_max=2)
    bids = [bid(1), bid(2, 0), bid(3), bid(4)]
    held = await world.hold("d1", bids, few, last=False)
    assert held.said == (0, Decline.CONCURRENCY, 0, None)
    assert held.done
    assert await world.leases(bids[3]) == (0, 0)


async def test_a_further_trip_goes_on_where_the_first_ended(world: World) -> None:
    world.redis.may_leave("ping:d1", "leases:*")
    first, second = [bid(1, 0), bid(2)], [bid(2, suffix="-2"), bid(3)]
    held = await world.hold("d1", first, last=False, fingerprint="")
    assert (held.said, held.done) == ((Decline.CONCURRENCY, 0), False)
    whole = record("d1", first + second)
    held = await world.store.hold(HoldAsk(record=whole, endpoint=ENDPOINT, bids=second, said_before=held.said))
    assert (held.status, held.said, held.done) == ("held", (Decline.CONCURRENCY, 0, Decline.OUTRANKED, 0), True)
    found = await world.store.ping("d1")
    assert found is not None
    assert (found.said, found.record, found.complete) == (held.said, whole, True)


async def test_the_default_buyer_is_outranked_by_what_an_earlier_trip_held(world: World) -> None:
    world.redis.may_leave("ping:d1", "leases:*")
    first, default = [bid(1)], replace(bid(2), is_default=True)
    held = await world.hold("d1", first, last=False, fingerprint="")
    whole = record("d1", [*first, default])
    held = await world.store.hold(HoldAsk(record=whole, endpoint=ENDPOINT, bids=[default], said_before=held.said))
    assert held.said == (0, Decline.OUTRANKED)


async def test_a_copy_that_comes_between_two_trips_is_told_that_the_first_is_at_work(world: World) -> None:
    full, free = bid(1, 0), bid(2, 0)
    held = await world.hold("d1", [full], last=False, fingerprint="f")
    copy = await world.hold("d2", [full], fingerprint="f")
    assert (copy.status, copy.repeat_of) == ("repeat", "d1")
    found = await world.store.ping("d1")
    assert found is not None
    assert not found.complete
    whole = record("d1", [full, free])
    held = await world.store.hold(
        HoldAsk(record=whole, endpoint=ENDPOINT, bids=[free], said_before=held.said, fingerprint="f")
    )
    assert held.status == "none"
    assert await world.store.ping("d1") is None
    assert (await world.hold("d3", [full], fingerprint="f")).status == "none"


async def test_a_repeated_ping_takes_nothing_and_names_the_first(world: World) -> None:
    world.redis.may_leave("ping:d1", "leases:1", "shield:f")
    one = bid(1)
    first = await world.hold("d1", [one], fingerprint="f")
    again = await world.hold("d2", [one], fingerprint="f")
    assert (again.status, again.repeat_of) == ("repeat", "d1")
    assert await world.leases(one) == (0, 1)
    found = await world.store.ping("d1")
    assert found is not None
    assert found.expires_at_ms == first.expires_at_ms
    assert abs(found.expires_at_ms - world.store.now_ms() - 60_000) < 1_000


async def test_two_pings_without_a_fingerprint_are_two_leads(world: World) -> None:
    world.redis.may_leave("ping:*", "leases:1")
    await world.hold("d1", [bid(1)])
    await world.hold("d2", [bid(1)])
    assert await world.leases(bid(1)) == (0, 2)


async def test_a_ping_that_nobody_has_room_for_leaves_only_the_audit(world: World) -> None:
    before = world.stands()
    held = await world.hold("d1", [bid(1, 0)], fingerprint="f")
    assert (held.status, held.said) == ("none", (Decline.CONCURRENCY,))
    assert world.stands() == before
    (entry,) = await world.store.decision("d1")
    assert entry["said"] == (Decline.CONCURRENCY,)


async def test_caps_and_duplicates_come_before_concurrency(world: World) -> None:
    world.redis.may_leave("ping:*", "caps", "bought:*", "sale:*", "sales", "slots:*", "leases:*", "lent:*")
    await world.store.stock([world.pool])
    capped = bid(1, 0, caps=(Cap("day", 0),))
    assert (await world.hold("d1", [capped])).said == (Decline.CAP_DAY,)
    once = bid(2, 1, dedup_days=30, dedup_on=(("caller_id",),), caps=(Cap("day", 1),))
    assert (await world.post_only("d2", [once])).status == "sold"
    assert (await world.hold("d3", [once])).said == (Decline.DUPLICATE,)
    assert (await world.hold("d4", [once], lead={"caller_id": "+12125559999"})).said == (Decline.CAP_DAY,)


async def test_a_ping_on_a_publishers_own_number_can_be_found_by_its_call(world: World) -> None:
    world.redis.may_leave("ping:d1", "leases:1", "caller:*")
    own = "+18665550150"
    await world.hold("d1", [bid(1)], OWN_NUMBERS, own_number=own)
    found = await world.store.find_call("edge-1", "c1", own, "+12125551234", [world.pool], True)
    assert (found.known, found.ping_of, found.sale_of) == (True, "d1", "")
    world.travel(60)
    found = await world.store.find_call("edge-1", "c1", own, "+12125551234", [world.pool], False)
    assert not found.known


async def test_a_ping_of_several_trips_takes_the_callers_pointer_only_with_an_offer(world: World) -> None:
    world.redis.may_leave("ping:*", "leases:*", "caller:*")
    own = "+18665550150"
    await world.hold("d1", [bid(1)], OWN_NUMBERS, own_number=own)
    first = await world.hold("d2", [bid(2, 0)], OWN_NUMBERS, own_number=own, last=False)
    more = hold_ask("d2", [bid(2, 0), bid(3, 0)], OWN_NUMBERS, own_number=own, said_before=first.said)
    assert (await world.store.hold(replace(more, bids=more.bids[1:]))).status == "none"
    assert (await world.store.find_call("edge-1", "c1", own, CALLER, [], True)).ping_of == "d1"


async def test_the_audit_is_bounded(redis: RedisForTest, store: Store) -> None:
    redis.may_leave("audit")
    for at in range(3):
        await store.hold(hold_ask(f"d{at}", [bid(1, 0)]))
    assert redis.client.xlen("{demo}:audit") == 3
    assert await store.decision("nobody") == []
