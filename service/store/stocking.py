"""What numbers there are to lend: each of the catalog's stands in one ring pool, and in no other."""

import asyncio
from collections.abc import Sequence

from service.errors import StoreDown
from service.model.catalog import RingPool
from service.store.packing import msgpack
from service.store.runner import AskedInWords, Runner

NUMBERS_PER_RUN = 1_000
"""A run stalls every ping behind it. A new number is looked for in every other pool."""
REREADS_MAX = 3
"""How often the pools are read again because another worker has just made one."""


class Stock:
    """Makes the pools hold the catalog's numbers, and remembers which of them cannot come yet.

    A number that is lent or cooling stays in its pool until it is free there, also when the catalog lists it in another
    pool or not at all: its sale goes on where it began. It comes to its new pool when `catch_up` finds it free.
    """

    def __init__(self, runner: Runner) -> None:
        self.pools: dict[str, RingPool] = {}
        """Every pool that a catalog of this worker had: a sale may outlive its pool."""
        self.pool_ids: frozenset[str] = frozenset()
        """Pools that hold numbers or may, as last heard: also those of no catalog."""
        self._runner = runner
        self._listed: tuple[RingPool, ...] | None = None
        """None until a catalog is taken. Who has none, an archive or a worker that boots, must leave the pools as they
        are when Redis comes back: to it all numbers would be numbers that have left the catalog."""
        self._waiting: dict[str, list[str]] = {}
        self._is_done = True
        self._turn = asyncio.Lock()

    async def take(self, pools: Sequence[RingPool]) -> None:
        """A new catalog's pools. Raises StoreDown; `catch_up` goes on from there."""
        self._listed = tuple(pools)
        self.pools |= {pool.id: pool for pool in pools}
        await self.stock()

    async def stock(self) -> None:
        """All pools from the beginning. Raises StoreDown."""
        if self._listed is None:
            return
        async with self._turn:
            self._is_done = False
            listed = {pool.id: pool.numbers for pool in self._listed}
            for pool_id in await self.learn_pools() | listed.keys():
                gone = await self._stands(pool_id) - set(listed.get(pool_id, ()))
                await self._move(pool_id, going=sorted(gone))
            self._waiting = {pool_id: await self._move(pool_id, coming=numbers) for pool_id, numbers in listed.items()}
            self._is_done = True

    async def catch_up(self) -> None:
        """Goes on with what could not be done yet. Raises StoreDown."""
        if self._turn.locked():
            return
        if not self._is_done:
            await self.stock()
            return
        async with self._turn:
            for pool_id, numbers in self._waiting.items():
                self._waiting[pool_id] = await self._move(pool_id, coming=numbers)

    async def learn_pools(self) -> frozenset[str]:
        """The pools that hold numbers now. Raises StoreDown."""
        (known,) = await self._runner.read([("SMEMBERS", self._runner.keys.pools)])
        self.pool_ids = frozenset(pool_id.decode() for pool_id in known)
        return self.pool_ids

    async def _stands(self, pool_id: str) -> set[str]:
        """All numbers of a pool, in steps that a big pool's pings need not wait for."""
        found: set[str] = set()
        cursor = 0
        while True:
            command = ("ZSCAN", self._runner.keys.pool(pool_id).pool, cursor, "COUNT", NUMBERS_PER_RUN)
            ((cursor, pairs),) = await self._runner.read([command])
            found |= {number.decode() for number in pairs[::2]}
            if int(cursor) == 0:
                return found

    async def _move(self, pool_id: str, *, going: Sequence[str] = (), coming: Sequence[str] = ()) -> list[str]:
        """Numbers leave a pool, or come to it; returns those that cannot come yet."""
        waiting: list[str] = []
        per_run = max(NUMBERS_PER_RUN // (len(self.pool_ids) + 1), 1)
        for at in range(0, max(len(going), len(coming)), per_run):
            waiting += await self._run(pool_id, going[at : at + per_run], coming[at : at + per_run])
        return waiting

    async def _run(self, pool_id: str, going: Sequence[str], coming: Sequence[str]) -> list[str]:
        keys = self._runner.keys
        for _ in range(REREADS_MAX):
            others = sorted((self.pool_ids | self.pools.keys()) - {pool_id})
            named = [keys.pools, *keys.pool(pool_id), *(key for other in others for key in keys.pool(other))]
            asked = AskedInWords(named, [pool_id, msgpack(others), msgpack(going), msgpack(coming)])
            reply = await self._runner.write("stock", lambda now_ms, asked=asked: asked)  # type: ignore[misc]
            if reply[0] == b"stocked":
                return [number.decode() for number in reply[1:]]
            await self.learn_pools()
        raise StoreDown("Pools kept coming while their numbers were stocked.")
