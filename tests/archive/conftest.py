"""An archive on the shared Redis and an empty ledger."""

from collections.abc import AsyncIterator

import pytest

from service.archive import Archive
from service.ledger import Ledger
from tests.archive.world import archive_on
from tests.conftest import RedisForTest


@pytest.fixture
async def archive(redis: RedisForTest, to: Ledger) -> AsyncIterator[Archive]:
    redis.may_leave("sales", "audit")
    made, store = await archive_on(redis.url, to)
    yield made
    await store.close()
