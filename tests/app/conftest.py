"""`serve` makes an exchange of a catalog.

async def test_...(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    http, said = await served.ping(caller_id=CALLER)
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpClient

from service.app import create_app
from service.app.running import Runner
from service.app.serving import SERVING
from service.served.compiling import Compiled, compile_here
from service.settings import Settings
from tests.app.served import ADMIN_TOKEN, EDGE_TOKEN, Client, Served
from tests.conftest import RedisForTest

Serve = Callable[..., Awaitable[Served]]
"""`await serve(catalog text, **settings)`."""

KEYS = ("leases", "slots", "pool", "lent", "ping", "test", "shield", "sale", "request", "fields", "call", "caller")
KEYS_OF_CONTRACTS = ("bought", "rate", "pending", "reserved", "balance", "converted", "returned")
KEYS_OF_ALL = ("credits", "pendings", "audit", "caps", "sales", "pools", "pauses", "paused")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that serves: asyncio's own closes, pauses and tells of it otherwise."""
    return {"uvloop": uvloop.new_event_loop}


class LaneServer(TestServer):
    """aiohttp's, with the lane before it, as a worker has it."""

    async def _make_runner(self, **kwargs: Any) -> Runner:
        return Runner(self.app, **kwargs)


@pytest.fixture
def serve(tmp_path: Path, redis: RedisForTest, aiohttp_client: AiohttpClient) -> Serve:
    # An exchange leaves its records, but no key of a name that nobody knows.
    redis.may_leave(*KEYS_OF_ALL, *(f"{family}:*" for family in KEYS + KEYS_OF_CONTRACTS))

    async def serve(catalog: str, **settings: Any) -> Served:
        folder, var = tmp_path / "catalog", tmp_path / "var"
        folder.mkdir(exist_ok=True)
        (folder / "catalog.toml").write_text(catalog)
        compiled = compile_here(folder, var, 5)
        assert isinstance(compiled, Compiled), compiled
        told: dict[str, Any] = {
            "catalog": folder,
            "var": var,
            "redis_url": redis.url,
            "secret": b"secret of the tests, 32 bytes ok",
            "edge_token": EDGE_TOKEN,
            "admin_token": ADMIN_TOKEN,
        }
        app = create_app(Settings(**told | settings))
        client: Client = await aiohttp_client(LaneServer(app))  # type: ignore[assignment]
        return Served(client, app[SERVING].store, redis.client, folder)

    return serve
