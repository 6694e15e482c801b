"""`pingpost reconcile`: whether Redis and the ledger say the same of money, told as a table or as JSON."""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from service import catalog as catalogs
from service import ledger, logs, settings
from service.archive import sales_reader
from service.cli.tables import table
from service.errors import LedgerDown, LedgerUnfit, StartFailed, StoreDown, StoreUnfit
from service.model.catalog import Catalog
from service.model.money import MICROS
from service.process import ground
from service.reconcile import Difference, Report, Sides
from service.reconcile import reconcile as run
from service.served import snapshot
from service.settings import Settings
from service.store import Store, StoreSettings
from service.store.embedded import url_of

DIFFERENT, DOWN, NEVER_QUIET = 1, 2, 3
GIVE_UP_MS: Final = 5_000
"""Nobody waits for these questions."""
TELL_SECONDS: Final = 2.0
"""How often stderr is told how far it is."""

_MONEY: Final = ("balance", "revenue")

NOT_REBUILT: Final = (
    "Not repaired, for the ledger has nothing of it: who was bought already (dedup), holds of pings, slots of calls, "
    "which sale has which tracking number and how long numbers rest, pending sales and what is reserved for them, "
    "answers to repeated posts, rate limits, paused buyers."
)


def reconcile(given: argparse.Namespace) -> int:
    told = settings.read(os.environ, {row.name: getattr(given, row.name, None) for row in settings.TABLE})
    logs.set_up(log_format="plain", level=told.log_level)
    try:
        report = asyncio.run(_run(told, _catalog(given.catalog, told), repair=given.repair))
    except (StoreDown, StoreUnfit, LedgerDown, LedgerUnfit, StartFailed) as fault:
        print(f"pingpost: {fault}", file=sys.stderr)
        return DOWN
    if report.status == "never_quiet":
        print(
            "pingpost: Redis and the ledger never stood at one moment: more is sold than can be compared. Ask again "
            "when there is less to do.",
            file=sys.stderr,
        )
        return NEVER_QUIET
    print(_json(report, given.repair) if given.json else _text(report, given.repair))
    return DIFFERENT if report.status == "different" else 0


def _catalog(given: str | None, told: Settings) -> Catalog:
    """The one that is served, which may not be the one that lies in the folder by now."""
    version = snapshot.current_version(told.var)
    served = snapshot.catalogs_folder(told.var) / version if version else None
    folder = Path(given) if given else served if served and served.is_dir() else told.catalog
    loaded = catalogs.load(folder)
    if isinstance(loaded, list):
        raise StartFailed(f"The catalog {folder} has mistakes, so that balances and caps are not known: {loaded[0]}")
    return loaded


async def _run(told: Settings, catalog: Catalog, *, repair: bool) -> Report:
    redis_url = told.redis_url or url_of(told.var)
    if redis_url is None:
        raise StartFailed(f"No service keeps its Redis under {told.var}: give --var, or set PINGPOST_REDIS_URL.")
    limits = StoreSettings(give_up_ms=GIVE_UP_MS, connect_ms=GIVE_UP_MS)
    store = Store(redis_url, catalog.account.id, ground.secret_of(told), limits)
    to = ledger.open_ledger(ledger.url_of(told.ledger_url, told.var))
    try:
        ledger.check(to)
        await store.open()
        return await run(Sides(store, to, catalog, sales_reader(store, to), _Progress().tell), repair=repair)
    finally:
        await store.close()
        to.dispose()


class _Progress:
    def __init__(self) -> None:
        self._told_at = time.monotonic()

    def tell(self, sentence: str) -> None:
        now = time.monotonic()
        if now - self._told_at > TELL_SECONDS:
            self._told_at = now
            print(f"looked at {sentence}", file=sys.stderr)


def _text(report: Report, repair: bool) -> str:
    lines = []
    if repair:
        lines += _listed("repaired", report.repaired, report.repaired_count)
    if report.differences:
        lines += _listed("different", report.differences, report.differences_count)
    else:
        lines.append(
            f"equal: {report.balances} balances, {report.contracts} contracts, every credit, {report.sales} sales"
        )
    if report.sales_lost:
        lines.append(
            f"{report.sales_lost} sales of the last day were lost by Redis before its repair; the ledger has them"
        )
    if repair:
        lines.append(NOT_REBUILT)
    return "\n".join(lines)


def _listed(word: str, differences: list[Difference], count: int) -> list[str]:
    if not differences:
        return [f"{word}: nothing"]
    rows = [
        (_what(one), one.key, *(_shown(one, side) for side in (one.redis, one.ledger, one.by))) for one in differences
    ]
    more = count - len(differences)
    listed = [f"{word}:", table(("what", "key", "Redis", "ledger", "difference"), rows)]
    return [*listed, f"... and {more} more", ""] if more > 0 else [*listed, ""]


def _what(one: Difference) -> str:
    return f"{one.what} ({one.per})" if one.per else one.what


def _shown(one: Difference, side: int | str | None) -> str:
    if isinstance(side, int):
        return _decimal(side) if one.what in _MONEY else str(side)
    if side is None or one.what != "credit":
        return side or ""
    buyer, _, micros = side.rpartition(":")
    return f"buyer {buyer}: {_decimal(int(micros))}" if micros.removeprefix("-").isdigit() else side


def _decimal(micros: int) -> str:
    """As many places as there are, two at least."""
    whole, rest = divmod(abs(micros), MICROS)
    places = f"{rest:06}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole}.{places}"


def _json(report: Report, repair: bool) -> str:
    said: dict[str, Any] = {
        "status": report.status,
        "differences": [_told(one) for one in report.differences],
        "differences_count": report.differences_count,
        "sales_lost": report.sales_lost,
        "compared": {"balances": report.balances, "contracts": report.contracts, "sales": report.sales},
    }
    if repair:
        repaired = [_told(one) for one in report.repaired]
        said |= {"repaired": repaired, "repaired_count": report.repaired_count, "not_repaired": NOT_REBUILT}
    return msgspec.json.format(msgspec.json.encode(said), indent=2).decode()


def _told(one: Difference) -> dict[str, Any]:
    """Money as a decimal text, so that no reader makes a float of it."""
    sides = {"redis": one.redis, "ledger": one.ledger, "difference": one.by}
    if one.what in _MONEY:
        sides = {name: _decimal(side) if isinstance(side, int) else side for name, side in sides.items()}
    return {"what": one.what, "key": one.key, **({"per": one.per} if one.per else {}), **sides}
