"""A post takes a buyer and a number, once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from service.model.catalog import Endpoint, RingPool
from service.model.distribution import Mode, mode_of
from service.model.lead import Bid
from service.store.asks import FoundPing, Sale, SellAsk, Sold
from service.store.frames import Frames, frame, frames_of, joined
from service.store.line import Word
from service.store.packing import DAY_MS, Pack, Packer, delivers_calls, post_room, refused_by, stream
from service.store.records import ping_of, places_of, record_json, said_csv, said_of_reply, sale_of, words_of_reply
from service.store.runner import Asked, Runner

COOLDOWN_UNKNOWN_SECONDS = 60
"""For a pool that this worker has not stocked: the catalog's default."""


def cooldown_ms(pools: Mapping[str, RingPool], pool_id: str) -> int:
    pool = pools.get(pool_id)
    return (COOLDOWN_UNKNOWN_SECONDS if pool is None else pool.cooldown_seconds) * 1000


async def posted(runner: Runner, decision_id: str) -> tuple[FoundPing | None, Sale | None]:
    ping_key, sale_key = runner.keys.ping(decision_id), runner.keys.sale(decision_id)
    commands = b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n*2\r\n$7\r\nHGETALL\r\n$%d\r\n%b\r\n"
    asked = commands % (len(ping_key), ping_key, len(sale_key), sale_key)
    value, fields = await runner.read_framed(asked, 2)
    return ping_of(value) if value else None, sale_of(fields) if fields else None


async def sell(runner: Runner, zone: str, pools: Mapping[str, RingPool], ask: SellAsk) -> Sold:
    json = b"" if ask.as_pinged and ask.needs_ping else record_json(ask.record)
    reply = await runner.write("sell", lambda now_ms: _asked(runner, zone, pools, ask, json, now_ms))
    match reply[0]:
        case b"sold":
            return _sold(ask, reply)
        case b"repeat":
            return Sold(status="repeat", sale=sale_of(reply[1]))
        case b"already_sold":
            return Sold(status="already_sold", sale=sale_of(reply[1]))
        case b"elsewhere":
            return Sold(status="elsewhere", elsewhere=reply[1].decode())
        case b"conflict":
            return Sold(status="conflict")
        case b"ping_gone":
            return Sold(status="ping_gone")
        case b"rate_limited":
            refused = refused_by(ask.limits, reply[1], runner.calendar, zone, runner.clock.now_ms())
            return Sold(status="rate_limited", rate_limited=refused)
        case b"none":
            return Sold(status="none", said=said_of_reply(reply[1], len(ask.bids)))
    return Sold(status="no_tracking_number", said=said_of_reply(reply[1], len(ask.bids)))


def _sold(ask: SellAsk, reply: list[Any]) -> Sold:
    _, place, number, sold_at_ms, periods, marks, verdicts, parts, exclusive = reply
    endpoint, position = ask.endpoint, int(place)
    calls, said = delivers_calls(endpoint), said_of_reply(verdicts, len(ask.bids))
    sale = Sale(
        record=ask.record,
        question=ask.question,
        position=position,
        sold_position=position,
        order=ask.order + ask.reserve,
        number=number.decode(),
        sold_at_ms=sold_at_ms,
        number_until_ms=sold_at_ms + (endpoint.number_hold_seconds * 1000 if calls else 0),
        state="pending" if ask.terms else "sold",
        live_call="",
        pool=_pool(endpoint) if calls else "",
        said=said,
        cap_fields=words_of_reply(periods),
        bought=words_of_reply(marks) if marks else (),
        fields_key=ask.fields_key if calls else "",
        made_at_ms=0 if ask.terms else sold_at_ms,
        terms=ask.terms,
        parts=places_of(parts) if parts else (),
        exclusive=words_of_reply(exclusive) if exclusive else (),
    )
    return Sold(status="sold", said=said, sale=sale)


def _pool(endpoint: Endpoint) -> str:
    """The ring pool a number is taken of; "" where the number is the publisher's own, or none is needed."""
    return (endpoint.ring_pool or "") if endpoint.tracking == "ring_pool" else ""


