"""A ping asks for room."""

from typing import NamedTuple

from service.model.lead import keep
from service.store.asks import Held, HoldAsk
from service.store.frames import Frames, frame, frames_of
from service.store.packing import Pack, Packer, ping_room, post_room, refused_by, stream
from service.store.records import record_json, said_csv, said_of_reply
from service.store.runner import Asked, Runner


async def hold(runner: Runner, zone: str, ask: HoldAsk) -> Held:
    json = record_json(ask.record)
    reply = await runner.write("hold", lambda now_ms: _asked(runner, zone, ask, json, now_ms))
    word = reply[0]
    if word == b"rate_limited":
        refused = refused_by(ask.limits, reply[1], runner.calendar, zone, runner.clock.now_ms())
        return Held(status="rate_limited", rate_limited=refused)
    if word == b"repeat":
        return Held(status="repeat", repeat_of=reply[1].decode())
    return Held(
        status="held" if word == b"held" else "none",
        said=(*ask.said_before, *said_of_reply(reply[3], len(ask.bids))),
        done=reply[2] == 1,
        expires_at_ms=reply[1],
    )


class _Lot(NamedTuple):
    """What the script is given of the bids, and how to ask them: the same for every lead of the lot."""

    how: bytes
    keys: Frames
    candidates: bytes
    rest: bytes
    """All arguments after the record, of a lead that has neither limits nor marks nor earlier trips."""
    remembers: bool
    """Some bid looks at dedup marks, or the offer at those of exclusivity."""
    made_at_ms: int
    valid_until_ms: int


ARGS_COUNT = 8
"""Of the script, without `not_after_ms`."""
_NOTHING = frame(b"")


def _asked(runner: Runner, zone: str, ask: HoldAsk, json: bytes, now_ms: int) -> Asked:
    record = ask.record
    shielded = bool(ask.fingerprint) and not ask.test
    tracked = not ask.test and ask.endpoint.tracking == "caller_number" and bool(record.own_number and ask.caller_id)
    lot = _lot(runner, ask, now_ms, shielded=shielded, tracked=tracked)
    decision_id = record.decision_id.encode()
    about = b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(decision_id), decision_id, len(json), json)
    named = _named_keys(runner, ask, shielded=shielded, tracked=tracked)
    if not (ask.limits or lot.remembers or ask.said_before):
        keys = Frames((named, *lot.keys.pieces), NAMED_KEYS_COUNT + lot.keys.words)
        return Asked(keys, Frames((about, lot.rest), ARGS_COUNT), lot.valid_until_ms)
    own = _of_the_lead(runner, zone, ask, now_ms)
    own_keys = frames_of(own.keys)
    count = NAMED_KEYS_COUNT + own_keys.words + lot.keys.words
    keys = Frames((named, *own_keys.pieces, *lot.keys.pieces), count)
    args = (about, lot.how, _earlier_trips(ask), *map(frame, own.args), lot.candidates)
    return Asked(keys, Frames(args, ARGS_COUNT), min(own.valid_until_ms, lot.valid_until_ms))


NAMED_KEYS_COUNT = 5


def _named_keys(runner: Runner, ask: HoldAsk, *, shielded: bool, tracked: bool) -> bytes:
    keys, record = runner.keys, ask.record
    record_key = keys.ping(record.decision_id, ask.test)
    shield_key = keys.shield(ask.fingerprint) if shielded else record_key
    caller_key = keys.caller(keys.caller_name(record.own_number, ask.caller_id)) if tracked else record_key
    return b"$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
        len(record_key),
        record_key,
        len(shield_key),
        shield_key,
        len(keys.audit),
        keys.audit,
        len(caller_key),
        caller_key,
        len(keys.caps),
        keys.caps,
    )


def _earlier_trips(ask: HoldAsk) -> bytes:
    """said_before, held_before."""
    if not ask.said_before:
        return _NOTHING + _NOTHING
    said_before = said_csv(ask.said_before)
    held_buyers = [bid.buyer_id for bid, word in zip(ask.record.bids, ask.said_before, strict=False) if word == 0]
    return frame(said_before + "," if ask.bids else said_before) + frame(stream(held_buyers))


def _of_the_lead(runner: Runner, zone: str, ask: HoldAsk, now_ms: int) -> Pack:
    """Limits, and marks of the lead."""
    pack = Pack([], [])
    packer = Packer(runner.keys, runner.calendar, now_ms, ask.record.lead)
    # Counted once: a further trip belongs to the same request.
    packer.limits(pack, ask.endpoint.vanity_uri, zone, () if ask.said_before else ask.limits)
    packer.marks(pack, ask.bids, ask.exclusivity)
    return pack


def _lot(runner: Runner, ask: HoldAsk, now_ms: int, *, shielded: bool, tracked: bool) -> _Lot:
    """Kept with the bids until an hour ends in which their caps are counted."""
    is_first = not ask.said_before
    vanity_uri, ends = ask.endpoint.vanity_uri, 2 if ask.last_if_held else ask.last
    key = (_lot, vanity_uri, ask.terms, shielded, tracked, is_first, ends, ask.test, ask.use_buffer)
    kept = ask.kept
    found: _Lot | None = kept.get(key) if kept is not None else None
    if found is None or not found.made_at_ms <= now_ms < found.valid_until_ms:
        found = _make_lot(runner, ask, now_ms, shielded=shielded, tracked=tracked)
        if kept is not None:
            keep(kept, key, found)
    return found


def _make_lot(runner: Runner, ask: HoldAsk, now_ms: int, *, shielded: bool, tracked: bool) -> _Lot:
    settings, endpoint, bids = runner.settings, ask.endpoint, ask.bids
    hold_ms = 0 if ask.test else endpoint.hold_seconds * 1000
    ttl_ms, audit_records_max = endpoint.ping_ttl_seconds * 1000, settings.audit_records_max
    fingerprinted = shielded and not ask.said_before
    how = stream((ttl_ms, settings.open_ping_ms, hold_ms, endpoint.buyers_max, audit_records_max)) + stream(
        (ask.last, 1 if ask.last_if_held else endpoint.buyers_max, shielded, fingerprinted, tracked, not ask.test)
    )
    pack = Pack([], [])
    packer = Packer(runner.keys, runner.calendar, now_ms, {}, terms=ask.terms)
    room_of = post_room if ask.use_buffer else ping_room
    packer.candidates(pack, bids, [room_of(bid, endpoint) for bid in bids])
    (candidates,) = pack.args
    rest = frame(how) + 4 * _NOTHING + frame(candidates)
    remembers = ask.exclusivity is not None or any(bid.contract.dedup_days > 0 for bid in bids)
    return _Lot(frame(how), frames_of(pack.keys), frame(candidates), rest, remembers, now_ms, pack.valid_until_ms)
