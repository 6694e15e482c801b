"""Redis stopped, continued, killed, flushed and full: refused in time, nothing half taken, back without a restart."""

import asyncio
import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
import uvloop

from service.errors import StoreDown, StoreUnfit
from service.store import Store, StoreSettings
from service.store.line import Word
from service.store.packing import msgpack
from service.store.runner import AskedInWords
from tests.redis_server import RedisServer
from tests.store.world import POOL, bid, hold_ask, open_store, sell_ask

ROOT = Path(__file__).parents[2]
IN_TIME_SECONDS = 0.25
BACK_SECONDS = 1.0


@pytest.fixture
def server() -> Iterator[RedisServer]:
    started = RedisServer().start()
    yield started
    started.stop()


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[Store]:
    opened = await open_store(server.url)
    yield opened
    await opened.close()


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    connected = redis_py.Redis(unix_socket_path=server.path, decode_responses=True)
    yield connected
    connected.close()


async def refused_in_time(work: Awaitable[Any]) -> None:
    begun = time.monotonic()
    with pytest.raises(StoreDown):
        await work
    assert time.monotonic() - begun < IN_TIME_SECONDS


async def back(store: Store) -> None:
    """Asks until the store answers, which must be within a second."""
    begun = time.monotonic()
    while True:
        try:
            await store.ready()
        except StoreDown:
            assert time.monotonic() - begun < BACK_SECONDS
            await asyncio.sleep(0.005)
        else:
            return


def keys_of(client: Any) -> set[str]:
    return {key.split("}:")[-1] for key in client.keys("*")}


async def test_a_stalled_redis_is_refused_in_time_and_writes_nothing_when_it_wakes(
    server: RedisServer, store: Store, client: Any
) -> None:
    await store.stock([POOL])
    await store.hold(hold_ask("d0", [bid(1, 0)]))
    before = keys_of(client)
    server.pause()
    try:
        await refused_in_time(store.hold(hold_ask("d1", [bid(1)])))
        await refused_in_time(store.sell(sell_ask("d2", [bid(1)])))
    finally:
        server.resume()
    await back(store)
    assert keys_of(client) == before
    assert (await store.hold(hold_ask("d3", [bid(1)]))).status == "held"


async def test_many_refused_questions_take_nothing_and_the_breaker_answers_at_once(
    server: RedisServer, store: Store, client: Any
) -> None:
    await store.stock([POOL])
    server.pause()
    try:
        asked = [store.sell(sell_ask(f"d{at}", [bid(1, None)])) for at in range(100)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(answer, StoreDown) for answer in answers)
        assert store._runner.breaker.is_open
        begun = time.monotonic()
        with pytest.raises(StoreDown):
            await store.hold(hold_ask("d1", [bid(1)]))
        assert time.monotonic() - begun < 0.05
    finally:
        server.resume()
    await back(store)
    assert not keys_of(client) & {"slots:1", "sales", "lent:toll_free"}
    assert (await store.sell(sell_ask("d1", [bid(1)]))).status == "sold"


async def test_a_late_script_says_so_and_writes_nothing(store: Store, client: Any) -> None:
    """The worker's idea of time is put back by more than a script may be late."""
    clock = store._runner.clock
    clock._offset_ms -= 500
    with pytest.raises(StoreDown, match="too late"):
        await store.hold(hold_ask("d1", [bid(1)]))
    with pytest.raises(StoreDown, match="too late"):
        await store.sell(sell_ask("d1", [bid(1)]))
    assert keys_of(client) == {"secret"}


async def test_a_killed_redis_comes_back_with_what_was_sold(server: RedisServer, store: Store, client: Any) -> None:
    await store.stock([POOL])
    bids = [bid(1)]
    sold = await store.sell(sell_ask("d1", bids))
    server.kill()
    await refused_in_time(store.sell(sell_ask("d2", bids)))
    server.start()
    await back(store)
    again = await store.sell(sell_ask("d1", bids))
    assert (again.status, again.sale) == ("repeat", sold.sale)
    assert [fields["sale"] for _, fields in client.xrange("{demo}:sales")] == ["d1"]
    assert (await store.sell(sell_ask("d2", bids))).status == "sold"


