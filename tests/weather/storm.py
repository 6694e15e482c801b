"""The service in a storm: its processes, those that are killed, and those that come back. Only what was started here
is ever ended, by its pid."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

import redis as redis_py

from service import ledger
from service.errors import LedgerDown
from service.ledger import Ledger
from service.store.streams import StreamName
from tests.postgres_server import PostgresServer
from tests.process.running import ROOT
from tests.real_service import RealService
from tests.redis_server import RedisServer
from tests.weather.market import ACCOUNT
from tests.weather.plan import Blow

ARCHIVE = "\0archive\0"
CAUGHT_UP_SECONDS_MAX = 120.0
"""For the archive to take what waits, once all is calm."""
END_SECONDS_MAX = 60.0
LINES_SHOWN = 60
"""Of the service's log, where it fails."""


class Storm:
    """`folder` has the catalog in `catalog`. Leaves nothing running when it is left."""

    def __init__(self, folder: Path, *, on_postgres: bool) -> None:
        self._folder = folder
        self._ends = contextlib.ExitStack()
        self._on_postgres = on_postgres
        self._postgres: PostgresServer | None = None
        self.met: Counter[str] = Counter()
        """What became of the blows."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            self._start(ends)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, failure: type[BaseException] | None, *_rest: object) -> None:
        self._ends.close()
        if failure is not None:
            print("the service's log ends:", *self.service.said()[-LINES_SHOWN:], sep="\n", file=sys.stderr)

    def _start(self, ends: contextlib.ExitStack) -> None:
        told = {"PINGPOST_ARCHIVE": "1"}
        self.redis = RedisServer().start()
        ends.callback(self.redis.stop)
        url = ledger.url_of(None, self._folder / "var")
        if self._on_postgres:
            self._postgres = PostgresServer().start()
            ends.callback(self._postgres.stop)
            url = self._postgres.new_database()
        self._told = told | {"PINGPOST_REDIS_URL": self.redis.url, "PINGPOST_LEDGER_URL": url}
        self.service = ends.enter_context(RealService(self._folder, "--workers", "2", env=self._told))
        self.service.ready()
        self._errors = ends.enter_context((self._folder / "second.log").open("w+"))
        self._second = self._archive()
        ends.callback(self._end_second)
        self.ledger: Ledger = ledger.open_ledger(url)
        ends.callback(self.ledger.dispose)

    def _archive(self) -> "subprocess.Popen[bytes]":
        """An archive beside the service's own."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("PINGPOST_", "PROMETHEUS_"))}
        command = [sys.executable, "-m", "service", "archive", "--account", ACCOUNT, "--log-format", "plain"]
        command += ["--var", str(self._folder / "var")]
        return subprocess.Popen(command, cwd=ROOT, env=environ | self._told, stderr=self._errors)

    def _end_second(self) -> None:
        self._second.terminate()
        try:
            self._second.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._second.kill()
            self._second.wait()

    # What goes wrong

    def strike(self, blow: Blow) -> None:
        match blow.what:
            case "redis":
                self.redis.kill()
                time.sleep(blow.away_seconds)
                self.redis.start()
            case "second archive":
                self._second.kill()
                self._second.wait()
                self._second = self._archive()
            case "database goes":
                assert self._postgres is not None
                self._postgres.end()
            case "database comes":
                assert self._postgres is not None
                self._postgres.start()
            case _:
                victims = sorted(self.service.children(ARCHIVE) if blow.what == "archive" else self.service.serving())
                if not victims:  # it has not come back yet
                    self.met[f"{blow.what} (was away)"] += 1
                    return
                for pid in victims[:1] if blow.what == "worker" else victims:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        self.met[blow.what] += 1

    # How it ends

    def calm(self) -> float:
        """Waits until all is archived, and ends the service and both archives; the seconds that the archive took."""
        begin = time.monotonic()
        self.service.until(lambda: self.service.status("/readyz") == 200)
        streams: tuple[StreamName, ...] = ("sales", "audit")
        client: Any  # redis-py types every reply as one of many
        with redis_py.Redis(unix_socket_path=self.redis.path, decode_responses=True) as client:
            for stream in streams:
                last = client.xinfo_stream(f"{{{ACCOUNT}}}:{stream}")["last-generated-id"]
                while not self._has(stream, last):
                    assert time.monotonic() < begin + CAUGHT_UP_SECONDS_MAX, f"the archive does not take all {stream}"
                    assert self._second.poll() is None, "the second archive has ended by itself"
                    time.sleep(0.05)
        seconds = time.monotonic() - begin
        self._end_second()
        self.service.signal(signal.SIGTERM)
        assert self.service.ended() == 0, "the service did not end well"
        return seconds

    def _has(self, stream: StreamName, last: str) -> bool:
        with contextlib.suppress(LedgerDown):  # it may be that no archive has lived long enough to make the tables
            return ledger.cursor(self.ledger, stream) == last
        return False

    def said(self) -> list[str]:
        """Both logs, after the end."""
        self._errors.seek(0)
        return self.service.said() + self._errors.read().splitlines()
