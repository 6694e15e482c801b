"""The catalog as a worker serves it: one frozen value, loaded from what a child process compiled, replaced whole.

A catalog of 10,000 contracts takes seconds to read and check. That is done in a child (`compiling`), which leaves the
catalog and its indexes pickled under `var/catalogs`; a worker unpickles them in a thread, in frames of some 64 KiB with
a pause after each, so that requests are answered in between.
"""

import asyncio
import gc
import io
import logging
import math
import os
import pickle
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from service import __version__, metrics
from service.errors import PingpostError
from service.match import Index, warm
from service.model.catalog import Buyer, Catalog, Contract
from service.model.room import buffer_percent
from service.model.terms import terms_of
from service.model.values import parse_type
from service.served.doors import Doors
from service.wire import Decoder, build_decoders

WATCH_SECONDS = 0.2
"""How often a worker looks whether there is a new catalog: a stat, some microseconds."""
RETRY_SECONDS = 5.0
"""Pause before a catalog that could not be taken is tried again."""
FRAME_PAUSE_SECONDS = 0.001
"""Pause after each frame: the event loop gets about half of the time while a catalog is loaded."""
SWITCH_SECONDS = 0.0005
"""Interpreter's switch interval while loading; its default of 5 ms would be added to every answer."""

_log = logging.getLogger(__name__)


class Snapshot(Struct, frozen=True):
    """A catalog with all that is derived from it. A handler takes it once, on its first line."""

    catalog: Catalog
    indexes: dict[str, Index]
    """By offer."""
    decoders: dict[str, Decoder]
    """By vanity URI."""
    doors: Doors
    contracts: dict[str, tuple[Buyer, Contract]]
    """By the contract's id."""
    terms: dict[str, str] = field(default_factory=dict)
    """When sales are made (see `service.model.terms`), by offer."""
    paused: frozenset[int] = frozenset()
    """Buyers paused by an operator, beside those that the catalog pauses."""
    limits: dict[tuple[str, str], Any] = field(default_factory=dict)
    """Rate limits by endpoint and source, as the exchange has worked them out: bounded by the catalog."""

    def buyer_name(self, buyer_id: int) -> str:
        """The buyer's name; a buyer that a later catalog dropped is called by its id."""
        buyer = self.catalog.buyers.get(buyer_id)
        return buyer.name if buyer else f"Buyer {buyer_id}"

    def is_paused(self, buyer: Buyer) -> bool:
        return buyer.paused or buyer.id in self.paused

    def widest_buffer_percent(self, buyer: Buyer) -> int:
        """The largest buffer kept free of pings on any endpoint that can reach the buyer: what its ping limit is shown
        by."""
        offers = {contract.offer for contract in buyer.contracts}
        endpoints = [endpoint for endpoint in self.catalog.endpoints.values() if endpoint.offer in offers]
        return max((buffer_percent(buyer, endpoint) for endpoint in endpoints), default=0)

    def with_paused(self, paused: frozenset[int]) -> "Snapshot":
        """The same catalog with other buyers paused by operators."""
        indexes = {offer: index.with_paused(paused) for offer, index in self.indexes.items()}
        return replace(self, indexes=indexes, paused=paused)


class SnapshotLost(PingpostError):
    """The compiled catalog is missing, or was written by another version of pingpost or Python."""


def build(catalog: Catalog, indexes: dict[str, Index]) -> Snapshot:
    """A snapshot with what cannot be pickled (closures of parsers) made anew, and nothing left for the first lead to
    load: places, names of states, holidays."""
    warm()
    parse_type("state", "NY")
    for index in indexes.values():
        index.look(int(time.time() * 1000))
    return Snapshot(
        catalog=catalog,
        indexes=indexes,
        decoders=build_decoders(catalog),
        doors=Doors(catalog),
        contracts={contract.id: (buyer, contract) for buyer in catalog.buyers.values() for contract in buyer.contracts},
        terms={offer.id: terms_of(offer) for offer in catalog.offers.values()},
    )


async def load_current(var: Path) -> Snapshot:
    """The snapshot that `var/catalogs/current` names, loaded without holding up the event loop.

    Raises SnapshotLost where there is none.
    """
    return await asyncio.to_thread(_load_politely, var)


