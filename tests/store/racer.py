"""One of several processes that ping and post for the same buyers at once; run by `test_races.py`.

Prints one JSON line: what it was told.
"""

import asyncio
import json
import sys
from typing import Any

from msgspec.structs import replace

from service.model.catalog import RingPool
from service.store import StoreSettings
from service.store.asks import CallEvent, RouteAsk, Sale, SellAsk
from tests.store.world import ENDPOINT, bid, hold_ask, open_store, record

PINGS = 50
AT_ONCE = 10
BIDS = [bid(1, 5, buffer=20), bid(2, 3)]
COOLDOWN_SECONDS = 1
NUMBERS = tuple(f"+1800555{at:04}" for at in range(300))
POOL = RingPool(id="toll_free", numbers=NUMBERS, cooldown_seconds=COOLDOWN_SECONDS)
# The machine may be busy: here it is not the time of an answer that is looked at.
PATIENT = StoreSettings(give_up_ms=6_000, late_margin_ms=1_000)
BUYERS = {one.buyer.id: one.buyer for one in BIDS}


async def race(url: str, name: str) -> dict[str, Any]:
    store = await open_store(url, PATIENT)
    await store.stock([POOL])
    told: dict[str, Any] = {"held": 0, "sold": 0, "refused_within_hold": [], "numbers": []}

    async def live_and_end(sale: Sale, call: str) -> None:
        asked = RouteAsk("edge-1", call, 0, "", sale.record.decision_id, sale, ENDPOINT, BIDS[sale.position], [], ())
        routed = await store.route(asked)
        assert routed.reason == "", routed
        await store.event(CallEvent(event="answered", edge="edge-1", call=call, attempt=0), BUYERS)
        await store.event(CallEvent(event="ended", edge="edge-1", call=call, outcome="answered"), BUYERS)

    async def one(at: int) -> None:
        decision_id = f"{name}-{at}"
        held = await store.hold(hold_ask(decision_id, BIDS))
        offered = [position for position, word in enumerate(held.said) if word == 0]
        if not offered:
            return
        told["held"] += 1
        ask = SellAsk(
            record=record(decision_id, BIDS),
            endpoint=ENDPOINT,
            question="try-all",
            bids=[BIDS[position] for position in offered],
            order=tuple(offered),
            needs_ping=True,
            held_buyers=tuple(BIDS[position].buyer.id for position in offered),
        )
        posts = [ask, ask, replace(ask, question="another")]
        answers = await asyncio.gather(*(store.sell(post) for post in posts))
        for answer in answers:
            if answer.status == "none":
                told["refused_within_hold"].append(decision_id)
        sold = [answer for answer in answers if answer.status == "sold"]
        if sold and sold[0].sale:
            told["sold"] += len(sold)
            told["numbers"].append([sold[0].sale.number, sold[0].sale.sold_at_ms])
            await live_and_end(sold[0].sale, decision_id)

    for first in range(0, PINGS, AT_ONCE):
        await asyncio.gather(*(one(at) for at in range(first, first + AT_ONCE)))
    await store.close()
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(race(*sys.argv[1:3]))))
