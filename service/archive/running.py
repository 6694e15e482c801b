"""The archive's life: batch after batch, from whatever is there, until it is told to end."""

import asyncio
import contextlib
import logging
from typing import Any

from service import ledger
from service.archive.reading import Reader
from service.archive.settings import DAY_MS, ArchiveSettings
from service.archive.standing import Standing
from service.errors import LedgerDown, StoreDown
from service.ledger import Ledger
from service.store import Store
from service.store.streams import sale_event

_log = logging.getLogger(__name__)


class Archive:
    """`store` is open or will be when Redis is there; `to` is the ledger's database, whose tables `run` makes."""

    def __init__(self, store: Store, to: Ledger, limits: ArchiveSettings | None = None) -> None:
        self._limits = limits or ArchiveSettings()
        self._store, self._ledger = store, to
        self._standing = Standing(self._limits)
        self._ending = asyncio.Event()
        self._forget_at = 0.0
        self._readers: tuple[Reader[Any], ...] = (
            Reader(store, to, "sales", read=sale_event, take=ledger.take_sales, limits=self._limits),
            Reader(store, to, "audit", read=store.decided, take=ledger.take_decisions, limits=self._limits),
        )

    def end(self) -> None:
        """After the batch at work and one last pass."""
        self._ending.set()

    async def run(self) -> None:
        """Until `end`. Raises LedgerUnfit, where the ledger's tables are not for this program."""
        if not await self._persist(self._migrated):
            return
        _log.info("the archive takes sales and decisions into the ledger")
        while not self._ending.is_set():
            if await self._persist(self.round) is False:
                await self._pause(self._limits.idle_seconds)
        await self._last_pass()

    async def round(self) -> bool:
        """A batch of each stream; whether there is more to do at once. Raises StoreDown, LedgerDown."""
        more = False
        for reader in self._readers:
            turn = await reader.turn()
            self._standing.turned(reader.stream, turn)
            if turn.taken:
                _log.debug("archived %d of %s, about %d are left", turn.taken, reader.stream, turn.entries)
            more = more or turn.again
        return await self._forget() or more

    async def _migrated(self) -> bool:
        await asyncio.to_thread(ledger.migrate, self._ledger)
        return True

    async def _persist(self, work: Any) -> bool | None:
        """What `work` says, tried until neither Redis nor the database fails it; None where the end comes first."""
        pause = self._limits.retry_seconds
        while True:
            try:
                done: bool = await work()
            except (StoreDown, LedgerDown) as fault:
                self._standing.failed("ledger" if isinstance(fault, LedgerDown) else "store", fault)
                if isinstance(fault, LedgerDown):
                    await self._look_at_sales()
                await self._pause(pause)
                pause = min(pause * 2, self._limits.retry_seconds_max)
                if self._ending.is_set():
                    return None
            else:
                self._standing.went_on()
                return done

    async def _look_at_sales(self) -> None:
        """While the database is away sales pile up in Redis: that is told before its memory is short."""
        with contextlib.suppress(StoreDown):
            self._standing.stuck(await self._store.sales_waiting())

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    async def _forget(self) -> bool:
        """Drops some of the decisions that are too old; whether there may be more."""
        now = asyncio.get_running_loop().time()
        if now < self._forget_at:
            return False
        before_ms = self._store.now_ms() - self._limits.decisions_days * DAY_MS
        if await asyncio.to_thread(ledger.forget_decisions, self._ledger, before_ms) == ledger.FORGET_ROWS:
            return True
        self._forget_at = now + self._limits.forget_seconds
        return False

    async def _last_pass(self) -> None:
        """What was sold until now is in the ledger when the service has ended."""
        try:
            async with asyncio.timeout(self._limits.last_pass_seconds):
                while await self.round():
                    pass
        except TimeoutError:
            _log.warning("the archive ends before it has taken everything; it goes on at its next start")
        except (StoreDown, LedgerDown) as fault:
            _log.warning("the archive ends before it has taken everything; it goes on at its next start: %s", fault)
        else:
            _log.info("the archive has taken everything and ends")
