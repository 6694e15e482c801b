"""Pending sales that were never made go on record.

Nothing waits for this: what has lapsed counts nowhere from that moment on. It is done by every worker's watch over
Redis, each time a little, so that the ledger knows what became of a sale that nobody called.
"""

from typing import Final

from service.store.packing import msgpack
from service.store.records import words_of
from service.store.runner import AskedInWords, Runner

LAPSED_PER_RUN: Final = 100
"""A run stalls every ping behind it: so many are half a millisecond."""


async def lapse(runner: Runner) -> None:
    """What has lapsed by now, of each contract one run's worth. Raises StoreDown."""
    keys, now_ms = runner.keys, runner.clock.now_ms()
    (contracts,) = await runner.read([("SMEMBERS", keys.pendings)])
    if not contracts:
        return
    ids = [contract.decode() for contract in contracts]
    over = [("ZRANGEBYSCORE", keys.pending(one), "-inf", now_ms, "LIMIT", 0, LAPSED_PER_RUN) for one in ids]
    # A set that is empty or gone is looked at too: then its contract leaves the list.
    standing = await runner.read([("EXISTS", keys.pending(one)) for one in ids])
    for contract_id, members, stands in zip(ids, await runner.read(over), standing, strict=True):
        if members or not stands:
            await _lapse(runner, contract_id, [member.decode() for member in members])


async def _lapse(runner: Runner, contract_id: str, members: list[str]) -> None:
    keys = runner.keys
    sales = [keys.sale(member.rpartition(":")[0]) for member in members]
    left = await runner.read([("HMGET", sale, "bought", "exclusive") for sale in sales]) if sales else []
    named, counts = [keys.pending(contract_id), keys.pendings, keys.sales], []
    for sale, (bought, exclusive) in zip(sales, left, strict=True):
        marks = [keys.bought(contract_id) + mark.encode() for mark in words_of((bought or b"").decode())]
        marks += [keys.exclusive(name) for name in words_of((exclusive or b"").decode())]
        named += [sale, *marks]
        counts.append(len(marks))
    asked = AskedInWords(named, [contract_id, msgpack(members), msgpack(counts)])
    await runner.write("lapse", lambda now_ms: asked)
