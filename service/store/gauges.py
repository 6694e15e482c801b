"""How full everything is."""

from collections.abc import Iterator, Sequence

from service.model.catalog import Buyer, Contract, Per, RingPool
from service.store.asks import BuyerUse, CapUse, PoolUse, Usage
from service.store.calendar import Hour
from service.store.caps import sold_of
from service.store.line import Word
from service.store.packing import msgpack
from service.store.runner import Runner

BUYERS_PER_RUN = 200
CONTRACTS_PER_RUN = 1_000
"""A run stalls every ping behind it: a thousand of them are about a millisecond."""


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
    keys: list[bytes] = [runner.keys.caps, *(key for buyer in buyers for key in runner.keys.buyer(buyer.id))]
    capped = [(buyer, one) for buyer in buyers for one in of_buyer[buyer.id] if one.caps]
    args: list[Word] = [len(buyers), msgpack([contract.id for _, contract in capped]), msgpack([])]
    found = iter((await runner.look("usage", keys, args))[1:])
    leases = {buyer.id: (next(found), next(found)) for buyer in buyers}
    caps: dict[int, dict[str, list[CapUse]]] = {buyer.id: {} for buyer in buyers}
    for buyer, contract in capped:
        hour = runner.calendar.hour(buyer.timezone, now_ms)
        caps[buyer.id][contract.id] = _caps_use(contract, hour, sold_of(next(found)))
    return [
        BuyerUse(buyer_id=buyer_id, slots=slots, holds=max(holds, 0), caps=caps[buyer_id])
        for buyer_id, (holds, slots) in leases.items()
    ]


def _caps_use(contract: Contract, hour: Hour, sold: dict[Per, tuple[int, int]]) -> list[CapUse]:
    # Nothing is pending while every sale is made at its post.
    found = []
    for cap in contract.caps:
        period, (start_ms, count) = hour.periods[cap.per], sold.get(cap.per, (0, 0))
        now_sold = count if start_ms == period.start_ms else 0
        found.append(CapUse(per=cap.per, limit=cap.limit, sold=now_sold, pending=0, resets_at_ms=period.end_ms))
    return found


async def _pools_use(runner: Runner, pools: Sequence[RingPool]) -> list[PoolUse]:
    if not pools:
        return []
    of_pools = [runner.keys.pool(pool.id) for pool in pools]
    keys = [runner.keys.caps, *(key for one in of_pools for key in (one.pool, one.retired))]
    args: list[Word] = [0, msgpack([]), msgpack([pool.cooldown_seconds * 1000 for pool in pools])]
    found = iter((await runner.look("usage", keys, args))[1:])
    return [PoolUse(pool=pool.id, free=next(found), lent=next(found), cooling=next(found)) for pool in pools]
