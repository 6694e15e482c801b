"""The life of a connection in the lane: idle, cut off, clogged, full, draining; and many at once."""

import asyncio
import json
import logging
import random
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from service.app import bodies, lane
from service.app.draining import DRAINING
from service.app.lane import Lane
from service.app.serving import SERVING
from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint, field
from tests.app.conftest import Serve
from tests.app.lines import PING, Line, Told, front_of, line_to, port_of, request, until, without_lane
from tests.app.served import Served
from tests.redis_server import RedisServer

CATALOG = catalog(
    endpoint(), buyer(1, contract(25.00)), offer=call_offer(field("age", "integer", max=110), field("note", "text"))
)
LEAD = request(b'{"age": 30}', "Content-Type: application/json")
HALF = LEAD[:-3]
WRONG = request(json.dumps({"age": 300, "request_id": "x" * 200}).encode())
"""Needs no Redis, and its answer is long."""
READ_BYTES_MAX, WRITTEN_BYTES_MAX = 256 * 1024, 64 * 1024
"""What the loop reads at once, and holds of answers before it says so."""


@pytest.fixture
async def served(serve: Serve, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Served]:
    yield await serve(CATALOG)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are looked over so often that a test need not wait."""
    monkeypatch.setattr(lane, "SWEEP_SECONDS", 0.02)


@pytest.fixture
def stalling() -> Iterator[RedisServer]:
    """A Redis of the test's own, which it may stop and let go on."""
    server = RedisServer().start()
    yield server
    server.stop()


def the_lane(served: Served) -> Lane:
    (only,) = front_of(served).lanes
    return only


def held_bytes(one: Lane) -> int:
    """What a connection keeps in memory."""
    return len(one._unread) + one._transport.get_write_buffer_size()


async def test_a_line_is_used_again_and_again(served: Served) -> None:
    async with line_to(port_of(served)) as line:
        answers = [await line.answer(LEAD) for _ in range(50)]
        assert {(told.http, told.by_lane, told.stays) for told in answers} == {(200, True, True)}
        assert len({told.json["decision_id"] for told in answers}) == 50
        assert len(front_of(served).lanes) == 1
    await until(lambda: not front_of(served).lanes)


@pytest.mark.usefixtures("swept")
async def test_an_idle_line_is_closed_and_one_at_work_is_not(serve: Serve, stalling: RedisServer) -> None:
    served = await serve(CATALOG, redis_url=stalling.url, keepalive_seconds=0.1)
    async with line_to(port_of(served)) as idle, line_to(port_of(served)) as busy:
        await idle.answer(LEAD)
        await busy.answer(LEAD)
        stalling.pause()
        busy.send(LEAD)
        assert await idle.rest() == []
        stalling.resume()
        told = await busy.told()
        assert told is not None
        assert told.http in (200, 503)
        assert await busy.rest() == []


@pytest.mark.usefixtures("swept")
async def test_a_line_that_never_asks_is_closed(serve: Serve) -> None:
    served = await serve(CATALOG, keepalive_seconds=0.1)
    async with line_to(port_of(served)) as line:
        assert await line.rest() == []
    assert not front_of(served).lanes


@pytest.mark.usefixtures("swept")
async def test_a_body_that_stops_half_way_is_refused_in_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.05)
    async with line_to(port_of(served)) as line:
        told = await line.answer(HALF)
        assert (told.http, told.json["status"], told.by_lane) == (400, "malformed_body", False)


@pytest.mark.usefixtures("swept")
async def test_a_body_that_comes_late_is_answered(served: Served) -> None:
    async with line_to(port_of(served)) as line:
        line.send(HALF)
        await until(lambda: len(front_of(served).lanes) == 1)
        await until(lambda: not front_of(served).lanes)
        told = await line.answer(LEAD[len(HALF) :])
        assert (told.http, told.by_lane) == (200, False)
        assert (await line.answer(LEAD)).http == 200


