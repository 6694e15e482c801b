"""The one line of a worker: each caller is told its own reply or that there is none, whatever becomes of the line."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import redis as redis_py
import uvloop
from redis.asyncio import UnixDomainSocketConnection

from service.errors import StoreDown
from service.store import Store, StoreSettings
from service.store.backing_off import JITTER, pause_ms
from service.store.channel import Channel, LineFull
from service.store.frames import frames_of, script_command
from service.store.line import Line, open_line
from tests.redis_server import RedisServer
from tests.store.proxy import Proxy
from tests.store.schedules import SAYS_SO, play_all
from tests.store.world import POOL, bid, open_store, sell_ask

AT_ONCE_SECONDS = 0.15
"""Far less than anybody's time in these tests, on a busy machine too."""
SOON_SECONDS = 2.0
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
EACH_LOOP = pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])
LOAD_STATISTICS = ("cmdstat_script", "cmdstat_script|load")
SCHEDULES = 500
"""On each loop."""
SCHEDULES_AT_ONCE = 8

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One that may be stalled and killed, unlike the one that all tests share."""
    started = RedisServer("--appendfsync", "no").start()
    yield started
    started.stop()


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    connected = redis_py.Redis(unix_socket_path=server.path, decode_responses=True)
    connected.flushall()
    yield connected
    connected.close()


@pytest.fixture
async def proxy(server: RedisServer) -> AsyncIterator[Proxy]:
    async with Proxy(server.path) as started:
        yield started


@pytest.fixture
async def channel(proxy: Proxy) -> AsyncIterator[Channel]:
    made = Channel(proxy.url, 4_096, 1_000)
    await made.read([("PING",)], soon())
    yield made
    await made.close()


def soon(seconds: float = SOON_SECONDS) -> float:
    return time.monotonic() + seconds


def says(text: bytes) -> tuple[bytes, ...]:
    return script_command(SAYS_SO, frames_of(()), frames_of((text,)))


async def echo(channel: Channel, text: bytes, seconds: float = SOON_SECONDS) -> bytes:
    (reply,) = await channel.read([("ECHO", text)], soon(seconds))
    return bytes(reply)


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_SECONDS):
        while not is_so():  # noqa: ASYNC110 - of what tells nobody
            await asyncio.sleep(0)


async def has_asked(channel: Channel, count: int) -> Line:
    """When so many questions wait on the line."""
    await until(lambda: channel._line is not None and channel._line.questions >= count)
    assert channel._line is not None
    return channel._line


@EACH_LOOP
def test_in_a_thousand_schedules_nobody_is_told_the_reply_of_another(server: RedisServer, new_loop: NewLoop) -> None:
    """A failure names its seed: `play(seed, ...)` of `schedules.py` plays it alone."""
    first = LOOPS.index(new_loop) * SCHEDULES
    with asyncio.Runner(loop_factory=new_loop) as runner:
        outcomes = runner.run(play_all(range(first, first + SCHEDULES), server, SCHEDULES_AT_ONCE))
    # Else the schedules would show nothing.
    seldom = {what for what in ("mistaken", "cancelled", "in time", "lost", "full") if outcomes[what] < SCHEDULES // 10}
    assert not seldom, outcomes
    assert outcomes["answered"] > 4 * SCHEDULES, outcomes


async def test_the_questions_of_a_turn_leave_in_one_write(channel: Channel) -> None:
    written: list[bytes] = []
    line = channel._line
    assert line is not None

    class Heard:
        """The transport, listened to."""

        def __init__(self, transport: asyncio.Transport) -> None:
            self._transport = transport

        def write(self, data: bytes) -> None:
            written.append(data)
            self._transport.write(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._transport, name)

    line._transport = Heard(line._transport)  # type: ignore[assignment, arg-type]
    texts = [b"%d" % at for at in range(300)]
    assert await asyncio.gather(*(echo(channel, text) for text in texts)) == texts
    assert [data.count(b"ECHO") for data in written] == [300]


async def test_a_reply_larger_than_many_reads_shifts_nobody(channel: Channel) -> None:
    texts = [b"before", b"x" * (1 << 20), b"", b"after"]
    assert await asyncio.gather(*(echo(channel, text) for text in texts)) == texts


async def test_who_gave_up_leaves_the_others_their_replies(channel: Channel, proxy: Proxy) -> None:
    proxy.hold()
    first, second, third = (asyncio.create_task(echo(channel, text)) for text in (b"1", b"2", b"3"))
    hurried = asyncio.create_task(echo(channel, b"hurried", 0.01))
    last = asyncio.create_task(echo(channel, b"last"))
    line = await has_asked(channel, 5)
    second.cancel()
    with pytest.raises(StoreDown, match="in time"):
        await hurried
    proxy.flow()
    assert (await first, await third, await last) == (b"1", b"3", b"last")
    assert second.cancelled()
    assert channel._line is line, "it cost the line"


async def test_all_in_flight_hear_at_once_that_the_line_was_lost(channel: Channel, proxy: Proxy) -> None:
    proxy.hold()
    asked = [asyncio.create_task(echo(channel, b"%d" % at)) for at in range(100)]
    await has_asked(channel, 100)
    proxy.cut()
    begun = time.monotonic()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert time.monotonic() - begun < AT_ONCE_SECONDS
    assert {str(answer) for answer in answers} == {"The connection to Redis was lost."}
    assert await asyncio.gather(*(echo(channel, b"%d" % at) for at in range(100))) == [b"%d" % at for at in range(100)]
    assert proxy.connections == 2, "all who ask while there is no line share an attempt"


async def test_who_asks_a_line_that_is_lost_hears_so_at_once(server: RedisServer, client: Any) -> None:
    """Who waited for a connection may be given one that was lost since; a question waits on it already, or none."""
    lost = asyncio.Event()
    line = await open_line(UnixDomainSocketConnection(path=server.path, protocol=2), lambda _: lost.set())
    before = line.ask([b"*1\r\n$4\r\nPING\r\n"], soon())
    assert await before == b"PONG"
    held = line.ask([b"*3\r\n$5\r\nBLPOP\r\n$4\r\nnone\r\n$1\r\n0\r\n"], soon())
    await asyncio.sleep(0)
    client.client_kill_filter(_type="normal", skipme=True)
    await lost.wait()
    with pytest.raises(StoreDown, match="lost"):
        await held
    for _ in range(2):
        async with asyncio.timeout(AT_ONCE_SECONDS):
            with pytest.raises(StoreDown, match="lost"):
                await line.ask([b"*1\r\n$4\r\nPING\r\n"], soon())


@EACH_LOOP
def test_a_connection_lost_while_it_is_made_is_a_store_that_is_down(
    server: RedisServer, client: Any, new_loop: NewLoop
) -> None:
    """For the watch over pauses too, which would else end with it. On uvloop it was a RuntimeError."""

    async def tried() -> None:
        async with Proxy(server.path) as proxy:
            store = await open_store(proxy.url, StoreSettings(probe_ms=1, probe_max_ms=2))
            heard: list[frozenset[int]] = []
            store.watch(heard.append)
            proxy.is_away = True
            proxy.cut()
            made = proxy.connections
            while proxy.connections < made + 30:
                store._runner.breaker.worked()  # or nobody but the watches would ask
                with contextlib.suppress(StoreDown):
                    await store.ready()
                await asyncio.sleep(0)
            proxy.is_away = False
            async with asyncio.timeout(SOON_SECONDS):
                await answers_again(store)
            await store.pause(8)
            await until(lambda: heard and 8 in heard[-1])
            assert not any(task.done() for task in store._tasks)
            await store.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(tried())


async def test_a_connection_lost_before_it_is_a_line_is_no_line(server: RedisServer, client: Any) -> None:
    connection = UnixDomainSocketConnection(path=server.path, protocol=2)
    await connection.connect()  # type: ignore[no-untyped-call]
    client.client_kill_filter(_type="normal", skipme=True)
    reader = connection._reader
    assert reader is not None
    await until(reader.at_eof)
    with pytest.raises(ConnectionResetError):
        await open_line(connection, lambda _: None)


async def test_a_script_that_many_miss_at_once_is_loaded_once(channel: Channel, client: Any) -> None:
    client.script_flush()
    client.config_resetstat()
    texts = [b"%d" % at for at in range(50)]
    assert await asyncio.gather(*(channel.evalsha(SAYS_SO, says(text), soon()) for text in texts)) == texts
    # Redis 7 counts its subcommands each by itself.
    loads = [said for name, said in client.info("commandstats").items() if name in LOAD_STATISTICS]
    assert [said["calls"] for said in loads] == [1]


async def test_nobody_waits_for_a_load_longer_than_its_own_time(channel: Channel, proxy: Proxy, client: Any) -> None:
    """One load is for all, and who began it may have more time than who joins."""
    client.script_flush()
    patient = asyncio.create_task(channel.evalsha(SAYS_SO, says(b"patient"), soon()))
    hurried = asyncio.create_task(channel.evalsha(SAYS_SO, says(b"hurried"), soon(0.1)))
    await until(lambda: channel._loading)
    proxy.hold()
    begun = time.monotonic()
    with pytest.raises(StoreDown, match="in time"):
        await hurried
    assert time.monotonic() - begun < 0.1 + AT_ONCE_SECONDS
    proxy.flow()
    assert await patient == b"patient"


async def test_a_full_line_refuses_at_once_and_has_room_again(proxy: Proxy) -> None:
    channel = Channel(proxy.url, 3, 1_000)
    await channel.read([("PING",)], soon())
    proxy.hold()
    asked = [asyncio.create_task(echo(channel, b"%d" % at)) for at in range(3)]
    await has_asked(channel, 3)
    for ask in (lambda: channel.read([("PING",)], soon()), lambda: channel.evalsha(SAYS_SO, says(b""), soon())):
        with pytest.raises(LineFull):
            ask().send(None)  # before it waits for anything
    proxy.flow()
    assert await asyncio.gather(*asked) == [b"0", b"1", b"2"]
    assert await echo(channel, b"again") == b"again"
    await channel.close()


async def test_a_line_full_of_questions_that_nobody_answers_is_replaced(proxy: Proxy) -> None:
    """A machine that lost its power closes no connection: what was asked on it stays on the line for ever."""
    settings = StoreSettings(questions_max=3, give_up_ms=50, breaker_failures=3, probe_ms=10)
    store = await open_store(proxy.url, settings)
    proxy.strand()
    assert all(await asyncio.gather(*(store.ready() for _ in range(3)), return_exceptions=True))
    async with asyncio.timeout(SOON_SECONDS):
        await answers_again(store)
    await store.close()


async def answers_again(store: Store) -> None:
    while True:
        try:
            return await store.ready()
        except StoreDown:
            await asyncio.sleep(0.002)


async def test_what_is_no_redis_ends_the_line_and_no_caller_hangs(channel: Channel, proxy: Proxy) -> None:
    proxy.hold()
    asked = [asyncio.create_task(echo(channel, b"%d" % at)) for at in range(3)]
    await has_asked(channel, 3)
    proxy.add(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    begun = time.monotonic()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == 3 * [StoreDown]
    assert time.monotonic() - begun < AT_ONCE_SECONDS
    assert await echo(channel, b"again") == b"again"


async def test_a_server_that_is_no_redis_is_one_sentence(server: RedisServer) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    path = f"{server.path}-web"
    async with await asyncio.start_unix_server(speak, path):
        channel = Channel(f"unix://{path}", 4_096, 1_000)
        with pytest.raises(StoreDown, match=r"^Redis cannot be reached: .*\.$"):
            await echo(channel, b"")
        await channel.close()


@pytest.mark.parametrize("stray", [b"+stray\r\n", b"+str"], ids=["whole", "begun"])
async def test_a_reply_that_nobody_asked_for_is_given_to_nobody(channel: Channel, proxy: Proxy, stray: bytes) -> None:
    line = channel._line
    assert line is not None
    proxy.add(stray)
    await until(lambda: line.is_lost)
    assert await echo(channel, b"mine") == b"mine"


async def test_who_is_refused_because_the_line_is_given_up_was_not_sold(server: RedisServer, client: Any) -> None:
    """The watch gives up a line that did not answer it. A Redis that wakes a moment later finds the scripts that were
    sent on it, and their time is not over: so is nobody's who waits for them."""
    store = await open_store(server.url)
    await store.stock([POOL])
    await store.sell(sell_ask("d0", [bid(1)]))
    server.pause()
    try:
        asked = asyncio.ensure_future(store.sell(sell_ask("d1", [bid(1)])))
        await has_asked(store._channel, 1)
        await asyncio.sleep(0)
        store._channel.reset()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    finally:
        server.resume()
    assert (await asked).status == "sold"
    assert not any(line.questions for line in store._channel._open_lines)
    await store.close()


