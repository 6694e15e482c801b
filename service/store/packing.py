"""Packs bids and limits the way `lua/parts/candidate.lua`, `taking.lua` and `limits.lua` unpack them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, get_args

import msgspec
from msgspec import Struct

from service.model.catalog import Contract, Endpoint, Per, Window
from service.model.decline import CAP_DECLINES
from service.model.lead import Bid, Lead
from service.model.periods import Period
from service.model.room import buffer_percent, ping_limit
from service.model.terms import AT_POST
from service.store.asks import Limit, RateLimited, Scope
from service.store.calendar import Calendar, Hour
from service.store.caps import place_of
from service.store.keys import Keys
from service.store.line import Word
from service.store.marks import marks_of
from service.store.runner import NEVER_MS

UNLIMITED = -1
NO_LEASES = -2
DAY_MS = 86_400_000
GUARDED, GUARDED_AND_CAPPED = -1, -2
"""In the place of how many caps a bid has: words of its guard follow."""

FIXARRAY_MAX, ARRAY16_MAX = 15, 0xFFFF
"""An array of msgpack has its count before its elements: in one byte up to the first, in three up to the second."""

msgpack = msgspec.msgpack.Encoder().encode
"""Scripts unpack their longer arguments in C: read word by word, they were half of a ping's cost in Redis."""


def stream(words: Sequence[Any]) -> bytes:
    """The elements of an array without their count, as `cmsgpack.unpack` returns them all: streams can be joined, and
    Redis makes no table of them. At most 65,535 words; more than a script's stack would hold."""
    packed = msgpack(words)
    assert len(words) <= ARRAY16_MAX
    return packed[1 if len(words) <= FIXARRAY_MAX else 3 :]


class Pack(Struct):
    """Grows by what follows a script's named keys and arguments. Made for one moment."""

    keys: list[bytes]
    args: list[Word]
    valid_until_ms: int = NEVER_MS

    def until(self, end_ms: int | None) -> None:
        if end_ms is not None:
            self.valid_until_ms = min(self.valid_until_ms, end_ms)


class PackedCandidate(NamedTuple):
    """A bid as scripts look at it: the same for every lead, until the end of the hour in the buyer's zone."""

    keys: list[bytes]
    words: bytes
    valid_until_ms: int | None
    """None where it has no caps, and so nothing of the hour."""
    contract: Contract
    """Kept alive, for it is kept by its identity."""
    made_at_ms: int
    """Before it, too, nothing of it is right: Redis' clock may be set back into another hour."""


class PackedLimits(NamedTuple):
    keys: list[bytes]
    words: bytes
    valid_until_ms: int
    limits: tuple[Limit, ...]
    """Kept alive, for they are kept by their identity."""
    made_at_ms: int


WINDOWS: Final[tuple[Window, ...]] = get_args(Window)
NO_LIMIT = 1 << 52
"""More than anybody sends. A Lua number holds it exactly."""
LIMITS_KEPT_MAX = 4096
"""Sources times endpoints that were seen lately."""


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
    for at, bid in enumerate(bids, start=1):
        if bid.is_default:
            return at
    return 0


