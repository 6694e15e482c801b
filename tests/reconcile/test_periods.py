"""What counts in the period that is on: on both sides by the moment at which a sale's present buyer was counted."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from service import ledger
from service.ledger import Ledger, Step
from service.model.catalog import PERS, Buyer, Contract, Per
from service.model.periods import period_at
from service.reconcile import Sides, reconcile
from service.store.books import CapDelta, CreditChange, Deltas
from service.store.runner import NEVER_MS
from tests.archive.world import sold
from tests.conftest import RedisForTest
from tests.ledger.events import event
from tests.ledger.events import told as entries_of
from tests.reconcile.world import CREDITS, STREAM, Caps, catalog_of, compared, told

ZONE = ZoneInfo("America/New_York")
CONTRACTS = tuple(Contract(id=name, buyer_id=1, offer="solar", bid_micros=1) for name in ("1-solar", "1-rest"))
BUYER = Buyer(id=1, name="Buyer 1", timezone="America/New_York", contracts=CONTRACTS)
BALANCE = "{demo}:balance:1"


@pytest.fixture
def solar(sides: Sides) -> Sides:
    return replace(sides, catalog=catalog_of({1: BUYER}))


def counted_at(at_ms: int, sales: int, micros: int) -> dict[Per, tuple[int, int, int]]:
    """The words of a contract that sold at a moment alone."""
    return {per: (period_at(per, at_ms, ZONE).start_ms, sales, micros) for per in PERS}


def keep(redis: RedisForTest, decision: str, position: int = 0) -> None:
    redis.client.hset(f"{{demo}}:sale:{decision}", mapping={"state": "sold", "position": position})


async def test_a_sale_counts_from_the_first_millisecond_of_its_period(to: Ledger) -> None:
    start = period_at("hour", 1_800_000_000_000, ZONE).start_ms
    events = [event("sold", "d1", 0, start - 1), event("sold", "d2", 0, start), event("posted", "d3", 0, start)]
    ledger.take_sales(to, Step("sales", "0-0", "1-0"), entries_of(events))
    starts = {per: period_at(per, start, ZONE).start_ms for per in PERS}
    found = ledger.sums(to, "1-0", [1, 2], [starts, {**starts, "hour": start + 1}])
    assert found is not None
    assert (found.sold[0]["1-solar"]["hour"], found.sold[0]["1-solar"]["total"]) == ((1, 25_000_000), (2, 50_000_000))
    assert found.sold[1]["1-solar"]["hour"] == (0, 0)
    assert found.balances == {1: -50_000_000}
    assert ledger.sums(to, "2-0", [1], [starts]) is None, "it stands elsewhere"


@pytest.mark.parametrize("hours_ago", [1, 30, 24 * 8, 24 * 40])
async def test_what_was_sold_in_a_period_that_is_over_counts_nowhere(
    solar: Sides, redis: RedisForTest, hours_ago: int
) -> None:
    at_ms = solar.store.now_ms() - hours_ago * 3_600_000
    redis.client.xadd(STREAM, sold("d") | {"at_ms": at_ms})
    keep(redis, "d")
    Caps(redis).put("1-solar", counted_at(at_ms, 1, 25_000_000))
    assert (await compared(solar)).status == "equal"
    Caps(redis).put("1-solar", counted_at(solar.store.now_ms(), 1, 25_000_000))
    assert ("sales hour", "1-solar", 1, 0) in told(await compared(solar))


async def test_a_sale_that_moved_counts_when_it_moved(solar: Sides, redis: RedisForTest) -> None:
    now_ms = solar.store.now_ms()
    redis.client.xadd(STREAM, sold("d", 1) | {"at_ms": now_ms - 40 * 86_400_000})
    redis.client.xadd(STREAM, sold("d", 2, "moved") | {"at_ms": now_ms, "call": "c1"})
    keep(redis, "d", 2)
    Caps(redis).put("1-rest", counted_at(now_ms, 1, 7_000_001))
    assert (await compared(solar)).status == "equal"


async def test_words_of_a_period_that_is_over_are_begun_anew_by_a_repair(solar: Sides, redis: RedisForTest) -> None:
    now_ms = solar.store.now_ms()
    redis.client.xadd(STREAM, sold("d") | {"at_ms": now_ms})
    keep(redis, "d")
    await compared(solar)
    old = counted_at(now_ms - 40 * 86_400_000, 9, 9)
    Caps(redis).put("1-solar", old)
    assert (await reconcile(solar, repair=True)).status == "equal"
    assert Caps(redis).of("1-solar") == counted_at(now_ms, 1, 25_000_000)


async def test_words_that_do_not_differ_are_left_as_they_are(solar: Sides, redis: RedisForTest) -> None:
    old = counted_at(solar.store.now_ms() - 40 * 86_400_000, 9, 9)
    Caps(redis).put("1-rest", old)
    redis.client.xadd(STREAM, sold("d") | {"at_ms": solar.store.now_ms() - 40 * 86_400_000})
    await compared(solar)
    Caps(redis).put("1-rest", {**old, "total": (0, 5, 5)})
    await reconcile(solar, repair=True)
    assert Caps(redis).of("1-rest") == {**old, "total": (0, 0, 0)}


def deltas(seen: str, until_ms: int) -> Deltas:
    caps = [CapDelta("1-rest", tuple((0, 1, 1) for _ in PERS))]
    return Deltas(seen, until_ms, {1: 5}, caps, [CreditChange("new", "", "1:5")])


@pytest.mark.parametrize(("seen", "until_ms", "said"), [("1", NEVER_MS, "changed"), ("", 1, "over")])
async def test_a_repair_that_is_overtaken_writes_nothing(
    solar: Sides, redis: RedisForTest, seen: str, until_ms: int, said: str
) -> None:
    def stands() -> Any:
        return redis.client.get(BALANCE), Caps(redis).all(), redis.client.hgetall(CREDITS), redis.client.keys("*")

    before = stands()
    assert (await solar.store.books().repair(deltas(seen, until_ms))).status == said
    assert stands() == before


async def test_the_same_difference_is_never_added_twice(solar: Sides, redis: RedisForTest) -> None:
    before = int(redis.client.get(BALANCE))
    done = await solar.store.books().repair(deltas("", NEVER_MS))
    assert done.status == "repaired"
    assert redis.client.get("{demo}:repaired") == done.stamp == await solar.store.books().stamp()
    assert (await solar.store.books().repair(deltas("", NEVER_MS))).status == "changed"
    more = await solar.store.books().repair(deltas(done.stamp, NEVER_MS))
    assert int(more.stamp) > int(done.stamp)
    assert int(redis.client.get(BALANCE)) == before + 10
    assert Caps(redis).of("1-rest")["total"] == (0, 2, 2)


async def test_a_key_that_says_something_else_by_now_is_left_alone(solar: Sides, redis: RedisForTest) -> None:
    changes = [CreditChange("k1", "1:1", "1:2"), CreditChange("k1", "", "1:3"), CreditChange("k9", "1:1", "")]
    before = redis.client.hgetall(CREDITS)
    await solar.store.books().repair(Deltas("", NEVER_MS, credits=changes))
    assert redis.client.hgetall(CREDITS) == before
