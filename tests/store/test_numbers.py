"""A pool holds the catalog's numbers, and none of them is free early."""

import asyncio
import time

import pytest
from msgspec.structs import replace

from service.errors import StoreDown
from service.model.catalog import Endpoint, RingPool
from service.store import StoreSettings
from service.store.asks import PoolUse
from tests.conftest import RedisForTest
from tests.store.world import CALLER, ENDPOINT, NUMBERS, World, bid, open_store, sell_ask

LENT = ("sale:*", "slots:*", "leases:*", "caps", "sales", "lent:*", "retired:*")


def pool(*numbers: str, pool_id: str = "toll_free") -> RingPool:
    return RingPool(id=pool_id, numbers=numbers)


def elsewhere() -> Endpoint:
    return replace(ENDPOINT, ring_pool="other")


def standing(world: World) -> dict[str, set[str]]:
    """Pool -> the numbers that stand in it, read in one step."""
    client, prefix = world.redis.client, "{demo}:pool:"
    ids = sorted(key.removeprefix(prefix) for key in client.keys(prefix + "*"))
    together = client.pipeline(transaction=True)
    for pool_id in ids:
        together.zrange(prefix + pool_id, 0, -1)
    found = zip(ids, together.execute(), strict=True)
    return {pool_id: set(numbers) for pool_id, numbers in found if numbers}


async def test_stocking_twice_changes_nothing(world: World) -> None:
    world.redis.may_leave(*LENT)
    await world.store.stock([world.pool])
    await world.post_only("d1", [bid(1)])
    before = world.stands()
    await world.store.stock([world.pool])
    assert world.stands() == before


async def test_numbers_come_and_go_with_the_catalog(world: World) -> None:
    await world.store.stock([pool(*NUMBERS[:2])])
    await world.store.stock([pool(*NUMBERS[1:])])
    assert world.redis.client.zrange("{demo}:pool:toll_free", 0, -1) == list(NUMBERS[1:])
    await world.store.stock([])
    assert not world.redis.client.exists("{demo}:pool:toll_free")


async def test_a_lent_number_that_leaves_is_not_lent_again(world: World) -> None:
    world.redis.may_leave(*LENT)
    await world.store.stock([pool(NUMBERS[0])])
    await world.post_only("d1", [bid(1)])
    await world.store.stock([pool(NUMBERS[1])])
    found = await world.store.find_call("edge-1", "c1", NUMBERS[0], "", [], False)
    assert found.sale_of == "d1", "its call still finds its sale"
    world.travel(180)
    sale = (await world.post_only("d2", [bid(1)])).sale
    assert sale is not None
    assert sale.number == NUMBERS[1]
    assert (await world.post_only("d3", [bid(1)])).status == "no_tracking_number"
    await world.store.stock([pool(NUMBERS[1])])
    assert world.redis.client.zscore("{demo}:pool:toll_free", NUMBERS[0]) is None


async def test_a_lent_number_that_leaves_and_comes_back_is_still_lent(world: World) -> None:
    world.redis.may_leave(*LENT)
    await world.store.stock([pool(NUMBERS[0])])
    await world.post_only("d1", [bid(1)])
    for numbers in (NUMBERS[1:2], NUMBERS[:1]):
        await world.store.stock([pool(*numbers)])
    assert (await world.post_only("d2", [bid(1)])).status == "no_tracking_number"
    world.travel(180)
    assert (await world.post_only("d3", [bid(1)])).status == "sold"


async def test_a_lent_number_that_goes_to_another_pool_rests_first(world: World) -> None:
    world.redis.may_leave(*LENT)
    await world.store.stock([pool(NUMBERS[0])])
    await world.post_only("d1", [bid(1)])
    moved = pool(NUMBERS[0], pool_id="other")
    await world.store.stock([moved])
    assert standing(world) == {"toll_free": {NUMBERS[0]}}
    world.travel(179)
    await world.store.stock([moved])
    assert standing(world) == {"toll_free": {NUMBERS[0]}}, "it is cooling"
    world.travel(1)
    await world.store.stock([moved])
    assert standing(world) == {"other": {NUMBERS[0]}}
    assert not world.redis.client.exists("{demo}:retired:toll_free", "{demo}:lent:toll_free")
    assert (await world.post_only("d2", [bid(1)], elsewhere())).status == "sold"


async def test_a_number_that_waits_for_its_old_pool_comes_by_itself(redis: RedisForTest) -> None:
    redis.may_leave("pool:*", "pools", "audit", *LENT)
    quick = StoreSettings(probe_ms=5, clock_refresh_ms=10)
    world = World(redis, await open_store(redis.url, quick), pool(NUMBERS[0]))
    await world.store.stock([world.pool])
    await world.post_only("d1", [bid(1)])
    await world.store.stock([pool(*NUMBERS[:2], pool_id="other")])
    assert standing(world) == {"toll_free": {NUMBERS[0]}, "other": {NUMBERS[1]}}
    world.travel(180)
    deadline = time.monotonic() + 2
    while standing(world) != {"other": set(NUMBERS[:2])}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    await world.store.close()


