"""A store on the shared Redis."""

from collections.abc import AsyncIterator

import pytest

from service.store import Store
from tests.archive.world import PATIENT
from tests.conftest import RedisForTest
from tests.store.world import open_store


@pytest.fixture
async def store(redis: RedisForTest) -> AsyncIterator[Store]:
    opened = await open_store(redis.url, PATIENT)
    yield opened
    await opened.close()
