"""How full everything is, and what numbers there are to lend."""

from collections.abc import Iterator, Sequence

from service.model.catalog import Buyer, Contract, RingPool
from service.store.asks import BuyerUse, CapUse, PoolUse, Usage
from service.store.calendar import Hour
from service.store.line import Word
from service.store.packing import msgpack
from service.store.runner import Asked, Runner

BUYERS_PER_RUN = 200
CONTRACTS_PER_RUN = 1_000
"""A run stalls every ping behind it: a thousand hashes are about a millisecond."""
NUMBERS_PER_RUN = 1_000


async def usage(
    runner: Runner, buyers: Sequence[Buyer], pools: Sequence[RingPool], contracts: Sequence[Contract]
) -> Usage:
    of_buyer: dict[int, list[Contract]] = {buyer.id: [] for buyer in buyers}
    for contract in contracts:
        of_buyer.get(contract.buyer_id, []).append(contract)
    uses: list[BuyerUse] = []
    for chunk in _chunks(buyers, of_buyer):
        uses += await _buyers_use(runner, chunk, of_buyer)
    return Usage(buyers=uses, pools=await _pools_use(runner, pools))


def _chunks(buyers: Sequence[Buyer], of_buyer: dict[int, list[Contract]]) -> Iterator[list[Buyer]]:
    chunk: list[Buyer] = []
    contracts_count = 0
    for buyer in buyers:
        mine = len(of_buyer[buyer.id])
        if chunk and (len(chunk) == BUYERS_PER_RUN or contracts_count + mine > CONTRACTS_PER_RUN):
            yield chunk
            chunk, contracts_count = [], 0
        chunk.append(buyer)
        contracts_count += mine
    if chunk:
        yield chunk


async def _buyers_use(runner: Runner, buyers: list[Buyer], of_buyer: dict[int, list[Contract]]) -> list[BuyerUse]:
    now_ms = runner.clock.now_ms()
    keys: list[bytes] = [key for buyer in buyers for key in runner.keys.buyer(buyer.id)]
    capped = [(buyer, one) for buyer in buyers for one in of_buyer[buyer.id] if one.caps]
    fields: list[list[str]] = []
    for buyer, contract in capped:
        hour = runner.calendar.hour(buyer.timezone, now_ms)
        keys.append(runner.keys.contract(contract.id).caps)
        fields.append([hour.periods[cap.per].field for cap in contract.caps])
    args: list[Word] = [len(buyers), msgpack(fields), msgpack([])]
    found = iter((await runner.look("usage", keys, args))[1:])
    leases = {buyer.id: (next(found), next(found)) for buyer in buyers}
    caps: dict[int, dict[str, list[CapUse]]] = {buyer.id: {} for buyer in buyers}
    for buyer, contract in capped:
        hour = runner.calendar.hour(buyer.timezone, now_ms)
        caps[buyer.id][contract.id] = _caps_use(contract, hour, [next(found) for _ in contract.caps])
    return [
        BuyerUse(buyer_id=buyer_id, slots=slots, holds=holds, caps=caps[buyer_id])
        for buyer_id, (holds, slots) in leases.items()
    ]


def _caps_use(contract: Contract, hour: Hour, sold: list[int]) -> list[CapUse]:
    # Nothing is pending while every sale is made at its post.
    return [
        CapUse(per=cap.per, limit=cap.limit, sold=count, pending=0, resets_at_ms=hour.periods[cap.per].end_ms)
        for cap, count in zip(contract.caps, sold, strict=True)
    ]


async def _pools_use(runner: Runner, pools: Sequence[RingPool]) -> list[PoolUse]:
    if not pools:
        return []
    keys = [runner.keys.pool(pool.id).pool for pool in pools]
    args: list[Word] = [0, msgpack([]), msgpack([pool.cooldown_seconds * 1000 for pool in pools])]
    found = iter((await runner.look("usage", keys, args))[1:])
    return [PoolUse(pool=pool.id, free=next(found), lent=next(found), cooling=next(found)) for pool in pools]


async def stock(runner: Runner, pools: Sequence[RingPool]) -> None:
    """Makes each pool hold the catalog's numbers. One that is lent or cooling is never made free early: not one that
    leaves, and not one that comes from another pool."""
    keys = runner.keys
    (known,) = await runner.read([("SMEMBERS", keys.pools)])
    pool_ids = sorted({pool.id for pool in pools} | {pool_id.decode() for pool_id in known})
    stands: dict[str, dict[str, int]] = {}
    busy_until_ms: dict[str, int] = {}
    for pool_id in pool_ids:
        stands[pool_id] = await _stands(runner, pool_id)
        for number, free_at_ms in stands[pool_id].items():
            busy_until_ms[number] = max(free_at_ms, busy_until_ms.get(number, 0))
    listed = {pool.id: pool.numbers for pool in pools}
    if listed:
        await runner.read([("SADD", keys.pools, *listed)])
    for pool_id in pool_ids:
        numbers = listed.get(pool_id, ())
        gone = sorted(stands[pool_id].keys() - set(numbers))
        await _stock_one(runner, pool_id, [(number, busy_until_ms.get(number, 0)) for number in numbers], gone)


async def _stands(runner: Runner, pool_id: str) -> dict[str, int]:
    """Number -> free again at, in steps that a big pool's pings need not wait for."""
    found: dict[str, int] = {}
    cursor = 0
    while True:
        command = ("ZSCAN", runner.keys.pool(pool_id).pool, cursor, "COUNT", NUMBERS_PER_RUN)
        ((cursor, pairs),) = await runner.read([command])
        found |= {number.decode(): int(score) for number, score in zip(pairs[::2], pairs[1::2], strict=True)}
        if int(cursor) == 0:
            return found


async def _stock_one(runner: Runner, pool_id: str, listed: list[tuple[str, int]], gone: list[str]) -> None:
    keys = list(runner.keys.pool(pool_id))
    for at in range(0, max(len(listed), len(gone)), NUMBERS_PER_RUN):
        coming, going = listed[at : at + NUMBERS_PER_RUN], gone[at : at + NUMBERS_PER_RUN]
        args: list[Word] = [len(coming), *(word for pair in coming for word in pair), *going]
        await runner.write("stock", lambda now_ms, args=args: Asked(keys, args))  # type: ignore[misc]
