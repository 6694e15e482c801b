"""A pool holds the catalog's numbers, and none of them is free early."""

from service.model.catalog import RingPool
from service.store.asks import PoolUse
from tests.conftest import RedisForTest
from tests.store.world import NUMBERS, World, bid, open_store

LENT = ("sale:*", "slots:*", "caps:*", "sales", "lent:*", "retired:*")


def pool(*numbers: str, pool_id: str = "toll_free") -> RingPool:
    return RingPool(id=pool_id, numbers=numbers)


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
    found = await world.store.find_call("edge-1", "c1", NUMBERS[0], "", [world.pool], False)
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
    (use,) = (await world.store.usage([], [moved], [])).pools
    assert use.free == 0
    world.travel(180)
    (use,) = (await world.store.usage([], [moved], [])).pools
    assert use.free == 1


async def test_many_retired_numbers_do_not_hide_a_free_one(world: World) -> None:
    world.redis.may_leave(*LENT)
    many = [f"+1800555{at:04}" for at in range(40)]
    await world.store.stock([pool(*many)])
    for at in range(40):
        assert (await world.post_only(f"d{at}", [bid(1, None)])).status == "sold"
    await world.store.stock([pool("+18889990000")])
    world.travel(100_000)
    assert await world.numbers() == PoolUse(pool="toll_free", free=41, lent=0, cooling=0)
    rested_least = {"+18889990000": world.store.now_ms() - 1_000}
    world.redis.client.zadd("{demo}:pool:toll_free", rested_least)
    sale = (await world.post_only("d99", [bid(1, None)])).sale
    assert sale is not None
    assert sale.number == "+18889990000"
    assert (await world.numbers()).free == 0, "the retired ones are dropped in passing"
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
    world.redis.may_leave("holds:*", "ping:*")
    bids = [bid(at) for at in range(450)]
    await world.hold("d1", bids[444:445])
    use = await world.store.usage([one.buyer for one in bids], [], [one.contract for one in bids])
    assert [one.buyer_id for one in use.buyers] == list(range(450))
    assert [one.buyer_id for one in use.buyers if one.holds] == [444]
