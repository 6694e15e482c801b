"""What pings and posts ask of the store, made from a bench catalog without HTTP: to measure scripts and the store
alone, and to fill buyers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from benchmarks import worlds
from benchmarks.servers import SECRET
from service import catalog as catalogs
from service.exchange.limits import limits_of
from service.match import Asked, build, facts
from service.model.catalog import Catalog, Source
from service.model.lead import Bid, Lead, PingRecord, RecordedBid
from service.served.snapshot import build as build_snapshot
from service.store import Store
from service.store.asks import FoundPing, HoldAsk, SellAsk

CALLERS = 32
"""As many as the closed loop has connections."""
FILLED_SECONDS = 86_400
"""Life of a hold that makes a buyer full: longer than any run."""

Answer = TypeVar("Answer")


def load(folder: Path) -> Catalog:
    """The catalog of a folder that this suite wrote, which has no mistakes."""
    loaded = catalogs.load(folder)
    assert not isinstance(loaded, list), loaded
    return loaded


@asynccontextmanager
async def store_of(url: str, catalog: Catalog) -> AsyncIterator[Store]:
    """An open store with the catalog's numbers in its pools."""
    store = Store(url, catalog.account.id, SECRET.encode(), timezone=catalog.account.timezone)
    try:
        await store.open()
        await store.stock(list(catalog.pools.values()))
        yield store
    finally:
        await store.close()


async def in_flight(count: int, ask: Callable[[int], Awaitable[Answer]], callers: int = CALLERS) -> list[Answer]:
    """Asks with 0, 1, … in order, so many at a time, and returns the answers in order."""
    answers: dict[int, Answer] = {}
    numbers = iter(range(count))

    async def call() -> None:
        for number in numbers:
            answers[number] = await ask(number)

    await asyncio.gather(*(call() for _ in range(callers)))
    return [answers[number] for number in range(count)]


class Reservations:
    """Asks of one bench catalog."""

    def __init__(self, catalog: Catalog, *, shielded: bool = True) -> None:
        self.catalog = catalog
        self.endpoint = catalog.endpoints[worlds.ENDPOINT]
        self._index = build(catalog, worlds.OFFER)
        snapshot = build_snapshot(catalog, {worlds.OFFER: self._index})
        self._limits = limits_of(snapshot, self.endpoint, Source(id="other", name="other"))
        self._shielded = shielded

    def hold(self, number: int, now_ms: int) -> HoldAsk:
        """The ping of caller `number`, as the exchange would ask it."""
        lead: Lead = msgspec.json.decode(worlds.lead(number))
        source_id = str(lead.pop("traffic_source_id"))
        decision_id = f"{number:032x}"
        asked = Asked(facts=facts(lead, source_id), now_ms=now_ms, decision_id=decision_id)
        bids = self._index.rank(asked).take(self.endpoint.buyers_max)
        lot = self._index.lot(tuple(bids))
        return HoldAsk(
            record=self._record(decision_id, lead, bids, source_id, now_ms),
            endpoint=self.endpoint,
            bids=lot.bids,
            kept=lot.kept,
            limits=self._limits,
            fingerprint=decision_id if self._shielded else "",
            caller_id=str(lead["caller_id"]),
        )

    def sell(self, held: HoldAsk, found: FoundPing) -> SellAsk:
        """The try-all post of a ping."""
        order = tuple(at for at, word in enumerate(found.said) if word == 0)
        return SellAsk(
            record=found.record,
            endpoint=self.endpoint,
            question=f"p{found.record.decision_id}",
            bids=[held.bids[at] for at in order],
            order=order,
            needs_ping=True,
            as_pinged=not found.amended,
            held_buyers=tuple(held.bids[at].buyer.id for at in order),
            caller_id=held.caller_id,
        )

    def filling(self, buyer_id: int, number: int, now_ms: int) -> HoldAsk:
        """A hold on one buyer that lasts for the whole run."""
        buyer = self.catalog.buyers[buyer_id]
        bid = Bid(buyer.contracts[0], buyer, buyer.contracts[0].bid_micros, buyer.contracts[0].bid_micros)
        decision_id = f"f{buyer_id:015x}{number:016x}"
        return HoldAsk(
            record=self._record(decision_id, {}, [bid], "", now_ms),
            endpoint=replace(self.endpoint, hold_seconds=FILLED_SECONDS, ping_ttl_seconds=FILLED_SECONDS),
            bids=[bid],
        )

    def _record(self, decision_id: str, lead: Lead, bids: list[Bid], source_id: str, now_ms: int) -> PingRecord:
        return PingRecord(
            decision_id=decision_id,
            endpoint=self.endpoint.vanity_uri,
            source_id=source_id,
            at_ms=now_ms,
            catalog=self.catalog.version,
            lead=lead,
            bids=[RecordedBid(bid.buyer.id, bid.contract.id, bid.bid_micros, bid.payout_micros) for bid in bids],
        )


async def fill(url: str, catalog: Catalog, buyer_ids: list[int]) -> None:
    """Takes every slot of these buyers by holds that outlast the run."""
    made = Reservations(catalog)
    wanted = [(buyer_id, at) for buyer_id in buyer_ids for at in range(catalog.buyers[buyer_id].concurrency_cap or 0)]
    async with store_of(url, catalog) as store:

        async def hold(number: int) -> str:
            buyer_id, at = wanted[number]
            return (await store.hold(made.filling(buyer_id, at, store.now_ms()))).status

        statuses = await in_flight(len(wanted), hold)
    assert set(statuses) <= {"held"}, statuses
