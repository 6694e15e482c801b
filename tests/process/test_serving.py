"""The life of `pingpost serve`, as real processes: start, workers, reload, draining, end."""

import http.client
import os
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.process.running import CATALOG, Running, is_gone, write_catalog
from tests.redis_server import RedisServer

TLS = Path(__file__).parent / "tls"


PINGS = 'pingpost_pings_total{endpoint="stub",status="success"}'


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as running:
        yield running.ready()


def test_two_workers_share_a_port_and_their_counts_add_up(tmp_path: Path) -> None:
    with Running(tmp_path, "--workers", "2") as running:
        running.ready()
        assert len(running.workers(2)) == 2
        for _ in range(20):
            running.pid()
        # Each worker writes its counts out ten times a second, and when it is scraped itself.
        running.until(lambda: running.sample(PINGS) == running.pids_asked)


def test_a_worker_that_is_killed_is_replaced_and_its_counts_stay(tmp_path: Path) -> None:
    with Running(tmp_path, "--workers", "2") as running:
        running.ready()
        first = running.workers(2)
        running.until(lambda: running.sample(PINGS) == running.pids_asked)
        os.kill(min(first), signal.SIGKILL)
        running.wait_for("was sent SIGKILL", r"worker \d+ started in the place of one that ended")
        running.until(lambda: len(running.workers(2) - first) == 1)
        running.until(lambda: running.sample(PINGS) == running.pids_asked)


def test_sigterm_finishes_what_is_in_flight_and_drops_nothing(one: Running) -> None:
    redis = one.redis_pid()
    with ThreadPoolExecutor() as threads:
        held = threads.submit(one.get, "/hold")
        kept_alive = one.connection()
        kept_alive.request("GET", "/pid")
        kept_alive.getresponse().read()
        one.signal(signal.SIGTERM)
        one.until(lambda: one.status("/readyz") == 503)
        kept_alive.request("GET", "/release")  # still taken: a balancer may not have looked yet
        answer = kept_alive.getresponse()
        assert (answer.status, answer.headers["Connection"], answer.read()) == (200, "close", b"ok")
        assert held.result()[:2] == (200, "released")
    assert one.ended() == 0
    assert is_gone(redis)
    said = one.said()
    assert [line for line in said if "ERROR" in line or "Traceback" in line] == []
    life = [line.rpartition(": ")[2] for line in said]
    assert [word for word in life if word in ("ready", "draining", "ended")] == ["ready", "draining", "ended"]


def test_a_request_that_outlives_the_drain_is_still_finished(one: Running) -> None:
    with ThreadPoolExecutor() as threads:
        held = threads.submit(one.get, "/hold")
        connection = one.connection()
        connection.connect()
        one.signal(signal.SIGTERM)
        one.until(lambda: one.status("/readyz") == 503)
        connection.request("GET", "/release")
        connection.getresponse().read()
        assert held.result()[:2] == (200, "released")
    assert one.ended() == 0


def test_ctrl_c_reaches_the_whole_group_and_ends_as_gently(one: Running) -> None:
    with ThreadPoolExecutor() as threads:
        held = threads.submit(one.get, "/hold")
        one.text("/pid")
        os.killpg(one.process.pid, signal.SIGINT)
        one.until(lambda: one.status("/readyz") == 503)
        assert one.text("/release") == "ok"
        assert held.result()[:2] == (200, "released")
    assert one.ended() == 0


def test_state_is_kept_from_one_life_to_the_next(tmp_path: Path) -> None:
    from redis import Redis

    with Running(tmp_path) as running:
        path = running.ready().text("/redis").removeprefix("unix://")
        with Redis(unix_socket_path=path) as redis:
            redis.set("{stub}:kept", "yes")
        running.signal(signal.SIGTERM)
        assert running.ended() == 0
    with Running(tmp_path) as running:
        path = running.ready().text("/redis").removeprefix("unix://")
        with Redis(unix_socket_path=path) as redis:
            assert redis.get("{stub}:kept") == b"yes"


