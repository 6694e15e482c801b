"""Servers under load: the exchange in one world or another, and the bare handler, by the same driver."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from benchmarks import worlds
from benchmarks.alone import again, alone
from benchmarks.bench import Bench, Late, Measured, Void, redis_state
from benchmarks.driving import Driven, Load, drive
from benchmarks.invariants import check
from benchmarks.one_line import TEXT
from benchmarks.reservations import FILLED_SECONDS, fill, load
from benchmarks.results import Figures, is_sustained
from benchmarks.servers import Served, bare_handler, exchange, reload
from benchmarks.worlds import World
from service.settings import Settings

WARM_UP_SHARE = 0.1
WARM_UP_SECONDS = 1.0
SMOKE_RATE = 100.0
"""Arrivals a second where times are not judged: any machine keeps up."""
SATURATED_LAG_MS = 50.0
"""Half of what a ping may take where a core is saturated, for Redis then takes the driver's turns too. It counts into
the latency, which only looks worse by it: what is in time with it is so without."""
RELOAD_PAUSE_SECONDS = 0.5
STEPS = (0.1, 0.25, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0)
"""Of a sweep, as shares of the ceiling; closer together where a driver beside Redis was seen to fill their core."""
BEYOND_STEPS = 2
"""That a sweep takes beyond what is sustained: enough to see the knee."""
MIX = "ping=90,post=8,call=2"


class Ready(Struct):
    """The exchange in a world, with its Redis."""

    served: Served
    client: Any
    catalog: Path
    before: Figures
    """Redis before the load."""
    sales: int | None = 0
    """Answered so far; None once some were not counted."""

    def load(self, bench: Bench, asked: Load) -> Driven:
        driven = drive(bench, self.served, asked)
        has_posts = "post" in asked.mix
        if self.sales is not None:
            uncounted = has_posts and asked.warm_up_s
            self.sales = None if uncounted else self.sales + driven.statuses.get("post", {}).get("success", 0)
        return driven

    def measured(self, driven: Driven, **more: float) -> Measured:
        """What a load has shown, with Redis before and after it."""
        return Measured(driven.figures() | more, [], driven.words, self.before, redis_state(self.client))


@contextmanager
def ready(bench: Bench, world: World) -> Iterator[Ready]:
    """Starts it and fills who is to be full; afterwards the promises are checked in Redis. Raises Void."""
    catalog = worlds.write_catalog(bench.folder / "catalog", world)
    with bench.redis() as (url, client), exchange(bench.cores, url, catalog, *bench.serve_flags) as served:
        if world.full_buyers:
            fill_full(url, catalog, world)
        made = Ready(served, client, catalog, redis_state(client))
        yield made
        broken = check(
            client,
            load(worlds.write_catalog(bench.folder / "checked", world)),
            answered=made.sales,
            hold_seconds_max=FILLED_SECONDS if world.full_buyers else None,
        )
        if broken:
            raise Void("; ".join(broken))


def fill_full(url: str, catalog: Path, world: World) -> None:
    """Brings the world's full buyers to their caps, by holds that outlast the run."""
    asyncio.run(fill(url, load(catalog), world.full_buyers))


def bare_ceiling(bench: Bench, buyers: int) -> Measured:
    """Closed loop: what the bare handler answers at most, and its CPU a request."""
    with bare_handler(bench.cores, buyers) as served:
        if not bench.is_smoke:
            drive(bench, served, _warm_up(bench))
        driven = drive(bench, served, Load(requests=bench.size.bare_requests))
        return Measured(driven.figures(), statuses=driven.words)


def ceiling(bench: Bench, world: World, mix: str = "ping=100") -> Measured:
    """Closed loop: what the exchange answers at most, its CPU a request, and that of Redis."""
    with ready(bench, world) as made:
        if not bench.is_smoke:
            made.load(bench, replace(_warm_up(bench), unlike=world.unlike))
        before = made.before = redis_state(made.client)
        driven = made.load(bench, Load(requests=bench.size.requests, mix=mix, unlike=world.unlike))
        found = made.measured(driven)
        after = found.redis_after
        found.figures["redis_us"] = (after["cpu_seconds"] - before["cpu_seconds"]) / driven.answered * 1_000_000
        if before.get("aof_base_size") == after.get("aof_base_size", -1.0):  # not rewritten meanwhile
            found.figures["file_bytes"] = (after["aof_current_size"] - before["aof_current_size"]) / driven.answered
        return found


def bare_steady(bench: Bench, buyers: int, of: str, share: float) -> Measured:
    """Open loop on the bare handler, at a share of another subject's ceiling."""
    with bare_handler(bench.cores, buyers) as served:
        driven = drive(bench, served, _steady(bench, of, share, bench.size.seconds))
        return Measured(driven.figures(), statuses=driven.words)


