"""A worker process: aiohttp on uvloop under gunicorn, that drains before it ends.

On SIGTERM it says so on /readyz at once, goes on serving for `drain_seconds` (a load balancer needs that long to look
elsewhere) giving back each connection with its answer, then stops accepting and finishes what is in flight.
"""

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from ssl import SSLContext
from types import FrameType
from typing import Any, cast

from aiohttp.worker import GunicornUVLoopWebWorker

from service import metrics
from service.app.draining import DRAINING, Draining
from service.app.running import Runner
from service.errors import PingpostError, StoreDown
from service.settings import Settings

BOOT_ERROR = 3
"""gunicorn's code for a worker that cannot boot: the arbiter gives up."""
BOOT_PAUSE_SECONDS = 1.0
"""Pause of a worker that cannot boot and is replaced, so that trying again does not eat a core."""
LAST_REQUESTS_SECONDS = 0.25
"""How long after the last connection was accepted its request may come; each answer by then gives its line back."""
LAG_SECONDS = 0.1
LAG_WINDOW = 10
"""The lag shown is the worst of this many measurements."""

_log = logging.getLogger(__name__)


class Worker(GunicornUVLoopWebWorker):
    """`self.app` is the `Hosted` of `service.process.hosting`; `self.wsgi` its coroutine that makes the runner."""

    runner: Runner | None = None
    _told_ready = False

    def init_signals(self) -> None:
        super().init_signals()
        # Ctrl-C reaches the whole process group; only the arbiter acts on it, and sends SIGTERM.
        self.loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM."""
        if self.runner is None:
            self._stop()
            return
        flag = self.runner.app[DRAINING]
        if not flag.on:
            flag.on = True
            self._draining = self.loop.create_task(self._drain(self.runner, flag))

    def run(self) -> None:
        try:
            super().run()
        except PingpostError as fault:
            # A sentence for the operator, not a traceback.
            _log.error("%s", fault)
            # A Redis that has gone since the process looked at it comes back; others may be serving already.
            is_fatal = self.age <= self.cfg.workers and not isinstance(fault, StoreDown)
            if not is_fatal:
                time.sleep(BOOT_PAUSE_SECONDS)
            sys.exit(BOOT_ERROR if is_fatal else 1)

    async def _run(self) -> None:
        make_runner: Callable[[], Awaitable[Runner]] = cast(Any, self.wsgi)

        async def keep_runner() -> Runner:
            self.runner = await make_runner()
            return self.runner

        self.wsgi = cast(Any, keep_runner)
        lag = asyncio.create_task(_measure_lag())
        try:
            await super()._run()
        finally:
            lag.cancel()
            metrics.flush()

    def notify(self) -> None:
        """The sign of life, given once a second from the moment on that the sockets are served."""
        if self.booted and not self._told_ready:
            self._told_ready = True
            _log.info("ready")
        super().notify()

    async def _drain(self, runner: Runner, flag: Draining) -> None:
        """Serves on for a while, then accepts nobody, and ends when the bodies that were on their way are here."""
        await asyncio.sleep(self._settings.drain_seconds)
        for site in list(runner.sites):
            await site.stop()
        if runner.front is not None:
            runner.front.give_away_partial()
        # aiohttp drops what comes of a body once it shuts down: who was accepted a moment ago asks before that.
        await asyncio.sleep(LAST_REQUESTS_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.finish_seconds / 2):
                await flag.all_bodies_here()
        self._stop()

    def _stop(self) -> None:
        self.alive = False
        self._notify_waiter_done()

    @property
    def _settings(self) -> Settings:
        return cast(Settings, cast(Any, self.app).settings)

    @staticmethod
    def _create_ssl_context(cfg: Any) -> SSLContext:
        # gunicorn's own offers protocols that the standard library has retired.
        context: SSLContext = cfg.ssl_context(cfg, None)
        return context


async def _measure_lag() -> None:
    """Shows by how much the event loop is late: the time that some handler, or another process, took from it. Writes
    the other metrics out as often."""
    loop = asyncio.get_running_loop()
    recent = deque([0.0], maxlen=LAG_WINDOW)
    while True:
        due = loop.time() + LAG_SECONDS
        await asyncio.sleep(LAG_SECONDS)
        recent.append(max(0.0, loop.time() - due))
        metrics.set_loop_lag(max(recent))
        metrics.flush()
