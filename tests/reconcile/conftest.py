"""Redis and a ledger after some trade."""

from collections.abc import AsyncIterator

import pytest

from service.ledger import Ledger
from service.reconcile import Sides
from tests.conftest import RedisForTest
from tests.reconcile.world import pay_in, sides_on


@pytest.fixture
async def sides(redis: RedisForTest, to: Ledger) -> AsyncIterator[Sides]:
    """Buyers have paid in; nothing is sold yet, and nothing archived."""
    redis.may_leave("*")
    made = await sides_on(redis, to)
    await pay_in(made.store)
    yield made
    await made.store.close()
