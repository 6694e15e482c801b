"""Endpoints, and what they draw on: ring pools, limiters, publishers' own numbers."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.catalog.checks import choice, flag, identifier, known, phone, whole
from service.catalog.mistake import Spot, shown
from service.catalog.names import Names
from service.catalog.table import Key, Keys, Table, Unique, as_is, is_whole, read_table
from service.model import values
from service.model.catalog import Endpoint, Offer, RateLimiter, RateLimits, RingPool, StaticNumber

DAY_SECONDS = 86400
BUYERS_MAX = 100  # each costs keys and work in the script that holds
RATE_MAX = 10**12
NUMBERS_PER_POOL_MAX = 100_000
COOLDOWN_SECONDS_MAX = 30 * DAY_SECONDS

RATE_LIMITS = {name: Key(whole(1, RATE_MAX)) for name in ("per_minute", "per_hour", "per_day")}

_RANGE = re.compile(r"\s*(\+\d{2,15})\s*\.\.\s*(\+\d{2,15})\s*", re.ASCII).fullmatch


def read_rate_limits(raw: object, spot: Spot) -> RateLimits:
    return RateLimits(**read_table(raw, spot, RATE_LIMITS))


def _vanity_uri(raw: object, spot: Spot) -> str | None:
    # `/posting-instructions/<name>.json` is those of <name> for machines.
    if isinstance(raw, str) and raw.endswith(".json"):
        spot.wrong(f"{shown(raw)} ends in .json, by which machines ask for posting instructions")
        return None
    return identifier(raw, spot)


def endpoint_keys(names: Names) -> Keys:
    """The keys of an endpoint in a catalog of these names."""
    return {
        "vanity_uri": Key(_vanity_uri, required=True),
        "offer": Key(known("an offer", names.offers), required=True),
        "tracking": Key(choice("ring_pool", "caller_number")),
        "ring_pool": Key(known("a ring pool", names.pools)),
        "auth_required": Key(flag),
        "test_mode": Key(flag),
        "buyers_max": Key(whole(1, BUYERS_MAX)),
        "ping_ttl_seconds": Key(whole(1, DAY_SECONDS)),
        "hold_seconds": Key(whole(0, DAY_SECONDS)),
        "number_hold_seconds": Key(whole(1, DAY_SECONDS)),
        "concurrency_cap_buffer_percent": Key(whole(0, 100)),
        "rate_limits": Key(read_rate_limits),
        "source_rate_limits": Key(read_rate_limits),
        "rate_limiter": Key(known("a rate limiter", names.rate_limiters)),
        "sources": Key(choice("any", "listed")),
        "ring_seconds": Key(whole(1, 600)),
        "max_call_seconds": Key(whole(1, DAY_SECONDS)),
        "edge_heartbeats": Key(flag),
        "caller_must_match": Key(flag),
        "posting_instructions": Key(choice("public", "token")),
    }


def read_endpoint(raw: Table, spot: Spot, keys: Keys, offers: Mapping[str, Offer]) -> Endpoint | None:
    """The endpoint; None where its vanity URI or offer is wrong."""
    kept = read_table(raw, spot, keys)
    if not is_whole(kept, keys):
        return None
    endpoint = Endpoint(**kept)
    offer = offers.get(endpoint.offer)
    if offer is not None:
        _check_tracking(raw, spot, delivery=offer.delivery)
        if endpoint.buyers_max < offer.distribution.winners:
            winners = f"{offer.distribution.winners} winners of {offer.id}"
            spot.at("buyers_max").wrong(f"{endpoint.buyers_max} is below the {winners}")
    return endpoint


def _check_tracking(raw: Table, spot: Spot, *, delivery: str) -> None:
    if delivery == "call":
        if raw.get("tracking", "ring_pool") == "ring_pool" and "ring_pool" not in raw:
            spot.at("ring_pool").wrong("is missing, for a call offer that tracks by ring pool")
        return
    for name in ("tracking", "ring_pool"):
        if name in raw:
            spot.at(name).wrong(f"{shown(raw[name])} is for call offers, and this offer delivers data")


RATE_LIMITER = {"id": Key(identifier, required=True), "limits": Key(as_is, required=True)}


def read_rate_limiter(raw: Table, spot: Spot, names: Names) -> RateLimiter | None:
    kept = read_table(raw, spot, RATE_LIMITER)
    place = spot.at("limits")
    by_source = {source: Key(read_rate_limits) for source in names.sources}
    limits: dict[str, Any] = read_table(kept.get("limits", {}), place, by_source)
    return RateLimiter(kept["id"], limits) if is_whole(kept, RATE_LIMITER) else None


RING_POOL = {
    "id": Key(identifier, required=True),
    "numbers": Key(as_is),
    "ranges": Key(as_is),
    "cooldown_seconds": Key(whole(0, COOLDOWN_SECONDS_MAX)),
}


def read_ring_pool(raw: Table, spot: Spot, owners: Unique) -> RingPool | None:
    """The pool with its ranges spelled out; every number claims its place among the numbers of all pools."""
    kept = read_table(raw, spot, RING_POOL)
    numbers: list[str] = []
    for written, place in _items(kept.pop("numbers", []), spot.at("numbers")):
        number = phone(written, place)
        if number is not None and owners.claim(number, place):
            numbers.append(number)
    if len(numbers) > NUMBERS_PER_POOL_MAX:
        spot.at("numbers").wrong(f"holds more than {NUMBERS_PER_POOL_MAX} numbers")
    for written, place in _items(kept.pop("ranges", []), spot.at("ranges")):
        spelled = _spell_out(written, place, NUMBERS_PER_POOL_MAX - len(numbers))
        numbers += [number for number in spelled if owners.claim(number, place)]
    if not raw.get("numbers") and not raw.get("ranges"):
        spot.wrong("holds no number: it needs numbers or ranges")
    return RingPool(**kept, numbers=tuple(numbers)) if is_whole(kept, RING_POOL) else None


def _items(raw: object, spot: Spot) -> Iterator[tuple[object, Spot]]:
    if isinstance(raw, list):
        yield from ((item, spot.at(index)) for index, item in enumerate(raw))
    else:
        spot.wrong(f"{shown(raw)} is not a list")


def _spell_out(written: object, spot: Spot, room: int) -> list[str]:
    match = _RANGE(written) if isinstance(written, str) else None
    ends = (values.e164(match[1]), values.e164(match[2])) if match else (None, None)
    if ends[0] is None or ends[1] is None or len(ends[0]) != len(ends[1]):
        spot.wrong(f"{shown(written)} is not a range of telephone numbers (as +18005550100..+18005550199)")
        return []
    first, last = int(ends[0][1:]), int(ends[1][1:])
    if last < first:
        spot.wrong(f"{shown(written)} ends before it begins")
        return []
    if last - first >= room:
        spot.wrong(f"{shown(written)} holds more than the {max(room, 0)} numbers there is room for in a pool")
        return []
    return [f"+{number}" for number in range(first, last + 1)]


def static_number_keys(names: Names) -> Keys:
    """The keys of a publisher's own number in a catalog of these names."""
    return {
        "number": Key(phone, required=True),
        "endpoint": Key(known("an endpoint", names.endpoints), required=True),
        "traffic_source": Key(known("a traffic source", names.sources), required=True),
    }


def read_static_number(raw: Table, spot: Spot, names: Names, endpoints: Mapping[str, Endpoint]) -> StaticNumber | None:
    keys = static_number_keys(names)
    kept = read_table(raw, spot, keys)
    endpoint = endpoints.get(kept.get("endpoint", ""))
    if endpoint is not None and endpoint.tracking != "caller_number":
        spot.at("endpoint").wrong(f"{shown(endpoint.vanity_uri)} does not track by caller number")
    return StaticNumber(**kept) if is_whole(kept, keys) else None