class Packer:
    """Packs for one lead at one moment. What a script reads in turn has its keys in that turn: limits, marks, takers,
    candidates."""

    def __init__(self, keys: Keys, calendar: Calendar, now_ms: int, lead: Lead, *, terms: str = AT_POST) -> None:
        self._keys, self._calendar, self._now_ms, self._lead, self._terms = keys, calendar, now_ms, lead, terms
        self._marks: dict[tuple[tuple[str, ...], ...], list[str]] = {}

    def limits(self, pack: Pack, endpoint: str, zone: str, limits: tuple[Limit, ...]) -> None:
        """Limits in their order; windows are the account's."""
        packed = self._limits(endpoint, zone, limits)
        pack.keys += packed.keys
        pack.args.append(packed.words)
        pack.until(packed.valid_until_ms)

    def _limits(self, endpoint: str, zone: str, limits: tuple[Limit, ...]) -> PackedLimits:
        """Kept until the first of the windows ends: packing six of them takes 11 µs."""
        kept, key = self._keys.limits, (endpoint, id(limits))
        found: PackedLimits | None = kept.get(key)
        if found is None or not found.made_at_ms <= self._now_ms < found.valid_until_ms:
            if len(kept) >= LIMITS_KEPT_MAX:
                kept.clear()
            found = kept[key] = self._pack_limits(endpoint, zone, limits)
        return found

    def _pack_limits(self, endpoint: str, zone: str, limits: tuple[Limit, ...]) -> PackedLimits:
        if not limits:
            return PackedLimits([], b"", NEVER_MS, limits, self._now_ms)
        windows = windows_of(self._calendar, zone, self._now_ms)
        ends_ms = [window.end_ms or NEVER_MS for window in windows]
        words: list[Word] = [*(window.start_ms for window in windows), str(max(ends_ms))]
        buckets = buckets_of(limits)
        for of_one in buckets.values():
            words += [of_one[window].limit if window in of_one else NO_LIMIT for window in WINDOWS]
        keys = [self._keys.rate(endpoint, *bucket) for bucket in buckets]
        return PackedLimits(keys, stream(words), min(ends_ms), limits, self._now_ms)

    def marks(self, pack: Pack, bids: Sequence[Bid]) -> None:
        """How many dedup marks the lead has for each bid: none for one that remembers nobody."""
        counts: list[int] = []
        for bid in bids:
            marks = self._marks_of(bid.contract) if bid.contract.dedup_days else ()
            if marks:
                prefix = self._keys.bought(bid.contract.id)
                pack.keys += [prefix + mark.encode() for mark in marks]
            counts.append(len(marks))
        pack.args.append(stream(counts))

    def takers(self, pack: Pack, bids: Sequence[Bid], positions: Sequence[int]) -> None:
        """What each of the bids leaves where it is taken."""
        words: list[Word] = []
        for bid, position in zip(bids, positions, strict=True):
            contract = bid.contract
            hour = self._calendar.hour(bid.buyer.timezone, self._now_ms)
            pack.until(hour.end_ms)
            pack.keys.append(self._keys.buyer(bid.buyer.id).slots)
            bought_ms = contract.dedup_days * DAY_MS
            words += (position, bid.buyer.id, contract.id, hour.csv, bought_ms, _bid_json(bid).decode())
            words += (str(bid.bid_micros), self._terms)
        pack.args.append(stream(words))

    def candidates(self, pack: Pack, bids: Sequence[Bid], rooms: Sequence[int]) -> None:
        """Bids to be looked at."""
        parts: list[bytes] = []
        capped: list[str] = []
        for bid, room in zip(bids, rooms, strict=True):
            packed = self._candidate(bid, room)
            pack.keys += packed.keys
            if packed.valid_until_ms is not None:
                pack.until(packed.valid_until_ms)
                capped.append(bid.contract.id)
            parts.append(packed.words)
        is_twinned = len({bid.buyer.id for bid in bids}) < len(bids)
        head = stream((len(bids), default_at(bids), is_twinned, len(capped), *capped))
        pack.args.append(head + b"".join(parts))

    def _candidate(self, bid: Bid, room: int) -> PackedCandidate:
        """Of the catalog and the hour alone, and kept as long; of a guarded one, of its price too."""
        is_guarded = self._terms or bid.buyer.balance_required or bid.contract.revenue_caps
        kept, key = self._keys.candidates, (id(bid.contract), room, bid.bid_micros if is_guarded else 0, self._terms)
        found: PackedCandidate | None = kept.get(key)
        if found is None or not found.made_at_ms <= self._now_ms < (found.valid_until_ms or NEVER_MS):
            found = kept[key] = self._pack_guarded(bid, room) if is_guarded else self._pack_candidate(bid, room)
        return found

    def _pack_candidate(self, bid: Bid, room: int) -> PackedCandidate:
        contract, valid_until_ms = bid.contract, None
        keys = [] if room == NO_LEASES else [self._keys.buyer(bid.buyer.id).leases]
        words: list[Word] = [bid.buyer.id, room, len(contract.caps)]
        if contract.caps:
            hour = self._calendar.hour(bid.buyer.timezone, self._now_ms)
            valid_until_ms = hour.end_ms
            words += _cap_words(hour, ((cap.per, cap.limit) for cap in contract.caps))
        return PackedCandidate(keys, stream(words), valid_until_ms, contract, self._now_ms)

    def _pack_guarded(self, bid: Bid, room: int) -> PackedCandidate:
        """As `lua/parts/guard.lua` reads it."""
        contract, buyer, named, valid_until_ms = bid.contract, bid.buyer, self._keys, None
        keys = [] if room == NO_LEASES else [named.buyer(buyer.id).leases]
        keys += [named.pending(contract.id), named.pendings, named.reserved(buyer.id), named.balance(buyer.id)]
        has_caps = bool(contract.caps or contract.revenue_caps)
        words: list[Word] = [buyer.id, room, GUARDED_AND_CAPPED if has_caps else GUARDED]
        words += (bid.bid_micros, int(buyer.balance_required), int(self._terms != AT_POST))
        words += (len(contract.caps), len(contract.revenue_caps))
        if has_caps:
            hour = self._calendar.hour(buyer.timezone, self._now_ms)
            valid_until_ms = hour.end_ms
            words += _cap_words(hour, ((cap.per, cap.limit) for cap in contract.caps))
            words += _cap_words(hour, ((cap.per, cap.limit_micros) for cap in contract.revenue_caps))
        return PackedCandidate(keys, stream(words), valid_until_ms, contract, self._now_ms)

    def _marks_of(self, contract: Contract) -> list[str]:
        """Most contracts of an offer look at the same fields: hashed once per lead."""
        found = self._marks.get(contract.dedup_on)
        if found is None:
            found = self._marks[contract.dedup_on] = marks_of(contract, self._lead, self._keys.hash_of)
        return found


def _cap_words(hour: Hour, caps: Iterable[tuple[Per, int]]) -> Iterator[Word]:
    for per, limit in caps:
        yield from (place_of(per), hour.periods[per].start_ms, limit, CAP_DECLINES[per].value)


def buckets_of(limits: Iterable[Limit]) -> dict[tuple[Scope, str], dict[Window, Limit]]:
    """Scope and bucket to limits by window, in the order in which a script looks at them."""
    found: dict[tuple[Scope, str], dict[Window, Limit]] = {}
    for limit in limits:
        found.setdefault((limit.scope, limit.bucket), {})[limit.per] = limit
    return found


def windows_of(calendar: Calendar, zone: str, now_ms: int) -> list[Period]:
    """In the order of WINDOWS."""
    periods = calendar.hour(zone, now_ms).periods
    return [calendar.minute(zone, now_ms), periods["hour"], periods["day"]]


def refused_by(limits: Sequence[Limit], place: int, calendar: Calendar, zone: str, now_ms: int) -> RateLimited:
    """What the limit at a script's place says."""
    bucket, window = divmod(place, len(WINDOWS))
    limit = list(buckets_of(limits).values())[bucket][WINDOWS[window]]
    end_ms = windows_of(calendar, zone, now_ms)[window].end_ms or now_ms
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
