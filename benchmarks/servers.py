"""The processes under measurement: a Redis, the exchange, the bare handler. Each is pinned, and ended by its pid when
its block is left, however it is left; one whose suite is killed ends with it (Linux)."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from benchmarks.placement import Placement
from service.store.embedded import die_with_parent, redis_binary

START_SECONDS_MAX = 60.0
"""10,000 contracts are read, checked and indexed at the start."""
STOP_SECONDS_MAX = 30.0
POLL_SECONDS = 0.02
EDGE_TOKEN = "edge-token-of-the-benchmarks"
ADMIN_TOKEN = "admin-token-of-the-benchmarks"
SECRET = "a secret that only benchmarks use"
ROOT = Path(__file__).resolve().parents[1]


class DidNotStart(Exception):
    """A process under measurement ended or was not ready in time; the text has its last words."""


class Served(Struct, frozen=True):
    """Something that answers. `pid` is the process whose CPU is counted: of the exchange its one worker."""

    url: str
    pid: int

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port


@contextmanager
def redis_server(cores: Placement) -> Iterator[str]:
    """A Redis of our own on a unix socket, set up as the embedded one is; yields its URL. Its folder goes with it.

    But for one thing: it does not rewrite its file, which it would do by chance in some of the runs and not in others,
    on the core that it shares with the driver: pings were then seen to wait for half a second.
    """
    with tempfile.TemporaryDirectory(prefix="bench-redis-") as folder:
        path = f"{folder}/s"
        options = ["--port", "0", "--unixsocket", path, "--dir", folder, "--save", ""]
        options += ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"]
        options += ["--auto-aof-rewrite-percentage", "0"]
        with _process([redis_binary(), *options], cores.redis, folder) as started:
            _await(started, lambda: _answers_ping(path), folder)
            yield f"unix://{path}"


@contextmanager
def bare_handler(cores: Placement, buyers: int, redis_url: str = "") -> Iterator[Served]:
    """The bare handler, with an answer as long as a ping's with so many bids; with a trip to Redis where one is
    given."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-bare-") as folder:
        command = [sys.executable, "-m", "benchmarks.bare_handler", str(port), str(buyers), redis_url]
        with _process(command, cores.server, folder) as started:
            _await(started, lambda: _status(port, "/") is not None, folder)
            yield Served(f"http://127.0.0.1:{port}", started.pid)


@contextmanager
def exchange(cores: Placement, redis_url: str, catalog: Path, *flags: str) -> Iterator[Served]:
    """`pingpost serve` with one worker on a catalog's folder."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-exchange-") as folder:
        command = [sys.executable, "-m", "service", "serve", "--catalog", str(catalog), "--port", str(port)]
        command += ["--redis-url", redis_url, "--var", f"{folder}/var", "--log-format", "plain"]
        # After a run each sale is looked for in the stream, behind which an archive would trim.
        command += ["--drain-seconds", "0", "--archive", "0", *flags]
        with _process(command, cores.server, folder) as started:
            _await(started, lambda: _status(port, "/readyz") == 200, folder)
            yield Served(f"http://127.0.0.1:{port}", _worker_of(started.pid))


def environ() -> dict[str, str]:
    """What processes of a benchmark are told: nothing of the operator's own settings, and tokens of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PINGPOST_", "PROMETHEUS_"))}
    tokens = {"PINGPOST_EDGE_TOKEN": EDGE_TOKEN, "PINGPOST_ADMIN_TOKEN": ADMIN_TOKEN, "PINGPOST_SECRET": SECRET}
    return kept | tokens


def reload(served: Served) -> None:
    """Makes the exchange take its catalog anew; back when it has. Raises DidNotStart where it refuses."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=START_SECONDS_MAX)
    try:
        connection.request("POST", "/admin/reload", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200 or not json.loads(body)["success"]:
        raise DidNotStart(f"the reload was answered {answer.status} {body[:300]!r}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# -- life and death of a process


@contextmanager
def _process(command: list[str], core: int, folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command on one core until the block ends. In a session of its own: Ctrl-C is ours to act on, in order."""

    def before_exec() -> None:
        die_with_parent()
        os.sched_setaffinity(0, {core})

    with Path(folder, "output.log").open("wb") as log:
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environ(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=before_exec,
        )
    try:
        yield started
    finally:
        _end(started)


def _end(started: subprocess.Popen[bytes]) -> None:
    """Lets it end in order, and then what it has left: a catalog's compiler outlives a service that is still starting.

    Until it is waited for its id stays its own, and with it the group, in which nobody else's process is.
    """
    if started.returncode is not None:
        return
    started.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while not _has_ended(started.pid) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def _has_ended(pid: int) -> bool:
    """Of a child, without waiting for it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _await(started: subprocess.Popen[bytes], is_ready: Callable[[], bool], folder: str) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while not is_ready():
        if started.poll() is not None or time.monotonic() > deadline:
            said = Path(folder, "output.log").read_text(errors="replace").strip().splitlines()[-5:]
            raise DidNotStart(f"{' '.join(map(str, started.args))} was not ready: {' / '.join(said)}")  # type: ignore[arg-type]
        time.sleep(POLL_SECONDS)


def _answers_ping(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1)
        try:
            line.connect(path)
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _status(port: int, path: str) -> int | None:
    """The status of a GET; None while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def _worker_of(pid: int) -> int:
    """The one worker that the arbiter forked."""
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(worker)
