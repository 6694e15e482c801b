"""A ping asks for room."""

from service.store.asks import Held, HoldAsk
from service.store.line import Word
from service.store.packing import Pack, Packer, default_at, ping_room, post_room, refused_by, stream
from service.store.records import record_json, said_csv, said_of_reply
from service.store.runner import Asked, Runner


async def hold(runner: Runner, zone: str, ask: HoldAsk) -> Held:
    json = record_json(ask.record)
    room_of = post_room if ask.use_buffer else ping_room

    def build(now_ms: int) -> Asked:
        pack = _named(runner, ask, json)
        packer = Packer(runner.keys, runner.calendar, now_ms, ask.record.lead)
        # Counted once: a further trip belongs to the same request.
        limits = () if ask.said_before else ask.limits
        packer.limits(pack, ask.endpoint.vanity_uri, zone, limits)
        packer.marks(pack, ask.bids)
        packer.candidates(pack, ask.bids, [room_of(bid, ask.endpoint) for bid in ask.bids])
        return Asked(pack.keys, pack.args, pack.valid_until_ms)

    reply = await runner.write("hold", build)
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


def _named(runner: Runner, ask: HoldAsk, json: bytes) -> Pack:
    """The keys and arguments that have names in `hold.lua`."""
    keys, settings, endpoint, decision_id = runner.keys, runner.settings, ask.endpoint, ask.record.decision_id
    record_key = keys.ping(decision_id, ask.test)
    shielded = bool(ask.fingerprint) and not ask.test
    tracked = not ask.test and endpoint.tracking == "caller_number" and bool(ask.record.own_number and ask.caller_id)
    hold_ms = 0 if ask.test else endpoint.hold_seconds * 1000
    ttl_ms, audit_records_max = endpoint.ping_ttl_seconds * 1000, settings.audit_records_max
    fingerprinted = shielded and not ask.said_before
    held_buyers = [bid.buyer_id for bid, word in zip(ask.record.bids, ask.said_before, strict=False) if word == 0]
    said_before = said_csv(ask.said_before)
    args: list[Word] = [
        decision_id,
        json,
        stream((ttl_ms, settings.open_ping_ms, hold_ms, endpoint.buyers_max, audit_records_max))
        + stream((len(ask.bids), default_at(ask.bids), ask.last, shielded, fingerprinted, tracked, not ask.test)),
        said_before + "," if ask.said_before and ask.bids else said_before,
        stream(held_buyers),
    ]
    caller_key = keys.caller(ask.record.own_number, ask.caller_id) if tracked else record_key
    return Pack([record_key, keys.shield(ask.fingerprint) if shielded else record_key, keys.audit, caller_key], args)
