"""What an archive meets: databases that go away, full disks, other archives, and its own death at any moment."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sql_events

from service import ledger
from service.archive import Archive
from service.ledger import Ledger
from tests.archive.world import AUDIT, SALES, archive_on, pinged, rows, scalar, sold, unbalanced
from tests.conftest import RedisForTest
from tests.postgres_server import PostgresServer
from tests.store.world import SECRET

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60.0
SALES_COUNT = 2_000
KILLS = 8


@contextlib.asynccontextmanager
async def running(archive: Archive) -> AsyncIterator[asyncio.Task[None]]:
    """At its end it has taken everything."""
    at_work = asyncio.create_task(archive.run())
    try:
        yield at_work
    finally:
        archive.end()
        await at_work


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not holds():  # noqa: ASYNC110  # of what another process has written tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """One that a test may end."""
    server = PostgresServer().start()
    yield server
    server.stop()


async def test_a_database_that_goes_away_loses_nothing_and_is_taken_again_when_it_is_back(
    redis: RedisForTest, own_postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis.may_leave("sales", "audit")
    caplog.set_level("INFO")
    to = ledger.open_ledger(own_postgres.new_database())
    archive, store = await archive_on(redis.url, to)
    async with running(archive):
        redis.client.xadd(SALES, sold("before"))
        await until(lambda: "takes sales and decisions" in caplog.text)
        await until(lambda: scalar(to, "SELECT count(*) FROM sales") == 1)
        own_postgres.end()
        for at in range(300):  # posts go on: they ask nothing of the ledger
            redis.client.xadd(SALES, sold(f"d{at}"))
        await until(lambda: "the archive stands still and tries again" in caplog.text)
        assert redis.client.xlen(SALES) == 301, "nothing is trimmed that the ledger does not have"
        own_postgres.start()
        await until(lambda: "the archive goes on" in caplog.text)
    await store.close()
    assert scalar(to, "SELECT count(*) FROM sales") == 301
    assert unbalanced(to) == []
    assert caplog.text.count("stands still") == 1, "once, not with every try"
    to.dispose()


async def test_a_database_that_is_away_at_the_start_is_waited_for(
    redis: RedisForTest, own_postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis.may_leave("sales")
    to = ledger.open_ledger(own_postgres.new_database())
    own_postgres.end()
    archive, store = await archive_on(redis.url, to)
    async with running(archive):
        redis.client.xadd(SALES, sold("d"))
        await until(lambda: "the archive stands still" in caplog.text)
        own_postgres.start()
        await until(lambda: _has_one(to))
    await store.close()
    to.dispose()


def _has_one(to: Ledger) -> bool:
    with contextlib.suppress(Exception):
        return bool(scalar(to, "SELECT count(*) FROM sales") == 1)
    return False


async def test_a_full_disk_is_loud_and_loses_nothing(
    redis: RedisForTest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    redis.may_leave("sales")
    caplog.set_level("INFO")
    to = ledger.open_ledger(ledger.url_of(None, tmp_path))
    pages = 60

    def limit(connection: Any, _entry: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    sql_events.listen(to, "connect", limit)
    archive, store = await archive_on(redis.url, to)
    async with running(archive):
        for at in range(1_000):
            redis.client.xadd(SALES, sold(f"d{at}"))
        await until(lambda: "database or disk is full" in caplog.text)
        kept = {fields["sale"] for _, fields in redis.client.xrange(SALES)}
        archived = {sale[1:] for (sale,) in rows(to, "SELECT sale_id FROM sales")}
        assert kept | archived == {f"d{at}" for at in range(1_000)}
        assert len(archived) < 1_000
        pages = 100_000
        to.dispose()  # new connections know of the larger disk
        await until(lambda: "the archive goes on" in caplog.text)
    await store.close()
    assert scalar(to, "SELECT count(*) FROM sales") == 1_000
    assert unbalanced(to) == []


async def test_a_redis_that_goes_away_is_waited_for(
    redis: RedisForTest, to: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    redis.may_leave("sales")
    caplog.set_level("INFO")
    archive, store = await archive_on(redis.url, to)
    async with running(archive):
        await until(lambda: "takes sales and decisions" in caplog.text)
        redis.server.restart()
        redis.client.xadd(SALES, sold("after"))
        await until(lambda: scalar(to, "SELECT count(*) FROM sales") == 1)
    await store.close()


class Processes:
    """Archives as processes of their own, of which one is killed now and then."""

    def __init__(self, redis_url: str, ledger_url: str) -> None:
        told = {k: v for k, v in os.environ.items() if not k.startswith(("PINGPOST_", "PROMETHEUS_"))}
        told |= {"PINGPOST_REDIS_URL": redis_url, "PINGPOST_LEDGER_URL": ledger_url, "PINGPOST_SECRET": SECRET.decode()}
        self._environ = told
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        command = [sys.executable, "-m", "service", "archive", "--account", "demo", "--log-level", "error"]
        self.running.append(subprocess.Popen(command, cwd=ROOT, env=self._environ))

    def kill_one(self) -> None:
        victim = self.running.pop(0)
        victim.send_signal(signal.SIGKILL)
        victim.wait()

    def end(self) -> None:
        for one in self.running:
            one.terminate()
        # The youngest may not have come to where it hears of it.
        assert {one.wait(SECONDS_MAX) for one in self.running} <= {0, -signal.SIGTERM}


def test_two_archives_at_once_killed_at_random_write_everything_once(
    redis: RedisForTest, to: Ledger, ledger_url: str
) -> None:
    redis.may_leave("sales", "audit")
    archives = Processes(redis.url, ledger_url)
    archives.start()
    archives.start()
    told = threading.Event()

    def tell() -> None:
        with redis.client.pipeline() as line:
            for at in range(SALES_COUNT):
                line.xadd(SALES, sold(f"d{at}", at % 2))
                line.xadd(AUDIT, pinged(f"d{at}"))
                if at % 3 == 0:
                    line.xadd(SALES, sold(f"d{at}", 2, "moved"))
                if at % 5 == 0:
                    line.xadd(SALES, {"event": "voided", "sale": f"d{at}", "at_ms": 9})
                if at % 10 == 9:
                    line.execute()
        told.set()

    teller = threading.Thread(target=tell)
    teller.start()
    chance = random.Random(7)
    for _ in range(KILLS):
        has_grown_by(chance.randint(1, SALES_COUNT // KILLS), to)
        archives.kill_one()
        archives.start()
    teller.join()
    for stream, key in (("sales", SALES), ("audit", AUDIT)):
        ((last, _),) = redis.client.xrevrange(key, count=1)
        _wait(partial(is_at, to, stream, last))
    archives.end()
    assert told.is_set()
    assert scalar(to, "SELECT count(*) FROM sales") == SALES_COUNT
    assert unbalanced(to) == []
    assert rows(to, "SELECT state, moves, count(*) FROM sales GROUP BY 1, 2 ORDER BY 1, 2") == expected_states()
    assert scalar(to, "SELECT count(*) FROM decisions") == SALES_COUNT
    assert scalar(to, "SELECT sum(pings) FROM volume") == SALES_COUNT
    assert scalar(to, "SELECT sum(count) FROM declines") == SALES_COUNT
    assert scalar(to, "SELECT count(*) FROM refused") == 0


def has_grown_by(count: int, to: Ledger) -> None:
    """Waits until the ledger has so many sales more, or all."""
    target = min(scalar(to, "SELECT count(*) FROM sales") + count, SALES_COUNT)
    _wait(lambda: bool(scalar(to, "SELECT count(*) FROM sales") >= target))


def is_at(to: Ledger, stream: str, last: str) -> bool:
    return ledger.cursor(to, stream) == last


def expected_states() -> list[tuple[str, int, int]]:
    found: dict[tuple[str, int], int] = {}
    for at in range(SALES_COUNT):
        key = ("void" if at % 5 == 0 else "sold", 1 if at % 3 == 0 else 0)
        found[key] = found.get(key, 0) + 1
    return sorted((*key, count) for key, count in found.items())


def _wait(holds: Callable[[], bool]) -> None:
    deadline = threading.Event()
    timer = threading.Timer(SECONDS_MAX, deadline.set)
    timer.start()
    try:
        while not holds():
            assert not deadline.wait(0.02), "it never came to be so"
    finally:
        timer.cancel()
