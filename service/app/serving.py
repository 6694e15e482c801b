"""What a worker holds while it serves: the store, the snapshot that is current, and what keeps both fresh."""

import asyncio
import contextlib
from typing import Final

from aiohttp import web

from service import metrics
from service.errors import StoreDown
from service.ledger import url_of
from service.reports.desk import Desk
from service.served import snapshot as snapshots
from service.served.letting_go import let_go
from service.served.snapshot import Snapshot
from service.settings import Settings
from service.store import Store, StoreSettings

TAKEN_SECONDS_MAX = 30
"""How long a reload waits for this worker to take what was compiled."""


class Gate:
    """A limit on the leads at work at once in one worker: above it a 503 at once is kinder than a long queue."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        metrics.show_in_flight(lambda: self._inside)

    @property
    def is_full(self) -> bool:
        """Known before a request is read: refused then, it costs a sixth of what serving it would."""
        return self._inside >= self._limit

    def __enter__(self) -> bool:
        """Whether there is room."""
        self._inside += 1
        return self._inside <= self._limit

    def __exit__(self, *_: object) -> None:
        self._inside -= 1


class Serving:
    """One per worker. A handler reads `snapshot` once, on its first line: a reload changes the next request."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gate = Gate(settings.in_flight_max)
        self.desk = Desk(url_of(settings.ledger_url, settings.var))
        """Reports; the ledger is asked for the first time by the first of them."""
        self.store: Store
        self.snapshot: Snapshot
        self.reloading = asyncio.Lock()
        """One reload at a time: each takes a core for some seconds."""
        self.openapi: bytes | None = None
        """The document of the current catalog, once somebody has asked for it."""
        self._taken = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Loads the catalog and connects. Raises SnapshotLost, StoreDown, StoreUnfit."""
        settings = self.settings
        self.snapshot = await snapshots.load_current(settings.var)
        account = self.snapshot.catalog.account
        limits = StoreSettings(audit_records_max=settings.audit_records_max)
        self.store = Store(settings.redis_url or "", account.id, settings.secret, limits, timezone=account.timezone)
        await self.store.open()
        await self.store.stock(tuple(self.snapshot.catalog.pools.values()))
        self.take_paused(await self.store.paused())
        self.store.watch(self.take_paused)
        metrics.label_buyers(self.snapshot.catalog.buyers)
        watching = snapshots.watch(settings.var, self.snapshot.catalog.version, self._take)
        self._watching = asyncio.create_task(watching)

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        self.desk.close()
        await self.store.close()

    async def served(self, version: str) -> None:
        """Waits until this worker serves a catalog; the others take it at the same pace."""
        with contextlib.suppress(TimeoutError):  # a later reload came in between
            async with asyncio.timeout(TAKEN_SECONDS_MAX):
                while self.snapshot.catalog.version != version:
                    await self._taken.wait()

    async def _take(self, fresh: Snapshot) -> None:
        """A new catalog: first its numbers come into the pools, then it is served."""
        with contextlib.suppress(StoreDown):  # the store restocks by itself when Redis is back
            await self.store.stock(tuple(fresh.catalog.pools.values()))
        replaced = self._exchanged(fresh)
        self.store.forget()  # once more: pings went on with the old one while numbers were stocked
        await let_go(replaced)

    def _exchanged(self, fresh: Snapshot) -> Snapshot:
        """Serves the new snapshot from now on and gives the old one away, keeping no reference to it."""
        metrics.label_buyers(fresh.catalog.buyers)
        replaced, self.snapshot = self.snapshot, fresh.with_paused(self.snapshot.paused)
        self.openapi = None
        self._taken.set()
        self._taken = asyncio.Event()
        return replaced

    def take_paused(self, paused: frozenset[int]) -> None:
        """The buyers that operators have paused, all of them."""
        if paused != self.snapshot.paused:
            self.snapshot = self.snapshot.with_paused(paused)


SERVING: Final = web.AppKey("serving", Serving)
