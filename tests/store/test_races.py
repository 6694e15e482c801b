"""Four processes at once on the same buyers and numbers."""

import asyncio
import json
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.conftest import RedisForTest
from tests.store.racer import BIDS, COOLDOWN_SECONDS, PATIENT, POOL
from tests.store.world import bid, hold_ask, open_store, sell_ask

ROOT = Path(__file__).parents[2]
PROCESSES = 4


async def racer(url: str, name: str) -> dict[str, Any]:
    command = (sys.executable, "-m", "tests.store.racer", url, name)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(output)
    return found


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
