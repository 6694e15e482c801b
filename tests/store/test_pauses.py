"""Pauses are kept in Redis and heard by every worker."""

import asyncio

from service.store import Store
from tests.conftest import RedisForTest
from tests.store.world import open_store


class Heard:
    """Collects what a watch says, and lets a test wait for it."""

    def __init__(self) -> None:
        self.all: list[frozenset[int]] = []
        self._more = asyncio.Event()

    def __call__(self, paused: frozenset[int]) -> None:
        self.all.append(paused)
        self._more.set()

    async def until(self, paused: set[int]) -> None:
        async with asyncio.timeout(5):
            while not self.all or self.all[-1] != paused:
                self._more.clear()
                await self._more.wait()


async def test_every_worker_hears_of_a_pause_made_in_one(redis: RedisForTest, store: Store) -> None:
    redis.may_leave("paused")
    other = await open_store(redis.url)
    heard = Heard()
    other.watch(heard)
    await heard.until(set())
    await store.pause(7)
    await heard.until({7})
    await store.pause(8)
    await store.resume(7)
    await heard.until({8})
    assert await store.paused() == {8}
    await other.close()


async def test_pauses_are_heard_again_after_redis_was_away(redis: RedisForTest, store: Store) -> None:
    redis.may_leave("paused")
    heard = Heard()
    store.watch(heard)
    await heard.until(set())
    redis.client.client_kill_filter(_type="pubsub")
    redis.client.sadd("{demo}:paused", 9)
    await heard.until({9})
