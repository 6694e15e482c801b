"""A call finds its sale and tries its buyers."""

from collections.abc import Callable, Collection, Mapping

import msgspec

from service.errors import StoreDown
from service.model.catalog import Endpoint, RingPool
from service.store.asks import (
    FoundCall,
    RouteAsk,
    Routed,
    RouteReason,
)
from service.store.line import Word
from service.store.packing import NO_LEASES, Pack, Packer, post_room
from service.store.posts import cooldown_ms
from service.store.reach import reach_of
from service.store.records import sale_of
from service.store.runner import AskedInWords, Runner

ATTEMPTS_MAX = 5
HEARTBEAT_MS = 45_000
RING_GRACE_MS = 10_000
"""Beyond the ring time: what a switch needs to say that nobody took the call."""
REREADS_MAX = 3
"""How often a call that was moved while it was read is read again."""

GONE = NO_LEASES
"""Room of a buyer that is no longer in the catalog: its sale moves on."""

Pools = Mapping[str, RingPool]


async def find_call(
    runner: Runner, ask: tuple[str, str], number: str, caller_id: str, pool_ids: Collection[str]
) -> FoundCall:
    """`ask` is (edge, call). A call that was routed stays with its sale, whoever has the number by now."""
    keys = runner.keys
    commands: list[tuple[bytes | str, ...]] = [
        ("HGET", keys.call(*ask), "sale"),
        ("GET", keys.caller(keys.caller_name(number, caller_id))),
    ]
    for pool_id in pool_ids:
        commands.append(("ZSCORE", keys.pool(pool_id).pool, number))
        commands.append(("HGET", keys.pool(pool_id).lent, number))
    sale, pointer, *in_pools = await runner.read(commands)
    if sale:
        return FoundCall(known=True, sale_of=sale.decode())
    lent = next((lent_to.decode() for lent_to in in_pools[1::2] if lent_to), "")
    if lent:
        return FoundCall(known=True, sale_of=lent)
    if pointer:
        kind, decision_id = pointer[:1], pointer[1:].decode()
        found = {b"s": "sale_of", b"p": "ping_of"}[kind]
        return FoundCall(known=True, **{found: decision_id})
    return FoundCall(known=any(score is not None for score in in_pools[::2]))


async def route(runner: Runner, pools: Pools, ask: RouteAsk) -> Routed:
    for _ in range(REREADS_MAX):
        reply = await runner.write("route", _route_builder(runner, pools, ask))
        word = reply[0].decode()
        if word != "changed":
            sale = sale_of(reply[2]) if reply[2] else None
            if word == "dial":
                return Routed(reason="", position=int(reply[1]), sale=sale)
            return Routed(reason=_reason(word), sale=sale)
        ask = await _reread(runner, ask)
    raise StoreDown("The sale kept moving while its call was routed.")


def _reason(word: str) -> RouteReason:
    reason: RouteReason = msgspec.convert(word, RouteReason)
    return reason


async def _reread(runner: Runner, ask: RouteAsk) -> RouteAsk:
    """Another attempt moved the sale after it was read: those before its buyer have been tried."""
    (fields,) = await runner.read([("HGETALL", runner.keys.sale(ask.decision_id))])
    if not fields:
        raise StoreDown("The sale is over.")
    sale = sale_of(fields)
    left = ask.positions
    current = ask.current
    if sale.position in left:
        at = left.index(sale.position)
        current, left = ask.bids[at], left[at + 1 :]
    bids = ask.bids[len(ask.bids) - len(left) :]
    return msgspec.structs.replace(ask, sale=sale, current=current, positions=left, bids=bids)


def _route_builder(runner: Runner, pools: Pools, ask: RouteAsk) -> Callable[[int], AskedInWords]:
    def build(now_ms: int) -> AskedInWords:
        pack = _route_named(runner, pools, ask)
        packer = Packer(runner.keys, runner.calendar, now_ms, ask.sale.record.lead, terms=ask.sale.terms)
        packer.marks(pack, ask.bids)
        packer.takers(pack, ask.bids, ask.positions)
        packer.candidates(pack, ask.bids, [post_room(bid, ask.endpoint) for bid in ask.bids])
        return AskedInWords(pack.keys, pack.args, pack.valid_until_ms)

    return build


def _route_named(runner: Runner, pools: Pools, ask: RouteAsk) -> Pack:
    """The keys and arguments that have names in `route.lua`."""
    keys, sale, endpoint = runner.keys, ask.sale, ask.endpoint
    with_buyer = sale.record.bids[sale.position]
    bought, reach = keys.bought(with_buyer.contract_id), reach_of(keys, sale)
    named = [keys.call(ask.edge, ask.call), keys.sale(ask.decision_id), keys.sales]
    named += [*keys.buyer(with_buyer.buyer_id), keys.caps, keys.pending(with_buyer.contract_id)]
    named += [keys.reserved(with_buyer.buyer_id), keys.balance(with_buyer.buyer_id), *reach.keys(keys)]
    named += [bought + mark.encode() for mark in sale.bought]
    args: list[Word] = [
        ask.decision_id,
        f"{ask.edge}:{ask.call}",
        ask.attempt,
        ATTEMPTS_MAX,
        *reach.args(),
        sale.position,
        GONE if ask.current is None else post_room(ask.current, endpoint),
        _ring_ms(endpoint),
        runner.settings.sale_keep_ms,
        runner.settings.sale_keep_ms,
        cooldown_ms(pools, sale.pool),
        _beat_ms(endpoint),
        endpoint.vanity_uri,
        int(ask.caller_matches),
        with_buyer.buyer_id,
        with_buyer.contract_id,
        with_buyer.bid_micros,
        reach.pool,
        reach.caller,
        reach.fields,
        msgspec.json.encode({"endpoint": endpoint.vanity_uri, "attempt": ask.attempt, "last": ask.last}),
        len(sale.bought),
    ]
    return Pack(named, args)


def _ring_ms(endpoint: Endpoint) -> int:
    """An edge that never says that a call lives must be believed from the start."""
    return (
        endpoint.ring_seconds * 1000 + RING_GRACE_MS if endpoint.edge_heartbeats else endpoint.max_call_seconds * 1000
    )


def _beat_ms(endpoint: Endpoint) -> int:
    return HEARTBEAT_MS if endpoint.edge_heartbeats else endpoint.max_call_seconds * 1000
