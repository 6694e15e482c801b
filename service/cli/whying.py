"""`pingpost why`: what was decided on a lead, contract by contract, and what became of it."""

import argparse
import asyncio
import sys
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from service import ledger
from service.cli.current import kept_catalog, served_catalog, settings_of, store_of
from service.cli.telling import story_dict, story_text
from service.errors import PingpostError, StoreDown
from service.exchange.diagnosis import derived, readable
from service.ledger.reader import LedgerReader
from service.model.catalog import Catalog
from service.model.sales import Decided
from service.model.values import e164
from service.reports import sheets
from service.reports.story import Sources, Story, Told, stories_of_caller, story_of
from service.served import snapshot as snapshots
from service.served.snapshot import Snapshot
from service.settings import Settings
from service.store import Store
from service.wire import parse_decision_id

LAST_MAX = 100


class NothingKnown(PingpostError):
    """Nothing is on record of what was asked for."""


class Asked(Struct, frozen=True):
    """One of the two is "": a decision, or a caller in E.164."""

    decision_id: str
    caller_id: str
    last: int


def why(given: argparse.Namespace) -> int:
    decision_id, caller_id = parse_decision_id(given.id.strip()), e164(given.id)
    if decision_id is None and caller_id is None:
        raise NothingKnown(f"{given.id[:60]!r} is neither a ping_id, decision_id or sale_id nor a telephone number.")
    asked = Asked(decision_id or "", "" if decision_id else caller_id or "", max(1, min(given.last, LAST_MAX)))
    told = settings_of(given)
    return asyncio.run(_why(told, served_catalog(told), asked, as_json=given.json))


async def _why(told: Settings, served: Catalog, asked: Asked, *, as_json: bool) -> int:
    store, has_redis = store_of(told, served.account.id)
    reader = LedgerReader(ledger.url_of(told.ledger_url, told.var))
    try:
        opened = await _opened(store) if has_redis else None
        found = await _found(Sources(opened, reader), store, asked)
        paused = await _paused(opened)
    finally:
        await store.close()
        reader.close()
    missing = [] if has_redis else ["No Redis is running: what is not archived is not known."]
    for sentence in [*found.away, *missing]:
        print(f"pingpost: {sentence}", file=sys.stderr)
    if not found.stories:
        raise NothingKnown("Nothing is on record of it: it never was, or is older than what is kept.")
    explained = Explained(told, paused)
    stories = [(story, await explained.contracts(story)) for story in found.stories]
    if as_json:
        told_of = sheets.encode([story_dict(story, contracts) for story, contracts in stories])
        print(msgspec.json.format(told_of, indent=2).decode())
    else:
        zone = ZoneInfo(served.account.timezone)
        print("\n\n".join(story_text(story, contracts, served, zone) for story, contracts in stories))
        if found.more:
            print(f"\nThere are earlier decisions on this caller: --last {asked.last * 2} shows more.")
    return 0


async def _opened(store: Store) -> Store | None:
    try:
        await store.open()
    except StoreDown as fault:
        print(f"pingpost: {fault}", file=sys.stderr)
        return None
    return store


async def _found(sources: Sources, store: Store, asked: Asked) -> Told:
    if asked.decision_id:
        return await story_of(sources, asked.decision_id)
    return await stories_of_caller(sources, store, asked.caller_id, asked.last)


async def _paused(store: Store | None) -> frozenset[int]:
    try:
        return await store.paused() if store else frozenset()
    except StoreDown:
        return frozenset()


class Explained:
    """Verdicts on every contract, under the catalogs that decided. `paused` are the buyers of now: when an operator
    paused whom is not kept."""

    def __init__(self, told: Settings, paused: frozenset[int]) -> None:
        self._told = told
        self._paused = paused
        self._snapshots: dict[str, Snapshot | None] = {}

    async def contracts(self, story: Story) -> list[dict[str, Any]]:
        """Of the ping, or of the first post where there is none; only the candidates where the catalog is kept no
        more or the lead was erased, and nothing of a suppressed person."""
        if not story.records:
            return []
        decided = next((one for one in story.records if one.kind == "ping"), story.records[0])
        snapshot = self._snapshot(decided.record.catalog)
        # Without the lead they cannot be worked out: a filter would see no state where there was one.
        if snapshot is not None and not decided.record.erased_at_ms:
            verdicts = (await derived(snapshot, _plain(decided))).get("contracts", [])
            if verdicts:
                return [msgspec.to_builtins(verdict) for verdict in verdicts]
        return list(readable(_plain(decided))["record"]["bids"])

    def _snapshot(self, version: str) -> Snapshot | None:
        if version not in self._snapshots:
            kept = kept_catalog(self._told.var, version)
            # Without indexes: nobody is matched here.
            self._snapshots[version] = snapshots.build(kept, {}).with_paused(self._paused) if kept else None
        return self._snapshots[version]


def _plain(decided: Decided) -> dict[str, Any]:
    """A record as the diagnosis reads it."""
    order = {"order": decided.order} if decided.kind == "post" else {}
    return {"record": msgspec.to_builtins(decided.record), "said": decided.said, **order}
