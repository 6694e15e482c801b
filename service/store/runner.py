"""Runs scripts and reads against Redis, within their time, behind the breaker."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from service import metrics
from service.errors import StoreDown
from service.store.breaker import Breaker
from service.store.calendar import Calendar
from service.store.channel import Channel, LineFull
from service.store.clock import RedisClock, monotonic_ms
from service.store.frames import Frames, frame, framed, frames_of, packed, script_command
from service.store.keys import Keys
from service.store.line import Command, Word
from service.store.scripts import Script, script
from service.store.settings import StoreSettings

NEVER_MS = 1 << 52
"""No period ends it. A Lua number holds it exactly."""

TIMES_MAX = 3
"""The first answer of a Redis that woke up is slow; the next ones tell its clock."""


class Asked(Struct, frozen=True):
    """What a script is given: built for a moment, right until `valid_until_ms` (exclusive), when a period ends."""

    keys: Frames
    args: Frames
    """Without `not_after_ms`, which always stands first."""
    valid_until_ms: int = NEVER_MS

    def command(self, asked: Script, not_after_ms: int) -> tuple[bytes, ...]:
        args = Frames((frame(not_after_ms), *self.args.pieces), 1 + self.args.words)
        return script_command(asked, self.keys, args)


class AskedInWords(Struct, frozen=True):
    """The same where nothing of it was framed ahead: packed as a whole, which takes half the time of framing parts."""

    keys: Sequence[bytes]
    args: Sequence[Word]
    valid_until_ms: int = NEVER_MS

    def command(self, asked: Script, not_after_ms: int) -> tuple[bytes, ...]:
        words = ("EVALSHA", asked.sha, len(self.keys), *self.keys, not_after_ms, *self.args)
        return (packed(words),)


class Runner:
    """The one way to Redis for all verbs of the store."""

    def __init__(self, channel: Channel, keys: Keys, settings: StoreSettings) -> None:
        self.keys = keys
        self.settings = settings
        self.clock = RedisClock()
        self.calendar = Calendar()
        self.breaker = Breaker(settings.breaker_failures)
        self._channel = channel
        self._deadline: float | None = None

    def for_one_answer(self) -> "Runner":
        """The same, with the time of one answer running from now on: all its trips share `give_up_ms`."""
        timed = object.__new__(Runner)  # copy.copy takes 3 µs
        timed.keys, timed.settings, timed.clock = self.keys, self.settings, self.clock
        timed.calendar, timed.breaker, timed._channel = self.calendar, self.breaker, self._channel
        timed._deadline = self._give_up_at()
        return timed

    async def write(self, verb: str, build: Callable[[int], Asked | AskedInWords]) -> list[Any]:
        """Runs a writing script. `build` is given Redis' time; where a period has ended on the way it builds once more.

        Raises StoreDown: then nothing was taken, unless only the reply was lost.
        """
        self.breaker.check()
        give_up_at = self._give_up_at()
        sent_ms = monotonic_ms()
        now_ms = self.clock.at(sent_ms)
        not_after_ms = self._not_after_ms(give_up_at)
        for _ in range(2):
            asked = build(now_ms)
            command = asked.command(script(verb), min(not_after_ms, asked.valid_until_ms - 1))
            reply = await self._script(verb, command, give_up_at)
            if reply[0] != b"late":
                return reply
            redis_ms = int(reply[1])
            if self.clock.is_behind(redis_ms):
                self.clock.forget()
                self.clock.learn(redis_ms, sent_ms, monotonic_ms())
                not_after_ms = self._not_after_ms(give_up_at)
            sent_ms = monotonic_ms()
            now_ms = max(redis_ms, self.clock.at(sent_ms))
            if now_ms > not_after_ms:
                break
        metrics.count_late_script()
        raise StoreDown("Redis came to the question too late; nothing was taken.")

    async def look(self, verb: str, keys: Sequence[bytes], args: Sequence[Word]) -> list[Any]:
        """Runs a script that only reads. Raises StoreDown."""
        self.breaker.check()
        command = script_command(script(verb), frames_of(keys), frames_of(args))
        return await self._script(verb, command, self._give_up_at())

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        """Plain commands in one trip. Raises StoreDown."""
        return await self.read_framed(framed(commands), len(commands))

    async def read_framed(self, commands: bytes, count: int) -> list[Any]:
        """The same of commands that stand in Redis' protocol already."""
        self.breaker.check()
        try:
            replies = await self._channel.read_framed(commands, count, self._give_up_at())
        except StoreDown as fault:
            self._failed(fault)
            raise
        self.breaker.worked()
        return replies

    async def probe(self) -> None:
        """Learns the clock, and closes the breaker where Redis answers. Raises StoreDown."""
        if self.breaker.is_open:
            self.clock.forget()
        for _ in range(TIMES_MAX):
            sent_ms = monotonic_ms()
            ((seconds, micros),) = await self._channel.read([("TIME",)], self._give_up_at())
            self.clock.learn(int(seconds) * 1000 + int(micros) / 1000, sent_ms, monotonic_ms())
            if self.clock.is_known:
                break
        self.breaker.worked()

    async def _script(self, verb: str, command: Sequence[bytes], give_up_at: float) -> list[Any]:
        sent_at = time.perf_counter()
        try:
            reply: list[Any] = await self._channel.evalsha(script(verb), command, give_up_at)
        except StoreDown as fault:
            self._failed(fault)
            raise
        self.breaker.worked()
        metrics.observe_script(verb, time.perf_counter() - sent_at)
        return reply

    def _give_up_at(self) -> float:
        return self._deadline or time.monotonic() + self.settings.give_up_ms / 1000

    def _not_after_ms(self, give_up_at: float) -> int:
        return self.clock.at(give_up_at * 1000) - self.settings.late_margin_ms

    def _failed(self, fault: StoreDown) -> None:
        if not isinstance(fault, LineFull):  # which is nothing that Redis did
            self.breaker.failed()