class _Lot(NamedTuple):
    """What the script is given of the bids and the way to ask them: the same for every post alike."""

    way: bytes
    """how, pool_id, order."""
    held: Frames
    """Keys of the pool, and of the buyers that the ping held."""
    keys: Frames
    """Of takers and candidates."""
    bids: bytes
    """takers_packed, candidates_packed."""
    all_keys: Frames
    rest: bytes
    """All keys, and all arguments after `_about`, of a lead that has neither limits nor marks."""
    remembers: bool
    """Some bid looks at dedup marks, or the offer at those of exclusivity."""
    known_by: tuple[Endpoint, Sequence[Bid]]
    """Kept alive, for they are known by their identity."""
    made_at_ms: int
    valid_until_ms: int


LOTS_KEPT_MAX = 1024
"""Of some three KiB: as many sets of buyers as had room together lately."""
NAMED_KEYS_COUNT = 5
ARGS_COUNT = 16
"""Of the script, without `not_after_ms`."""
_NOTHING = frame(b"")


def _asked(runner: Runner, zone: str, pools: Mapping[str, RingPool], ask: SellAsk, json: bytes, now_ms: int) -> Asked:
    endpoint = ask.endpoint
    calls = delivers_calls(endpoint)
    fields_key = ask.fields_key if calls else ""
    own_number = ask.record.own_number if calls and endpoint.tracking != "ring_pool" else ""
    tracked = bool(own_number and ask.caller_id)
    lot = _lot(runner, pools, ask, now_ms, has_fields=bool(fields_key), tracked=tracked)
    named = _named_keys(runner, ask, fields_key, own_number if tracked else "")
    about = _about(ask, json, own_number, fields_key)
    if not (ask.limits or lot.remembers):
        keys = Frames(named.pieces + lot.all_keys.pieces, named.words + lot.all_keys.words)
        return Asked(keys, Frames((about, lot.rest), ARGS_COUNT), lot.valid_until_ms)
    pack = Pack([], [])
    packer = Packer(runner.keys, runner.calendar, now_ms, ask.record.lead)
    packer.limits(pack, endpoint.vanity_uri, zone, ask.limits)
    packer.marks(pack, ask.bids, ask.exclusivity)
    keys = joined(named, lot.held, frames_of(pack.keys), lot.keys)
    args = Frames((about, lot.way, *map(frame, pack.args), lot.bids), ARGS_COUNT)
    return Asked(keys, args, min(pack.valid_until_ms, lot.valid_until_ms))


def _named_keys(runner: Runner, ask: SellAsk, fields_key: str, own_number: str) -> Frames:
    """The keys of this post alone: those with names in `sell.lua`, and the shields and the caller where it has them."""
    keys, decision_id = runner.keys, ask.record.decision_id
    sale_key, ping_key = keys.sale(decision_id), keys.ping(decision_id)
    named = b"$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
        len(sale_key),
        sale_key,
        len(ping_key),
        ping_key,
        len(keys.audit),
        keys.audit,
        len(keys.sales),
        keys.sales,
        len(keys.caps),
        keys.caps,
    )
    more = []
    if ask.request_key:
        more.append(frame(keys.request(ask.request_key)))
    if fields_key:
        more.append(frame(keys.fields(fields_key)))
    if own_number:
        more.append(frame(keys.caller(keys.caller_name(own_number, ask.caller_id))))
    return Frames((named, *more), NAMED_KEYS_COUNT + len(more))


def _about(ask: SellAsk, json: bytes, own_number: str, fields_key: str) -> bytes:
    """The arguments of this post alone."""
    record = ask.record
    decision_id, question = record.decision_id.encode(), ask.question.encode()
    # What the sales stream says of a sale beside its bid; the lead itself is in the audit.
    mode = mode_of(record.winners)
    about = _json(
        _About(record.endpoint, record.source_id, record.request_id, record.catalog, ask.endpoint.offer, mode)
    )
    always = b"$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
        len(decision_id),
        decision_id,
        len(question),
        question,
        len(json),
        json,
        len(about),
        about,
    )
    if not (own_number or ask.request_fields or fields_key or ask.said_before):
        return always + 5 * _NOTHING
    # A further trip that finds nobody more to ask adds nothing to what earlier ones were told.
    follows = "," if ask.said_before and ask.bids else ""
    order_before = said_csv(range(len(ask.said_before))) + follows
    said_before = said_csv(ask.said_before) + follows
    return always + b"".join(map(frame, (own_number, ask.request_fields, fields_key, order_before, said_before)))


