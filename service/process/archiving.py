"""The archive as a process: told to end by SIGTERM, it takes what was sold until then and ends."""

import asyncio
import logging
import signal

from service import ledger, metrics
from service.archive import Archive, ArchiveSettings
from service.errors import LedgerUnfit, StoreDown, StoreUnfit
from service.settings import Settings
from service.store import Store, StoreSettings

GIVE_UP_MS = 5_000
"""Nobody waits for the archive's questions, and it gets little of a busy core."""
OPEN_RETRY_SECONDS = 0.5

_log = logging.getLogger(__name__)


def run(settings: Settings, account: str) -> int:
    """Archives until SIGTERM or SIGINT; the exit code: 1, and a line in the log, where this Redis or this database
    cannot be used. `settings` have the secret and Redis' URL."""
    metrics.set_store(up=True, breaker_open=False)  # until it has asked it must not count as without Redis
    try:
        asyncio.run(_run(settings, account))
    except (LedgerUnfit, StoreUnfit) as fault:
        _log.error("%s", fault)
        return 1
    return 0


async def _run(settings: Settings, account: str) -> None:
    limits = StoreSettings(give_up_ms=GIVE_UP_MS, connect_ms=GIVE_UP_MS)
    store = Store(settings.redis_url or "", account, settings.secret, limits)
    to = ledger.open_ledger(ledger.url_of(settings.ledger_url, settings.var))
    archive = Archive(store, to, ArchiveSettings(decisions_days=settings.decisions_days))
    ending = asyncio.Event()

    def end() -> None:
        ending.set()
        archive.end()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        if await _opened(store, ending):
            await archive.run()
    finally:
        await store.close()
        to.dispose()


async def _opened(store: Store, ending: asyncio.Event) -> bool:
    """Waits for Redis, which may start later; False where the end comes first."""
    told = False
    while not ending.is_set():
        try:
            await store.open()
        except StoreDown as fault:
            if not told:
                _log.error("the archive waits for Redis: %s", fault)
                told = True
            await asyncio.sleep(OPEN_RETRY_SECONDS)
        else:
            return True
    return False
