"""One of several processes that sell to the same prepaid and capped buyers at once; run by `test_money_races.py`.

What becomes of a lead is drawn from its name, so that every way is taken by some.
"""

import asyncio
import sys

from msgspec.structs import replace

from service.model.catalog import Cap, RevenueCap, RingPool
from service.model.lead import Bid
from service.store import Store, StoreSettings
from service.store.aftermath import About, KnownSale
from service.store.asks import CallEvent, RouteAsk, Sale
from tests.store.world import ENDPOINT, bid, open_store, sell_ask

LEADS = 80
AT_ONCE = 8
PRICE = 25_000_000
PLACE = replace(ENDPOINT, number_hold_seconds=1)
POOL = RingPool(id="toll_free", numbers=tuple(f"+1800555{at:04}" for at in range(400)), cooldown_seconds=0)
# The machine may be busy: here it is not the time of an answer that is looked at.
PATIENT = StoreSettings(give_up_ms=6_000, late_margin_ms=1_000)


def prepaid(one: Bid) -> Bid:
    return replace(one, buyer=replace(one.buyer, balance_required=True))


def bids(suffix: str) -> list[Bid]:
    return [
        prepaid(bid(1, None, suffix=suffix, caps=(Cap("total", 30),))),
        bid(2, None, suffix=suffix, revenue_caps=(RevenueCap("month", 30 * PRICE),)),
        prepaid(bid(3, None, suffix=suffix)),
    ]


# Contracts of two offers, one whose sales wait and one whose are made at the post: the same buyers pay for both.
BIDS = {"connected:0": bids(""), "": bids("-at-post")}
BUYERS = {one.buyer.id: one.buyer for one in BIDS[""]}
PAID_IN = {1: 100 * PRICE, 3: 25 * PRICE + 1}
ABOUT = About("my_endpoint", "source_abc", "", "v1", "auto")


async def call(store: Store, sale: Sale, name: str, attempt: int = 0) -> Sale:
    position, its_bids = sale.position, BIDS[sale.terms]
    after = sale.order[sale.order.index(position) + 1 :]
    bids = [its_bids[at] for at in after]
    last = "busy" if attempt else ""
    ask = RouteAsk("edge-1", name, attempt, last, name, sale, PLACE, its_bids[position], bids, after)
    routed = await store.route(ask)
    return routed.sale or sale


def known(sale: Sale) -> KnownSale:
    made = sale.record.bids[sale.position]
    name, buyer = sale.record.decision_id, BUYERS[made.buyer_id]
    return KnownSale(name, None, sale.position, made, sale.number, ABOUT, sale.made_at_ms, buyer)


async def sell_one(store: Store, name: str, way: int) -> None:
    terms = "" if way % 2 else "connected:0"
    sold = await store.sell(sell_ask(name, BIDS[terms], PLACE, terms=terms))
    if sold.sale is None:
        return
    sale = sold.sale
    if way in (0, 1, 2, 3):  # a call, which the first buyer takes, or the next one
        sale = await call(store, sale, name)
        if way > 1:
            sale = await call(store, sale, name, attempt=1)
        outcome = "answered" if way != 2 else "no_answer"
        await store.event(CallEvent(event="ended", edge="edge-1", call=name, outcome=outcome), BUYERS)
    if way in (4, 5):
        await store.convert(known(sale), "operator")
    if way in (3, 4, 7):
        fresh = await store.sale(name)
        if fresh is not None:
            await asyncio.gather(*(store.refund(known(fresh), "r", "operator") for _ in range(2)))


async def race(url: str, name: str) -> None:
    store = await open_store(url, PATIENT)
    await store.stock([POOL])
    for first in range(0, LEADS, AT_ONCE):
        leads = range(first, first + AT_ONCE)
        await asyncio.gather(*(sell_one(store, f"{name}-{at}", at % 8) for at in leads))
    await store.close()


if __name__ == "__main__":
    asyncio.run(race(*sys.argv[1:3]))
