"""Our channel to Redis beside redis-py's: the same one-line script, as many callers."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import redis.asyncio as redis
import uvloop

from benchmarks.bench import Bench, Measured, Void
from benchmarks.one_line import SCRIPT, TEXT, Ask, channel_to
from benchmarks.placement import pinned
from benchmarks.reservations import CALLERS, in_flight
from benchmarks.results import Figures


def ours(bench: Bench) -> Measured:
    """`service.store.channel`, with the time limit that every question of the store has."""

    async def measure(url: str) -> Figures:
        channel, ask = channel_to(url)
        try:
            return await _timed(bench.size.calls, ask)
        finally:
            await channel.close()

    return _measured(bench, measure)


def redis_py(bench: Bench) -> Measured:
    """`redis.asyncio` as it comes, with a pool of as many connections as there are callers."""

    async def measure(url: str) -> Figures:
        client: redis.Redis = redis.Redis.from_url(url, max_connections=CALLERS)
        sha = SCRIPT.sha.decode()

        async def ask(word: bytes) -> bytes:
            reply: bytes = await client.evalsha(sha, 0, word)
            return reply

        try:
            await client.script_load(TEXT)
            return await _timed(bench.size.calls, ask)
        finally:
            await client.aclose()

    return _measured(bench, measure)


def _measured(bench: Bench, measure: Callable[[str], Awaitable[Figures]]) -> Measured:
    with (
        bench.redis() as (url, _),
        pinned(bench.cores.server),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):

        async def run() -> Figures:
            return await measure(url)

        return Measured(runner.run(run()))


async def _timed(count: int, ask: Ask) -> Figures:
    """After a tenth of them to warm up. Each reply must be the caller's own."""

    async def once(number: int) -> None:
        word = b"%d" % number
        if await ask(word) != word:
            raise Void("a reply went to the wrong caller")

    await in_flight(count // 10 + CALLERS, once)
    cpu_s, started_s = time.process_time(), time.perf_counter()
    await in_flight(count, once)
    cpu_s, took_s = time.process_time() - cpu_s, time.perf_counter() - started_s
    return {"calls_per_second": count / took_s, "client_us": cpu_s / count * 1_000_000}
