"""Processes that race for the same caps and balances, one of them killed at work: the money is right all the time."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from service.store import Store
from service.store.balances import CreditAsk
from tests.conftest import RedisForTest
from tests.store.money_racer import BIDS, PAID_IN, PATIENT, POOL, PRICE
from tests.store.world import open_store

ROOT = Path(__file__).parents[2]
PROCESSES = 4
CONTRACTS = [one.contract for bids in BIDS.values() for one in bids]


async def start(url: str, name: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.store.money_racer", url, name, cwd=ROOT)


async def held_together(store: Store) -> Counter[str]:
    """What was seen at one moment; nothing of it is ever beyond its limit."""
    use = await store.usage([one.buyer for one in BIDS[""]], [], CONTRACTS, ["auto"])
    seen: Counter[str] = Counter()
    for buyer in use.buyers:
        if buyer.balance is not None:
            assert 0 <= buyer.balance.reserved_micros <= buyer.balance.balance_micros
        for contract in buyer.contracts:
            seen["pending"] += contract.pending > 0
            for cap in contract.caps + contract.revenue_caps:
                assert cap.sold + cap.pending <= cap.limit
                seen["full"] += cap.sold + cap.pending == cap.limit
    return seen


def told_by(redis: RedisForTest) -> tuple[dict[str, int | None], Counter[str]]:
    """Who has each sale that is made, by its record alone: what a ledger would make of the stream. None: nobody."""
    whose: dict[str, int | None] = {}
    events: Counter[str] = Counter()
    entries: Any = redis.client.xrange("{demo}:sales")
    for _, entry in entries:
        event, sale = entry["event"], entry.get("sale", "")
        events[event] += 1
        buyer = json.loads(entry["bid"])["buyer_id"] if "bid" in entry else 0
        if event == "posted" or (event == "moved" and "pending" in entry):
            whose[sale] = None
        elif event in ("sold", "moved"):
            assert event == "moved" or whose.get(sale) is None, "it is made once"
            whose[sale] = buyer
        elif event in ("voided", "returned"):
            assert event == "voided" or whose[sale] is not None, "it is returned once"
            whose[sale] = None
    return whose, events


async def test_pending_and_sold_are_never_beyond_caps_and_balance_whoever_races(redis: RedisForTest) -> None:
    redis.may_leave("*")
    store = await open_store(redis.url, PATIENT)
    await store.stock([POOL])
    for buyer_id, micros in PAID_IN.items():
        await store.credit(CreditAsk(buyer_id, micros, f"k{buyer_id}", "top_up", "wire", "operator"))
    racers = [await start(redis.url, f"r{at}") for at in range(PROCESSES)]
    racing = asyncio.gather(*(process.wait() for process in racers))
    seen: Counter[str] = Counter()
    while not racing.done():
        seen += await held_together(store)
        if seen["pending"] > 20 and racers[0].returncode is None:
            racers[0].kill()
        await asyncio.sleep(0.001)
    assert [process.returncode for process in racers[1:]] == [0] * (PROCESSES - 1)
    assert seen["pending"], "nothing was pending"
    assert seen["full"], "they did not race"

    whose, events = told_by(redis)
    assert min(events[word] for word in ("posted", "sold", "moved", "returned")) > 0, events
    bought = Counter(whose.values())
    for buyer_id, micros in PAID_IN.items():
        assert (await store.balance(buyer_id)).balance_micros == micros - bought[buyer_id] * PRICE
    use = await store.usage([one.buyer for one in BIDS[""]], [], CONTRACTS, ["auto"])
    assert sum(one.caps[0].sold for one in use.buyers[0].contracts) == bought[1]
    assert sum(one.revenue_caps[0].sold for one in use.buyers[1].contracts) == bought[2] * PRICE
    await store.close()
