"""Both sides, with the catalog of those who race for money."""

from struct import Struct
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from service.archive import ArchiveSettings, sales_reader
from service.ledger import Ledger
from service.model.catalog import PERS, Account, Buyer, Catalog, Per
from service.model.periods import period_at
from service.reconcile import ReconcileSettings, Report, Sides, reconcile
from service.store import Store
from service.store.balances import CreditAsk
from tests.conftest import RedisForTest
from tests.store.money_racer import BIDS, PAID_IN, PATIENT, POOL
from tests.store.world import open_store

CAPS, CREDITS, STREAM = "{demo}:caps", "{demo}:credits", "{demo}:sales"
WORDS = Struct("<qqq")
BUYERS = {
    one.buyer.id: replace(one.buyer, contracts=tuple(bids[place].contract for bids in BIDS.values()))
    for place, one in enumerate(BIDS[""])
}


def catalog_of(buyers: dict[int, Buyer]) -> Catalog:
    nothing: dict[str, Any] = {}
    return Catalog("v1", Account("demo"), nothing, nothing, nothing, nothing, nothing, nothing, buyers, ())


async def sides_on(redis: RedisForTest, to: Ledger, limits: ReconcileSettings | None = None) -> Sides:
    """Its store is the test's to close."""
    store = await open_store(redis.url, PATIENT)
    reader = sales_reader(store, to, ArchiveSettings(batch_entries=50))
    return Sides(store, to, catalog_of(BUYERS), reader, lambda _: None, limits or ReconcileSettings())


async def pay_in(store: Store) -> None:
    await store.stock([POOL])
    for buyer_id, micros in PAID_IN.items():
        await store.credit(CreditAsk(buyer_id, micros, f"k{buyer_id}", "top_up", "wire", "operator"))


async def compared(sides: Sides) -> Report:
    return await reconcile(sides)


def told(report: Report) -> list[tuple[str, str, Any, Any]]:
    return [(f"{one.what} {one.per}" if one.per else one.what, one.key, one.redis, one.ledger)
            for one in report.differences]  # fmt: skip


class Caps:
    """What a contract has sold, as its bytes in Redis."""

    def __init__(self, redis: RedisForTest) -> None:
        self._client = redis.client

    def of(self, contract: str) -> dict[Per, tuple[int, int, int]]:
        value = self.all()[contract]
        return dict(zip(PERS, WORDS.iter_unpack(value), strict=True))

    def all(self) -> dict[str, bytes]:
        flat = self._client.execute_command("HGETALL", CAPS, NEVER_DECODE=True)
        found = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        return {name.decode(): value for name, value in found.items()}

    def put(self, contract: str, sold: dict[Per, tuple[int, int, int]]) -> None:
        self._client.hset(CAPS, contract, b"".join(WORDS.pack(*sold[per]) for per in PERS))

    def add(self, contract: str, per: Per, sales: int, micros: int) -> None:
        before = self.of(contract)
        start, sold, cost = before[per]
        self.put(contract, {**before, per: (start, sold + sales, cost + micros)})

    def now(self, at_ms: int) -> dict[tuple[str, Per], tuple[int, int]]:
        """What counts in the periods of a moment, of contracts that sold in them."""
        found: dict[tuple[str, Per], tuple[int, int]] = {}
        for buyer in BUYERS.values():
            for contract in buyer.contracts:
                for per, (start, sold, micros) in self.of(contract.id).items() if contract.id in self.all() else ():
                    if start == _start(buyer, per, at_ms) and (sold or micros):
                        found[contract.id, per] = (sold, micros)
        return found


def _start(buyer: Buyer, per: Per, at_ms: int) -> int:
    return period_at(per, at_ms, ZoneInfo(buyer.timezone)).start_ms


def balances(redis: RedisForTest) -> dict[int, int]:
    return {buyer: int(redis.client.get(f"{{demo}}:balance:{buyer}") or 0) for buyer in PAID_IN}
