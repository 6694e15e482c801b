"""A call lives and ends."""

from collections.abc import Callable, Mapping
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

    def making_keys(self, keys: Keys) -> tuple[bytes, ...]:
        """Caps, pending, reserved, balance: what making the sale changes."""
        if not self.pends:
            return ()
        buyer_id = int(self.buyer)
        return keys.caps, keys.pending(self.pends), keys.reserved(buyer_id), keys.balance(buyer_id)

    def lease_keys(self, keys: Keys) -> tuple[bytes, bytes]:
        """Leases and slots of that buyer."""
        return keys.buyer(int(self.buyer)) if self.buyer else (self.key, self.key)


_FIELDS = b"".join(map(frame, ("sale", "endpoint", "buyer", "pool", "caller", "fields", "pends")))


async def take_event(runner: Runner, pools: Pools, event: CallEvent, buyers: Mapping[int, Buyer]) -> EventTaken:
    """Renews or releases what the call has. `buyers` are the catalog's: a lapsed slot needs the cap of now."""
    key = runner.keys.call(event.edge, event.call)
    for _ in range(REREADS_MAX):
        known = await _read(runner, key)
        if event.event == "ended":
            word, *made = await _release(runner, pools, event, known, buyers)
        elif not known.decision_id:
            word, made = b"unknown", []
        else:
            word, *made = await _renew(runner, pools, event, known, buyers)
        if word != _CHANGED:
            bid = _made_of(made[0]) if made and made[0] else None
            is_late = bid is not None and made[1] == 1
            return EventTaken(_STATUSES[word], known.endpoint, known.decision_id, bid, is_late=is_late)
    raise StoreDown("The call kept moving while its event was taken.")


async def _read(runner: Runner, key: bytes) -> _Known:
    asked = b"*9\r\n$5\r\nHMGET\r\n" + frame(key) + _FIELDS
    (found,) = await runner.read_framed(asked, 1)
    if found[0] is None:
        return _Known(key)
    decision_id, endpoint, buyer, pool, caller, fields, pends = [value.decode() if value else "" for value in found]
    return _Known(key, decision_id, endpoint, buyer, Reach(pool, caller, fields), pends)


_made_of = msgspec.json.Decoder(MadeBid).decode


def _asked(
    runner: Runner, known: _Known, buyer: Buyer | None, named: list[bytes], args: list[Word]
) -> Callable[[int], AskedInWords]:
    """The script's words with those that make a sale behind them, which are of the hour."""

    def build(now_ms: int) -> AskedInWords:
        if not known.pends or buyer is None:  # the caps of who has left the catalog count no more
            return AskedInWords(named, [*args, known.pends, ""])
        hour = runner.calendar.hour(buyer.timezone, now_ms)
        return AskedInWords(named, [*args, known.pends, hour.csv], hour.end_ms)

    return build


async def _renew(
    runner: Runner, pools: Pools, event: CallEvent, known: _Known, buyers: Mapping[int, Buyer]
) -> list[Any]:
    keys = runner.keys
    buyer = buyers.get(int(known.buyer)) if known.buyer else None
    named = [known.key, keys.sale(known.decision_id), keys.sales, *known.lease_keys(keys), *known.reach.keys(keys)]
    named += known.making_keys(keys)
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
    return await runner.write("renew", _asked(runner, known, buyer, named, args))


def _room_now(buyer: Buyer | None) -> int:
    """A buyer that left the catalog gets no lapsed slot back."""
    if buyer is None:
        return 0
    return UNLIMITED if buyer.concurrency_cap is None else buyer.concurrency_cap


async def _release(
    runner: Runner, pools: Pools, event: CallEvent, known: _Known, buyers: Mapping[int, Buyer]
) -> list[Any]:
    keys = runner.keys
    buyer = buyers.get(int(known.buyer)) if known.pends else None
    sale_key = keys.sale(known.decision_id) if known.decision_id else known.key
    named = [known.key, sale_key, keys.sales, *known.lease_keys(keys), *known.reach.keys(keys)]
    named += known.making_keys(keys)
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
    return await runner.write("release", _asked(runner, known, buyer, named, args))
