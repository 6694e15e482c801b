"""The store without HTTP: what a ping, its post and the end of its call cost this process and Redis, by script."""

import asyncio
import gc
import time
from typing import Any

import uvloop
from msgspec.structs import replace

from benchmarks import worlds
from benchmarks.bench import Bench, Measured, Void, redis_state
from benchmarks.invariants import check
from benchmarks.placement import pinned
from benchmarks.reservations import Reservations, in_flight, load, store_of
from benchmarks.results import Figures
from benchmarks.worlds import World
from service.store import Store
from service.store.asks import CallEvent, FoundPing, HoldAsk, RouteAsk, Sale, SellAsk

MICROS = 1_000_000
EDGE = "bench-edge"
LIVE_SECONDS = 3_600
"""Life of the pings whose memory is counted: all of them live when it is."""


def cycle(bench: Bench, world: World) -> Measured:
    """Pings, posts, calls and their ends, each kind for itself, 32 at a time.

    Client CPU is this process': packing, writing, reading, unpacking, the event loop's turns; what is asked is made
    before. `hold_us` and the like are Redis' own count of the script.
    """
    catalog = load(worlds.write_catalog(bench.folder / "cycle", world))
    with bench.redis() as (url, client):
        before = redis_state(client)
        with pinned(bench.cores.server), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(_Cycle(Reservations(catalog), client, bench.size.calls).run(url))
        broken = check(client, catalog, answered=bench.size.calls)
        if broken:
            raise Void("; ".join(broken))
        return Measured(figures, redis_before=before, redis_after=redis_state(client))


class _Cycle:
    def __init__(self, made: Reservations, client: Any, count: int) -> None:
        self._made, self._client, self._count = made, client, count
        self._figures: Figures = {}

    async def run(self, url: str) -> Figures:
        async with store_of(url, self._made.catalog) as store:
            holds = [self._made.hold(number, store.now_ms()) for number in range(self._count)]
            await self._ping(store, holds)
            found = await self._post(store, holds)
            await self._call(store, found)
        figures = self._figures
        parts = ("ping_client_us", "post_client_us", "release_client_us")
        return figures | {"cycle_client_us": sum(figures[part] for part in parts)}

    async def _ping(self, store: Store, asks: list[HoldAsk]) -> None:
        async def ping(number: int) -> str:
            return (await store.for_one_answer().hold(asks[number])).status

        statuses = await self._timed("ping", "hold", ping)
        _expect(statuses, {"held"})

    async def _post(self, store: Store, asks: list[HoldAsk]) -> list[SellAsk]:
        """What a post does: it reads its ping and what was sold of it, and sells. The ask between is not its cost."""
        found: dict[int, FoundPing] = {}

        async def posted(number: int) -> str:
            ping, sale = await store.for_one_answer().posted(asks[number].record.decision_id)
            assert ping is not None
            assert sale is None
            found[number] = ping
            return "found"

        await self._timed("load", "", posted)
        sells = [self._made.sell(asks[number], found[number]) for number in range(self._count)]

        async def sell(number: int) -> str:
            return (await store.for_one_answer().sell(sells[number])).status

        _expect(await self._timed("sell", "sell", sell), {"sold"})
        self._figures["post_client_us"] = self._figures.pop("load_client_us") + self._figures.pop("sell_client_us")
        return sells

    async def _call(self, store: Store, sells: list[SellAsk]) -> None:
        sales: list[Sale | None] = await in_flight(self._count, lambda at: store.sale(sells[at].record.decision_id))

        async def route(number: int) -> str:
            sale, sell = sales[number], sells[number]
            assert sale is not None
            ask = RouteAsk(
                edge=EDGE,
                call=str(number),
                attempt=0,
                last="",
                decision_id=sell.record.decision_id,
                sale=sale,
                endpoint=sell.endpoint,
                current=sell.bids[0],
                bids=sell.bids[1:],
                positions=sell.order[1:],
            )
            return (await store.for_one_answer().route(ask)).reason

        _expect(await self._timed("route", "route", route), {""})
        buyers = self._made.catalog.buyers

        async def end(number: int) -> str:
            ended = CallEvent(event="ended", edge=EDGE, call=str(number), attempt=0, outcome="answered", duration_ms=1)
            return (await store.for_one_answer().event(ended, buyers)).status

        _expect(await self._timed("release", "release", end), {"taken"})

    async def _timed(self, name: str, script: str, ask: Any) -> list[str]:
        """Asks for all, and keeps the client's CPU and the script's own time, each per ask."""
        before = _scripts(self._client)
        # What was made for this measurement is not walked by the collector, as the service's catalog is not.
        gc.collect()
        gc.freeze()
        started_s = time.process_time()
        answers: list[str] = await in_flight(self._count, ask)
        self._figures[f"{name}_client_us"] = (time.process_time() - started_s) / self._count * MICROS
        gc.unfreeze()
        if script:
            after = _scripts(self._client)
            self._figures[f"{script}_us"] = (after[1] - before[1]) / (after[0] - before[0])
        return answers


def memory(bench: Bench, world: World) -> Measured:
    """Bytes of Redis per live ping: what it uses with and without so many, without the audit, the append-only file's
    buffer and the buffers of connections. It holds the record, the shield and the holds."""
    count = bench.size.memory_pings
    catalog = load(worlds.write_catalog(bench.folder / "memory", world))
    with bench.redis() as (url, client):

        async def take() -> tuple[int, int]:
            made = Reservations(catalog)
            endpoint = replace(made.endpoint, hold_seconds=LIVE_SECONDS, ping_ttl_seconds=LIVE_SECONDS)
            async with store_of(url, catalog) as store:
                before = _data_bytes(client)

                async def ping(number: int) -> str:
                    return (await store.hold(replace(made.hold(number, store.now_ms()), endpoint=endpoint))).status

                _expect(await in_flight(count, ping), {"held"})
                return before, _data_bytes(client)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            before, after = runner.run(take())
        if broken := check(client, catalog, answered=0, hold_seconds_max=LIVE_SECONDS):
            raise Void("; ".join(broken))
        audit_bytes = _audit_bytes(client) / count
    return Measured({"bytes_per_ping": (after - before) / count, "audit_bytes_per_ping": audit_bytes})


def _data_bytes(client: Any) -> int:
    found = client.info("memory")
    return int(found["used_memory"] - found["mem_aof_buffer"] - found["mem_clients_normal"] - _audit_bytes(client))


def _audit_bytes(client: Any) -> int:
    return client.memory_usage(f"{{{worlds.ACCOUNT}}}:audit", samples=0) or 0


def _scripts(client: Any) -> tuple[int, int]:
    """Scripts run so far and the microseconds that Redis spent in them."""
    found = client.info("commandstats").get("cmdstat_evalsha", {"calls": 0, "usec": 0})
    return found["calls"], found["usec"]


def _expect(statuses: list[str], expected: set[str]) -> None:
    if other := set(statuses) - expected:
        raise Void(f"the store answered {', '.join(sorted(other))}")
