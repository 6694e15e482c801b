"""A store on the shared Redis."""

from collections.abc import AsyncIterator

import pytest

from service.store import Store
from tests.conftest import RedisForTest
from tests.store.world import POOL, World, open_store


@pytest.fixture
async def store(redis: RedisForTest) -> AsyncIterator[Store]:
    opened = await open_store(redis.url)
    yield opened
    await opened.close()


@pytest.fixture
def world(redis: RedisForTest, store: Store) -> World:
    """The store with its pool stocked by each test that sells."""
    redis.may_leave("audit", "pool:*", "pools")
    return World(redis, store, POOL)
