"""Settings and catalog of the service beside which a command is run: they are told as to the service itself."""

import argparse
import os
from pathlib import Path

from service import catalog as catalogs
from service import settings
from service.errors import PingpostError
from service.model.catalog import Catalog
from service.served import snapshot
from service.settings import Settings


class NoCatalog(PingpostError):
    """There is no catalog by which names and the account's time zone are known."""


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
        return _loaded(snapshot.catalogs_folder(var) / version)


def _loaded(folder: Path) -> Catalog | None:
    loaded = catalogs.load(folder)
    return loaded if isinstance(loaded, Catalog) else None


def _none(told: Settings) -> Catalog:
    raise NoCatalog(f"No catalog is served under {told.var}, and {told.catalog} is none: give --var.")