def test_an_embedded_redis_that_dies_is_started_again(one: Running) -> None:
    first = one.redis_pid()
    os.kill(first, signal.SIGKILL)
    one.wait_for("the embedded Redis has ended; starting it again")
    one.until(lambda: _answers_anew(one, first))


def _answers_anew(running: Running, first: int) -> bool:
    from redis.exceptions import ConnectionError as NotYet

    try:
        return running.redis_pid() != first
    except NotYet:
        return False


def test_nothing_is_left_when_the_arbiter_is_killed(tmp_path: Path) -> None:
    with Running(tmp_path, "--workers", "2") as running:
        left = running.ready().workers(2) | {running.redis_pid()}
        running.process.kill()
        running.until(lambda: all(is_gone(pid) for pid in left))


def test_sighup_takes_a_new_catalog_without_a_failed_request(tmp_path: Path) -> None:
    with Running(tmp_path, "--workers", "2") as running:
        running.ready()
        workers, old = running.workers(2), running.text("/version")
        statuses: list[int] = []
        enough = threading.Event()

        def ask_on() -> None:
            connection = running.connection()
            while not enough.is_set():
                connection.request("GET", "/version")
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
            connection.close()

        with ThreadPoolExecutor(2) as threads:
            asking = [threads.submit(ask_on) for _ in range(2)]
            try:
                write_catalog(running.catalog, CATALOG.replace("25.00", "30.00"))
                running.signal(signal.SIGHUP)
                each_worker = ["serving catalog", "serving catalog"]
                running.wait_for(
                    "reload begun", *each_worker, "catalog [0-9a-f]+ is current", "catalog change: .*1-calls"
                )
            finally:
                enough.set()
            for asked in asking:
                asked.result()
        assert set(statuses) == {200}
        new = running.text("/version")
        assert new != old
        assert running.workers(2) == workers
        assert (running.folder / "var" / "catalogs" / new / "catalog.toml").read_text().count("30.00") == 1


def test_a_wrong_catalog_leaves_the_old_one_and_is_told_whole(one: Running) -> None:
    old = one.text("/version")
    write_catalog(one.catalog, CATALOG.replace("25.00", "-25.00").replace('ring_pool = "pool"', 'ring_pool = "lost"'))
    one.signal(signal.SIGHUP)
    one.wait_for(r"catalog refused: catalog\.toml: .*lost")
    one.wait_for(r"catalog refused: catalog\.toml: buyers\[0\]\.contracts\[0\]\.bid: -25")
    assert one.text("/version") == old
    assert one.sample("pingpost_catalog_reload_failures_total") == 1
    write_catalog(one.catalog)
    one.signal(signal.SIGHUP)
    one.wait_for(f"catalog {old} is current")


def test_another_account_needs_a_restart(one: Running) -> None:
    old = one.text("/version")
    write_catalog(one.catalog, CATALOG.replace('id = "stub"', 'id = "other"'))
    one.signal(signal.SIGHUP)
    one.wait_for(r"catalog refused: account\.id: .*other.* cannot replace .*stub.* while the service runs; restart it")
    assert one.text("/version") == old
    write_catalog(one.catalog)
    one.signal(signal.SIGHUP)
    one.wait_for(f"catalog {old} is current")


def test_operators_have_a_port_of_their_own(tmp_path: Path) -> None:
    with Running(tmp_path, "--ops-port", "0") as running:
        running.ready(ports=2)
        assert running.ports[0] != running.ports[1]
        assert running.get("/scrape", running.ports[1])[0] == 200


