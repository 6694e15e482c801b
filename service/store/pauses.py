"""Pauses of buyers: kept in Redis, heard by every worker at once."""

import asyncio
from collections.abc import Callable

from redis.exceptions import RedisError

from service.errors import StoreDown
from service.store.backing_off import pause_ms
from service.store.channel import Channel, ScriptFault
from service.store.runner import Runner

REREAD_SECONDS = 5.0
"""A message that was lost is made good by then."""


async def pause(runner: Runner, buyer_id: int) -> None:
    await runner.read([("SADD", runner.keys.paused, buyer_id), ("PUBLISH", runner.keys.pauses, "")])


async def resume(runner: Runner, buyer_id: int) -> None:
    await runner.read([("SREM", runner.keys.paused, buyer_id), ("PUBLISH", runner.keys.pauses, "")])


async def paused(runner: Runner) -> frozenset[int]:
    (members,) = await runner.read([("SMEMBERS", runner.keys.paused)])
    return frozenset(int(member) for member in members)


async def watch(runner: Runner, channel: Channel, on_pauses: Callable[[frozenset[int]], None]) -> None:
    """Calls `on_pauses` with all that are paused, now and whenever that changes. Runs until it is cancelled."""
    failures = 0
    told: frozenset[int] | None = None
    while True:
        try:
            async with channel.subscriber() as subscriber:
                await subscriber.subscribe(runner.keys.pauses)
                while True:
                    # Read after subscribing: what changes in between comes as a message.
                    found = await paused(runner)
                    failures = 0
                    if found != told:
                        on_pauses(found)
                        told = found
                    await subscriber.get_message(timeout=REREAD_SECONDS)
        except (StoreDown, ScriptFault, RedisError, OSError, RuntimeError):  # the last is uvloop's, as in `open_line`
            await asyncio.sleep(pause_ms(failures, runner.settings) / 1000)
            failures += 1
