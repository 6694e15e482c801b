"""Packs bids and limits the way `lua/parts/candidate.lua` and `limits.lua` unpack them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from service.model.catalog import Contract, Endpoint
from service.model.decline import CAP_DECLINES
from service.model.lead import Bid, Lead
from service.model.room import buffer_percent, ping_limit
from service.store.asks import Limit, RateLimited
from service.store.calendar import Calendar
from service.store.keys import Keys
from service.store.line import Word
from service.store.marks import marks_of
from service.store.runner import NEVER_MS

UNLIMITED = -1
NO_LEASES = -2
DAY_MS = 86_400_000

msgpack = msgspec.msgpack.Encoder().encode
"""Scripts unpack their longer arguments in C: read word by word, they were half of a ping's cost in Redis."""


class Pack(Struct):
    """Grows by what follows a script's named keys and arguments. Made for one moment."""

    keys: list[bytes]
    args: list[Word]
    valid_until_ms: int = NEVER_MS

    def until(self, end_ms: int | None) -> None:
        if end_ms is not None:
            self.valid_until_ms = min(self.valid_until_ms, end_ms)


def delivers_calls(endpoint: Endpoint) -> bool:
    """Only calls take slots and numbers; an endpoint of a data offer has neither a pool nor callers' numbers."""
    return endpoint.ring_pool is not None or endpoint.tracking == "caller_number"


def ping_room(bid: Bid, endpoint: Endpoint) -> int:
    """Live leases up to which a ping is offered the buyer. Without a cap a ping takes no hold at all."""
    cap = bid.buyer.concurrency_cap
    if cap is None or not delivers_calls(endpoint):
        return NO_LEASES
    return ping_limit(cap, buffer_percent(bid.buyer, endpoint))


def post_room(bid: Bid, endpoint: Endpoint) -> int:
    """A post may use the buffer; one on a buyer without a cap takes a slot all the same, to be seen."""
    if not delivers_calls(endpoint):
        return NO_LEASES
    return UNLIMITED if bid.buyer.concurrency_cap is None else bid.buyer.concurrency_cap


def default_at(bids: Sequence[Bid]) -> int:
    """The place of the default buyer as a script counts it, from 1; 0 where it is not among them."""
    return next((at for at, bid in enumerate(bids, start=1) if bid.is_default), 0)