async def test_a_line_that_is_given_up_ends_when_nobody_waits(channel: Channel, proxy: Proxy) -> None:
    await echo(channel, b"")
    line = channel._line
    assert line is not None
    proxy.hold()
    asked = asyncio.create_task(echo(channel, b"", 0.05))
    await has_asked(channel, 1)
    channel.reset()
    with pytest.raises(StoreDown, match="in time"):
        await asked
    await until(lambda: line.is_lost)
    assert not channel._open_lines


# -- trying again


def test_pauses_grow_and_stay_short_enough_and_are_not_alike() -> None:
    settings = StoreSettings()
    for tries, middle_ms in ((0, 250), (1, 500), (2, 600), (3, 600), (100, 600)):
        drawn = [pause_ms(tries, settings) for _ in range(300)]
        assert middle_ms * (1 - JITTER) <= min(drawn) < middle_ms * 0.85
        assert middle_ms * 1.15 < max(drawn) <= middle_ms * (1 + JITTER)
    assert settings.probe_max_ms * (1 + JITTER) + settings.give_up_ms < 1_000


async def test_a_redis_that_is_away_is_tried_less_and_less_and_not_in_step(proxy: Proxy) -> None:
    settings = StoreSettings(probe_ms=20, probe_max_ms=160)
    stores = [await open_store(proxy.url, settings) for _ in range(10)]
    proxy.is_away = True
    proxy.cut()
    for _ in range(settings.breaker_failures + 1):
        await asyncio.gather(*(store.ready() for store in stores), return_exceptions=True)
    tried: list[int] = []
    before, begun = proxy.connections, time.monotonic()
    for _ in range(12):
        await asyncio.sleep(0.05)
        tried.append(proxy.connections - before)
    # Ten stores: every 20 ms would be 300 in 0.6 s; doubling up to 160 ms, less a quarter, is six tries and then these.
    longest_s = settings.probe_max_ms / 1000 * (1 - JITTER)
    assert 20 <= tried[-1] <= 10 * (6 + (time.monotonic() - begun) / longest_s), tried
    moments = sum(now > earlier for earlier, now in itertools.pairwise(tried[4:]))
    assert moments >= 5, f"in step: {tried}"
    proxy.is_away = False
    async with asyncio.timeout(1.0):
        await asyncio.gather(*(answers_again(store) for store in stores))
    for store in stores:
        await store.close()
