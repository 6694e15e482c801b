"""What is compared, and the limits of comparing, each with its reason."""

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from service.archive import Reader
from service.ledger import Ledger
from service.model.catalog import Catalog
from service.store import Store


class ReconcileSettings(Struct, frozen=True):
    looks_max: int = 200
    """Looks at Redis and the ledger until both stand at one moment: each takes some hundredths of a second, in which
    nothing may be archived behind the entry that was the last one in Redis."""
    pause_seconds: float = 0.03
    """Between two looks: an archive beside us is done with its batch."""
    repairs_max: int = 20
    """Repairs until nothing differs: one, and one more for each period that ends or Redis that is lost on the way."""
    per_run: int = 50
    """Contracts and balances, or keys, that one run of the script takes. 50 of each kept Redis busy for 0.6 to 0.9 ms
    on average; 200 for 3.8."""
    sale_margin_ms: int = 60_000
    """A sale that Redis is about to forget is not missed."""
    differences_max: int = 1_000
    """Those that are told one by one; of more only the number. A lost Redis misses every sale of a day."""


class Sides(Struct, frozen=True):
    """Both sides, and the catalog that says who pays from a balance and in which zone a contract's periods are."""

    store: Store
    ledger: Ledger
    catalog: Catalog
    reader: Reader[Any]
    """Of the sales stream: it brings the ledger to where Redis is."""
    tell: Callable[[str], None]
    """Is told how far a long comparison is."""
    limits: ReconcileSettings = ReconcileSettings()

    async def ask(self, question: Callable[..., Any], *words: Any) -> Any:
        """A question to the ledger, which is synchronous."""
        return await asyncio.to_thread(question, self.ledger, *words)

    async def catch_up(self) -> None:
        """All that is in the stream by now is in the ledger."""
        await self.reader.take_until(await self.store.books().last_id())
