"""A call finds its sale, tries its buyers, lives and ends."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from service.errors import StoreDown
from service.model.catalog import Buyer, Endpoint, RingPool
from service.store.asks import (
    CallEvent,
    CallRecord,
    EventStatus,
    EventTaken,
    FoundCall,
    RouteAsk,
    Routed,
    RouteReason,
    Sale,
)
from service.store.line import Word
from service.store.packing import NO_LEASES, UNLIMITED, Pack, Packer, post_room
from service.store.posts import cooldown_ms
from service.store.records import sale_of
from service.store.runner import Asked, Runner, asked_of

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
        ("GET", keys.caller(number, caller_id)),
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


def _route_builder(runner: Runner, pools: Pools, ask: RouteAsk) -> Callable[[int], Asked]:
    def build(now_ms: int) -> Asked:
        pack = _route_named(runner, pools, ask)
        packer = Packer(runner.keys, runner.calendar, now_ms, ask.sale.record.lead)
        packer.marks(pack, ask.bids)
        packer.takers(pack, ask.bids, ask.positions)
        packer.candidates(pack, ask.bids, [post_room(bid, ask.endpoint) for bid in ask.bids])
        return asked_of(pack.keys, pack.args, pack.valid_until_ms)

    return build


def _route_named(runner: Runner, pools: Pools, ask: RouteAsk) -> Pack:
    """The keys and arguments that have names in `route.lua`."""
    keys, sale, endpoint = runner.keys, ask.sale, ask.endpoint
    with_buyer = sale.record.bids[sale.position]
    bought = keys.bought(with_buyer.contract_id)
    reach, reach_args = _reach(runner, sale)
    named = [keys.call(ask.edge, ask.call), keys.sale(ask.decision_id), keys.sales]
    named += [*keys.buyer(with_buyer.buyer_id), keys.caps, *reach]
    named += [bought + mark.encode() for mark in sale.bought]
    args: list[Word] = [
        ask.decision_id,
        f"{ask.edge}:{ask.call}",
        ask.attempt,
        ATTEMPTS_MAX,
        *reach_args,
        sale.position,
        GONE if ask.current is None else post_room(ask.current, endpoint),
        _ring_ms(endpoint),
        runner.settings.sale_keep_ms,
        runner.settings.sale_keep_ms,
        cooldown_ms(pools, sale.pool),
        _beat_ms(endpoint),
        endpoint.vanity_uri,
        int(ask.caller_matches),
        msgspec.json.encode({"endpoint": endpoint.vanity_uri, "attempt": ask.attempt, "last": ask.last}),
        len(sale.bought),
        with_buyer.contract_id,
    ]
    return Pack(named, args)


def _ring_ms(endpoint: Endpoint) -> int:
    """An edge that never says that a call lives must be believed from the start."""
    return (
        endpoint.ring_seconds * 1000 + RING_GRACE_MS if endpoint.edge_heartbeats else endpoint.max_call_seconds * 1000
    )


def _beat_ms(endpoint: Endpoint) -> int:
    return HEARTBEAT_MS if endpoint.edge_heartbeats else endpoint.max_call_seconds * 1000


def _reach(runner: Runner, sale: Sale | None) -> tuple[list[bytes], list[Word]]:
    """What leads to a sale, as `parts/reach.lua` binds it: the keys, and is_pooled and pointers_count."""
    if sale is None:
        return [], [0, 0]
    keys, pointers = runner.keys, []
    caller_id = sale.record.lead.get("caller_id")
    if sale.number and not sale.pool and caller_id:
        pointers.append(keys.caller(sale.number, str(caller_id)))
    if sale.fields_key:
        pointers.append(keys.fields(sale.fields_key))
    in_pool = keys.pool(sale.pool)[:2] if sale.pool else ()
    return [*in_pool, *pointers], [int(bool(sale.pool)), len(pointers)]


async def read_call(runner: Runner, edge: str, call: str) -> CallRecord | None:
    """None where no route has found a sale for it, though a tombstone may stand there."""
    (flat,) = await runner.read([("HGETALL", runner.keys.call(edge, call))])
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    if b"sale" not in fields:
        return None
    decision_id = fields[b"sale"].decode()
    (sale_fields,) = await runner.read([("HGETALL", runner.keys.sale(decision_id))])
    return CallRecord(
        decision_id=decision_id,
        endpoint=fields[b"endpoint"].decode(),
        attempt=int(fields[b"attempt"]),
        answered=b"answered" in fields,
        ended=b"ended" in fields,
        sale=sale_of(sale_fields) if sale_fields else None,
    )


async def take_event(runner: Runner, pools: Pools, event: CallEvent, buyers: Mapping[int, Buyer]) -> EventTaken:
    """Renews or releases what the call has. `buyers` are the catalog's: a lapsed slot needs the cap of now."""
    for _ in range(REREADS_MAX):
        record = await read_call(runner, event.edge, event.call)
        if event.event == "ended":
            word = await _release(runner, pools, event, record)
        elif record is None or record.sale is None:
            word = "unknown"
        else:
            word = await _renew(runner, pools, event, record.decision_id, record.sale, buyers)
        if word != "changed":
            known = EventTaken(status=msgspec.convert(word, EventStatus))
            if record is None:
                return known
            return msgspec.structs.replace(known, endpoint=record.endpoint, decision_id=record.decision_id)
    raise StoreDown("The call kept moving while its event was taken.")


async def _renew(
    runner: Runner, pools: Pools, event: CallEvent, decision_id: str, sale: Sale, buyers: Mapping[int, Buyer]
) -> str:
    keys = runner.keys
    buyer_id = sale.record.bids[sale.position].buyer_id
    reach, reach_args = _reach(runner, sale)
    named = [keys.call(event.edge, event.call), keys.sale(decision_id), *keys.buyer(buyer_id), *reach]
    args: list[Word] = [
        decision_id,
        f"{event.edge}:{event.call}",
        -1 if event.attempt is None else event.attempt,
        int(event.event == "answered"),
        sale.position,
        _room_now(buyers.get(buyer_id)),
        runner.settings.sale_keep_ms,
        cooldown_ms(pools, sale.pool),
        *reach_args,
    ]
    reply = await runner.write("renew", lambda now_ms: asked_of(named, args))
    return _word(reply)


def _word(reply: list[Any]) -> str:
    word: bytes = reply[0]
    return word.decode()


def _room_now(buyer: Buyer | None) -> int:
    """A buyer that left the catalog gets no lapsed slot back."""
    if buyer is None:
        return 0
    return UNLIMITED if buyer.concurrency_cap is None else buyer.concurrency_cap


async def _release(runner: Runner, pools: Pools, event: CallEvent, record: CallRecord | None) -> str:
    keys = runner.keys
    call_key = keys.call(event.edge, event.call)
    sale = record.sale if record else None
    reach, reach_args = _reach(runner, sale)
    named = [
        call_key,
        keys.sale(record.decision_id) if record else call_key,
        keys.sales,
        *(keys.buyer(sale.record.bids[sale.position].buyer_id) if sale else (call_key, call_key)),
        *reach,
    ]
    args: list[Word] = [
        record.decision_id if record else "",
        f"{event.edge}:{event.call}",
        -1 if event.attempt is None else event.attempt,
        event.outcome,
        -1 if event.duration_ms is None else event.duration_ms,
        sale.position if sale else "",
        cooldown_ms(pools, sale.pool if sale else ""),
        runner.settings.tombstone_ms,
        *reach_args,
    ]
    reply = await runner.write("release", lambda now_ms: asked_of(named, args))
    return _word(reply)
