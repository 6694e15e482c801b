"""The whole service as real processes: several workers, reloads, deaths and restarts, under traffic."""

import contextlib
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.app.catalogs import buyer, catalog, contract, endpoint
from tests.process.running import is_gone, write_catalog
from tests.real_service import ADMIN_TOKEN, EDGE_TOKEN, RealService, Said
from tests.redis_server import RedisServer

PACE_SECONDS = 0.005
"""Of each publisher between two leads: traffic, and no race for the machine's cores."""
CALLERS = iter(range(2_000_000, 9_999_999))
NUMBERS = [f"+1800555{number:04}" for number in range(3_000)]
"""More than are sold in the three seconds for which a number is away."""
LEADS = "/api/v1/inbound_webhooks"
OPS_PATHS = ["/metrics", "/admin/status", "/api/v1/calls/route"]


def catalog_with(bid: float, **keys: Any) -> str:
    """Short leases, so that what a killed worker leaves runs out while a test looks."""
    timing = {"hold_seconds": 1, "number_hold_seconds": 2, "ping_ttl_seconds": 30}
    return catalog(
        endpoint(**timing | keys),
        buyer(1, contract(bid, caps={"day": 100_000}), concurrency_cap=100_000),
        buyer(2, contract(1.00)),
        pool=NUMBERS,
        cooldown_seconds=1,
    )


def lead() -> dict[str, str]:
    """Of a caller that no lead had before."""
    return {"caller_id": f"+1212{next(CALLERS)}"}


class Publisher:
    """Pings and posts on and on over one connection that is kept alive; keeps what it was told."""

    def __init__(self, service: RealService) -> None:
        self._service = service
        self._enough = threading.Event()
        self.pings: list[Said] = []
        self.posts: list[Said] = []
        self.broken: list[Exception] = []

    def publish(self) -> None:
        line: HTTPConnection | None = None
        while not self._enough.wait(PACE_SECONDS):
            line = line or self._service.connection()
            try:
                ping = self._service.ask(f"{LEADS}/ping/calls", lead(), connection=line)
                self.pings.append(ping)
                if ping.body["status"] != "success":
                    continue
                wanted = {"ping_id": ping.body["try_all_buyers_ping_id"]}
                self.posts.append(self._service.ask(f"{LEADS}/post/calls", wanted, connection=line))
            except (OSError, HTTPException) as fault:
                self.broken.append(fault)
                line.close()
                line = None
        if line is not None:
            line.close()

    def stop(self) -> None:
        self._enough.set()

    @property
    def statuses(self) -> Counter[int]:
        return Counter(said.status for said in self.pings + self.posts)


@contextlib.contextmanager
def publishing(service: RealService, count: int = 2) -> Iterator[list[Publisher]]:
    publishers = [Publisher(service) for _ in range(count)]
    with ThreadPoolExecutor(count) as threads:
        work = [threads.submit(one.publish) for one in publishers]
        try:
            service.until(lambda: all(one.posts for one in publishers))
            yield publishers
        finally:
            for one in publishers:
                one.stop()
            for done in work:
                done.result()


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisServer]:
    server = RedisServer("--appendfsync", "no").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, own_redis: RedisServer) -> Iterator[RealService]:
    """Two workers, a port for operators, and a Redis that is not theirs to stop."""
    folder = tmp_path_factory.mktemp("two")
    write_catalog(folder / "catalog", catalog_with(25.00))
    with RealService(folder, "--workers", "2", "--ops-port", "0", "--redis-url", own_redis.url) as service:
        yield service.ready(ports=2)


def offered(service: RealService) -> dict[int, float]:
    """Bids by buyer, asked on a new connection: of either worker."""
    said = service.ping("calls", lead()).body
    return {one["buyer_id"]: one["bid"] for one in said["buyers"]}


def ops(service: RealService, path: str, method: str = "GET", token: str = ADMIN_TOKEN) -> Said:
    return service.ask(path, method=method, token=token, port=service.ports[1])


