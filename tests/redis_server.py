"""A real Redis for tests: its own process, on a unix socket in a temporary folder."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from service.store.embedded import die_with_parent, redis_binary


class RedisServer:
    """Started at once by `start`; data lies in its folder and outlives `kill` and `restart`."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def path(self) -> str:
        return str(self._folder / "s")

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> "RedisServer":
        words = ["--port", "0", "--unixsocket", self.path, "--dir", str(self._folder), "--save", ""]
        words += ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction", *self._options]
        # Under a parent that is killed, as a test run that takes too long is, it ends too.
        self._process = subprocess.Popen(
            [redis_binary(), *words], stdout=subprocess.DEVNULL, preexec_fn=die_with_parent
        )
        deadline = time.monotonic() + 10
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended at its start"
            assert time.monotonic() < deadline, "redis-server did not answer within 10 seconds"
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Ends it and removes its folder."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self.pid, signal.SIGCONT)
            self._process.terminate()
            self._process.wait(10)
        self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait(10)

    def restart(self) -> None:
        self.kill()
        self.start()

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as line:
            try:
                line.connect(self.path)
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith((b"+PONG", b"-NOAUTH"))
            except OSError:
                return False
