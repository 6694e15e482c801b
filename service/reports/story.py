"""What became of a lead: what is on record of its decision in the ledger, and what is in Redis and not archived yet.

Redis is read first, from where the ledger had it, and the ledger after that: what the archive takes in between is then
seen twice, which changes nothing, for events are applied as the archive does it and change nothing the second time.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct

from service.errors import LedgerDown, LedgerUnfit, StoreDown
from service.ledger import BEGINNING
from service.ledger.applying import Applied, EntryRow, SaleRow, apply
from service.ledger.histories import History, Row
from service.ledger.reader import LedgerReader
from service.model.sales import Decided, SaleEvent
from service.store import Store
from service.store.asks import Sale
from service.store.records import record_of, said_of, words_of
from service.store.streams import Entry, StreamName, sale_event

PAGE_ENTRIES = 1_000
"""Read from a stream in one go: about a megabyte, and some milliseconds of Redis."""
AUDIT: StreamName = "audit"
SALES: StreamName = "sales"
NOTHING = History([], [], [])

Answer = TypeVar("Answer")


class Story(Struct, frozen=True):
    """`records` are the ping, if it is known, and the posts on it, oldest first. `sales` as they stand now, with their
    `entries`. `live` is the sale as Redis has it for its calls, None once its day is over."""

    decision_id: str
    records: list[Decided]
    sales: list[SaleRow]
    entries: list[EntryRow]
    live: Sale | None = None


class Sources(Struct, frozen=True):
    """Where a story is read; None for what is not there."""

    store: Store | None
    ledger: LedgerReader | None


class Unarchived(Struct, frozen=True):
    """What Redis has that the ledger had not when it was asked."""

    audit: list[Entry]
    sales: list[Entry]


class Told(Struct, frozen=True):
    """Stories, oldest first, and a sentence on each source that could not be read. `more`: there are others."""

    stories: list[Story]
    away: list[str]
    more: bool = False


async def story_of(sources: Sources, decision_id: str) -> Told:
    """Of one decision; no story where nothing is on record of it."""
    away: list[str] = []
    fresh = await _unarchived(sources, away, {decision_id})
    story = await _story(sources, decision_id, fresh, away)
    return Told([story] if story.records or story.sales else [], away)


async def stories_of_caller(sources: Sources, store: Store, caller_id: str, last: int) -> Told:
    """Of the latest decisions on a caller, by the hash that stands in the ledger in its place. `store` knows the key of
    that hash, and need not be open."""
    away: list[str] = []
    wanted = store.caller_hash({"caller_id": caller_id})
    latest = await _fresh_of_caller(sources, away, wanted)
    nothing: list[Row] = []
    for row in await _from_ledger(sources, away, lambda it: it.decisions_of_caller(wanted or "", last + 1), nothing):
        latest.setdefault(row["decision_id"], row["at_ms"])
    ids = sorted(latest, key=lambda decision_id: latest[decision_id])
    fresh = await _unarchived(sources, away, set(ids[-last:]))
    stories = [await _story(sources, decision_id, fresh, away) for decision_id in ids[-last:]]
    return Told(stories, away, more=len(ids) > last)


async def _fresh_of_caller(sources: Sources, away: list[str], wanted: str | None) -> dict[str, int]:
    """Decisions on a caller that are not archived, and when they were made."""
    found: dict[str, int] = {}
    if sources.store is not None:
        place = (await _places(sources, away)).get(AUDIT, BEGINNING)
        with _noted(away):
            async for entry in _after(sources.store, AUDIT, place):
                decided = sources.store.decided(entry)
                if isinstance(decided, Decided) and decided.caller_hash == wanted:
                    found[decided.record.decision_id] = decided.at_ms
    return found


async def _unarchived(sources: Sources, away: list[str], decision_ids: set[str]) -> Unarchived:
    """What Redis has of these decisions beyond the ledger."""
    fresh = Unarchived([], [])
    if sources.store is not None:
        places = await _places(sources, away)
        with _noted(away):
            for stream, name, kept in ((AUDIT, "decision", fresh.audit), (SALES, "sale", fresh.sales)):
                async for entry in _after(sources.store, stream, places.get(stream, BEGINNING)):
                    if entry.fields.get(name) in decision_ids:
                        kept.append(entry)
    return fresh


async def _after(store: Store, stream: StreamName, place: str) -> AsyncIterator[Entry]:
    while True:
        page = await store.page(stream, place, PAGE_ENTRIES)
        for entry in page.entries:
            yield entry
        if len(page.entries) < PAGE_ENTRIES:
            return
        place = page.entries[-1].id


async def _story(sources: Sources, decision_id: str, fresh: Unarchived, away: list[str]) -> Story:
    kept = await _from_ledger(sources, away, lambda it: it.history(decision_id), NOTHING)
    records = [_recorded(row) for row in kept.records]
    live: Sale | None = None
    if sources.store is not None:
        known = {(record.kind, record.at_ms) for record in records}
        said = [sources.store.decided(entry) for entry in fresh.audit if entry.fields["decision"] == decision_id]
        records += [one for one in said if isinstance(one, Decided) and (one.kind, one.at_ms) not in known]
        with _noted(away):
            live = await sources.store.sale(decision_id)
    rows = {row["sale_id"]: SaleRow(**row) for row in kept.sales}
    entries = [EntryRow(**{name: value for name, value in row.items() if name != "id"}) for row in kept.entries]
    entries += _applied([entry for entry in fresh.sales if entry.fields["sale"] == decision_id], rows)
    return Story(decision_id, sorted(records, key=lambda one: one.at_ms), list(rows.values()), entries, live)


def _applied(events: Sequence[Entry], rows: dict[str, SaleRow]) -> list[EntryRow]:
    """The entries that events make which the ledger has not; `rows` are brought forward."""
    made: list[EntryRow] = []
    for entry in events:
        event = sale_event(entry)
        if isinstance(event, SaleEvent):
            done = apply(event, rows.get(event.sale_id))
            if isinstance(done, Applied) and done.sale is not None:
                rows[done.sale.sale_id] = done.sale
                made += done.entries
    return made


def _recorded(row: Row) -> Decided:
    """A decision's row as what the audit said."""
    return Decided(
        at_ms=row["at_ms"],
        kind=row["kind"],
        said=said_of(row["said"]),
        record=record_of(row["record"].encode()),
        record_json=row["record"],
        said_csv=row["said"],
        caller_hash=row["caller_hash"],
        status=row["status"],
        question=row["question"],
        position=row["position"],
        order=tuple(int(word) for word in words_of(row["ord"] or "")),
    )


# -- sources, each of which may be away


async def _places(sources: Sources, away: list[str]) -> dict[str, str]:
    """Up to where the ledger has the streams."""
    return await _from_ledger(sources, away, lambda it: it.archived_to((AUDIT, SALES)), {})


async def _from_ledger(
    sources: Sources, away: list[str], question: Callable[[LedgerReader], Answer], nothing: Answer
) -> Answer:
    if sources.ledger is not None:
        with _noted(away):
            return await asyncio.to_thread(question, sources.ledger)
    return nothing


@contextlib.contextmanager
def _noted(away: list[str]) -> Iterator[None]:
    """A source that is away is told of once, and the story goes on without it."""
    try:
        yield
    except (LedgerDown, LedgerUnfit, StoreDown) as fault:
        if str(fault) not in away:
            away.append(str(fault))
