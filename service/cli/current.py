"""Settings and catalog of the service beside which a command is run: they are told as to the service itself."""

import argparse
import os
from pathlib import Path

from msgspec.structs import replace

from service import catalog as catalogs
from service import settings
from service.errors import PingpostError
from service.model.catalog import Catalog
from service.served import snapshot
from service.settings import Settings
from service.store import Store, StoreSettings
from service.store.embedded import url_of


class NoCatalog(PingpostError):
    """There is no catalog by which names and the account's time zone are known."""


class NoSecret(PingpostError):
    """Callers are known by hashes that only the service's own secret makes."""


GIVE_UP_MS = 5_000
"""A person waits longer than a publisher, and may ask a Redis that is busy."""


def settings_of(given: argparse.Namespace) -> Settings:
    """Of flags and environment. Tokens are not asked for here: a wrong one is the service's to refuse."""
    environ = {name: text for name, text in os.environ.items() if not name.endswith("_TOKEN")}
    return settings.read(environ, {row.name: getattr(given, row.name, None) for row in settings.TABLE})


def served_catalog(told: Settings) -> Catalog:
    """The catalog that is served under `var`, or was the last; else that of the settings. Raises NoCatalog."""
    version = snapshot.current_version(told.var)
    if version is not None:
        found = kept_catalog(told.var, version)
        if found is not None:
            return found
    return _loaded(told.catalog) or _none(told)


def kept_catalog(var: Path, version: str) -> Catalog | None:
    """A catalog that was served, by its version; None where it is kept no more."""
    try:
        return snapshot.read(var, version)[0]
    except snapshot.SnapshotLost:
        loaded = _loaded(snapshot.catalogs_folder(var) / version)
    # An older program may have made another version of the same files.
    return replace(loaded, version=version) if loaded else None


def store_of(told: Settings, account: str) -> tuple[Store, bool]:
    """The service's Redis, not opened, and whether there is one. Raises NoSecret where its hashes cannot be made."""
    path = told.var / "secret"
    if not told.secret and not path.is_file():
        raise NoSecret(f"There is no secret in {told.var}, the folder of a service: give --var, or PINGPOST_SECRET.")
    secret = told.secret or path.read_bytes().strip()
    url = told.redis_url or url_of(told.var)
    limits = StoreSettings(give_up_ms=GIVE_UP_MS, connect_ms=GIVE_UP_MS)
    return Store(url or "unix:///", account, secret, limits), url is not None


def _loaded(folder: Path) -> Catalog | None:
    loaded = catalogs.load(folder)
    return loaded if isinstance(loaded, Catalog) else None


def _none(told: Settings) -> Catalog:
    raise NoCatalog(f"No catalog is served under {told.var}, and {told.catalog} is none: give --var.")