async def test_a_client_that_asks_on_without_reading_is_held_up_and_told_all_in_the_end(served: Served) -> None:
    async with unread_line(served) as (line, one, sent):
        for _ in range(2_000):  # it does not stop at that
            line.send(WRONG)
        await until(lambda: not one._transport.is_reading())
        assert held_bytes(one) < READ_BYTES_MAX + 2 * WRITTEN_BYTES_MAX
        assert [(await line.answer()).http for _ in range(sent + 2_000)] == [422] * (sent + 2_000)
        assert (await line.answer(LEAD)).http == 200


@pytest.mark.usefixtures("swept")
async def test_a_client_that_takes_no_answers_is_let_go(serve: Serve) -> None:
    served = await serve(CATALOG, keepalive_seconds=0.2)
    async with unread_line(served):
        await until(lambda: not front_of(served).lanes)


@asynccontextmanager
async def unread_line(served: Served) -> AsyncIterator[tuple[Line, Lane, int]]:
    """A line whose client has asked, one by one, until its answers had no room any more; its lane, and how often."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.connect(("127.0.0.1", port_of(served)))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1_024)
    await until(lambda: len(front_of(served).lanes) == 1)
    one, sent = the_lane(served), 0
    one._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    async with line_to(port_of(served)) as other:
        while not one._is_clogged:
            writer.write(WRONG)
            sent += 1
            await other.answer(WRONG)  # by then that one has been read
            assert sent < 5_000, "its answers always find room"
    await until(lambda: len(front_of(served).lanes) == 1)
    yield Line(reader, writer), one, sent
    writer.close()


async def test_a_flood_in_one_piece_is_answered_whole_and_in_order(served: Served) -> None:
    flood = b"".join(request(b'{"age": %d}' % at) for at in range(1_000, 3_000))
    async with line_to(port_of(served)) as line:
        line.send(flood)
        answers = [await line.answer() for _ in range(2_000)]
    sent = [told.json["errors"]["age"] for told in answers]
    assert sent == [[f"age is above 110. You sent {at}."] for at in range(1_000, 3_000)]


async def test_what_comes_while_a_request_is_at_work_waits_its_turn(serve: Serve, stalling: RedisServer) -> None:
    served = await serve(CATALOG, redis_url=stalling.url)
    async with line_to(port_of(served)) as line:
        stalling.pause()
        line.send(LEAD)
        await until(lambda: the_lane(served)._at_work is not None)
        line.send(request(b'{"age": 301}'))
        await until(lambda: the_lane(served)._unread != b"")
        stalling.resume()
        first, second = await line.answer(), await line.answer()
        assert first.http in (200, 503)
        assert (second.http, second.by_lane) == (422, True)


async def test_a_client_that_hangs_up_its_half_is_treated_as_by_aiohttp(served: Served) -> None:
    async def told(port: int) -> list[int]:
        async with line_to(port) as line:
            line.send(LEAD)
            line.writer.write_eof()
            return [told.http for told in await line.rest()]

    async with without_lane(served) as plain:
        assert await told(port_of(served)) == await told(plain)
    await until(lambda: not front_of(served).lanes)


# -- the gate


async def test_above_the_gate_a_lead_is_turned_away_unread_and_counted(serve: Serve, stalling: RedisServer) -> None:
    served = await serve(CATALOG, redis_url=stalling.url, in_flight_max=1)
    async with line_to(port_of(served)) as inside, line_to(port_of(served)) as outside:
        assert (await outside.answer(LEAD)).http == 200
        before = await unavailable_pings(served)
        stalling.pause()
        inside.send(LEAD)
        await until(lambda: front_of(served).serving.gate.is_full)
        for _ in range(3):
            told = await outside.answer(request(b"{", "Content-Type: application/json"))
            assert (told.http, told.json["status"], told.headers["retry-after"]) == (503, "unavailable", "1")
            assert told.by_lane
        stalling.resume()
        late = await inside.answer()
        assert await unavailable_pings(served) == before + 3 + (late.http == 503)
        assert (await outside.answer(request(b"{"))).http == 400


async def unavailable_pings(served: Served) -> float:
    text = await (await served.client.get("/metrics")).text()
    name = 'pingpost_pings_total{endpoint="calls",status="unavailable"} '
    return sum(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name))


# -- the end


async def test_while_draining_each_answer_gives_its_line_back(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "SWEEP_SECONDS", 3600.0)
    async with line_to(port_of(served)) as line, line_to(port_of(served)) as half:
        assert (await line.answer(LEAD)).stays
        served.client.app[DRAINING].on = True
        assert (await served.request("GET", "/readyz")).http == 503
        told = await line.answer(LEAD)
        assert (told.http, told.by_lane, told.stays) == (200, True, False)
        assert await line.rest() == []
        half.send(HALF)  # aiohttp waits for it at once: the end waits for aiohttp
        await until(lambda: front_of(served).draining._bodies_awaited == 1)
        told = await half.answer(LEAD[len(HALF) :])
        assert (told.http, told.stays) == (200, False)


async def test_at_the_end_idle_lines_close_and_requests_at_work_are_answered(
    serve: Serve, stalling: RedisServer
) -> None:
    served = await serve(CATALOG, redis_url=stalling.url)
    front = front_of(served)
    async with line_to(port_of(served)) as idle, line_to(port_of(served)) as busy:
        await idle.answer(LEAD)
        await busy.answer(LEAD)
        stalling.pause()
        busy.send(LEAD)
        await until(lambda: front.serving.gate._inside == 1)
        closing = asyncio.create_task(front.close(5.0))
        assert await idle.rest() == []
        assert not closing.done()
        stalling.resume()
        told = await busy.told()
        assert told is not None
        assert told.http in (200, 503)
        assert not told.stays
        assert await busy.rest() == []
        await closing


async def test_at_the_end_whoever_takes_no_answers_is_cut_off(served: Served) -> None:
    async with unread_line(served):
        await front_of(served).close(0.1)
        await until(lambda: not front_of(served).lanes)


async def test_at_the_end_what_was_not_asked_in_time_is_not_begun(served: Served) -> None:
    async with unread_line(served) as (line, _, sent):
        line.send(LEAD)
        closing = asyncio.create_task(front_of(served).close(5.0))
        assert [told.http for told in await line.rest()] == [422] * sent
        await closing
    assert not [name for name in served.key_names() if name.startswith(("ping:", "audit"))]


# -- many


async def test_three_hundred_lines_at_once_half_of_them_dying_leave_nothing(served: Served) -> None:
    dice = random.Random(7)
    told: list[Told] = []
    connecting, all_here = asyncio.Semaphore(50), asyncio.Barrier(300)  # more would not fit into the listener's queue

    @asynccontextmanager
    async def one_of_many() -> AsyncIterator[Line]:
        async with connecting:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(served))
        await all_here.wait()
        yield Line(reader, writer)
        writer.close()

    async def ask() -> None:
        async with one_of_many() as line:
            for _ in range(dice.randint(1, 4)):
                cut = dice.randrange(1, len(LEAD))
                line.send(LEAD[:cut])
                await asyncio.sleep(0)
                told.append(await line.answer(LEAD[cut:]))

    async def die() -> None:
        async with one_of_many() as line:
            if dice.random() < 0.5:
                told.append(await line.answer(LEAD))
            line.send(LEAD * dice.randint(0, 2), LEAD[: dice.randrange(len(LEAD))])
            await asyncio.sleep(dice.choice((0, 0.001, 0.01)))
            if dice.random() < 0.5:  # without a farewell
                linger = struct.pack("ii", 1, 0)
                line.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            line.writer.transport.abort()

    await asyncio.gather(*(work() for _ in range(150) for work in (ask, die)))
    assert {one.http for one in told} == {200}
    await until(lambda: not front_of(served).lanes)
    await until(lambda: served.client.app[SERVING].gate._inside == 0)
    assert (await served.request("POST", PING, json={"age": 30})).http == 200
