"""The life of the service, told from start to end."""

import logging
import os
import socket
import sys

import msgspec

from service import settings as known
from service.errors import StartFailed
from service.process import hosting, probing
from service.process.archive_child import ArchiveChild
from service.process.ground import Ground, listen
from service.served import compiling
from service.settings import Settings
from service.store.embedded import EmbeddedRedis

_log = logging.getLogger(__name__)


def serve(ground: Ground, create_app: hosting.CreateApp) -> int:
    """Serves until SIGTERM or SIGINT and returns the exit code. The caller holds `take_var`.

    Raises StartFailed, StoreUnfit or StoreDown with one clear sentence where it cannot start.
    """
    settings = ground.settings
    for sentence in known.unknown(os.environ):
        _log.warning("%s", sentence)
    compiled = _compile(settings)
    redis = None if settings.redis_url else EmbeddedRedis(settings.var, settings.redis_fsync)
    archive: ArchiveChild | None = None
    arbiter = os.getpid()
    try:
        if redis is not None:
            settings = msgspec.structs.replace(settings, redis_url=redis.start())
        doubts = probing.probe(settings, compiled.account)
        compiling.report(compiled)
        for doubt in doubts:
            _log.warning("%s", doubt)
        _announce(settings, ground.listeners)
        hosted = hosting.Hosted(settings, listeners=ground.listeners, tls=ground.tls, create_app=create_app)
        archive = ArchiveChild(settings, compiled.account) if settings.archive == "1" else None
        code = hosting.run(hosted, redis, archive)
    finally:
        if archive is not None and os.getpid() == arbiter:
            archive.stop()  # after the workers, so that it has what they sold, and before Redis
        if redis is not None:
            redis.stop()
    if os.getpid() == arbiter:  # a worker comes this way too when it ends
        _log.info("ended")
    return code


def _compile(settings: Settings) -> compiling.Compiled:
    outcome = compiling.compile_waiting(settings.catalog, settings.var, settings.catalogs_kept_max)
    if isinstance(outcome, compiling.Refused):
        for mistake in outcome.mistakes:
            print(mistake, file=sys.stderr)
        count = f"{len(outcome.mistakes)} mistake{'s' if len(outcome.mistakes) > 1 else ''}"
        raise StartFailed(f"The catalog {settings.catalog} has {count}; nothing is served.")
    return outcome


def _announce(settings: Settings, listeners: list[socket.socket]) -> None:
    scheme = "https" if settings.tls_cert else "http"
    for listener in listeners:
        listen(listener)
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        _log.info("listening on %s://%s:%d with %d worker(s)", scheme, shown, port, settings.workers)
