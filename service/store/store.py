"""The door to Redis: one verb per thing the exchange asks."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from service.errors import StoreDown, StoreUnfit
from service.model.catalog import Buyer, Contract, RingPool
from service.model.lead import Lead
from service.model.sales import Decided
from service.store import (
    aftermath,
    audit,
    balances,
    calls,
    events,
    gauges,
    lapsing,
    pauses,
    pings,
    posts,
    secret,
    streams,
)
from service.store.aftermath import Converted, KnownSale, Refunded
from service.store.asks import (
    Balance,
    CallEvent,
    EventTaken,
    FoundCall,
    FoundPing,
    Held,
    HoldAsk,
    RouteAsk,
    Routed,
    Sale,
    SellAsk,
    Sold,
    Usage,
)
from service.store.backing_off import pause_ms
from service.store.balances import CreditAsk, Credited
from service.store.channel import Channel, LineFull, ScriptFault
from service.store.keys import Keys
from service.store.marks import person_of
from service.store.records import ping_of, sale_of
from service.store.runner import Runner
from service.store.settings import StoreSettings
from service.store.stocking import Stock
from service.store.streams import Entry, Misread, Page, StreamName

CANCEL_AGAIN_SECONDS = 0.05

_log = logging.getLogger(__name__)


class Store:
    """All that is kept in Redis for one account. Every verb raises StoreDown where Redis does not answer in time.

    `url` is redis://, rediss:// or unix://. `secret` keys the hashes of personal fields: with another secret the old
    dedup marks and callers would not be found again, so that a Redis is only opened with the secret it knows.
    `timezone` is the account's: the windows of rate limits.
    """

    def __init__(
        self, url: str, account: str, secret: bytes, limits: StoreSettings | None = None, *, timezone: str = "UTC"
    ) -> None:
        self._settings = limits or StoreSettings()
        self._channel = Channel(url, self._settings.questions_max, self._settings.connect_ms)
        self._runner = Runner(self._channel, Keys(account, secret), self._settings)
        self._timezone = timezone
        self._stock = Stock(self._runner)
        self._tasks: set[asyncio.Task[None]] = set()

    # Life

    async def open(self) -> None:
        """Raises StoreUnfit where this Redis cannot be used, StoreDown where there is none."""
        give_up_at = asyncio.get_running_loop().time() + self._settings.connect_ms / 1000
        await self._channel.check(give_up_at)
        await self._runner.probe()
        await secret.claim(self._runner)
        self._start(self._keep_watch())

    async def close(self) -> None:
        running = self._tasks
        while running:
            for task in running:
                task.cancel()
            # Once more after a while: asyncio.wait_for of Python 3.11, which redis-py uses, can lose a cancellation.
            _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)
        await self._channel.close()

    async def ready(self) -> None:
        """Asks for a sign of life. Raises StoreDown where there is none in time."""
        await self._runner.read([("PING",)])

    async def config(self, *names: str) -> dict[str, str]:
        """Redis' own settings of these names; empty where it does not tell, as many that are hosted do not."""
        try:
            found = await self._runner.read([("CONFIG", "GET", name) for name in names])
        except (StoreDown, ScriptFault):
            return {}
        return {pair[0].decode(): pair[1].decode() for pair in found if pair}

    def now_ms(self) -> int:
        """Redis' time, as far as it is known here."""
        return self._runner.clock.now_ms()

    def hash_of(self, text: bytes) -> str:
        """A hash keyed by the secret: for fingerprints, which stand in keys."""
        return self._runner.keys.hash_of(text)

    def for_one_answer(self) -> "Store":
        """This store with the time of one answer running: all that is asked of it for a request, in however many trips,
        is over (in words, or as StoreDown) when that time is."""
        timed = object.__new__(Store)
        timed._settings, timed._channel, timed._timezone = self._settings, self._channel, self._timezone
        timed._stock, timed._tasks, timed._runner = self._stock, self._tasks, self._runner.for_one_answer()
        return timed

    # Leads

    def hold(self, ask: HoldAsk) -> Awaitable[Held]:
        return pings.hold(self._runner, self._timezone, ask)

    async def ping(self, decision_id: str, test: bool = False) -> FoundPing | None:
        (value,) = await self._runner.read([("GET", self._runner.keys.ping(decision_id, test))])
        return ping_of(value) if value else None

    async def sale(self, decision_id: str) -> Sale | None:
        (fields,) = await self._runner.read([("HGETALL", self._runner.keys.sale(decision_id))])
        return sale_of(fields) if fields else None

    def posted(self, decision_id: str) -> Awaitable[tuple[FoundPing | None, Sale | None]]:
        """The ping a post names and the sale it may have made already, in one trip."""
        return posts.posted(self._runner, decision_id)

    def sell(self, ask: SellAsk) -> Awaitable[Sold]:
        return posts.sell(self._runner, self._timezone, self._stock.pools, ask)

    # Calls

    async def find_call(
        self, edge: str, call: str, number: str, caller_id: str, pools: Sequence[RingPool], own_number_known: bool
    ) -> FoundCall:
        """Where a tracking number leads for this call. `own_number_known`: the catalog lists it as a publisher's.

        It is looked for in the pools of the catalog and in all that hold numbers: sales outlive their pools."""
        pool_ids = self._stock.pool_ids | {pool.id for pool in pools}
        found = await calls.find_call(self._runner, (edge, call), number, caller_id, pool_ids)
        if not found.known and not own_number_known and (unheard_of := await self._stock.learn_pools() - pool_ids):
            # Another worker has a newer catalog already.
            found = await calls.find_call(self._runner, (edge, call), number, caller_id, unheard_of)
        return FoundCall(known=True) if own_number_known and not found.known else found

    async def route(self, ask: RouteAsk) -> Routed:
        return await calls.route(self._runner, self._stock.pools, ask)

    def event(self, event: CallEvent, buyers: Mapping[int, Buyer]) -> Awaitable[EventTaken]:
        """`answered` and `heartbeat` renew, `ended` releases. `buyers` are the catalog's of now."""
        return events.take_event(self._runner, self._stock.pools, event, buyers)

    # Operators

    async def usage(
        self,
        buyers: Sequence[Buyer],
        pools: Sequence[RingPool],
        contracts: Sequence[Contract],
        waiting: Collection[str] = (),
    ) -> Usage:
        """Leases and balances of these buyers, caps of those of the contracts that are theirs, what is pending of those
        whose offer's sales wait to be made, and pools."""
        return await gauges.usage(self._runner, buyers, pools, contracts, waiting)

    async def stock(self, pools: Sequence[RingPool]) -> None:
        """To be called with every catalog: makes the pools hold its numbers, now and whenever Redis comes back. One
        that is lent or cooling elsewhere comes when it is free there."""
        self.forget()
        await self._stock.take(pools)

    def forget(self) -> None:
        """Drops what was packed of a catalog that is served no more, and would be kept alive by it."""
        self._runner.keys.forget()

    async def convert(self, sale: KnownSale, by: str) -> Converted:
        """A conversion is reported of a sale."""
        return await aftermath.convert(self._runner, sale, by)

    async def refund(self, sale: KnownSale, reason: str, by: str) -> Refunded:
        return await aftermath.refund(self._runner, sale, reason, by)

    async def credit(self, ask: CreditAsk) -> Credited:
        return await balances.credit(self._runner, ask)

    async def balance(self, buyer_id: int) -> Balance:
        return await balances.balance(self._runner, buyer_id)

    async def pause(self, buyer_id: int) -> None:
        await pauses.pause(self._runner, buyer_id)

    async def resume(self, buyer_id: int) -> None:
        await pauses.resume(self._runner, buyer_id)

    async def paused(self) -> frozenset[int]:
        return await pauses.paused(self._runner)

    def watch(self, on_pauses: Callable[[frozenset[int]], None]) -> None:
        """Calls `on_pauses` with the ids of all paused buyers, soon and at every change, until the store is closed."""
        self._start(pauses.watch(self._runner, self._channel, on_pauses))

    async def decision(self, decision_id: str) -> list[dict[str, Any]]:
        """The audit's records of a decision, oldest first."""
        return await audit.decision(self._runner, decision_id)

    # The archive

    async def page(self, stream: StreamName, after: str, count: int) -> Page:
        """What follows an entry's id in a stream."""
        return await streams.page(self._runner, stream, after, count)

    async def follow(self, stream: StreamName, after: str, wait_ms: int) -> list[Entry]:
        """What comes after an entry's id; nothing where nothing comes in time. Not for a store that answers others."""
        return await streams.follow(self._runner, stream, after, wait_ms)

    async def trim_sales(self, behind: str) -> None:
        """Drops what stands before an entry that the ledger has."""
        await streams.trim_sales(self._runner, behind)

    async def sales_waiting(self) -> int:
        """Sales that stand in Redis: those that no archive has taken, and a few that were."""
        (count,) = await self._runner.read([("XLEN", self._runner.keys.sales)])
        return int(count)

    def decided(self, entry: Entry) -> Decided | Misread:
        """What an entry of the audit says."""
        return streams.decided(entry, self._runner.keys.hash_of)

    def caller_hash(self, lead: Lead) -> str | None:
        """By which a person's decisions are found in the ledger, from `caller_id` in E.164 or its SHA-256."""
        return person_of(lead, self._runner.keys.hash_of)

    # The watch over Redis

    def _start(self, work: Any) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    async def _keep_watch(self) -> None:
        """Learns the clock every few seconds, and stocks numbers that have become free; while the breaker is open, asks
        for a sign of life; on a new line, learns the clock and stocks all pools, for what answers may have lost
        everything."""
        settings, runner, channel = self._settings, self._runner, self._channel
        waited_ms, lines_known, tries = 0.0, channel.lines_made, 0
        while True:
            tries = tries + 1 if runner.breaker.is_open else 0
            pausing_ms = pause_ms(tries, settings)
            await asyncio.sleep(pausing_ms / 1000)
            waited_ms += pausing_ms
            is_new = channel.lines_made != lines_known
            if not runner.breaker.is_open and not is_new and waited_ms < settings.clock_refresh_ms:
                continue
            waited_ms = 0
            try:
                if is_new:
                    runner.clock.forget()
                await runner.probe()
            except StoreDown as fault:
                if isinstance(fault, LineFull) and not runner.breaker.is_open:
                    continue  # busy; but where nobody is answered, what fills the line will never go
                runner.breaker.failed()
                channel.reset()
                continue
            with contextlib.suppress(StoreDown):  # the next turn goes on with it
                lines_known = await self._settled(lines_known)

    async def _settled(self, lines_known: int) -> int:
        """Makes what answers hold what it must; returns the count of lines of which that is known. Raises StoreDown."""
        lines_made = self._channel.lines_made
        try:
            if lines_made == lines_known and await secret.stands(self._runner):
                await self._stock.catch_up()
                await lapsing.lapse(self._runner)
            else:
                await secret.claim(self._runner)
                await self._stock.stock()
        except (StoreUnfit, ScriptFault):
            _log.exception("the watch over Redis met a fault that it cannot mend")
        return lines_made
