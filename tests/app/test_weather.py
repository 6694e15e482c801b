"""Redis away, as clients see it: a 503 soon, nothing taken, and everything as before when it is back, by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis as redis_py

from tests.app.calling import EDGE, ring, sales_events, sold, tell
from tests.app.catalogs import buyer, catalog, contract, endpoint
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN, CALLER, EDGE_TOKEN, Answer, Served, bearer, lead_path
from tests.redis_server import RedisServer

ANSWERED_SECONDS = 1.0
"""Promised are 250 ms; the rest is for a busy machine."""
BACK_SECONDS = 4.0
"""Promised is about one second."""
OTHER_CALLER = "+13105551234"
CATALOG = catalog(
    endpoint(rate_limits={"per_day": 1000}),
    buyer(1, contract(25.00, caps={"day": 10}, dedup_days=3), concurrency_cap=10),
    buyer(2, contract(20.00)),
)
Storm = Callable[[RedisServer], None]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    started = RedisServer().start()
    yield started
    started.stop()


@pytest.fixture
async def served(serve: Serve, server: RedisServer) -> AsyncIterator[Served]:
    one = await serve(CATALOG, redis_url=server.url)
    with redis_py.Redis(unix_socket_path=server.path, decode_responses=True) as client:
        yield Served(one.client, one.store, client, one.folder)


async def timed(work: Awaitable[Any]) -> Any:
    began = time.monotonic()
    answer = await work
    assert time.monotonic() - began < ANSWERED_SECONDS
    return answer


async def back(served: Served) -> None:
    deadline = time.monotonic() + BACK_SECONDS
    while (await served.request("GET", "/readyz")).http != 200:
        assert time.monotonic() < deadline, "it did not come back by itself"
        await asyncio.sleep(0.02)


def questions(ping: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Everything that needs Redis: method, path, how it is sent."""
    lead = {"caller_id": OTHER_CALLER}
    call = {"edge": EDGE, "call": "call-1", "tracking_number": "+18005550100"}
    edge, admin = {"headers": bearer(EDGE_TOKEN)}, {"headers": bearer(ADMIN_TOKEN)}
    return [
        ("POST", lead_path("ping", "calls"), {"json": lead}),
        ("GET", lead_path("ping", "calls"), {"params": lead}),
        ("POST", lead_path("post", "calls"), {"json": lead}),
        ("POST", lead_path("post", "calls"), {"json": {"ping_id": ping["try_all_buyers_ping_id"]}}),
        ("POST", lead_path("post", "calls"), {"json": {"ping_id": ping["buyers"][1]["ping_id"]}}),
        ("POST", lead_path("full", "calls"), {"json": lead}),
        ("POST", "/api/v1/calls/route", {"json": call} | edge),
        ("POST", "/api/v1/calls/events", {"json": call | {"event": "ended"}} | edge),
        ("GET", "/admin/status", admin),
        ("POST", "/admin/buyers/1/pause", admin),
        ("GET", f"/admin/decisions/{ping['decision_id']}", admin),
        ("GET", "/readyz", {}),
    ]


async def refused(served: Served, ping: dict[str, Any]) -> None:
    for method, path, how in questions(ping):
        answer: Answer = await timed(served.request(method, path, **how))
        assert (answer.http, answer.json["success"]) == (503, False), (path, answer)
        assert answer.headers["Cache-Control"] == "no-store"
        assert int(answer.headers["Retry-After"]) >= 1, path
        if path.endswith("/route"):
            said = {key: answer.json[key] for key in ("status", "action", "reason", "sip", "cause")}
            told = {"status": "no_route", "action": "reject", "reason": "store_down", "sip": 503, "cause": 34}
            assert said == told
        else:
            assert answer.json["status"] == "unavailable", path
            assert answer.json["errors"], path


async def test_a_stopped_redis_is_a_503_that_takes_nothing(served: Served, server: RedisServer) -> None:
    _, ping = await served.ping(caller_id=CALLER)
    before = served.contents()
    server.pause()
    try:
        await refused(served, ping)
        assert (await served.request("GET", "/healthz")).http == 200
        async with served.client.get("/metrics") as scrape:
            assert scrape.status == 200
            assert "\npingpost_store_up 0.0\n" in await scrape.text()
    finally:
        server.resume()
    await back(served)
    assert served.contents() == before
    _, post = await served.post(ping_id=ping["try_all_buyers_ping_id"])
    assert (post["status"], post["buyer_id"]) == ("success", 1)
    assert "repeat" not in post
    async with served.client.get("/metrics") as scrape:
        assert "\npingpost_store_up 1.0\n" in await scrape.text()


async def test_a_crowd_before_a_stopped_redis_is_turned_away_at_once(served: Served, server: RedisServer) -> None:
    before = served.contents()
    server.pause()
    try:
        asked = [served.post(caller_id=f"+1310555{at:04}") for at in range(60)]
        answers = await timed(asyncio.gather(*asked))
        assert {http for http, _ in answers} == {503}
    finally:
        server.resume()
    await back(served)
    assert served.contents() == before


