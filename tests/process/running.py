"""A service as a process of its own, on a port of the kernel's choice, followed by its log."""

import http.client
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 30.0
"""Far above what anything here takes: a test that waits so long has failed."""

CATALOG = """
[account]
id = "stub"

[[offers]]
id = "calls"
name = "Calls"
delivery = "call"

[[ring_pools]]
id = "pool"
ranges = ["+18005550100..+18005550109"]

[[endpoints]]
vanity_uri = "first"
offer = "calls"
ring_pool = "pool"

[[buyers]]
id = 1
name = "Buyer A"
destination = "+18005559999"

  [[buyers.contracts]]
  offer = "calls"
  bid = 25.00
"""


def write_catalog(folder: Path, text: str = CATALOG) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "catalog.toml").write_text(text)
    return folder


class Running:
    """`var` and a small catalog lie in `folder`. Leaves nothing running when it is left."""

    module: ClassVar[str] = "tests.process.stub_service"

    def __init__(self, folder: Path, *flags: str, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.catalog = write_catalog(folder / "catalog") if not (folder / "catalog").exists() else folder / "catalog"
        told = {name: value for name, value in os.environ.items() if not name.startswith(("PINGPOST_", "PROMETHEUS_"))}
        # Most tests look at nothing that the archive does, and half a second of a core goes into its start.
        told |= {"PINGPOST_DRAIN_SECONDS": "0.2", "PINGPOST_LOG_FORMAT": "plain", "PINGPOST_PORT": "0"}
        told |= {"PINGPOST_ARCHIVE": "0"}
        command = [sys.executable, "-m", self.module, "serve"]
        self.process = subprocess.Popen(
            [*command, "--catalog", str(self.catalog), "--var", str(folder / "var"), *flags],
            cwd=ROOT,
            env=told | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.log: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ports: list[int] = []
        self.pids_asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(SECONDS_MAX)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_for(self, *patterns: str) -> re.Match[str]:
        """Reads the log on until each pattern has had a line of its own, in whatever order; the last line's match."""
        deadline, missing = time.monotonic() + SECONDS_MAX, list(patterns)
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line had {missing}; the log:\n" + "\n".join(self.log))
            self.log.append(line)
            for pattern in missing:
                if found := re.search(pattern, line):
                    missing.remove(pattern)
                    if not missing:
                        return found
                    break

    def ready(self, ports: int = 1) -> Self:
        """Waits until it answers, and knows its ports then."""
        self.ports = [int(self.wait_for(r"listening on .*:(\d+) ")[1]) for _ in range(ports)]
        self.until(lambda: self.status("/readyz") == 200)
        return self

    def until(self, holds: Callable[[], bool]) -> None:
        """Looks again and again until something holds that no log line tells of."""
        deadline = time.monotonic() + SECONDS_MAX
        while not holds():
            assert time.monotonic() < deadline, "it never came to be so; the log:\n" + "\n".join(self.log)
            time.sleep(0.02)

    def connection(self, port: int | None = None) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", port or self.ports[0], timeout=SECONDS_MAX)

    def get(self, path: str, port: int | None = None) -> tuple[int, str, str]:
        """Status, body and the Connection header of an answer on a connection of its own."""
        connection = self.connection(port)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers.get("Connection", "")
        finally:
            connection.close()

    def status(self, path: str) -> int:
        return self.get(path)[0]

    def text(self, path: str) -> str:
        status, body, _ = self.get(path)
        assert status == 200, body
        return body

    def pid(self) -> int:
        """Some worker's, which counts it as a ping."""
        self.pids_asked += 1
        return int(self.text("/pid"))

    def workers(self, count: int) -> set[int]:
        """The workers' pids, asked until so many have answered."""
        seen: set[int] = set()

        def all_seen() -> bool:
            seen.add(self.pid())
            return len(seen) >= count

        self.until(all_seen)
        return seen

    def sample(self, name: str) -> float:
        """The value of a metric, name with labels, in a scrape; 0 where it is not there."""
        values = [line.rpartition(" ")[2] for line in self.text("/scrape").splitlines() if line.startswith(f"{name} ")]
        return float(values[0]) if values else 0.0

    def redis_pid(self) -> int:
        path = self.text("/redis").removeprefix("unix://")
        from redis import Redis

        with Redis(unix_socket_path=path) as redis:
            return int(redis.info("server")["process_id"])

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Waits for the end; the exit code."""
        return self.process.wait(SECONDS_MAX)

    def said(self) -> list[str]:
        """All that it wrote, after its end."""
        self._reader.join(SECONDS_MAX)
        while (line := self._lines.get(timeout=SECONDS_MAX)) is not None:
            self.log.append(line)
        return self.log


def is_gone(pid: int) -> bool:
    """No such process, or a zombie that only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
