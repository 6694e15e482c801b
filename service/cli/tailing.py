"""`pingpost tail`: decisions as they are made, a line each."""

import argparse
import asyncio
import sys
from typing import Any
from zoneinfo import ZoneInfo

from service.cli.current import served_catalog, settings_of, store_of
from service.cli.telling import tried
from service.errors import PingpostError, StoreDown
from service.model.catalog import Catalog
from service.model.fields import PLACES
from service.model.lead import Lead
from service.model.sales import Decided
from service.reports import sheets
from service.reports.spans import shown
from service.store import Store
from service.store.streams import BEGINNING

WAIT_MS = 1_000
"""Of one look: well within the time after which Redis is given up."""
AGAIN_SECONDS = 1.0
MASK = "***"


class NoRedis(PingpostError):
    """There is nothing to follow."""


def tail(given: argparse.Namespace) -> int:
    told = settings_of(given)
    catalog = served_catalog(told)
    store, has_redis = store_of(told, catalog.account.id)
    if not has_redis:
        raise NoRedis(f"No service keeps its Redis under {told.var}: give --var, or set PINGPOST_REDIS_URL.")
    asyncio.run(_tail(store, catalog, given))
    return 0


async def _tail(store: Store, catalog: Catalog, given: argparse.Namespace) -> None:
    try:
        await store.open()
        place = (await store.page("audit", BEGINNING, 1)).last_id
        print(f"pingpost: following the decisions of {catalog.account.id}; Ctrl-C ends it.", file=sys.stderr)
        while True:
            try:
                entries = await store.follow("audit", place, WAIT_MS)
            except StoreDown as fault:
                print(f"pingpost: {fault} Trying again.", file=sys.stderr)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            for entry in entries:
                place = entry.id
                decided = store.decided(entry)
                if isinstance(decided, Decided) and _is_wanted(decided, given):
                    print(_json(decided, catalog) if given.json else _line(decided, catalog), flush=True)
    finally:
        await store.close()


def _is_wanted(decided: Decided, given: argparse.Namespace) -> bool:
    record = decided.record
    return given.endpoint in (None, record.endpoint) and given.source in (None, record.source_id)


def _line(decided: Decided, catalog: Catalog) -> str:
    record = decided.record
    at = shown(decided.at_ms, ZoneInfo(catalog.account.timezone))
    source = record.source_id or "(no source)"
    return f"{at} {decided.kind} {record.decision_id} {record.endpoint} {source}: {_outcome(decided)}"


def _outcome(decided: Decided) -> str:
    if decided.record.suppressed:
        return "suppressed"
    asked = ", ".join(f"{one['contract']} {one['verdict']}" for one in tried(decided))
    if decided.kind == "post":
        return f"{decided.status}" + (f" ({asked})" if asked else "")
    offered = sum(verdict == 0 for verdict in decided.said)
    return f"{offered} offered" + (f" ({asked})" if asked else ", nobody matched")


def _json(decided: Decided, catalog: Catalog) -> str:
    record = decided.record
    endpoint = catalog.endpoints.get(record.endpoint)
    told: dict[str, Any] = {
        "at_ms": decided.at_ms,
        "kind": decided.kind,
        "decision_id": record.decision_id,
        "endpoint": record.endpoint,
        "source_id": record.source_id,
        "request_id": record.request_id,
        "catalog": record.catalog,
        "status": decided.status or ("offered" if 0 in decided.said else "none"),
        "lead": masked(record.lead, catalog, endpoint.offer if endpoint else ""),
        "tried": tried(decided),
    }
    return sheets.encode(told).decode()


def masked(lead: Lead, catalog: Catalog, offer_id: str) -> Lead:
    """Only fields that the offer knows and does not call personal, and where the lead lives; of the others that they
    were there."""
    offer = catalog.offers.get(offer_id)
    plain = {field.name for field in PLACES}
    for field in offer.fields if offer else ():
        (plain.discard if field.personal else plain.add)(field.name)
    plain.discard("caller_id")
    return {name: value if name in plain else MASK for name, value in lead.items()}