class Packer:
    """Packs for one lead at one moment."""

    def __init__(self, keys: Keys, calendar: Calendar, now_ms: int, lead: Lead) -> None:
        self._keys, self._calendar, self._now_ms, self._lead = keys, calendar, now_ms, lead
        self._marks: dict[tuple[tuple[str, ...], ...], list[str]] = {}

    def limits(self, pack: Pack, endpoint: str, zone: str, limits: Sequence[Limit]) -> bytes:
        """Buckets in the order of their first limit; windows are the account's."""
        buckets: dict[bytes, list[Limit]] = {}
        for limit in limits:
            buckets.setdefault(self._keys.rate(endpoint, limit.scope, limit.bucket), []).append(limit)
        packed: list[dict[str, Any]] = []
        for key, members in buckets.items():
            pack.keys.append(key)
            windows = [window_of(self._calendar, limit, zone, self._now_ms) for limit in members]
            ends_ms = [end_ms for _, end_ms in windows]
            pack.until(min(ends_ms))
            fields, most = [field for field, _ in windows], [limit.limit for limit in members]
            packed.append({"expires_at_ms": max(ends_ms), "fields": fields, "limits": most})
        return msgpack(packed)

    def candidates(self, pack: Pack, bids: Sequence[Bid], rooms: Sequence[int]) -> bytes:
        """Bids that a ping looks at."""
        return msgpack([self._looked_at(pack, bid, room) for bid, room in zip(bids, rooms, strict=True)])

    def takers(self, pack: Pack, bids: Sequence[Bid], rooms: Sequence[int], positions: Sequence[int]) -> bytes:
        """Bids of which one is to be taken, and what it leaves."""
        rows = zip(bids, rooms, positions, strict=True)
        return msgpack([self._to_take(pack, bid, room, position) for bid, room, position in rows])

    def _looked_at(self, pack: Pack, bid: Bid, room: int) -> dict[str, Any]:
        contract = bid.contract
        packed = self._asked(pack, bid, room, self._marks_of(contract) if contract.dedup_days else [])
        if contract.caps:
            pack.keys.append(self._keys.contract(contract.id).caps)
        return packed

    def _to_take(self, pack: Pack, bid: Bid, room: int, position: int) -> dict[str, Any]:
        contract = bid.contract
        marks = self._marks_of(contract) if contract.dedup_days else []
        packed = self._asked(pack, bid, room, marks)
        pack.keys.append(self._keys.contract(contract.id).caps)
        hour = self._calendar.hour(bid.buyer.timezone, self._now_ms)
        pack.until(hour.end_ms)
        return packed | {
            "position": position,
            "periods": hour.csv,
            "bought_ms": contract.dedup_days * DAY_MS,
            "marks": ",".join(marks),
            "bid": _bid_json(bid).decode(),
        }

    def _asked(self, pack: Pack, bid: Bid, room: int, marks: list[str]) -> dict[str, Any]:
        """What `why_not` asks for, and its keys but that of the caps, which comes last."""
        contract = bid.contract
        if room != NO_LEASES:
            pack.keys += self._keys.buyer(bid.buyer.id)
        packed: dict[str, Any] = {"buyer": bid.buyer.id, "room": room, "marks_count": len(marks)}
        if marks:
            prefix = self._keys.contract(contract.id).bought
            pack.keys += [prefix + mark.encode() for mark in marks]
        if contract.caps:
            hour = self._calendar.hour(bid.buyer.timezone, self._now_ms)
            pack.until(hour.end_ms)
            packed["cap_fields"] = [hour.periods[cap.per].field for cap in contract.caps]
            packed["cap_limits"] = [cap.limit for cap in contract.caps]
            packed["cap_declines"] = [CAP_DECLINES[cap.per].value for cap in contract.caps]
        return packed

    def _marks_of(self, contract: Contract) -> list[str]:
        """Most contracts of an offer look at the same fields: hashed once per lead."""
        found = self._marks.get(contract.dedup_on)
        if found is None:
            found = self._marks[contract.dedup_on] = marks_of(contract, self._lead, self._keys.hash_of)
        return found


def window_of(calendar: Calendar, limit: Limit, zone: str, now_ms: int) -> tuple[str, int]:
    """The window's field and end."""
    period = calendar.minute(zone, now_ms) if limit.per == "minute" else calendar.hour(zone, now_ms).periods[limit.per]
    assert period.end_ms is not None
    return period.field, period.end_ms


def refused_by(limits: Sequence[Limit], place: int, calendar: Calendar, zone: str, now_ms: int) -> RateLimited:
    """What the limit at a script's place says; places run over buckets in the order of their first limit."""
    order = {(limit.scope, limit.bucket): at for at, limit in reversed(list(enumerate(limits)))}
    limit = sorted(limits, key=lambda one: order[one.scope, one.bucket])[place]
    _, end_ms = window_of(calendar, limit, zone, now_ms)
    return RateLimited(
        scope=limit.scope, per=limit.per, limit=limit.limit, retry_after_seconds=max(-((now_ms - end_ms) // 1000), 1)
    )


def _bid_json(bid: Bid) -> bytes:
    """The bid as the sales stream has it."""
    return msgspec.json.encode(
        {
            "buyer_id": bid.buyer.id,
            "contract": bid.contract.id,
            "bid_micros": bid.bid_micros,
            "payout_micros": bid.payout_micros,
            "is_default": bid.is_default,
        }
    )