async def test_a_reply_that_is_lost_has_its_sale_found_by_the_same_question(store: Store, client: Any) -> None:
    await store.stock([POOL])
    # Redis must know the script: the first reply would be that it does not, and nothing would be sold.
    await store.sell(sell_ask("d0", [bid(1)]))
    line = store._channel._line
    assert line is not None
    reading = line._writer.transport
    assert isinstance(reading, asyncio.Transport)
    reading.pause_reading()
    await refused_in_time(store.sell(sell_ask("d1", [bid(1)])))
    reading.resume_reading()
    await back(store)
    again = await store.sell(sell_ask("d1", [bid(1)]))
    assert again.status == "repeat"
    assert [fields["sale"] for _, fields in client.xrange("{demo}:sales")] == ["d0", "d1"]


async def test_a_redis_that_lost_everything_is_stocked_again(server: RedisServer, store: Store, client: Any) -> None:
    await store.stock([POOL])
    client.flushall()
    client.client_kill_filter(_type="normal", skipme=True)
    await back(store)
    deadline = time.monotonic() + BACK_SECONDS
    while (await store.usage([], [POOL], [])).pools[0].free < len(POOL.numbers):
        assert time.monotonic() < deadline


async def test_who_has_no_catalog_leaves_the_numbers_alone_when_redis_comes_back(
    server: RedisServer, store: Store, client: Any
) -> None:
    selling = await open_store(server.url)
    await selling.stock([POOL])
    await selling.close()
    await store._settled(lines_known=-1)  # what the watch of an archive, or of a worker that boots, does on a new line
    assert set(client.zrange(f"{{demo}}:pool:{POOL.id}", 0, -1)) == set(POOL.numbers)


async def test_flushed_scripts_are_loaded_again_and_run_once(store: Store, client: Any) -> None:
    await store.stock([POOL])
    client.script_flush()
    assert (await store.sell(sell_ask("d1", [bid(1)]))).status == "sold"
    assert client.xlen("{demo}:sales") == 1


async def test_a_full_memory_refuses_and_leaves_nothing_half_written(store: Store, client: Any) -> None:
    await store.stock([POOL])
    bids = [bid(1)]
    await store.hold(hold_ask("d1", bids, fingerprint="f"))
    before = {key: client.dump(key) for key in client.keys("*")}
    client.config_set("maxmemory", 1)
    for work in (
        store.hold(hold_ask("d2", bids)),
        store.sell(sell_ask("d1", bids, needs_ping=True, held_buyers=(1,))),
        store.sell(sell_ask("d3", [bid(1, 0)])),
        store.hold(hold_ask("d4", [bid(1, 0)])),
    ):
        with pytest.raises(StoreDown):
            await work
    assert {key: client.dump(key) for key in client.keys("*")} == before
    client.config_set("maxmemory", 0)
    await back(store)
    assert (await store.sell(sell_ask("d1", bids, needs_ping=True, held_buyers=(1,)))).status == "sold"


async def test_a_redis_that_is_not_there_is_one_sentence(server: RedisServer) -> None:
    server.kill()
    with pytest.raises(StoreDown, match=r"^Redis cannot be reached: .*\.$"):
        await open_store(server.url)


async def test_a_replica_is_unfit(server: RedisServer, client: Any) -> None:
    client.replicaof("127.0.0.1", "1")
    with pytest.raises(StoreUnfit, match="replica"):
        await open_store(server.url)


async def test_a_missing_or_wrong_password_is_unfit_and_the_right_one_is_taken() -> None:
    server = RedisServer("--requirepass", "right").start()
    try:
        for url in (server.url, server.url.replace("unix://", "unix://:wrong@")):
            with pytest.raises(StoreUnfit, match="refuses"):
                await open_store(url)
        store = await open_store(server.url.replace("unix://", "unix://:right@"))
        await store.ready()
        await store.close()
    finally:
        server.stop()


async def test_a_period_that_ends_on_the_way_is_worked_out_anew(store: Store) -> None:
    """A script is told the end of the period; past it, and in time, it is asked again with the next one."""
    built: list[int] = []

    def build(now_ms: int) -> AskedInWords:
        built.append(now_ms)
        keys = store._runner.keys
        words: list[Word] = ["toll_free", *(msgpack([]) for _ in range(3))]
        until_ms = now_ms - 10 if len(built) == 1 else now_ms + 10_000
        return AskedInWords([keys.pools, *keys.pool("toll_free")], words, until_ms)

    reply = await store._runner.write("stock", build)
    assert reply[0] == b"stocked"
    assert len(built) == 2
    assert built[1] >= built[0]


