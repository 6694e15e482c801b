"""One stream's way into the ledger, a batch at a time."""

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from service import ledger, metrics
from service.archive.settings import ArchiveSettings
from service.errors import LedgerRefused
from service.ledger import BEGINNING, Ledger, Step, Taken, Told
from service.store import Store
from service.store.streams import Entry, Misread, Page, StreamName, id_of

Said = TypeVar("Said")

_log = logging.getLogger(__name__)


class Turn(Struct, frozen=True):
    """What one batch came to. `again`: there is more at hand. Of what is left, `entries` is about how many (exact where
    one batch would do), and `behind_ms` how old the oldest is."""

    taken: int = 0
    again: bool = False
    entries: int = 0
    behind_ms: int = 0
    length: int = 0
    """Entries in Redis, archived or not."""


class Reader(Generic[Said]):
    """`read` says what an entry says; `take` writes a batch and moves the cursor, None where another archive has."""

    def __init__(
        self,
        store: Store,
        to: Ledger,
        stream: StreamName,
        *,
        read: Callable[[Entry], Said | Misread],
        take: Callable[[Ledger, Step, list[Told[Said]]], Taken[Said] | None],
        limits: ArchiveSettings,
    ) -> None:
        self.stream = stream
        self._store, self._ledger, self._limits = store, to, limits
        self._read, self._take = read, take
        self._count = limits.batch_entries
        self._place: str | None = None
        """The cursor as it was left here; None where it must be asked for."""

    async def turn(self) -> Turn:
        """Takes the next batch. Raises StoreDown, LedgerDown: then nothing of it was written."""
        place = await self._known_place()
        page = await self._store.page(self.stream, place, self._count)
        if not page.entries:
            return await self._nothing_after(place, page)
        if place != BEGINNING and not page.place_is_kept and await self._is_still(place):
            self._tell_gap(place, page)
        step = Step(self.stream, place, page.entries[-1].id)
        taken = await self._written(step, page)
        if taken is None:
            return Turn(again=True, length=page.length)
        self._place = step.new
        if self.stream == "sales":
            await self._store.trim_sales(step.new)
        metrics.count_archived(self.stream, len(page.entries), len(taken.refused))
        for one in taken.refused:
            _log.error("entry %s of the stream %s is kept and not applied: %s", one.entry_id, self.stream, one.why)
        return self._left(page, len(page.entries))

    async def _known_place(self) -> str:
        # Until it is known again there is none: whatever is raised now, the ledger is asked the next time.
        place, self._place = self._place, None
        return await asyncio.to_thread(ledger.cursor, self._ledger, self.stream) if place is None else place

    async def _nothing_after(self, place: str, page: Page) -> Turn:
        if page.length and id_of(page.last_id) < id_of(place) and await self._is_still(place):
            _log.error(
                "the stream %s has begun anew: its newest entry %s is older than what was archived last (%s); Redis "
                "has lost something. It is read from its beginning, and what the ledger has is not written again",
                self.stream, page.last_id, place,
            )  # fmt: skip
            metrics.count_archive_gap(self.stream)
            await asyncio.to_thread(ledger.rewind, self._ledger, self.stream, place)
            return Turn(again=True, length=page.length)
        self._place = place
        return Turn(length=page.length)

    async def _is_still(self, place: str) -> bool:
        """Whether the cursor is there, and no other archive has moved it and trimmed the stream behind it."""
        return await asyncio.to_thread(ledger.cursor, self._ledger, self.stream) == place

    def _tell_gap(self, place: str, page: Page) -> None:
        metrics.count_archive_gap(self.stream)
        seconds = (id_of(page.first_id)[0] - id_of(place)[0]) / 1000
        if self.stream == "audit":
            _log.error("decisions of %.1f s, from %s to %s, were dropped by Redis before they were archived",
                       seconds, place, page.first_id)  # fmt: skip
        else:
            _log.error("Redis no longer has the sale that was archived last (%s): it has lost something, or was "
                       "replaced, or sales of %.1f s were trimmed by hand. Going on from %s",
                       place, seconds, page.first_id)  # fmt: skip

    async def _written(self, step: Step, page: Page) -> Taken[Said] | None:
        """Where the database does not take the batch, it is halved until the one entry is found that is to blame."""
        told = [self._told(entry) for entry in page.entries]
        try:
            taken = await asyncio.to_thread(self._take, self._ledger, step, told)
        except LedgerRefused as fault:
            if len(told) > 1:
                self._count = len(told) // 2
                return None
            told = [Told(told[0].entry_id, told[0].at_ms, told[0].fields, None, str(fault))]
            taken = await asyncio.to_thread(self._take, self._ledger, step, told)
        self._count = min(self._count * 2, self._limits.batch_entries)
        return taken

    def _told(self, entry: Entry) -> Told[Said]:
        said = self._read(entry)
        if isinstance(said, Misread):
            return Told(entry.id, entry.at_ms, entry.fields, None, said.why)
        return Told(entry.id, entry.at_ms, entry.fields, said)

    def _left(self, page: Page, taken: int) -> Turn:
        """What is behind the batch. Entries are not counted by Redis from a place: about as many as its time is of the
        stream's."""
        newest, last = id_of(page.last_id)[0], page.entries[-1].at_ms
        if page.entries[-1].id == page.last_id:
            return Turn(taken, False, 0, 0, page.length)
        span = max(newest - id_of(page.first_id)[0], 1)
        entries = max(1, round(page.length * (newest - last) / span))
        return Turn(taken, True, entries, max(0, self._store.now_ms() - last), page.length)