def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    with Running(tmp_path, "--tls-cert", str(TLS / "cert.pem"), "--tls-key", str(TLS / "key.pem")) as running:
        port = int(running.wait_for(r"listening on https://.*:(\d+) ")[1])
        trusting = ssl.create_default_context(cafile=TLS / "cert.pem")
        connection = http.client.HTTPSConnection("localhost", port, context=trusting, timeout=30)
        connection.request("GET", "/pid")
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize(
    ("flags", "env", "code", "sentence"),
    [
        (["--port", "{busy}"], {}, 1, "Cannot listen on 127.0.0.1 port {busy}: address already in use."),
        (["--tls-cert", "no.pem", "--tls-key", "no.key"], {}, 1, "The TLS file no.pem does not exist."),
        (["--workers", "many"], {}, 2, "--workers must be a whole number from 1 to 256. You gave 'many'."),
        (["--var", "/dev/null/var"], {}, 1, "The folder of state /dev/null/var cannot be used: Not a directory."),
        (["--workers", "3"], {"UNFIT": "1"}, 3, "This Redis is 5.0.7; pingpost needs 6.2 or newer."),
    ],
)
def test_what_keeps_it_from_starting_is_one_clear_sentence(
    tmp_path: Path, flags: list[str], env: dict[str, str], code: int, sentence: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        busy = str(listener.getsockname()[1])
        with Running(tmp_path, *(flag.format(busy=busy) for flag in flags), env=env) as running:
            assert running.ended() == code
            said = running.said()
    assert any(line.endswith(sentence.format(busy=busy)) for line in said), said
    assert not any("Traceback" in line for line in said)


def test_a_redis_that_goes_away_while_the_first_workers_start_is_waited_for(tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.touch()
    with Running(tmp_path, "--workers", "2", env={"AWAY": str(away)}) as running:
        running.ports = [int(running.wait_for(r"listening on .*:(\d+) ")[1])]
        lost = "The connection to Redis was lost"
        running.wait_for(lost, lost, "started in the place of one that ended")
        away.unlink()
        assert len(running.workers(2)) == 2


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    try:
        yield server.start()
    finally:
        server.stop()


def _only_sentence(folder: Path, *flags: str, **env: str) -> str:
    with Running(folder, *flags, env=env) as running:
        assert running.ended() == 1
        (sentence,) = running.said()
    return sentence


def test_without_its_redis_it_says_one_sentence(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/nobody"
    assert _only_sentence(tmp_path, "--redis-url", url).startswith("pingpost: Redis cannot be reached: ")


def test_a_redis_that_knows_another_secret_is_one_sentence(tmp_path: Path, redis: RedisServer) -> None:
    with Running(tmp_path, "--redis-url", redis.url) as running:
        running.ready().signal(signal.SIGTERM)
        assert running.ended() == 0
        assert not [line for line in running.said() if "WARNING" in line]
    sentence = _only_sentence(tmp_path, "--redis-url", redis.url, PINGPOST_SECRET="another secret of the tests")
    assert sentence.startswith("pingpost: This Redis keeps hashes made with another PINGPOST_SECRET;")


def test_a_redis_that_may_forget_is_warned_of_once(tmp_path: Path, redis: RedisServer) -> None:
    from redis import Redis

    with Redis(unix_socket_path=redis.path) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "no")
    with Running(tmp_path, "--workers", "2", "--redis-url", redis.url) as running:
        running.ready().signal(signal.SIGTERM)
        assert running.ended() == 0
        (warning,) = [line for line in running.said() if "WARNING" in line]
    assert "maxmemory-policy is allkeys-lru" in warning
    assert "appendonly is no" in warning


def test_a_redis_that_does_not_tell_its_settings_is_taken(tmp_path: Path) -> None:
    silent = RedisServer("--rename-command", "CONFIG", "")
    try:
        with Running(tmp_path, "--redis-url", silent.start().url) as running:
            running.ready()
    finally:
        silent.stop()


def test_a_wrong_catalog_at_the_start_is_told_whole(tmp_path: Path) -> None:
    write_catalog(tmp_path / "catalog", CATALOG.replace("25.00", "-25.00").replace('"Buyer A"', "7"))
    with Running(tmp_path) as running:
        assert running.ended() == 1
        said = running.said()
    assert [line.partition(": ")[2].partition(":")[0] for line in said[:-1]] == [
        "buyers[0].name",
        "buyers[0].contracts[0].bid",
    ]
    assert said[-1].endswith("has 2 mistakes; nothing is served.")


def test_two_services_do_not_share_their_state(one: Running) -> None:
    with Running(one.folder) as second:
        assert second.ended() == 1
        assert second.said()[-1].endswith("is in use by another pingpost; give this one its own.")
