"""The least that a trip to Redis can be: a script of one line, by the exchange's own channel."""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha1

from service.store.channel import Channel
from service.store.frames import Frames, frames_of, script_command
from service.store.scripts import Script
from service.store.settings import StoreSettings

TEXT = b"return ARGV[1]"
SCRIPT = Script("one_line", TEXT, sha1(TEXT, usedforsecurity=False).hexdigest().encode())

Ask = Callable[[bytes], Awaitable[bytes]]
"""Takes a word, and gives it back."""


def channel_to(url: str) -> tuple[Channel, Ask]:
    """The caller closes the channel. Each question has the time limit that every question of the store has."""
    settings = StoreSettings()
    channel = Channel(url, settings.questions_max, settings.connect_ms)
    loop, no_keys = asyncio.get_running_loop(), Frames()

    async def ask(word: bytes) -> bytes:
        pieces = script_command(SCRIPT, no_keys, frames_of((word,)))
        reply: bytes = await channel.evalsha(SCRIPT, pieces, loop.time() + settings.give_up_ms / 1000)
        return reply

    return channel, ask
