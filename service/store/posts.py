"""A post takes a buyer and a number, once."""

from collections.abc import Mapping
from typing import Any

import msgspec

from service.model.catalog import RingPool
from service.store.asks import Sale, SellAsk, Sold
from service.store.line import Word
from service.store.packing import Pack, Packer, delivers_calls, post_room, refused_by, stream
from service.store.records import record_json, said_csv, said_of_reply, sale_of, words_of
from service.store.runner import Asked, Runner, asked_of

COOLDOWN_UNKNOWN_SECONDS = 60
"""For a pool that this worker has not stocked: the catalog's default."""


def cooldown_ms(pools: Mapping[str, RingPool], pool_id: str) -> int:
    pool = pools.get(pool_id)
    return (COOLDOWN_UNKNOWN_SECONDS if pool is None else pool.cooldown_seconds) * 1000


async def sell(runner: Runner, zone: str, pools: Mapping[str, RingPool], ask: SellAsk) -> Sold:
    json = record_json(ask.record)

    def build(now_ms: int) -> Asked:
        pack = _named(runner, pools, ask, json)
        packer = Packer(runner.keys, runner.calendar, now_ms, ask.record.lead)
        packer.limits(pack, ask.endpoint.vanity_uri, zone, ask.limits)
        packer.marks(pack, ask.bids)
        packer.takers(pack, ask.bids, ask.order)
        packer.candidates(pack, ask.bids, [post_room(bid, ask.endpoint) for bid in ask.bids])
        return asked_of(pack.keys, pack.args, pack.valid_until_ms)

    reply = await runner.write("sell", build)
    match reply[0].decode():
        case "repeat":
            return Sold(status="repeat", sale=sale_of(reply[1]))
        case "already_sold":
            return Sold(status="already_sold", sale=sale_of(reply[1]))
        case "elsewhere":
            return Sold(status="elsewhere", elsewhere=reply[1].decode())
        case "conflict":
            return Sold(status="conflict")
        case "ping_gone":
            return Sold(status="ping_gone")
        case "rate_limited":
            refused = refused_by(ask.limits, reply[1], runner.calendar, zone, runner.clock.now_ms())
            return Sold(status="rate_limited", rate_limited=refused)
        case "none":
            return Sold(status="none", said=said_of_reply(reply[1], len(ask.bids)))
        case "no_tracking_number":
            return Sold(status="no_tracking_number", said=said_of_reply(reply[1], len(ask.bids)))
    return _sold(ask, reply)


def _sold(ask: SellAsk, reply: list[Any]) -> Sold:
    said, calls = said_of_reply(reply[6], len(ask.bids)), delivers_calls(ask.endpoint)
    sold_at_ms = int(reply[3])
    sale = Sale(
        record=ask.record,
        question=ask.question,
        position=int(reply[1]),
        sold_position=int(reply[1]),
        order=(*ask.order, *ask.reserve),
        number=reply[2].decode(),
        sold_at_ms=sold_at_ms,
        number_until_ms=sold_at_ms + _number_ms(ask),
        state="sold",
        live_call="",
        pool=_pool(ask) if calls else "",
        said=said,
        cap_fields=words_of(reply[4].decode()),
        bought=words_of(reply[5].decode()),
        fields_key=ask.fields_key if calls else "",
    )
    return Sold(status="sold", said=said, sale=sale)


def _pool(ask: SellAsk) -> str:
    """The ring pool a number is taken of; "" where the number is the publisher's own, or none is needed."""
    return (ask.endpoint.ring_pool or "") if ask.endpoint.tracking == "ring_pool" else ""


def _number_ms(ask: SellAsk) -> int:
    return ask.endpoint.number_hold_seconds * 1000 if delivers_calls(ask.endpoint) else 0


def _named(runner: Runner, pools: Mapping[str, RingPool], ask: SellAsk, json: bytes) -> Pack:
    """The keys and arguments that have names in `sell.lua`."""
    keys, decision_id, settings = runner.keys, ask.record.decision_id, runner.settings
    calls, pool = delivers_calls(ask.endpoint), _pool(ask)
    fields_key = ask.fields_key if calls else ""
    own_number = ask.record.own_number if calls and not pool else ""
    tracked = bool(own_number and ask.caller_id)
    named = [keys.sale(decision_id), keys.ping(decision_id), keys.audit, keys.sales, keys.caps]
    if ask.request_key:
        named.append(keys.request(ask.request_key))
    if fields_key:
        named.append(keys.fields(fields_key))
    if tracked:
        named.append(keys.caller(own_number, ask.caller_id))
    if pool:
        named += keys.pool(pool)
    named += [keys.buyer(buyer_id).leases for buyer_id in ask.held_buyers]
    lives = (_number_ms(ask), cooldown_ms(pools, pool), settings.sale_keep_ms, settings.audit_records_max)
    has = [bool(flag) for flag in (ask.needs_ping, ask.request_key, fields_key, tracked, pool)]
    counts = (ask.look_further, len(ask.held_buyers), ask.is_last)
    args: list[Word] = [
        decision_id,
        ask.question,
        json,
        stream((*lives, *has, *counts)),
        own_number,
        ask.request_fields,
        pool,
        fields_key,
        said_csv((*ask.order, *ask.reserve)),
        "".join(f"{place}," for place in range(len(ask.said_before))),
        said_csv(ask.said_before) + "," if ask.said_before else "",
        _about_json(ask),
    ]
    return Pack(named, args)


def _about_json(ask: SellAsk) -> bytes:
    """What the sales stream says of a sale beside its bid; the lead itself is in the audit."""
    record = ask.record
    return msgspec.json.encode(
        {
            "endpoint": record.endpoint,
            "source_id": record.source_id,
            "request_id": record.request_id,
            "catalog": record.catalog,
            "offer": ask.endpoint.offer,
        }
    )
