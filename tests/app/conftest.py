"""Fixtures: a Redis for the whole run, emptied before each test, and `serve`, which makes an exchange of a catalog.

async def test_...(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    http, said = await served.ping(caller_id=CALLER)
"""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from redis import Redis

from service.app import create_app
from service.app.serving import SERVING
from service.exchange.compiling import Compiled, compile_here
from service.settings import Settings
from tests.app.served import ADMIN_TOKEN, EDGE_TOKEN, Served
from tests.redis_server import RedisServer

Serve = Callable[..., Awaitable[Served]]
"""`await serve(catalog text, **settings)`."""


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server: RedisServer) -> "Iterator[Redis[bytes]]":
    """For looking at what was stored; empty when the test begins."""
    with Redis(unix_socket_path=redis_server.path) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def serve(tmp_path: Path, redis_server: RedisServer, redis: "Redis[bytes]", aiohttp_client: AiohttpClient) -> Serve:
    async def serve(catalog: str, **settings: Any) -> Served:
        folder, var = tmp_path / "catalog", tmp_path / "var"
        folder.mkdir(exist_ok=True)
        (folder / "catalog.toml").write_text(catalog)
        compiled = compile_here(folder, var, 5)
        assert isinstance(compiled, Compiled), compiled
        told = {
            "catalog": folder,
            "var": var,
            "redis_url": redis_server.url,
            "secret": b"secret of the tests, 32 bytes ok",
            "edge_token": EDGE_TOKEN,
            "admin_token": ADMIN_TOKEN,
        }
        app = create_app(Settings(**told | settings))
        client = await aiohttp_client(app)
        return Served(client, app[SERVING].store, redis, folder)

    return serve
