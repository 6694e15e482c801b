"""Buyers, questions and the passing of time for the store's tests."""

from typing import Any

from service.model.catalog import Buyer, Contract, Endpoint, RingPool
from service.model.lead import Bid, Lead, PingRecord, RecordedBid
from service.store import Store, StoreSettings
from service.store.asks import CallEvent, EventTaken, Held, HoldAsk, PoolUse, RouteAsk, Routed, Sale, SellAsk, Sold
from tests.conftest import RedisForTest

CALLER = "+12125551234"
NUMBERS = ("+18005550100", "+18005550101", "+18005550102")
POOL = RingPool(id="toll_free", numbers=NUMBERS, cooldown_seconds=60)
ENDPOINT = Endpoint(vanity_uri="my_endpoint", offer="auto", ring_pool="toll_free")
OWN_NUMBERS = Endpoint(vanity_uri="own_numbers", offer="auto", tracking="caller_number")
DATA = Endpoint(vanity_uri="solar", offer="solar")
SECRET = b"a secret of thirty-two bytes, ok"


async def open_store(url: str, settings: StoreSettings | None = None) -> Store:
    store = Store(url, "demo", SECRET, settings, timezone="America/New_York")
    await store.open()
    return store


def bid(buyer_id: int, cap: int | None = 5, *, buffer: int | None = None, suffix: str = "", **contract: Any) -> Bid:
    """A buyer with one contract, and its bid."""
    made = Contract(id=f"{buyer_id}-auto{suffix}", buyer_id=buyer_id, offer="auto", bid_micros=25_000_000, **contract)
    buyer = Buyer(
        id=buyer_id,
        name=f"Buyer {buyer_id}",
        timezone="America/New_York",
        concurrency_cap=cap,
        concurrency_cap_buffer_percent=buffer,
        contracts=(made,),
    )
    return Bid(contract=made, buyer=buyer, bid_micros=25_000_000, payout_micros=20_000_000)


def record(decision_id: str, bids: list[Bid], *, lead: Lead | None = None, own_number: str = "") -> PingRecord:
    return PingRecord(
        decision_id=decision_id,
        endpoint="my_endpoint",
        source_id="source_abc",
        at_ms=0,
        catalog="v1",
        lead={"caller_id": CALLER} if lead is None else lead,
        bids=[RecordedBid(one.buyer.id, one.contract.id, one.bid_micros, one.payout_micros) for one in bids],
        own_number=own_number,
    )


def hold_ask(decision_id: str, bids: list[Bid], endpoint: Endpoint = ENDPOINT, **more: Any) -> HoldAsk:
    lead, own_number = more.pop("lead", None), more.pop("own_number", "")
    made = record(decision_id, bids, lead=lead, own_number=own_number)
    return HoldAsk(record=made, endpoint=endpoint, bids=bids, **{"caller_id": CALLER, **more})


def sell_ask(decision_id: str, bids: list[Bid], endpoint: Endpoint = ENDPOINT, **more: Any) -> SellAsk:
    lead, own_number = more.pop("lead", None), more.pop("own_number", "")
    asked = {
        "question": f"p{decision_id}",
        "order": tuple(range(len(bids))),
        "needs_ping": False,
        "caller_id": CALLER,
        **more,
    }
    return SellAsk(
        record=record(decision_id, bids, lead=lead, own_number=own_number), endpoint=endpoint, bids=bids, **asked
    )


class World:
    """A store, its Redis, and short ways to ask."""

    def __init__(self, redis: RedisForTest, store: Store, pool: RingPool) -> None:
        self.redis, self.store, self.pool = redis, store, pool

    async def hold(self, decision_id: str, bids: list[Bid], endpoint: Endpoint = ENDPOINT, **more: Any) -> Held:
        return await self.store.hold(hold_ask(decision_id, bids, endpoint, **more))

    async def post(self, decision_id: str, bids: list[Bid], endpoint: Endpoint = ENDPOINT, **more: Any) -> Sold:
        """A post of a ping, or of nothing where the ping is gone."""
        held = tuple(one.buyer.id for one in bids)
        asked = {"needs_ping": True, "held_buyers": held, **more}
        return await self.store.sell(sell_ask(decision_id, bids, endpoint, **asked))

    async def post_only(self, decision_id: str, bids: list[Bid], endpoint: Endpoint = ENDPOINT, **more: Any) -> Sold:
        return await self.store.sell(sell_ask(decision_id, bids, endpoint, **more))

    async def route(self, sale: Sale, bids: list[Bid], call: str = "c1", attempt: int = 0, **more: Any) -> Routed:
        """`bids` are all of the sale's; it is read anew, as the exchange does."""
        endpoint = more.pop("endpoint", ENDPOINT)
        fresh = await self.store.sale(sale.record.decision_id)
        assert fresh is not None
        after = fresh.order[fresh.order.index(fresh.position) + 1 :]
        asked = {
            "edge": "edge-1",
            "call": call,
            "attempt": attempt,
            "last": "busy" if attempt else "",
            "decision_id": sale.record.decision_id,
            "sale": fresh,
            "endpoint": endpoint,
            "current": bids[fresh.position],
            "bids": [bids[position] for position in after],
            "positions": after,
            **more,
        }
        return await self.store.route(RouteAsk(**asked))

    async def event(self, event: str, bids: list[Bid], call: str = "c1", **more: Any) -> EventTaken:
        said = {"event": event, "edge": "edge-1", "call": call, **more}
        return await self.store.event(CallEvent(**said), {one.buyer.id: one.buyer for one in bids})

    async def leases(self, one: Bid) -> tuple[int, int]:
        """Slots and holds of a buyer."""
        (use,) = (await self.store.usage([one.buyer], [], [])).buyers
        return use.slots, use.holds

    async def numbers(self) -> PoolUse:
        (use,) = (await self.store.usage([], [self.pool], [])).pools
        return use

    def travel(self, seconds: int) -> None:
        travel(self.redis.client, seconds)

    def stands(self) -> dict[str, Any]:
        """All that a refusal may not change, to be compared: everything but counters and the audit."""
        found = {}
        for key in sorted(self.redis.client.keys("*")):
            name = key.split("}:", 1)[-1]
            if not name.startswith(("audit", "rate:")):
                found[name] = _value(self.redis.client, key)
        return found


def _value(client: Any, key: str) -> Any:
    match client.type(key):
        case "zset":
            return client.zrange(key, 0, -1, withscores=True)
        case "hash":
            return client.execute_command("HGETALL", key, NEVER_DECODE=True)  # what is sold is in bytes
        case "set":
            return client.smembers(key)
        case "stream":
            return client.xlen(key)
    return client.get(key)


def travel(client: Any, seconds: int) -> None:
    """Lets time pass without waiting: everything in Redis that has a time is that much nearer to it.

    A millisecond more for keys: Redis keeps one through the very millisecond it ends in, where a lease is over.
    """
    ms = seconds * 1000
    for key in client.keys("*"):
        kind = client.type(key)
        left_ms = client.pttl(key)
        if kind == "zset":
            for member in client.zrange(key, 0, -1):
                if client.zscore(key, member):
                    client.zincrby(key, -ms, member)
        elif kind == "hash":
            for field in ("until_ms", "live_until_ms", "sold_at_ms"):
                if int(client.hget(key, field) or 0):
                    client.hincrby(key, field, -ms)
        if left_ms > 0:
            client.pexpire(key, left_ms - ms - 1)