def trip_steady(bench: Bench, buyers: int, of: str, share: float) -> Measured:
    """The same, where it makes one trip to Redis for each answer, to a script of one line."""
    with bench.redis() as (url, client), bare_handler(bench.cores, buyers, url) as served:
        client.script_load(TEXT)
        driven = drive(bench, served, _steady(bench, of, share, bench.size.seconds))
        return Measured(driven.figures(), statuses=driven.words)


def steady(bench: Bench, world: World, of: str, share: float, mix: str = "ping=100") -> Measured:
    """Open loop on the exchange, at a share of a subject's ceiling."""
    with ready(bench, world) as made:
        return made.measured(made.load(bench, _steady(bench, of, share, bench.size.seconds, mix)))


def reloading(bench: Bench, world: World, of: str, share: float, mix: str = MIX) -> Measured:
    """The same, while the catalog is taken anew again and again. The child that compiles it is on the server's core."""
    with ready(bench, world) as made, _reloads(made, world) as count:
        asked = _steady(bench, of, share, bench.size.reload_seconds, mix)
        driven = made.load(bench, asked)
        if not count.done:
            raise Void("no reload was done while the load ran")
        return made.measured(driven, reloads=float(count.done))


class _Reloads(Struct):
    done: int = 0
    fault: str = ""


@contextmanager
def _reloads(made: Ready, world: World) -> Iterator[_Reloads]:
    """Another edition of the catalog and a reload, in turn, until the block ends."""
    count, stop = _Reloads(), threading.Event()

    def work() -> None:
        try:
            while not stop.wait(RELOAD_PAUSE_SECONDS):
                worlds.write_catalog(made.catalog, replace(world, edition=count.done % 50 + 1))
                reload(made.served)
                count.done += 1
        except Exception as fault:  # told by the measurement, which waits for it
            count.fault = f"{type(fault).__name__}: {fault}"

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        thread.join()
    if count.fault:
        raise Void(f"a reload failed: {count.fault}")


def overload(bench: Bench, world: World, factor: float) -> Measured:
    """Open loop beyond what is sustained in one, on more connections than the gate lets requests in: what is answered
    503 is turned away, the others are served."""
    with ready(bench, world) as made:
        sustained = SMOKE_RATE if bench.is_smoke else bench.sustained()
        rate = sustained * factor
        asked = Load(
            rate=rate,
            seconds=bench.size.overload_seconds,
            warm_up_s=_lead_in(bench),
            allow="unavailable",
            connections=0 if bench.is_smoke else Settings().in_flight_max * 2,
            lag_max_ms=SATURATED_LAG_MS,
        )
        driven = made.load(bench, asked)
        return made.measured(driven, asked_per_second=rate)


def sweep(bench: Bench, world: World, of: str) -> Measured:
    """Open loop at one rate after the other, to a little beyond what is sustained, or to where the driver is too late
    itself."""
    points: list[Figures] = []
    with ready(bench, world) as made:
        if not bench.is_smoke:
            made.load(bench, _warm_up(bench))
        for share in STEPS if not bench.is_smoke else STEPS[:2]:
            rate = _rate(bench, of, share)
            asked = Load(
                rate=rate,
                seconds=bench.size.step_seconds,
                warm_up_s=_lead_in(bench) / 2,
                allow="unavailable",
                lag_max_ms=SATURATED_LAG_MS,
            )
            step = partial(made.load, bench, asked)
            try:
                driven = step() if bench.is_smoke else again(partial(alone, step))
            except Late:
                break
            points.append(driven.figures() | {"rate": rate, "share": share})
            if sum(not is_sustained(point) for point in points) == BEYOND_STEPS:
                break
            time.sleep(_lead_in(bench) / 2)  # holds of a step beyond saturation run out before the next
    if not points:
        raise Late("the driver was late at the lowest rate already")
    return Measured({}, points=points)


def _warm_up(bench: Bench) -> Load:
    return Load(requests=round(bench.size.requests * WARM_UP_SHARE))


def _steady(bench: Bench, of: str, share: float, seconds: float, mix: str = "ping=100") -> Load:
    return Load(rate=_rate(bench, of, share), seconds=seconds, warm_up_s=_lead_in(bench), mix=mix)


def _lead_in(bench: Bench) -> float:
    return 0.2 if bench.is_smoke else WARM_UP_SECONDS


def _rate(bench: Bench, of: str, share: float) -> float:
    return SMOKE_RATE * share if bench.is_smoke else bench.ceiling_of(of) * share