async def test_many_questions_at_once_share_one_line(server: RedisServer) -> None:
    # Not about the disk: nothing waits for it here.
    redis_py.Redis(unix_socket_path=server.path).config_set("appendfsync", "no")
    store = await open_store(server.url, StoreSettings())
    answers = await asyncio.gather(*(store.hold(hold_ask(f"d{at}", [bid(1, None)])) for at in range(200)))
    assert all(answer.status == "held" for answer in answers)
    await store.close()


async def test_a_clock_that_jumps_forward_costs_no_answer(store: Store) -> None:
    """As if Redis' clock had been set: the worker learns it from the first script that says it came late."""
    store._runner.clock._offset_ms -= 10_000
    assert (await store.hold(hold_ask("d1", [bid(1)]))).status == "held"
    assert not store._runner.clock.is_behind(store.now_ms() + 500)
    script_runs = await asyncio.gather(*(store.hold(hold_ask(f"d{at}", [bid(1, None)])) for at in range(2, 6)))
    assert {held.status for held in script_runs} == {"held"}


async def test_the_breaker_says_once_that_it_opened_and_once_that_it_closed(
    server: RedisServer, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "service.store.breaker")
    store._runner.breaker.failed()
    store._runner.breaker.worked()
    assert not caplog.records, "one failure is nothing to say"
    server.pause()
    try:
        await asyncio.gather(*(store.ready() for _ in range(20)), return_exceptions=True)
    finally:
        server.resume()
    await back(store)
    said = [(one.levelname, one.message.split(":")[0]) for one in caplog.records if one.name == "service.store.breaker"]
    assert said == [("WARNING", "Redis does not answer"), ("INFO", "Redis answers again.")]


async def test_too_many_questions_are_no_failure_of_redis(server: RedisServer) -> None:
    store = await open_store(server.url, StoreSettings(questions_max=2, breaker_failures=1))
    answers = await asyncio.gather(*(store.ready() for _ in range(50)), return_exceptions=True)
    assert [str(one) for one in answers if one] == ["Too many questions to Redis are waiting."] * 48
    assert not store._runner.breaker.is_open
    await store.ready()
    await store.close()


async def test_another_secret_is_unfit_and_the_right_one_is_taken_again(server: RedisServer, store: Store) -> None:
    other = Store(server.url, "demo", b"quite another secret of enough bytes")
    with pytest.raises(
        StoreUnfit, match=r"^This Redis keeps hashes made with another PINGPOST_SECRET; .*found again\.$"
    ):
        await other.open()
    await other.close()
    again = await open_store(server.url)
    await again.close()
    elsewhere = Store(server.url, "another_account", b"quite another secret of enough bytes")
    await elsewhere.open()
    await elsewhere.close()


async def test_a_redis_that_lost_everything_is_told_the_secret_again(store: Store, client: Any) -> None:
    known = client.get("{demo}:secret")
    client.flushall()
    client.client_kill_filter(_type="normal", skipme=True)
    await back(store)
    deadline = time.monotonic() + BACK_SECONDS
    while client.get("{demo}:secret") != known:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def test_a_redis_for_tests_ends_with_a_test_run_that_is_killed(tmp_path: Path) -> None:
    text = (
        "import os, signal\n"
        "from tests.redis_server import RedisServer\n"
        "print(RedisServer().start().pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command, surroundings = [sys.executable, "-c", text], {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.run(
        command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, text=True, timeout=30, check=False
    )
    with contextlib.suppress(ProcessLookupError):  # gone already
        ending = os.pidfd_open(int(run.stdout))
        assert select.select([ending], [], [], 10)[0], "it lives on"
        os.close(ending)


# -- a stall of this process, not of Redis


class Stall(asyncio.Protocol):
    """Holds up the event loop while it looks at its sockets, for longer than anybody waits. Redis answers meanwhile,
    and not before, or the reply would be read in the same look."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    def data_received(self, data: bytes) -> None:
        self._server.resume()
        time.sleep(0.4)


def test_a_reply_that_came_while_this_process_was_stalled_is_read_before_anybody_gives_up(server: RedisServer) -> None:
    """On uvloop, which runs timers before it reads sockets; asyncio's own loop would hide the fault."""

    async def stalled() -> None:
        store = await open_store(server.url)
        ours, theirs = socket.socketpair()
        line, _ = await asyncio.get_running_loop().create_connection(lambda: Stall(server), sock=ours)
        try:
            server.pause()
            asked = asyncio.create_task(store.ping("0" * 32))
            await asyncio.sleep(0.001)  # it is on the line, and not answered yet
            theirs.send(b"stall")
            assert await asked is None
        finally:
            line.close()
            theirs.close()
            await store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(stalled())
