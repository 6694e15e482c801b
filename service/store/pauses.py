"""Pauses of buyers: kept in Redis, heard by every worker at once."""

import asyncio
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from service.errors import StoreDown
from service.store.channel import Channel, ScriptFault
from service.store.runner import Runner

REREAD_SECONDS = 5.0
"""A message that was lost is made good by then."""
AGAIN_SECONDS = 0.25


async def pause(runner: Runner, buyer_id: int) -> None:
    await runner.read([("SADD", runner.keys.paused, buyer_id), ("PUBLISH", runner.keys.pauses, "")])


async def resume(runner: Runner, buyer_id: int) -> None:
    await runner.read([("SREM", runner.keys.paused, buyer_id), ("PUBLISH", runner.keys.pauses, "")])


async def paused(runner: Runner) -> frozenset[int]:
    (members,) = await runner.read([("SMEMBERS", runner.keys.paused)])
    return frozenset(int(member) for member in members)


async def watch(runner: Runner, channel: Channel, on_pauses: Callable[[frozenset[int]], None]) -> None:
    """Calls `on_pauses` with all that are paused, now and whenever that changes. Runs until it is cancelled."""
    while True:
        try:
            async with channel.subscriber() as subscriber:
                await _listen(runner, subscriber, on_pauses)
        except (StoreDown, ScriptFault, RedisError, OSError):
            await asyncio.sleep(AGAIN_SECONDS)


async def _listen(runner: Runner, subscriber: Any, on_pauses: Callable[[frozenset[int]], None]) -> None:
    await subscriber.subscribe(runner.keys.pauses)
    told: frozenset[int] | None = None
    while True:
        # Read after subscribing: what changes in between comes as a message.
        found = await paused(runner)
        if found != told:
            on_pauses(found)
            told = found
        await subscriber.get_message(timeout=REREAD_SECONDS)
