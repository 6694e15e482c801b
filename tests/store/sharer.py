"""One of several processes that post the same shared leads at once; run by `test_races.py`.

Says when it is ready, and begins when it is told to. Prints one JSON line then: the buyers it was told of, by lead, and
how many leads its own posts sold.
"""

import asyncio
import json
import random
import sys
from typing import Any

from service.model.catalog import Cap
from service.store import StoreSettings
from tests.store.world import DATA, bid, hold_ask, open_store, sell_ask

LEADS = 60
POSTS = 3
WINNERS = 3
BIDS = [bid(at, None, caps=(Cap("total", limit),)) for at, limit in enumerate((20, 30, 40, 25, 60), start=1)]
# The machine may be busy: here it is not the time of an answer that is looked at.
PATIENT = StoreSettings(give_up_ms=6_000, late_margin_ms=1_000)


async def share(url: str, name: str) -> dict[str, Any]:
    """All processes ask of the same leads, in an order of their own."""
    store = await open_store(url, PATIENT)
    told: dict[str, list[int]] = {}
    sold: list[str] = []
    leads = [f"lead-{at}" for at in range(LEADS)]
    random.Random(name).shuffle(leads)

    async def one(lead: str) -> None:
        await store.hold(hold_ask(lead, BIDS, DATA))
        ask = sell_ask(lead, BIDS, DATA, needs_ping=True, winners=WINNERS, question="try-all")
        for answer in await asyncio.gather(*(store.sell(ask) for _ in range(POSTS))):
            if answer.sale is not None:
                sold.extend([lead] if answer.status == "sold" else [])
                told[lead] = [BIDS[place].buyer.id for place in answer.sale.sold_to]

    print("ready", flush=True)
    sys.stdin.readline()
    for first in range(0, LEADS, 10):
        await asyncio.gather(*(one(lead) for lead in leads[first : first + 10]))
    await store.close()
    return {"told": told, "sold": len(sold)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(share(*sys.argv[1:3]))))
