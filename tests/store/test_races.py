"""Four processes at once on the same buyers and numbers."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from service.model.catalog import Cap
from tests.conftest import RedisForTest
from tests.store.racer import BIDS, COOLDOWN_SECONDS, PATIENT, POOL
from tests.store.world import bid, hold_ask, open_store, sell_ask, travel

ROOT = Path(__file__).parents[2]
PROCESSES = 4


async def racer(url: str, name: str) -> dict[str, Any]:
    command = (sys.executable, "-m", "tests.store.racer", url, name)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(output)
    return found


def leases(redis: RedisForTest) -> int:
    return sum(redis.client.zcard(f"{{demo}}:{kind}:{one.buyer.id}") for one in BIDS for kind in ("holds", "slots"))


async def test_two_hundred_pings_share_five_slots(redis: RedisForTest) -> None:
    redis.may_leave("*")
    store = await open_store(redis.url, PATIENT)
    await store.stock([POOL])
    racing = asyncio.gather(*(racer(redis.url, f"r{at}") for at in range(PROCESSES)))
    most: dict[int, int] = defaultdict(int)
    while not racing.done():
        for use in (await store.usage([one.buyer for one in BIDS], [], [])).buyers:
            most[use.buyer_id] = max(most[use.buyer_id], use.slots + use.holds)
        await asyncio.sleep(0.001)
    told = await racing

    assert most[1] <= 5
    assert most[2] <= 3
    assert max(most.values()) > 1, "they did not race"
    assert not [one for process in told for one in process["refused_within_hold"]]
    sold = sum(process["sold"] for process in told)
    assert sold == sum(len(process["numbers"]) for process in told) == sum(process["held"] for process in told) > 10
    events = [fields["event"] for _, fields in redis.client.xrange("{demo}:sales")]
    assert (events.count("sold"), events.count("ended")) == (sold, sold)
    lent: dict[str, list[int]] = defaultdict(list)
    for number, at_ms in (pair for process in told for pair in process["numbers"]):
        lent[number].append(at_ms)
    for times in lent.values():
        times.sort()
        assert all(later - earlier >= COOLDOWN_SECONDS * 1_000 for earlier, later in pairwise(times))
    assert [(use.slots, use.holds) for use in (await store.usage([one.buyer for one in BIDS], [], [])).buyers] == [
        (0, 0),
        (0, 0),
    ]
    (numbers,) = (await store.usage([], [POOL], [])).pools
    assert (numbers.free + numbers.cooling, numbers.lent) == (len(POOL.numbers), 0)
    await store.close()


async def test_one_ping_makes_one_sale_whoever_posts_it(redis: RedisForTest) -> None:
    redis.may_leave("*")
    stores = [await open_store(redis.url) for _ in range(4)]
    await stores[0].stock([POOL])
    bids = [bid(1), bid(2)]
    await stores[0].hold(hold_ask("d1", bids))
    posts = [
        stores[at % 4].sell(sell_ask("d1", bids, needs_ping=True, held_buyers=(1, 2), question=f"q{at % 3}"))
        for at in range(60)
    ]
    answers = await asyncio.gather(*posts)
    assert [answer.status for answer in answers].count("sold") == 1
    assert {answer.status for answer in answers} == {"sold", "repeat", "already_sold"}
    assert len({answer.sale.number for answer in answers if answer.sale}) == 1
    assert redis.client.xlen("{demo}:sales") == 1
    for store in stores:
        await store.close()


async def test_a_cap_is_never_sold_beyond_whoever_posts(redis: RedisForTest) -> None:
    redis.may_leave("*")
    stores = [await open_store(redis.url, PATIENT) for _ in range(4)]
    await stores[0].stock([POOL])
    capped, other = bid(1, None, caps=(Cap("total", 10),)), bid(2, None)
    posts = [stores[at % 4].sell(sell_ask(f"d{at}", [capped, other])) for at in range(60)]
    sales = [answer.sale for answer in await asyncio.gather(*posts)]
    assert sorted(sale.position for sale in sales if sale) == [0] * 10 + [1] * 50
    (use,) = (await stores[0].usage([capped.buyer], [], [capped.contract])).buyers
    assert use.contracts[0].caps[0].sold == 10
    for store in stores:
        await store.close()


async def test_processes_that_are_killed_at_work_leak_nothing(redis: RedisForTest) -> None:
    redis.may_leave("*")
    commands = [(sys.executable, "-m", "tests.store.racer", redis.url, f"r{at}") for at in range(3)]
    racers = [await asyncio.create_subprocess_exec(*one, cwd=ROOT, stdout=subprocess.DEVNULL) for one in commands]
    deadline = time.monotonic() + 20
    while redis.client.xlen("{demo}:sales") < 10 or not leases(redis):
        assert time.monotonic() < deadline
        for process in racers:
            process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.001)
        for process in racers:
            process.send_signal(signal.SIGSTOP)
    for process in racers:
        process.kill()
    assert {await process.wait() for process in racers} == {-signal.SIGKILL}

    travel(redis.client, 100_000)
    store = await open_store(redis.url)
    use = await store.usage([one.buyer for one in BIDS], [POOL], [])
    assert not any(one.slots or one.holds for one in use.buyers)
    assert use.pools[0].free == len(POOL.numbers)
    await store.close()
