"""A real PostgreSQL for tests: a private cluster on a unix socket in a temporary folder, as an unprivileged user."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from service.store.embedded import die_with_parent

MISSING = (
    "There is no PostgreSQL to test the ledger on: install Debian's package postgresql "
    "(`apt-get install postgresql`), or put the folder of its initdb on PATH."
)
START_SECONDS = 30


def find_program(name: str) -> str:
    """Debian keeps the server's programs off PATH, one folder for each version: the newest is taken."""
    on_path = shutil.which(name)
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    assert kept or on_path, MISSING
    return str(kept[-1]) if kept else str(on_path)


class PostgresServer:
    """Started by `start`; its data outlives `end`. Without `fsync` only the machine's crash could lose it."""

    def __init__(self, fsync: str = "off") -> None:
        self._fsync = fsync
        # In /tmp itself, for a socket's path is short and another user must reach it.
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        # The server refuses to run as root.
        self._user = ("postgres" if _exists("postgres") else "nobody") if os.getuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        made = self._run(
            "initdb", "-D", self._data, "-U", "ledger", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"
        )
        assert made.returncode == 0, f"initdb failed: {made.stderr}"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def url(self, database: str) -> str:
        return f"postgresql://ledger@/{database}?host={self._folder}"

    def start(self) -> "PostgresServer":
        options = {"listen_addresses": "", "unix_socket_directories": self._folder, "fsync": self._fsync}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [find_program("postgres"), "-D", self._data, *words],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "log").open("ab"),
            # Under a parent that is killed it ends too: SIGTERM alone would wait for its clients, and they are gone.
            preexec_fn=die_with_parent,
            **self._as_user(),
        )
        deadline = time.monotonic() + START_SECONDS
        while self._run("pg_isready", "-h", str(self._folder), "-q").returncode != 0:
            assert self._process.poll() is None, f"postgres ended at its start: {(self._folder / 'log').read_text()}"
            assert time.monotonic() < deadline, f"postgres did not answer within {START_SECONDS} seconds"
            time.sleep(0.01)
        return self

    def new_database(self) -> str:
        """The URL of an empty one."""
        self._databases += 1
        name = f"ledger_{self._databases}"
        made = self._run("createdb", "-h", str(self._folder), "-U", "ledger", name)
        assert made.returncode == 0, f"createdb failed: {made.stderr}"
        return self.url(name)

    def end(self) -> None:
        """At once, with its connections cut: what a restart or a failover looks like from outside."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(START_SECONDS)

    def stop(self) -> None:
        """Ends it and removes its folder."""
        if self._process is not None and self._process.poll() is None:
            self.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [find_program(program), *words]
        return subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False, **self._as_user())

    def _as_user(self) -> dict[str, Any]:
        return {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid} if self._user else {}


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
