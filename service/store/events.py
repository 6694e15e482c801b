"""A call lives and ends."""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec
from msgspec import Struct

from service.errors import StoreDown
from service.model.catalog import Buyer
from service.store.asks import CallEvent, EventStatus, EventTaken, MadeBid
from service.store.calls import REREADS_MAX, Pools
from service.store.frames import frame
from service.store.keys import Keys
from service.store.line import Word
from service.store.packing import UNLIMITED
from service.store.posts import cooldown_ms
from service.store.reach import NOTHING, Reach
from service.store.runner import AskedInWords, Runner

_STATUSES: dict[bytes, EventStatus] = {word.encode(): word for word in get_args(EventStatus)}
_CHANGED = b"changed"


class _Known(Struct, frozen=True):
    """A call as its routes left it: all that its events must name, so that they need not read the sale."""

    key: bytes
    decision_id: str = ""
    """"" where no route has found a sale for it, though a tombstone may stand there."""
    endpoint: str = ""
    buyer: str = ""
    """Id of the one that was dialled last; "" where none was."""
    reach: Reach = NOTHING
    pends: str = ""
    """The contract of its sale where that was pending when it was dialled; its events can make it."""

    def lease_keys(self, keys: Keys) -> tuple[bytes, bytes]:
        """Leases and slots of that buyer."""
        return keys.buyer(int(self.buyer)) if self.buyer else (self.key, self.key)


_FIELDS = b"".join(map(frame, ("sale", "endpoint", "buyer", "pool", "caller", "fields", "pends")))


async def take_event(runner: Runner, pools: Pools, event: CallEvent, buyers: Mapping[int, Buyer]) -> EventTaken:
    """Renews or releases what the call has. `buyers` are the catalog's: a lapsed slot needs the cap of now."""
    key = runner.keys.call(event.edge, event.call)
    made: tuple[MadeBid, bool] | None = None
    for _ in range(REREADS_MAX):
        known = await _read(runner, key)
        if known.pends:
            word, *bid = await _settle(runner, event, known, buyers)
            if word == _CHANGED:
                continue
            made = (_made_of(bid[0]), bid[1] == 1) if bid else made
        if event.event == "ended":
            word = await _release(runner, pools, event, known)
        elif not known.decision_id:
            word = b"unknown"
        else:
            word = await _renew(runner, pools, event, known, buyers)
        if word != _CHANGED:
            return EventTaken(_STATUSES[word], known.endpoint, known.decision_id, *(made or ()))
    raise StoreDown("The call kept moving while its event was taken.")


async def _read(runner: Runner, key: bytes) -> _Known:
    asked = b"*9\r\n$5\r\nHMGET\r\n" + frame(key) + _FIELDS
    (found,) = await runner.read_framed(asked, 1)
    if found[0] is None:
        return _Known(key)
    decision_id, endpoint, buyer, pool, caller, fields, pends = [value.decode() if value else "" for value in found]
    return _Known(key, decision_id, endpoint, buyer, Reach(pool, caller, fields), pends)


_made_of = msgspec.json.Decoder(MadeBid).decode


async def _settle(runner: Runner, event: CallEvent, known: _Known, buyers: Mapping[int, Buyer]) -> list[Any]:
    """What the event makes of a sale that was pending when the call was dialled. A trip of its own, which only such
    calls need."""
    keys, buyer_id = runner.keys, int(known.buyer)
    buyer = buyers.get(buyer_id)
    named = [known.key, keys.sale(known.decision_id), keys.sales, keys.caps, keys.pending(known.pends)]
    named += [keys.reserved(buyer_id), keys.balance(buyer_id)]
    has_ended = event.event == "ended"
    args: list[Word] = [
        known.decision_id,
        f"{event.edge}:{event.call}",
        -1 if event.attempt is None else event.attempt,
        int(has_ended),
        int(not has_ended or event.outcome == "answered"),
        -1 if event.duration_ms is None else event.duration_ms,
        known.buyer,
        known.pends,
    ]

    def build(now_ms: int) -> AskedInWords:
        if buyer is None:  # the caps of who has left the catalog count no more
            return AskedInWords(named, [*args, ""])
        hour = runner.calendar.hour(buyer.timezone, now_ms)
        return AskedInWords(named, [*args, hour.csv], hour.end_ms)

    return await runner.write("settle", build)


async def _renew(runner: Runner, pools: Pools, event: CallEvent, known: _Known, buyers: Mapping[int, Buyer]) -> bytes:
    keys = runner.keys
    buyer = buyers.get(int(known.buyer)) if known.buyer else None
    named = [known.key, keys.sale(known.decision_id), *known.lease_keys(keys), *known.reach.keys(keys)]
    args: list[Word] = [
        known.decision_id,
        f"{event.edge}:{event.call}",
        -1 if event.attempt is None else event.attempt,
        int(event.event == "answered"),
        known.buyer,
        _room_now(buyer),
        runner.settings.sale_keep_ms,
        cooldown_ms(pools, known.reach.pool),
        *known.reach.args(),
    ]
    asked = AskedInWords(named, args)
    reply = await runner.write("renew", lambda now_ms: asked)
    word: bytes = reply[0]
    return word


def _room_now(buyer: Buyer | None) -> int:
    """A buyer that left the catalog gets no lapsed slot back."""
    if buyer is None:
        return 0
    return UNLIMITED if buyer.concurrency_cap is None else buyer.concurrency_cap


async def _release(runner: Runner, pools: Pools, event: CallEvent, known: _Known) -> bytes:
    keys = runner.keys
    sale_key = keys.sale(known.decision_id) if known.decision_id else known.key
    named = [known.key, sale_key, keys.sales, *known.lease_keys(keys), *known.reach.keys(keys)]
    args: list[Word] = [
        known.decision_id,
        f"{event.edge}:{event.call}",
        -1 if event.attempt is None else event.attempt,
        event.outcome,
        -1 if event.duration_ms is None else event.duration_ms,
        known.buyer,
        cooldown_ms(pools, known.reach.pool),
        runner.settings.tombstone_ms,
        *known.reach.args(),
    ]
    asked = AskedInWords(named, args)
    reply = await runner.write("release", lambda now_ms: asked)
    word: bytes = reply[0]
    return word
