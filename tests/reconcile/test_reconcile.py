"""Redis against the ledger, on both databases: equal where nothing went wrong; each kind of difference is found."""

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from service import ledger
from service.errors import LedgerUnfit
from service.ledger import Ledger
from service.reconcile import ReconcileSettings, Report, Sides, reconcile
from service.store import lapsing
from service.store.asks import CallEvent
from service.store.balances import CreditAsk
from tests.archive.world import archive_on, sold
from tests.conftest import RedisForTest
from tests.reconcile.world import BUYERS, CREDITS, STREAM, Caps, balances, catalog_of, compared, sides_on, told
from tests.store.money_racer import BIDS, PLACE, POOL, PRICE, call, known, sell_one
from tests.store.money_racer import BUYERS as RACED
from tests.store.world import sell_ask, travel

ROOT = Path(__file__).parents[2]


async def trade(sides: Sides, name: str = "t", leads: int = 16) -> None:
    """Sales of every kind and end, one after the other."""
    for at in range(leads):
        await sell_one(sides.store, f"{name}-{at}", at % 8)


async def start_racer(url: str, name: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.store.money_racer", url, name, cwd=ROOT)


async def test_it_is_equal_while_processes_race_and_afterwards(sides: Sides, redis: RedisForTest) -> None:
    archive, other_store = await archive_on(redis.url, sides.ledger)
    archiving = asyncio.create_task(archive.run())
    racers = [await start_racer(redis.url, f"r{at}") for at in range(2)]
    racing = asyncio.gather(*(process.wait() for process in racers))
    looks = 0
    while not racing.done():
        await sides.store.credit(CreditAsk(1, 1, f"more-{looks}", "top_up", "wire", "operator"))
        report = await compared(sides)
        assert report.differences == []
        looks += report.status == "equal"
    assert [process.returncode for process in racers] == [0, 0]
    archive.end()
    await archiving
    await other_store.close()
    report = await compared(sides)
    assert (report.status, report.differences) == ("equal", [])
    assert (report.balances, report.contracts) == (2, 6)
    assert report.sales > 50
    assert looks


async def test_a_conversion_of_a_sale_that_has_lapsed_is_booked_on_both_sides(
    sides: Sides, redis: RedisForTest
) -> None:
    made = await sides.store.sell(sell_ask("late", BIDS["connected:0"], PLACE, terms="connected:0"))
    assert made.sale is not None
    travel(redis.client, 5)
    await lapsing.lapse(sides.store.books()._runner)
    assert told_states(await compared(sides), sides) == ["lapsed"]
    assert (await sides.store.convert(known(made.sale), "operator")).is_late
    assert told_states(await compared(sides), sides) == ["sold"]


async def test_a_sale_that_was_made_and_moves_on_is_pending_on_both_sides(sides: Sides) -> None:
    made = await sides.store.sell(sell_ask("c", BIDS["connected:0"], PLACE, terms="connected:0"))
    assert made.sale is not None
    sale = await call(sides.store, made.sale, "c")
    answered = CallEvent(event="answered", edge="edge-1", call="c")
    await sides.store.event(answered, RACED)
    assert told_states(await compared(sides), sides) == ["sold"]
    await call(sides.store, sale, "c", attempt=1)
    assert told_states(await compared(sides), sides) == ["pending"]
    await sides.store.event(replace(answered, attempt=1), RACED)
    assert told_states(await compared(sides), sides) == ["sold"]


def told_states(report: Report, sides: Sides) -> list[str]:
    """States of all sales, which are the same on both sides."""
    assert (report.status, report.differences) == ("equal", [])
    return [one.state for page in ledger.sales_since(sides.ledger, 0) for one in page]


async def test_what_changes_while_it_is_read_is_of_no_moment(sides: Sides, redis: RedisForTest) -> None:
    """So many balances that Redis takes the question in parts, between which it answers others."""
    buyers = range(1, 5_001)
    ending = threading.Event()

    def pay() -> None:
        while not ending.is_set():
            both = redis.client.pipeline()
            both.xadd(STREAM, {"event": "none"}).incrby("{demo}:balance:1", 1).incrby(
                "{demo}:balance:5000", 1
            ).execute()

    first, paying = balances(redis)[1], asyncio.create_task(asyncio.to_thread(pay))
    seen = [await sides.store.books().moment(buyers, []) for _ in range(100)]
    ending.set()
    await paying
    assert None in seen, "it was read while nothing changed"
    assert {one.balances[1] - one.balances[5_000] for one in seen if one} <= {first}


async def test_what_the_archive_has_not_taken_is_counted_in(sides: Sides, redis: RedisForTest) -> None:
    await trade(sides)
    assert ledger.cursor(sides.ledger, "sales") == ledger.BEGINNING
    assert (await compared(sides)).status == "equal"
    (last,) = redis.client.xrevrange(STREAM, count=1)
    assert ledger.cursor(sides.ledger, "sales") == last[0]


def _sale_of(redis: RedisForTest, state: str) -> str:
    """The first sale in a state."""
    found = (key for key in sorted(redis.client.keys("{demo}:sale:*")) if redis.client.hget(key, "state") == state)
    return str(next(found))


BREAKS: dict[str, Callable[[RedisForTest], Any]] = {
    "balance": lambda redis: redis.client.incrby("{demo}:balance:1", 7),
    "balance that is gone": lambda redis: redis.client.delete("{demo}:balance:3"),
    "sales day": lambda redis: Caps(redis).add("1-auto", "day", 2, 0),
    "sales hour": lambda redis: Caps(redis).add("1-auto", "hour", 1, 0),
    "revenue month": lambda redis: Caps(redis).add("2-auto-at-post", "month", 0, -1),
    "sales total": lambda redis: Caps(redis).add("1-auto-at-post", "total", -1, 0),
    "caps that are gone": lambda redis: redis.client.hdel("{demo}:caps", "1-auto-at-post"),
    "caps that are no words": lambda redis: redis.client.hset("{demo}:caps", "1-auto-at-post", "broken"),
    "credit that is gone": lambda redis: redis.client.hdel(CREDITS, "k1"),
    "credit of another amount": lambda redis: redis.client.hset(CREDITS, "k1", "1:1"),
    "credit that nobody gave": lambda redis: redis.client.hset(CREDITS, "k9", "1:1"),
}


@pytest.mark.parametrize("name", BREAKS)
async def test_what_differs_is_found_and_repaired(sides: Sides, redis: RedisForTest, name: str) -> None:
    await trade(sides)
    assert (await compared(sides)).status == "equal"
    caps, before = Caps(redis), (balances(redis), redis.client.hgetall(CREDITS))
    counted = caps.now(sides.store.now_ms())
    BREAKS[name](redis)
    report = await compared(sides)
    assert report.status == "different"
    what = {one[0] for one in told(report)}
    word = name.split(" that ")[0].split(" of ")[0]
    assert what == {word} or (word == "caps" and len(what) == 10), what
    repaired = await reconcile(sides, repair=True)
    assert (repaired.status, told(repaired)) == ("equal", [])
    assert repaired.repaired == report.differences
    assert (balances(redis), redis.client.hgetall(CREDITS)) == before
    assert caps.now(sides.store.now_ms()) == counted


async def test_how_much_it_differs_is_told(sides: Sides, redis: RedisForTest) -> None:
    await trade(sides)
    paid = balances(redis)[1]
    redis.client.incrby("{demo}:balance:1", -5)
    (one,) = (await compared(sides)).differences
    assert (one.key, one.redis, one.ledger, one.by) == ("1", paid - 5, paid, -5)


@pytest.mark.parametrize("field", ["state", "position"])
async def test_a_sale_that_stands_otherwise_is_found_and_left_alone(
    sides: Sides, redis: RedisForTest, field: str
) -> None:
    await trade(sides)
    key = _sale_of(redis, "sold")
    redis.client.hset(key, field, {"state": "returned", "position": "7"}[field])
    for repair in (False, True):
        report = await reconcile(sides, repair=repair)
        ((what, sale_id, in_redis, in_ledger),) = told(report)
        assert (what, sale_id) == ("sale", "s" + key.removeprefix("{demo}:sale:"))
        assert in_redis != in_ledger
        assert report.status == "different"


async def test_a_sale_that_one_side_does_not_know_is_found(sides: Sides, redis: RedisForTest) -> None:
    await trade(sides)
    redis.client.delete("{demo}:sale:t-0")
    redis.client.hset("{demo}:sale:nobody", mapping={"state": "sold", "position": "0"})
    report = await compared(sides)
    assert {(key, in_redis is None, in_ledger is None) for _, key, in_redis, in_ledger in told(report)} == {
        ("st-0", True, False),
        ("snobody", False, True),
    }


async def test_a_sale_that_redis_may_have_forgotten_is_not_missed(sides: Sides, redis: RedisForTest) -> None:
    day_ago = sides.store.now_ms() - 86_400_000
    redis.client.xadd(STREAM, sold("old") | {"at_ms": day_ago})
    redis.client.xadd(STREAM, sold("young") | {"at_ms": day_ago + 120_000})
    missing = [one[1] for one in told(await compared(sides)) if one[0] == "sale"]
    assert missing == ["syoung"]


async def test_parts_of_a_shared_sale_are_compared_one_by_one(sides: Sides, redis: RedisForTest) -> None:
    of_nobody = replace(sides, catalog=catalog_of({}))
    for part in (0, 1):
        redis.client.xadd(STREAM, sold("d", part) | {"part": part, "at_ms": sides.store.now_ms()})
    stands = {"state": "sold", "position": "0", "parts": "0,1", "state:0": "sold", "state:1": "sold"}
    redis.client.hset("{demo}:sale:d", mapping=stands)
    assert (await compared(of_nobody)).status == "equal"
    redis.client.hset("{demo}:sale:d", "state:1", "returned")
    assert told(await compared(of_nobody)) == [("sale", "sd-1", "returned, place 1", "sold, place 1")]


async def test_a_lost_redis_gets_caps_balances_and_credits_back_exactly(sides: Sides, redis: RedisForTest) -> None:
    await trade(sides, leads=24)
    assert (await compared(sides)).status == "equal"
    caps = Caps(redis)
    before = (balances(redis), redis.client.hgetall(CREDITS), caps.now(sides.store.now_ms()))
    returned = set(redis.client.keys("{demo}:returned:*"))
    sales = len(redis.client.keys("{demo}:sale:*"))
    assert returned
    assert before[2]
    redis.client.flushall()
    report = await reconcile(sides, repair=True)
    assert (report.status, report.differences, report.sales_lost) == ("equal", [], sales)
    assert (balances(redis), redis.client.hgetall(CREDITS), caps.now(sides.store.now_ms())) == before
    assert set(redis.client.keys("{demo}:returned:*")) == returned
    assert redis.client.pttl(next(iter(returned))) > 400 * 86_400_000
    assert (await compared(sides)).status == "equal", "what was lost then is not missed again"


async def test_a_credit_counts_once_although_redis_was_lost(sides: Sides, redis: RedisForTest) -> None:
    await compared(sides)
    paid = balances(redis)
    redis.client.flushall()
    await reconcile(sides, repair=True)
    again = await sides.store.credit(CreditAsk(1, paid[1], "k1", "top_up", "wire", "operator"))
    assert (again.status, again.balance_micros) == ("repeat", paid[1])


async def test_sales_go_on_after_a_lost_redis_was_repaired_and_it_stays_equal(
    sides: Sides, redis: RedisForTest
) -> None:
    await trade(sides)
    await compared(sides)
    redis.client.flushall()
    assert (await reconcile(sides, repair=True)).status == "equal"
    before = Caps(redis).of("1-auto-at-post")["total"]
    await sides.store.stock([POOL])
    await trade(sides, "u")
    report = await compared(sides)
    assert (report.status, report.sales) == ("equal", 16)
    assert Caps(redis).of("1-auto-at-post")["total"] > before


async def test_repaired_while_two_processes_sell_it_ends_equal(sides: Sides, redis: RedisForTest) -> None:
    await trade(sides)
    await compared(sides)
    redis.client.incrby("{demo}:balance:1", 3 * PRICE)
    redis.client.decrby("{demo}:balance:3", PRICE)
    Caps(redis).add("2-auto-at-post", "total", 5, 5 * PRICE)
    Caps(redis).add("1-auto", "month", -1, -PRICE)
    racers = [await start_racer(redis.url, f"r{at}") for at in range(2)]
    racing = asyncio.gather(*(process.wait() for process in racers))
    repairs = set()
    while not racing.done():
        repairs.add((await reconcile(sides, repair=True)).status)
    assert "different" not in repairs
    report = await reconcile(sides, repair=True)
    assert (report.status, report.differences) == ("equal", [])
    assert (await compared(sides)).status == "equal"


async def test_two_repairs_at_once_count_nothing_twice(sides: Sides, redis: RedisForTest, to: Ledger) -> None:
    await trade(sides)
    await compared(sides)
    paid, counted = balances(redis), Caps(redis).now(sides.store.now_ms())
    redis.client.flushall()
    others = [await sides_on(redis, to) for _ in range(3)]
    await asyncio.gather(*(reconcile(one, repair=True) for one in others))
    assert (balances(redis), Caps(redis).now(sides.store.now_ms())) == (paid, counted)
    for one in others:
        await one.store.close()


async def test_a_buyer_that_is_made_to_pay_ahead_gets_the_balance_that_the_ledger_knows(
    sides: Sides, redis: RedisForTest
) -> None:
    await sides.store.sell(sell_ask("z", BIDS[""][1:2], PLACE))
    charges_all = {id: replace(buyer, balance_required=True) for id, buyer in BUYERS.items()}
    now_charged = replace(sides, catalog=catalog_of(charges_all))
    (one,) = (await compared(now_charged)).differences
    assert (one.what, one.key, one.redis) == ("balance", "2", 0)
    assert one.ledger == -PRICE
    assert (await reconcile(now_charged, repair=True)).status == "equal"
    assert int(redis.client.get("{demo}:balance:2")) == one.ledger


async def test_where_it_is_never_quiet_that_is_said_and_nothing_is_repaired(sides: Sides, redis: RedisForTest) -> None:
    busy = replace(sides, limits=ReconcileSettings(looks_max=0))
    redis.client.incrby("{demo}:balance:1", 7)
    before = redis.client.get("{demo}:balance:1")
    assert (await reconcile(busy, repair=True)).status == "never_quiet"
    assert redis.client.get("{demo}:balance:1") == before


async def test_a_ledger_that_never_had_a_sale_repairs_nothing(sides: Sides, redis: RedisForTest) -> None:
    paid = balances(redis)
    redis.client.delete(STREAM)
    with pytest.raises(LedgerUnfit, match="this ledger has had no sale before now"):
        await reconcile(sides, repair=True)
    assert balances(redis) == paid


async def test_more_differences_than_are_told_are_counted(sides: Sides, redis: RedisForTest) -> None:
    few = replace(sides, limits=ReconcileSettings(differences_max=10))
    for at in range(30):
        redis.client.hset(CREDITS, f"x{at}", "1:5")
    report = await compared(few)
    assert (len(report.differences), report.differences_count) == (10, 30)
    repaired = await reconcile(few, repair=True)
    assert (repaired.status, len(repaired.repaired), repaired.repaired_count) == ("equal", 10, 30)
    assert json.dumps(told(report))
