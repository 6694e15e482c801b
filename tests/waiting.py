"""Waiting for what nobody tells of."""

import asyncio
import time
from collections.abc import Callable

LOOK_SECONDS = 0.005


async def within_a_second(holds: Callable[[], bool]) -> None:
    """Looks again and again until something holds; a second is over when it fails."""
    give_up_at = time.monotonic() + 1
    for _ in range(int(2 / LOOK_SECONDS)):
        if holds():
            return
        assert time.monotonic() < give_up_at, "a second has gone by"
        await asyncio.sleep(LOOK_SECONDS)
