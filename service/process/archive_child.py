"""The archive beside a service: a child that is started, started again when it ends, and ended last but Redis."""

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable

from service.served import compiling
from service.settings import Settings
from service.store.embedded import die_with_parent

NICENESS = 10
"""The archive gives way to answering, and goes before a catalog that is compiled."""
RESTART_SECONDS = 1.0
RESTART_SECONDS_MAX = 60.0
"""Pauses before it is started again double up to this."""
STEADY_SECONDS = 60.0
"""After so long it has been well, and the next pause is the first one again."""
STOP_SECONDS_MAX = 15.0
"""Its last pass takes up to ten."""

_log = logging.getLogger(__name__)


class ArchiveChild:
    """`settings` have Redis' URL; `account` is the id that keys in Redis bear."""

    def __init__(self, settings: Settings, account: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._account, self._clock = settings, account, clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = self._start_at = clock()
        self._pause = RESTART_SECONDS

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def reap(self) -> None:
        """Learns how it ended, before somebody who waits for any child does."""
        if self._process is not None:
            self._process.poll()

    def look_after(self) -> int | None:
        """Starts it where it does not run and its pause is over. The pid of one that has just been found ended."""
        now, ended = self._clock(), None
        if self._process is not None and self._process.poll() is not None:
            ended, code = self._process.pid, self._process.returncode
            self._process = None
            if now - self._started_at > STEADY_SECONDS:
                self._pause = RESTART_SECONDS
            self._start_at = now + self._pause
            _log.error("the archive has ended (code %d); starting it again in %g s", code, self._pause)
            self._pause = min(self._pause * 2, RESTART_SECONDS_MAX)
        if self._process is None and now >= self._start_at:
            self._start(now)
        return ended

    def stop(self) -> None:
        """Ends it, with all in the ledger that was sold until now."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self, now: float) -> None:
        self._started_at = now
        command = [*compiling.own_program(NICENESS), "archive", "--account", self._account]
        is_main = threading.current_thread() is threading.main_thread()
        try:
            self._process = subprocess.Popen(
                command,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                # Ctrl-C in a terminal reaches a whole group: the archive takes what workers sell until they end.
                start_new_session=True,
                preexec_fn=die_with_parent if is_main else None,
            )
        except OSError as fault:
            self._start_at = now + RESTART_SECONDS_MAX
            _log.error("the archive does not start: %s", fault.strerror)

    def _environ(self) -> dict[str, str]:
        """What the service was told, by flags or otherwise, and not the tokens, which the archive does not need."""
        told = self._settings
        # The secret is in the environment too, or in a file under var.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PINGPOST_") or k == "PINGPOST_SECRET"}
        kept |= {
            "PINGPOST_REDIS_URL": told.redis_url or "",
            "PINGPOST_VAR": str(told.var.absolute()),
            "PINGPOST_DECISIONS_DAYS": str(told.decisions_days),
            "PINGPOST_LOG_FORMAT": told.log_format,
            "PINGPOST_LOG_LEVEL": told.log_level,
        }
        return kept | ({"PINGPOST_LEDGER_URL": told.ledger_url} if told.ledger_url else {})
