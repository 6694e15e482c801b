"""Random schedules of one channel: questions, cancellations, deadlines, and a connection that is split, stopped, cut.

Every question names its reply, so that one that went to another caller shows.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import redis.asyncio as redis

from service.errors import StoreDown
from service.store.channel import Channel, LineFull, ScriptFault
from service.store.frames import frames_of, script_command
from service.store.scripts import Script
from tests.redis_server import RedisServer
from tests.store.proxy import Proxy, whole

SAYS_SO = Script("says_so", b"return ARGV[1]", b"098e0f0d1448c0a81dafe820f66d460eb09263da")
"""A script that returns its argument."""

ADMIN = "admin"
PATIENCE_SECONDS = 1.0
"""How much later than its deadline a caller may hear, on a busy machine. Who is forgotten hears nothing."""
BACK_SECONDS = 3.0
BYTES = (0, 1, 17, 400, 5_000, 70_000, 300_000)
BYTES_MAX = 1 << 20
IN_FLIGHT_MAX = (3, 4_096, 4_096, 4_096)


async def play(seed: int, redis_path: str, admin: Any) -> Counter[str]:
    """One schedule; the outcomes counted. Raises AssertionError with the seed where a caller was wronged."""
    async with Proxy(redis_path) as proxy:
        schedule = _Schedule(seed, proxy, admin)
        try:
            await schedule.run()
        except AssertionError as wrong:
            raise AssertionError(f"seed {seed}: {wrong}") from wrong
        finally:
            await schedule.channel.close()
        return schedule.outcomes


class _Schedule:
    def __init__(self, seed: int, proxy: Proxy, admin: Any) -> None:
        self.outcomes: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._name = f"{seed}".encode()
        self._proxy, self._admin = proxy, admin
        self.channel = Channel(proxy.url, self._random.choice(IN_FLIGHT_MAX), 1_000)
        self._asked: list[asyncio.Task[None]] = []
        self._cancelled: set[asyncio.Task[None]] = set()
        self._texts = 0

    async def run(self) -> None:
        events = [self._ask] * 12 + [self._cancel] * 2 + [self._network] * 3 + [self._redis_itself, self._breathe]
        for _ in range(self._random.randint(4, 24)):
            await self._random.choice(events)()
            if self._random.random() < 0.4:
                await asyncio.sleep(0)
        self._proxy.flow()
        _, forgotten = await asyncio.wait(self._asked, timeout=3 * PATIENCE_SECONDS) if self._asked else (None, None)
        assert not forgotten, f"{len(forgotten or ())} callers hear nothing"
        for task in self._asked:
            if task.cancelled():
                assert task in self._cancelled, "somebody was cancelled whom nobody cancelled"
                self.outcomes["cancelled"] += 1
            elif fault := task.exception():
                raise fault
        await self._works_again()

    # What may happen

    async def _ask(self) -> None:
        for _ in range(self._random.choice((1, 1, 2, 10))):
            ask = self._random.choice((self._read, self._script, self._script, self._many, self._mistake))
            seconds = self._random.choice((0.0, 0.002, 0.01, 1.0, 1.0, 1.0))
            self._asked.append(asyncio.create_task(self._judged(ask, seconds)))

    async def _cancel(self) -> None:
        if self._asked:
            task = self._random.choice(self._asked)
            if task.cancel():
                self._cancelled.add(task)

    async def _network(self) -> None:
        proxy = self._proxy
        proxy.split = self._random.choice((whole, self._into_bytes, self._anyhow))
        match self._random.choice(("hold", "hold", "flow", "flow", "cut", "strand")):
            case "hold":
                proxy.hold()
            case "flow":
                proxy.flow()
            case "cut":
                proxy.cut()
            case _ if self._random.random() < 0.2:
                # What was asked on it has only its deadline.
                proxy.strand()
                self.channel.reset()

    async def _redis_itself(self) -> None:
        match self._random.choice(("flush", "flush", "kill", "pause")):
            case "flush":
                await self._admin.script_flush()
            case "kill":
                # Of any schedule that is on.
                if ids := [one["id"] for one in await self._admin.client_list() if one["name"] != ADMIN]:
                    await self._admin.execute_command("CLIENT", "KILL", "ID", self._random.choice(ids))
            case "pause":
                await self._admin.execute_command("CLIENT", "PAUSE", "5")

    async def _breathe(self) -> None:
        await asyncio.sleep(self._random.choice((0.0005, 0.003)))

    def _into_bytes(self, data: bytes) -> Iterable[bytes]:
        """The first ones one by one; a mebibyte of them would take seconds."""
        for at in range(min(40, len(data))):
            yield data[at : at + 1]
        if len(data) > 40:
            yield data[40:]

    def _anyhow(self, data: bytes) -> Iterable[bytes]:
        at = 0
        while at < len(data):
            size = self._random.choice((1, 2, 3, 50, 4_000, 60_000))
            yield data[at : at + size]
            at += size

    # What is asked

    async def _judged(self, ask: Any, seconds: float) -> None:
        give_up_at = time.monotonic() + seconds
        try:
            self.outcomes[await ask(give_up_at)] += 1
        except LineFull:
            self.outcomes["full"] += 1
        except StoreDown as fault:
            self.outcomes["in time" if "in time" in str(fault) else "lost"] += 1
        finally:
            late_seconds = time.monotonic() - give_up_at
            assert late_seconds < PATIENCE_SECONDS, f"told {late_seconds} s after the time was over"

    def _text(self) -> bytes:
        """Like no other in this run of tests."""
        self._texts += 1
        size = BYTES_MAX if self._random.random() < 0.005 else self._random.choice(BYTES[: self._random.choice((5, 7))])
        return b"%b:%d:" % (self._name, self._texts) + b"x" * size

    async def _read(self, give_up_at: float) -> str:
        text = self._text()
        (reply,) = await self.channel.read([("ECHO", text)], give_up_at)
        _same(reply, text)
        return "answered"

    async def _script(self, give_up_at: float) -> str:
        text = self._text()
        packed = script_command(SAYS_SO, frames_of(()), frames_of((text,)))
        _same(await self.channel.evalsha(SAYS_SO, packed, give_up_at), text)
        return "answered"

    async def _many(self, give_up_at: float) -> str:
        texts = [self._text() for _ in range(self._random.randint(2, 6))]
        replies = await self.channel.read([("PING",), *(("ECHO", text) for text in texts)], give_up_at)
        for reply, text in zip(replies, [b"PONG", *texts], strict=True):
            _same(reply, text)
        return "answered"

    async def _mistake(self, give_up_at: float) -> str:
        text = self._text()[:60]
        asked = ("EVAL", "return redis.error_reply(ARGV[1])", 0, text)
        try:
            await self.channel.read([("ECHO", "before"), asked], give_up_at)
        except ScriptFault as fault:
            told = str(fault)
        else:
            told = "no mistake"
        assert text.decode() in told, f"told {told}, and not {text!r}"
        return "mistaken"

    async def _works_again(self) -> None:
        begun = time.monotonic()
        while True:
            try:
                await self._script(time.monotonic() + 0.5)
                return
            except StoreDown as fault:
                waited_seconds = time.monotonic() - begun
                if "in time" in str(fault) or waited_seconds > PATIENCE_SECONDS:
                    # As the watch does: it may have been stranded while it was made, and be full of what it was asked.
                    self.channel.reset()
                assert waited_seconds < BACK_SECONDS, "it does not work again"
                await asyncio.sleep(0.001)


def _same(reply: Any, text: bytes) -> None:
    assert reply == text, f"told {bytes(reply)[:60]!r} ({len(reply)} bytes), and not {text[:60]!r} ({len(text)} bytes)"


async def play_all(seeds: Iterable[int], server: RedisServer, at_once: int) -> Counter[str]:
    """The outcomes of many schedules, some of them side by side."""
    waiting, total = iter(seeds), Counter[str]()
    async with redis.Redis(unix_socket_path=server.path, client_name=ADMIN, decode_responses=True) as admin:

        async def lane() -> None:
            for seed in waiting:
                total.update(await play(seed, server.path, admin))

        async with asyncio.TaskGroup() as lanes:
            for _ in range(at_once):
                lanes.create_task(lane())
    return total