async def test_a_sale_whose_number_changes_pools_lives_and_ends_in_the_old_one(world: World) -> None:
    world.redis.may_leave(*LENT, "call:*")
    bids = [bid(1)]
    await world.store.stock([replace(world.pool, cooldown_seconds=90)])
    sale = (await world.post_only("d1", bids)).sale
    assert sale is not None
    moved = pool(*NUMBERS, pool_id="other")
    await world.store.stock([moved])
    assert standing(world) == {"toll_free": {NUMBERS[0]}, "other": set(NUMBERS[1:])}
    found = await world.store.find_call("edge-1", "c1", sale.number, CALLER, [moved], False)
    assert found.sale_of == "d1"
    assert (await world.route(sale, bids)).position == 0
    for _ in range(6):
        world.travel(40)
        assert (await world.event("heartbeat", bids)).status == "taken"
        await world.store.stock([moved])
        assert standing(world)["toll_free"] == {NUMBERS[0]}
    assert (await world.event("ended", bids, outcome="answered")).status == "taken"
    world.travel(89)
    await world.store.stock([moved])
    assert standing(world)["toll_free"] == {NUMBERS[0]}, "it rests where it was lent, as long as that pool said"
    world.travel(1)
    await world.store.stock([moved])
    assert standing(world) == {"other": set(NUMBERS)}


async def test_a_call_finds_its_sale_though_its_pool_left_the_catalog_or_is_not_in_it_yet(world: World) -> None:
    world.redis.may_leave(*LENT)
    await world.store.stock([world.pool])
    sale = (await world.post_only("d1", [bid(1)])).sale
    assert sale is not None
    await world.store.stock([])
    late = await open_store(world.redis.url)
    for store in (world.store, late):
        assert (await store.find_call("edge-1", "c1", sale.number, "", [], False)).sale_of == "d1"
    assert not (await late.find_call("edge-1", "c1", "+18009999999", "", [], False)).known
    await late.close()


async def test_workers_with_an_old_and_a_new_catalog_never_lend_one_number_from_two_pools(world: World) -> None:
    world.redis.may_leave(*LENT)
    numbers = tuple(f"+1800555{at:04}" for at in range(60))
    old = [pool(*numbers[:30]), pool(*numbers[30:], pool_id="other")]
    new = [pool(*numbers[30:]), pool(*numbers[:30], pool_id="other")]
    stores = [world.store, *[await open_store(world.redis.url) for _ in range(3)]]
    lent: list[str] = []

    async def work(at: int) -> None:
        for turn in range(8):
            await stores[at].stock(old if (at + turn) % 2 else new)
            for place in (ENDPOINT, elsewhere()):
                made = await stores[at].sell(sell_ask(f"d{at}-{turn}-{place.ring_pool}", [bid(1, None)], place))
                lent.extend([made.sale.number] if made.sale else [])
            stands = standing(world)
            assert sum(map(len, stands.values())) == len(set().union(*stands.values())), "one stands in two pools"

    await asyncio.gather(*(work(at) for at in range(4)))
    assert len(lent) == len(set(lent)) > 20
    await world.store.stock(new)
    assert sum(map(len, standing(world).values())) == 60
    for store in stores[1:]:
        await store.close()


async def test_a_pool_that_another_worker_has_just_made_is_not_overlooked(world: World) -> None:
    """The script itself looks whether it was told of all pools: what was read before it can be old."""
    stale = await open_store(world.redis.url)
    await world.store.stock([pool(*NUMBERS, pool_id="other")])
    stale._stock._listed = (world.pool,)
    assert await stale._stock._move("toll_free", coming=NUMBERS) == []
    assert standing(world) == {"toll_free": set(NUMBERS)}, "they were free, and came over"
    await stale.close()


async def test_what_a_full_memory_refused_is_stocked_later_by_itself(redis: RedisForTest) -> None:
    redis.may_leave("pool:*", "pools")
    store = await open_store(redis.url, StoreSettings(probe_ms=5, clock_refresh_ms=10))
    redis.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreDown):
            await store.stock([pool(*NUMBERS)])
    finally:
        redis.client.config_set("maxmemory", 0)
    deadline = time.monotonic() + 2
    while redis.client.zcard("{demo}:pool:toll_free") < len(NUMBERS):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    await store.close()


async def test_many_retired_numbers_do_not_hide_a_free_one(world: World) -> None:
    world.redis.may_leave(*LENT)
    many = [f"+1800555{at:04}" for at in range(40)]
    await world.store.stock([pool(*many)])
    for at in range(40):
        assert (await world.post_only(f"d{at}", [bid(1, None)])).status == "sold"
    await world.store.stock([pool("+18889990000")])
    world.travel(100_000)
    assert await world.numbers() == PoolUse(pool="toll_free", free=1, lent=0, cooling=0)
    rested_least = {"+18889990000": world.store.now_ms() - 1_000}
    world.redis.client.zadd("{demo}:pool:toll_free", rested_least)
    sale = (await world.post_only("d99", [bid(1, None)])).sale
    assert sale is not None
    assert sale.number == "+18889990000"
    assert world.redis.client.zcard("{demo}:pool:toll_free") == 1, "the retired ones are dropped in passing"
    assert not world.redis.client.exists("{demo}:retired:toll_free")


async def test_a_big_pool_is_stocked_in_steps(redis: RedisForTest) -> None:
    redis.may_leave("pool:*", "pools")
    store = await open_store(redis.url)
    many = pool(*(f"+1800{at:07}" for at in range(2_500)))
    await store.stock([many])
    (use,) = (await store.usage([], [many], [])).pools
    assert use.free == 2_500
    await store.stock([pool("+18889990000")])
    (use,) = (await store.usage([], [many], [])).pools
    assert use.free == 1
    await store.close()


async def test_usage_of_many_buyers_is_read_in_runs(world: World) -> None:
    world.redis.may_leave("leases:*", "ping:*")
    bids = [bid(at) for at in range(450)]
    await world.hold("d1", bids[444:445])
    use = await world.store.usage([one.buyer for one in bids], [], [one.contract for one in bids])
    assert [one.buyer_id for one in use.buyers] == list(range(450))
    assert [one.buyer_id for one in use.buyers if one.holds] == [444]
