"""gunicorn, run inside our process: what it is told, and how its arbiter differs.

gunicorn shares the sockets among workers and replaces the dead; the arbiter here also looks after the embedded Redis
and the archive, and on SIGHUP compiles a new catalog in a child instead of starting new workers.
"""

import logging
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter as GunicornArbiter
from gunicorn.config import Config
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger
from prometheus_client.multiprocess import mark_process_dead

from service import match, metrics
from service.app.running import Runner
from service.errors import PingpostError
from service.process.archive_child import ArchiveChild
from service.process.worker import Worker
from service.served import compiling
from service.settings import Settings
from service.store.embedded import EmbeddedRedis

LINE_BYTES_MAX = 65_536
"""Longest line of a request: a query may carry what a body may, so that a value too long is answered in words."""

CreateApp = Callable[[Settings], web.Application]

_log = logging.getLogger(__name__)


class QuietLogger(Logger):
    """gunicorn's messages in our log, from warnings on."""

    def setup(self, cfg: Config) -> None:
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)


class Hosted(BaseApplication):
    """What the arbiter and its workers are told."""

    def __init__(
        self,
        settings: Settings,
        *,
        listeners: Sequence[socket.socket],
        tls: ssl.SSLContext | None,
        create_app: CreateApp,
    ) -> None:
        self.settings = settings
        self._descriptors = [listener.detach() for listener in listeners]
        self._tls = tls
        self._create_app = create_app
        super().__init__()

    def load_config(self) -> None:
        settings = self.settings
        told: dict[str, Any] = {
            "bind": [f"fd://{descriptor}" for descriptor in self._descriptors],
            "workers": settings.workers,
            "worker_class": Worker,
            "logger_class": QuietLogger,
            # The arbiter kills what is not gone by then; one second for the worker's own farewell.
            "graceful_timeout": int(settings.drain_seconds + 3.5 * settings.finish_seconds + 1.999),
            "control_socket_disable": True,
            "child_exit": _forget_metrics,
        }
        shared_memory = Path("/dev/shm")
        if shared_memory.is_dir():
            told["worker_tmp_dir"] = str(shared_memory)  # heartbeats must not wait for a disk
        if self._tls is not None:
            told["certfile"] = str(settings.tls_cert)
            told["keyfile"] = str(settings.tls_key)
            told["ssl_context"] = lambda _config, _default: self._tls
        for name, value in told.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """What aiohttp's worker takes in the place of a WSGI application: a coroutine function that makes a runner."""
        return self._make_runner

    async def _make_runner(self) -> web.AppRunner:
        return Runner(
            self._create_app(self.settings),
            access_log=None,
            keepalive_timeout=self.settings.keepalive_seconds,
            max_line_size=LINE_BYTES_MAX,
            shutdown_timeout=self.settings.finish_seconds,
        )


def _forget_metrics(_arbiter: GunicornArbiter, worker: Worker) -> None:
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


class Compilation:
    """One run of the compiling child, looked at now and then; its exit code may be lost to the arbiter's reaping. One
    that hangs is ended: later reloads wait for it."""

    def __init__(self, settings: Settings) -> None:
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `outcome`
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._until_s = time.monotonic() + compiling.COMPILE_SECONDS_MAX
        self._child = subprocess.Popen(
            compiling.command(settings.catalog, settings.var, settings.catalogs_kept_max, reload=True),
            env=compiling.child_environ(),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
        )

    def outcome(self) -> compiling.Outcome | None:
        """None while the child is at work; asked again after that is a mistake."""
        if self._child.poll() is None:
            if time.monotonic() < self._until_s:
                return None
            self._child.kill()
            self._child.wait()
            self._output.close()
            self._errors.close()
            return compiling.too_slow()
        with self._output as output, self._errors as errors:
            output.seek(0)
            errors.seek(0)
            return compiling.outcome_of(output.read(), errors.read())


class Arbiter(GunicornArbiter):
    def __init__(self, hosted: Hosted, redis: EmbeddedRedis | None, archive: ArchiveChild | None) -> None:
        self._settings = hosted.settings
        self._redis = redis
        self._archive = archive
        self._compilation: Compilation | None = None
        self._compile_again = False
        self._halting = False
        super().__init__(hosted)

    def handle_int(self) -> None:
        """Ctrl-C ends as SIGTERM does; a second one ends quickly."""
        self.handle_term()

    def handle_term(self) -> None:
        _log.info("draining")
        super().handle_term()

    def handle_hup(self) -> None:
        """A new catalog. While one is compiled, another SIGHUP means: and once more after that."""
        if self._compilation is None:
            _log.info("reload begun")
            self._compilation = Compilation(self._settings)
        else:
            self._compile_again = True

    def handle_usr2(self) -> None:
        _log.warning("SIGUSR2 is not supported; start a second service and stop this one")

    def spawn_worker(self) -> int:
        pid: int = super().spawn_worker()
        if self.worker_age > self.num_workers:  # those of the start tell for themselves that they are ready
            _log.info("worker %d started in the place of one that ended", pid)
        return pid

    def reap_workers(self) -> None:
        """The first worker that cannot boot ends the service; the others, which cannot either, are only reaped."""
        if self._archive is not None:
            self._archive.reap()  # else its end would be told as a worker's
        try:
            super().reap_workers()
        except HaltServer:
            if self._halting:
                return
            self._halting = True
            raise

    def manage_workers(self) -> None:
        """Called by the arbiter at least once a second, and at once when a child has ended."""
        super().manage_workers()
        self._look_after_compilation()
        self._look_after_redis()
        ended = self._archive.look_after() if self._archive else None
        if ended is not None:
            mark_process_dead(ended)  # type: ignore[no-untyped-call]

    def _look_after_compilation(self) -> None:
        outcome = self._compilation.outcome() if self._compilation else None
        if outcome is None:
            return
        self._compilation = None
        compiling.report(outcome)
        if self._compile_again:
            self._compile_again = False
            self.handle_hup()

    def _look_after_redis(self) -> None:
        if self._redis is None or self._redis.alive():
            return
        _log.error("the embedded Redis has ended; starting it again")
        try:
            self._redis.start()
        except (PingpostError, OSError) as fault:
            _log.error("the embedded Redis does not start: %s", fault)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a fault is the service's. What is no HTTP its sender is told; anybody could fill the log with it."""
    return not (record.exc_info and isinstance(record.exc_info[1], (HttpProcessingError, web.RequestPayloadError)))


def run(hosted: Hosted, redis: EmbeddedRedis | None, archive: ArchiveChild | None) -> int:
    """Serves until told to end; the exit code."""
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    match.warm()  # before the fork, so that workers share what was loaded
    metrics.set_store(up=True, breaker_open=False)  # the arbiter asks Redis nothing and must not count as without it
    try:
        Arbiter(hosted, redis, archive).run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    finally:
        # What comes after (stopping Redis) is not interrupted by an impatient operator.
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_IGN)
    return 0