class _About(Struct):
    endpoint: str
    source_id: str
    request_id: str
    catalog: str
    offer: str
    mode: Mode


_json = msgspec.json.Encoder().encode


def _lot(
    runner: Runner, pools: Mapping[str, RingPool], ask: SellAsk, now_ms: int, *, has_fields: bool, tracked: bool
) -> _Lot:
    """Kept until an hour ends in which a bid would be counted."""
    bids, has_request = ask.bids, bool(ask.request_key)
    key = (
        id(ask.endpoint),
        ask.terms,
        ask.needs_ping,
        has_request,
        has_fields,
        tracked,
        ask.is_last,
        ask.look_further,
        ask.record.winners,
        ask.exclusivity and _exclusive_ms(ask),
        ask.order,
        ask.reserve,
        ask.held_buyers,
        tuple([(id(b.contract), id(b.buyer), b.bid_micros, b.payout_micros, b.is_default) for b in bids]),
    )
    kept = runner.keys.lots
    found: _Lot | None = kept.get(key)
    if found is None or not found.made_at_ms <= now_ms < found.valid_until_ms:
        if len(kept) >= LOTS_KEPT_MAX:
            kept.clear()
        has = (ask.needs_ping, has_request, has_fields, tracked)
        found = kept[key] = _make_lot(runner, pools, ask, now_ms, has)
    return found


def _exclusive_ms(ask: SellAsk) -> int:
    """How long the offer remembers that one buyer alone has the lead; 0 where it does not, or several may have it."""
    return ask.exclusivity.days * DAY_MS if ask.exclusivity and ask.record.winners == 1 else 0


def _make_lot(runner: Runner, pools: Mapping[str, RingPool], ask: SellAsk, now_ms: int, has: tuple[bool, ...]) -> _Lot:
    keys, settings, endpoint, bids = runner.keys, runner.settings, ask.endpoint, ask.bids
    calls = delivers_calls(endpoint)
    pool = _pool(endpoint) if calls else ""
    number_ms = endpoint.number_hold_seconds * 1000 if calls else 0
    lives = (number_ms, cooldown_ms(pools, pool), settings.sale_keep_ms, settings.audit_records_max)
    counts = (ask.look_further, len(ask.held_buyers), ask.is_last, ask.record.winners, _exclusive_ms(ask))
    way: tuple[Word, ...] = (stream((*lives, *has, bool(pool), *counts)), pool, said_csv(ask.order + ask.reserve))
    held = [*(keys.pool(pool) if pool else ()), *(keys.buyer(buyer_id).leases for buyer_id in ask.held_buyers)]
    pack = Pack([], [])
    packer = Packer(keys, runner.calendar, now_ms, {}, terms=ask.terms)
    packer.takers(pack, bids, ask.order)
    packer.candidates(pack, bids, [post_room(bid, endpoint) for bid in bids])
    framed_way, framed_bids = b"".join(map(frame, way)), b"".join(map(frame, pack.args))
    held_keys, bids_keys = frames_of(held), frames_of(pack.keys)
    return _Lot(
        way=framed_way,
        held=held_keys,
        keys=bids_keys,
        bids=framed_bids,
        all_keys=joined(held_keys, bids_keys),
        rest=framed_way + 2 * _NOTHING + framed_bids,
        remembers=ask.exclusivity is not None or any(bid.contract.dedup_days > 0 for bid in bids),
        known_by=(endpoint, bids),
        made_at_ms=now_ms,
        valid_until_ms=pack.valid_until_ms,
    )
