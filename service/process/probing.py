"""One look at Redis before anything is served, so that a wrong one is one sentence and not a worker that dies."""

import asyncio

from service.settings import Settings
from service.store import Store


def probe(settings: Settings, account: str) -> list[str]:
    """Raises StoreDown or StoreUnfit; returns sentences on a Redis that can be used and may forget what it was told.

    The connection, and the loop it lived on, are gone before workers are forked.
    """
    return asyncio.run(_probe(settings, account))


async def _probe(settings: Settings, account: str) -> list[str]:
    store = Store(settings.redis_url or "", account, settings.secret)
    try:
        await store.open()
        return _doubts(await store.config("maxmemory-policy", "appendonly"))
    finally:
        await store.close()


def _doubts(config: dict[str, str]) -> list[str]:
    doubts = []
    policy = config.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        doubts.append(f"maxmemory-policy is {policy}: it may evict holds, caps and sales; set noeviction")
    if config.get("appendonly", "yes") != "yes":
        doubts.append("appendonly is no: what was sold since the last snapshot is lost with a crash; set yes")
    return [f"Redis: {'; '.join(doubts)}"] if doubts else []