async def test_a_killed_redis_comes_back_with_all_that_was_sold(served: Served, server: RedisServer) -> None:
    _, ping = await served.ping(caller_id=CALLER)
    _, post = await served.post(ping_id=ping["try_all_buyers_ping_id"])
    before = served.contents()
    server.kill()
    await refused(served, ping)
    server.start()
    await back(served)
    assert served.contents() == before
    _, again = await served.post(ping_id=ping["try_all_buyers_ping_id"])
    assert (again["repeat"], again["trackdrive_number"]) == (True, post["trackdrive_number"])
    assert (await ring(served, post["trackdrive_number"]))["status"] == "routed"


async def test_calls_in_a_storm_are_taken_up_where_they_were(served: Served, server: RedisServer) -> None:
    post = await sold(served)
    routed = await ring(served, post["trackdrive_number"])
    server.pause()
    try:
        http, said = await timed(served.route(edge=EDGE, call="call-1", tracking_number="+18005550100", attempt=1))
        assert (http, said["reason"]) == (503, "store_down")
        assert (await served.event(event="ended", edge=EDGE, call="call-1"))[0] == 503
    finally:
        server.resume()
    await back(served)
    assert served.leases("slots", 1) == [post["decision_id"]]
    assert await ring(served, post["trackdrive_number"]) == routed
    assert await tell(served, "ended", outcome="answered") == "taken"
    assert sales_events(served) == ["sold", "ended"]


async def test_flushed_scripts_are_noticed_by_nobody(served: Served) -> None:
    flush: Any = served.redis.script_flush
    flush()
    http, ping = await served.ping(caller_id=CALLER)
    assert (http, ping["status"]) == (200, "success")
    flush()
    http, post = await served.post(ping_id=ping["try_all_buyers_ping_id"])
    assert (http, post["status"]) == (200, "success")
    flush()
    await ring(served, post["trackdrive_number"])
    flush()
    assert await tell(served, "heartbeat") == "taken"
    flush()
    assert await tell(served, "ended") == "taken"
    flush()
    assert (await served.admin("GET", "status"))[0] == 200


async def test_a_full_memory_is_a_503_that_takes_nothing(served: Served) -> None:
    _, ping = await served.ping(caller_id=CALLER)
    before = served.contents()
    served.redis.config_set("maxmemory", 1)
    for verb, lead in (("ping", {}), ("post", {}), ("full", {}), ("post", {"ping_id": ping["buyers"][0]["ping_id"]})):
        answer = await timed(served.lead(verb, "calls", {"caller_id": OTHER_CALLER} | lead))
        assert (answer.http, answer.json["status"]) == (503, "unavailable")
    assert served.contents() == before
    served.redis.config_set("maxmemory", 0)
    await back(served)
    _, post = await served.post(ping_id=ping["buyers"][0]["ping_id"])
    assert post["status"] == "success"


async def test_a_call_can_end_though_the_memory_is_full(served: Served) -> None:
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    served.redis.config_set("maxmemory", 1)
    try:
        assert await tell(served, "ended", outcome="answered") == "taken"
    finally:
        served.redis.config_set("maxmemory", 0)
    assert served.leases("slots", 1) == []


# -- a reply that is lost on its way


class Deaf:
    """A line to Redis on which, from a moment on, questions arrive and answers are lost."""

    def __init__(self, server: RedisServer, path: str) -> None:
        self.url = f"unix://{path}"
        self.loses_answers = False
        self._server, self._path = server, path
        self._pumps: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._listener = await asyncio.start_unix_server(self._connected, self._path)

    async def close(self) -> None:
        self._listener.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_unix_connection(self._server.path)
        for pump in (self._pump(reader, questions, False), self._pump(answers, writer, True)):
            self._pumps.add(asyncio.create_task(pump))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, answers: bool) -> None:
        try:
            while data := await source.read(65536):
                if not (answers and self.loses_answers):
                    sink.write(data)
                    await sink.drain()
        finally:
            sink.close()


@pytest.fixture
async def deaf(server: RedisServer) -> AsyncIterator[Deaf]:
    line = Deaf(server, f"{server.path}-deaf")
    await line.open()
    yield line
    await line.close()


async def test_a_post_whose_reply_was_lost_finds_its_sale_when_it_is_repeated(
    serve: Serve, server: RedisServer, deaf: Deaf
) -> None:
    one = await serve(CATALOG, redis_url=deaf.url)
    with redis_py.Redis(unix_socket_path=server.path, decode_responses=True) as client:
        served = Served(one.client, one.store, client, one.folder)
        http, first = await served.post(caller_id=OTHER_CALLER, request_id="before")
        assert (http, first["status"]) == (200, "success")
        deaf.loses_answers = True
        answer = await timed(served.lead("post", "calls", {"caller_id": CALLER, "request_id": "lost"}))
        assert answer.http == 503
        deaf.loses_answers = False
        await back(served)
        _, again = await served.post(caller_id=CALLER, request_id="lost")
        assert (again["status"], again["repeat"], again["request_id"]) == ("success", True, "lost")
        assert sales_events(served) == ["sold", "sold"]
        assert len(served.leases("slots", 1)) == 2
