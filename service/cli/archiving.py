"""`pingpost archive`: the archive by itself, beside a service that runs with PINGPOST_ARCHIVE=0, or as one more."""

import argparse
import os

import msgspec

from service import catalog as catalogs
from service import logs, settings
from service.errors import StartFailed
from service.process import ground
from service.process.archive_child import NICENESS
from service.settings import Settings
from service.store.embedded import url_of


def archive(given: argparse.Namespace) -> int:
    os.nice(max(0, NICENESS - os.nice(0)))
    told = settings.read(os.environ, {row.name: getattr(given, row.name, None) for row in settings.TABLE})
    logs.set_up(log_format=told.log_format, level=told.log_level)
    redis_url = told.redis_url or url_of(told.var)
    if redis_url is None:
        raise StartFailed(f"No service keeps its Redis under {told.var}: give --var, or set PINGPOST_REDIS_URL.")
    told = msgspec.structs.replace(told, redis_url=redis_url, secret=ground.secret_of(told))
    from service.process.archiving import run

    return run(told, given.account or _account(told))


def _account(told: Settings) -> str:
    loaded = catalogs.load(told.catalog)
    if isinstance(loaded, list):
        raise StartFailed(f"The catalog {told.catalog} has mistakes, so that its account is not known: {loaded[0]}")
    return loaded.account.id
