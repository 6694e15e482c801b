"""How full everything is."""

from collections.abc import Collection, Iterator, Sequence

from service.model.catalog import Buyer, Contract, Per, RingPool
from service.store.asks import Balance, BuyerUse, CapUse, ContractUse, PoolUse, Usage
from service.store.calendar import Hour
from service.store.caps import sold_of
from service.store.line import Word
from service.store.packing import msgpack
from service.store.runner import Runner

BUYERS_PER_RUN = 200
CONTRACTS_PER_RUN = 1_000
"""A run stalls every ping behind it: a thousand of them are about a millisecond."""


async def usage(
    runner: Runner,
    buyers: Sequence[Buyer],
    pools: Sequence[RingPool],
    contracts: Sequence[Contract],
    waiting: Collection[str],
) -> Usage:
    """`waiting`: offers whose sales are made later than at their post."""
    of_buyer: dict[int, list[Contract]] = {buyer.id: [] for buyer in buyers}
    for contract in contracts:
        of_buyer.get(contract.buyer_id, []).append(contract)
    uses: list[BuyerUse] = []
    for chunk in _chunks(buyers, of_buyer):
        uses += await _buyers_use(runner, chunk, of_buyer, waiting)
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


async def _buyers_use(
    runner: Runner, buyers: list[Buyer], of_buyer: dict[int, list[Contract]], waiting: Collection[str]
) -> list[BuyerUse]:
    named, now_ms = runner.keys, runner.clock.now_ms()
    paying = [buyer for buyer in buyers if buyer.balance_required]
    contracts = [(buyer, contract) for buyer in buyers for contract in of_buyer[buyer.id]]
    capped = [contract.id for _, contract in contracts if contract.caps or contract.revenue_caps]
    pending_at = [contract.id for _, contract in contracts if contract.offer in waiting]
    keys: list[bytes] = [named.caps, *(key for buyer in buyers for key in named.buyer(buyer.id))]
    keys += [key for buyer in paying for key in (named.balance(buyer.id), named.reserved(buyer.id))]
    keys += [named.pending(contract_id) for contract_id in pending_at]
    args: list[Word] = [len(buyers), len(paying), msgpack(capped), len(pending_at), msgpack([])]
    found = iter((await runner.look("usage", keys, args))[1:])
    leases = {buyer.id: (next(found), next(found)) for buyer in buyers}
    balances = {buyer.id: Balance(next(found), next(found)) for buyer in paying}
    sold = {contract_id: sold_of(next(found)) for contract_id in capped}
    pending = {contract_id: (next(found), next(found)) for contract_id in pending_at}
    uses: dict[int, list[ContractUse]] = {buyer.id: [] for buyer in buyers}
    for buyer, contract in contracts:
        hour = runner.calendar.hour(buyer.timezone, now_ms)
        count_and_price = pending.get(contract.id, (0, 0))
        uses[buyer.id].append(_contract_use(contract, hour, sold.get(contract.id, {}), count_and_price))
    return [
        BuyerUse(
            buyer_id=buyer.id,
            slots=leases[buyer.id][1],
            holds=max(leases[buyer.id][0], 0),
            contracts=uses[buyer.id],
            balance=balances.get(buyer.id),
        )
        for buyer in buyers
    ]


def _contract_use(
    contract: Contract, hour: Hour, sold: dict[Per, tuple[int, int, int]], pending: tuple[int, int]
) -> ContractUse:
    def now_sold(per: Per) -> tuple[int, int]:
        start_ms, count, micros = sold.get(per, (0, 0, 0))
        return (count, micros) if start_ms == hour.periods[per].start_ms else (0, 0)

    return ContractUse(
        contract=contract.id,
        pending=pending[0],
        caps=[
            CapUse(cap.per, cap.limit, now_sold(cap.per)[0], pending[0], hour.periods[cap.per].end_ms)
            for cap in contract.caps
        ],
        revenue_caps=[
            CapUse(cap.per, cap.limit_micros, now_sold(cap.per)[1], pending[1], hour.periods[cap.per].end_ms)
            for cap in contract.revenue_caps
        ],
    )


async def _pools_use(runner: Runner, pools: Sequence[RingPool]) -> list[PoolUse]:
    if not pools:
        return []
    of_pools = [runner.keys.pool(pool.id) for pool in pools]
    keys = [runner.keys.caps, *(key for one in of_pools for key in (one.pool, one.retired))]
    args: list[Word] = [0, 0, msgpack([]), 0, msgpack([pool.cooldown_seconds * 1000 for pool in pools])]
    found = iter((await runner.look("usage", keys, args))[1:])
    return [PoolUse(pool=pool.id, free=next(found), lent=next(found), cooling=next(found)) for pool in pools]