def sample(service: RealService, name: str) -> float:
    lines = ops(service, "/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name), 0.0)


def test_operators_and_edges_have_a_port_of_their_own(two: RealService) -> None:
    publishers, operators = two.ports
    for path in OPS_PATHS:
        assert two.ask(path, token=ADMIN_TOKEN, port=publishers).status == 404, path
    assert two.ask("/api/v1/calls/events", {"event": "ended"}, token=EDGE_TOKEN, port=publishers).status == 404
    assert ops(two, "/metrics").status == ops(two, "/admin/status").status == 200
    routed = two.ask("/api/v1/calls/route", {"edge": "e"}, token=EDGE_TOKEN, port=operators)
    assert routed.status == 422
    for path in ("/healthz", "/readyz", "/openapi.json", "/posting-instructions/calls"):
        assert two.ask(path, port=publishers).status == two.ask(path, port=operators).status == 200, path


def test_the_counts_of_both_workers_are_summed(two: RealService) -> None:
    name = 'pingpost_pings_total{endpoint="other",status="unknown_endpoint"}'  # nobody else here counts it
    for _ in range(40):  # each on a connection of its own: the workers take turns
        assert two.ping("nowhere", lead()).status == 404
    # Each worker writes its counts out ten times a second, and when it is scraped itself.
    two.until(lambda: {sample(two, name) for _ in range(4)} == {40.0})


def test_every_worker_hears_of_a_pause(two: RealService) -> None:
    assert ops(two, "/admin/buyers/1/pause", "POST").body["paused"] is True
    two.until(lambda: all(offered(two) == {2: 1.0} for _ in range(12)))
    assert ops(two, "/admin/buyers/1/resume", "POST").body["paused"] is False
    two.until(lambda: all(offered(two) == {1: 25.0, 2: 1.0} for _ in range(12)))


def test_sighup_under_traffic_fails_no_request_and_reaches_every_worker(two: RealService) -> None:
    with publishing(two) as publishers:
        write_catalog(two.catalog, catalog_with(30.00))
        two.signal(signal.SIGHUP)
        two.wait_for("catalog change: .*1-calls", *["serving catalog"] * 2)
        seen = [len(one.posts) for one in publishers]
        two.until(lambda: all(len(one.posts) > before for one, before in zip(publishers, seen, strict=True)))
    for one in publishers:
        assert (set(one.statuses), one.broken) == ({200}, [])
        assert {said.body["status"] for said in one.posts} <= {"success", "no_tracking_number"}
        assert {said.body["buyers"][0]["bid"] for said in one.pings} == {25.0, 30.0}
    assert all(offered(two) == {1: 30.0, 2: 1.0} for _ in range(12))


def test_a_reload_by_an_operator_reaches_every_worker_and_a_wrong_one_none(two: RealService) -> None:
    write_catalog(two.catalog, catalog_with(35.00))
    with publishing(two) as publishers:
        reloaded = ops(two, "/admin/reload", "POST")
        assert reloaded.status == 200
        two.until(lambda: all(offered(two).get(1) == 35.0 for _ in range(12)))
        write_catalog(two.catalog, catalog_with(-1.00))
        assert ops(two, "/admin/reload", "POST").status == 422
        assert all(offered(two).get(1) == 35.0 for _ in range(12))
    for one in publishers:
        assert (set(one.statuses), one.broken) == ({200}, [])


def test_a_killed_worker_is_replaced_and_leaks_nothing(two: RealService) -> None:
    before = two.serving()
    with publishing(two) as publishers:
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        two.until(lambda: len(two.serving() - {victim}) == 2)
        seen = [len(one.posts) for one in publishers]
        two.until(lambda: all(len(one.posts) > before for one, before in zip(publishers, seen, strict=True)))
    for one in publishers:
        assert set(one.statuses) == {200}
    two.until(lambda: _rests(two))


def _rests(service: RealService) -> bool:
    """Live is 0 and every number free: what was left has run out."""
    said = ops(service, "/admin/status").body
    (pool,) = said["pools"]
    leases = sum(one["slots"] + one["holds"] for one in said["buyers"])
    return leases == 0 and (pool["free"], pool["lent"], pool["cooling"]) == (len(NUMBERS), 0, 0)


def test_sigterm_under_traffic_leaves_nobody_without_an_answer(two: RealService, own_redis: RedisServer) -> None:
    before = _on_record(own_redis)
    with publishing(two) as publishers:
        two.signal(signal.SIGTERM)
        assert two.ended() == 0
        for one in publishers:
            one.stop()
    for one in publishers:
        assert set(one.statuses) == {200}
        # A line that was closed before the question was read; what was read has its answer, as counted below.
        assert all(isinstance(fault, ConnectionError) for fault in one.broken), one.broken
    answered = [said for one in publishers for said in one.pings + one.posts]
    assert _on_record(own_redis) - before == len(answered) > 0
    assert [line for line in two.said() if "Traceback" in line] == []


def _on_record(server: RedisServer) -> int:
    """Pings and posts that were worked on."""
    with Redis(unix_socket_path=server.path, decode_responses=True) as client:
        entries: Any = client.xlen("{test}:audit")
    return int(entries)


def test_what_was_sold_and_paused_outlives_redis_and_the_service(tmp_path: Path) -> None:
    write_catalog(tmp_path / "catalog", catalog_with(25.00, number_hold_seconds=600))
    asked = {**lead(), "request_id": "kept"}
    with RealService(tmp_path, "--redis-fsync", "always") as service:
        post = service.ready().post("calls", asked)
        assert post.body["status"] == "success"
        assert service.admin("buyers/1/pause", method="POST").status == 200
        first = service.embedded_redis()
        os.kill(first, signal.SIGKILL)
        service.wait_for("the embedded Redis has ended; starting it again")
        service.until(lambda: service.post("calls", asked).status == 200)
        _is_as_it_was(service, asked, post)
        second = service.embedded_redis()
        assert second != first
        service.signal(signal.SIGTERM)
        assert service.ended() == 0
        assert is_gone(second)
    with RealService(tmp_path) as service:
        _is_as_it_was(service.ready(), asked, post)


def _is_as_it_was(service: RealService, asked: dict[str, str], post: Said) -> None:
    again = service.post("calls", asked).body
    assert again["repeat"] is True
    assert [again[key] for key in ("sale_id", "trackdrive_number")] == [
        post.body[key] for key in ("sale_id", "trackdrive_number")
    ]
    assert service.use_of(1)["paused"] is True
    assert service.use_of(1)["slots"] == 1
    assert offered(service) == {2: 1.0}


# -- a Redis that will not do


class OldRedis:
    """Answers like a Redis of version 5, as far as anybody asks one before using it."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        info = b"# Server\r\nredis_version:5.0.7\r\nrole:master\r\n"
        with line:
            while asked := line.recv(65536):
                for command in asked.split(b"\r\n*"):
                    is_info = b"INFO\r\n" in command.upper() and b"SETINFO" not in command.upper()
                    line.sendall(b"$%d\r\n%b\r\n" % (len(info), info) if is_info else b"+OK\r\n")


@pytest.mark.parametrize("which", ["old", "none"])
def test_a_redis_that_will_not_do_is_one_clear_sentence(tmp_path: Path, which: str) -> None:
    with contextlib.closing(OldRedis(tmp_path / "s")):
        path = tmp_path / ("s" if which == "old" else "nothing")
        with RealService(tmp_path, "--redis-url", f"unix://{path}") as service:
            assert service.ended() != 0
            said = service.said()
    (sentence,) = said
    assert ("5.0.7 is too old: 6.2 or newer is needed." if which == "old" else "Redis cannot be reached") in sentence
    assert not any("Traceback" in line for line in said)