async def watch(var: Path, loaded: str, take: Callable[[Snapshot], Awaitable[None]]) -> None:
    """Loads each new catalog that becomes current and hands it to `take`; runs until it is cancelled.

    `loaded` is the version that is served now. A catalog that cannot be taken is logged and counted, the old one
    serves on, and it is tried again every `RETRY_SECONDS`, or at once when another becomes current.
    """
    seen: tuple[int, int] | None = None  # so that a catalog that came while the first was loaded is seen too
    again_at = math.inf
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        stamp = _stamp(var)
        if stamp == seen and time.monotonic() < again_at:
            continue
        seen, again_at = stamp, math.inf
        try:
            if current_version(var) != loaded:
                snapshot = await load_current(var)
                await take(snapshot)
                loaded = snapshot.catalog.version
                _log.info("serving catalog %s", loaded)
                del snapshot  # else this frame would keep a replaced catalog alive until the next reload
        except Exception:
            again_at = time.monotonic() + RETRY_SECONDS
            metrics.count_reload_failure()
            _log.exception("a new catalog could not be loaded; %s serves on", loaded)


# -- files: <version>.compiled beside <version>/ with its sources, and `current` that names the version


def catalogs_folder(var: Path) -> Path:
    return var / "catalogs"


def compiled_path(var: Path, version: str) -> Path:
    return catalogs_folder(var) / f"{version}.compiled"


def current_version(var: Path) -> str | None:
    """The version that `current` names; None where no catalog was ever compiled."""
    try:
        return (catalogs_folder(var) / "current").read_text().strip()
    except FileNotFoundError:
        return None


def write(var: Path, catalog: Catalog, indexes: dict[str, Index]) -> None:
    """Leaves the compiled catalog under its version; whole or not at all."""
    path = compiled_path(var, catalog.version)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(_header())
        pickle.dump((catalog, indexes), file, protocol=5)
    temporary.replace(path)


def read(var: Path, version: str) -> tuple[Catalog, dict[str, Index]]:
    """The compiled catalog of a version, in slices that let other threads go on. Raises SnapshotLost."""
    try:
        with compiled_path(var, version).open("rb") as file:
            if file.readline(200) != _header():
                raise SnapshotLost(f"Catalog {version} was compiled by another version; start the service anew.")
            # Our own file, written by our own child: not data of anybody else.
            loaded: tuple[Catalog, dict[str, Index]] = pickle.Unpickler(_Sliced(file)).load()
            return loaded
    except FileNotFoundError:
        raise SnapshotLost(f"Catalog {version} is not in {catalogs_folder(var)}.") from None


def _header() -> bytes:
    return f"pingpost {__version__} {sys.implementation.cache_tag} compiled catalog\n".encode()


class _Sliced:
    """A file as the unpickler reads it: one call per frame, after which other threads get their turn."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        if size > io.DEFAULT_BUFFER_SIZE:
            time.sleep(FRAME_PAUSE_SECONDS)
        return self._file.read(size)

    def readinto(self, buffer: bytearray) -> int:
        return self._file.readinto(buffer)

    def readline(self) -> bytes:
        return self._file.readline()


def _load_politely(var: Path) -> Snapshot:
    """Loads with a short switch interval and without the garbage collector, whose walks over a half-loaded catalog
    would stop everything (40 ms for 10,000 contracts, on each full walk); what is loaded is then taken out of its sight
    for good. That takes requests in flight out of it too, which costs nothing: neither they nor a replaced catalog
    leave cycles behind, so that both are freed the moment nobody uses them."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.disable()
    try:
        snapshot = _load_latest(var)
    finally:
        gc.freeze()
        gc.enable()
        sys.setswitchinterval(interval)
    return snapshot


def _load_latest(var: Path) -> Snapshot:
    version = current_version(var)
    while version is not None:
        try:
            return build(*read(var, version))
        except SnapshotLost:
            # A later compilation may have swept this one away between our two looks.
            before, version = version, current_version(var)
            if version == before:
                raise
    raise SnapshotLost(f"No catalog has been compiled in {catalogs_folder(var)}.")


def _stamp(var: Path) -> tuple[int, int] | None:
    try:
        found = (catalogs_folder(var) / "current").stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino
