"""What all tests share: a real Redis, and the promise that nothing is left behind in it unnamed."""

import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from service import ledger
from service.ledger import Ledger
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer


class RedisForTest:
    """A Redis that is empty at the start of a test. At its end only keys that the test named may be left."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.url = server.url
        # redis-py types every reply as one of many; a test knows which.
        self.client: Any = redis_py.Redis(unix_socket_path=server.path, decode_responses=True)
        self._may_stay: list[str] = ["secret"]

    def may_leave(self, *patterns: str) -> None:
        """Names keys, as glob patterns without the account's hash tag, that the test leaves on purpose."""
        self._may_stay += patterns

    def left_unnamed(self) -> list[str]:
        names = [key.split("}:", 1)[-1] for key in self.client.keys("*")]
        return sorted(name for name in names if not any(fnmatch.fnmatch(name, one) for one in self._may_stay))


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer("--appendfsync", "no").start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[RedisForTest]:
    """The shared Redis, flushed. Fails a test that leaves a key it did not name by `may_leave`."""
    at_hand = RedisForTest(redis_server)
    at_hand.client.flushall()
    yield at_hand
    left = at_hand.left_unnamed()
    at_hand.client.flushall()
    at_hand.client.close()
    assert not left, f"keys left behind that the test did not name: {left}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer().start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: each test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        return ledger.url_of(None, tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def to(ledger_url: str) -> Iterator[Ledger]:
    """The ledger's database with its tables."""
    opened = ledger.open_ledger(ledger_url)
    ledger.migrate(opened)
    yield opened
    opened.dispose()
