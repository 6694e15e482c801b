"""Everything in Redis that a promise of the store speaks of, read at one moment."""

import json
from itertools import islice
from typing import Any

from msgspec import Struct

from service.model.catalog import Catalog, Per
from service.store.asks import FoundPing, Sale
from service.store.caps import sold_of
from service.store.keys import Keys
from service.store.records import ping_of, sale_of

PAGE = 1_000
LASTING_SAMPLE = 2_000
"""Keys that are looked at for a life of their own: all of them are made by the same few lines of Lua."""
PASSING = ("ping:", "shield:", "sale:", "call:", "caller:", "request:", "fields:", "test:", "bought:", "rate:")
"""Keys that must have a life: all but sets of leases and numbers, counters of caps, streams, and a few singles."""


class Event(Struct, frozen=True):
    """One entry of the stream of sales. `contract` and `number` only of `sold`."""

    kind: str
    sale: str
    at_ms: int
    number: str = ""
    contract: str = ""
    answered: bool = False


class Standing(Struct, frozen=True):
    """Everything in the account that a promise speaks of, as it was at `now_ms` of Redis."""

    catalog: Catalog
    now_ms: int
    leases: dict[int, dict[str, int]]
    """By buyer: decision → until, ms, holds and slots; those that are over too, for nobody sweeps them."""
    slots: dict[int, dict[str, int]]
    """Those of them that are sales'."""
    pings: dict[str, FoundPing]
    """Of the leases that live, as far as their pings do."""
    sales: dict[str, Sale]
    events: list[Event]
    numbers: dict[str, dict[str, int]]
    """By pool: number → free again at, ms."""
    lent: dict[str, dict[str, str]]
    """By pool: number → decision."""
    sold: dict[str, dict[Per, int]]
    """By contract: sales counted in the latest period of each kind."""
    lasting: list[str]
    """Keys without a life that should have one."""
    holds_ms: int
    """Longest life of a hold."""
    answered: int | None
    """Sales that posts were answered; None where it was not counted."""

    def holds(self, buyer_id: int) -> dict[str, int]:
        """The leases that are pings'."""
        slots = self.slots[buyer_id]
        return {decision: until_ms for decision, until_ms in self.leases[buyer_id].items() if decision not in slots}

    def live(self, leases: dict[str, int]) -> dict[str, int]:
        return {decision: until_ms for decision, until_ms in leases.items() if until_ms > self.now_ms}


def standing(
    client: Any, catalog: Catalog, *, answered: int | None = None, hold_seconds_max: int | None = None
) -> Standing:
    """Everything the checks look at. Leases are judged by the moment before the first of them is read."""
    account = catalog.account.id
    keys = Keys(account, b"")  # only names are spelt here; nothing is hashed
    seconds, micros = client.time()
    now_ms = seconds * 1000 + micros // 1000
    buyers = list(catalog.buyers)
    found = _zsets(client, [key for buyer_id in buyers for key in keys.buyer(buyer_id)])
    leases = dict(zip(buyers, found[::2], strict=True))
    live = {decision for of_one in leases.values() for decision, until_ms in of_one.items() if until_ms > now_ms}
    contracts = [contract.id for buyer in catalog.buyers.values() for contract in buyer.contracts]
    pools = list(catalog.pools)
    seconds_max = hold_seconds_max or max(endpoint.hold_seconds for endpoint in catalog.endpoints.values())
    return Standing(
        catalog=catalog,
        now_ms=now_ms,
        leases=leases,
        slots=dict(zip(buyers, found[1::2], strict=True)),
        pings=_pings(client, keys, sorted(live)),
        sales=_sales(client, account),
        events=_events(client, keys.sales),
        numbers=dict(zip(pools, _zsets(client, [keys.pool(pool).pool for pool in pools]), strict=True)),
        lent=dict(zip(pools, _hashes(client, [keys.pool(pool).lent for pool in pools]), strict=True)),
        sold=_sold(client, keys, contracts),
        lasting=_lasting(client, account),
        holds_ms=seconds_max * 1000,
        answered=answered,
    )


def _asked(client: Any, commands: list[tuple[Any, ...]]) -> list[Any]:
    """Plain commands in pages, answered in order."""
    found: list[Any] = []
    for first in range(0, len(commands), PAGE):
        pipeline = client.pipeline(transaction=False)
        for command in commands[first : first + PAGE]:
            pipeline.execute_command(*command)
        found += pipeline.execute()
    return found


def _zsets(client: Any, keys: list[bytes]) -> list[dict[str, int]]:
    found = _asked(client, [("ZRANGE", key, 0, -1, "WITHSCORES") for key in keys])
    return [{_text(flat[at]): int(float(flat[at + 1])) for at in range(0, len(flat), 2)} for flat in map(_flat, found)]


def _flat(reply: list[Any]) -> list[Any]:
    """Members and scores in turn: redis-py makes pairs of them in some versions."""
    return [part for pair in reply for part in pair] if reply and isinstance(reply[0], (list, tuple)) else reply


def _hashes(client: Any, keys: list[bytes]) -> list[dict[str, str]]:
    found = _asked(client, [("HGETALL", key) for key in keys])
    return [{_text(name): _text(value) for name, value in fields.items()} for fields in found]


def _sold(client: Any, keys: Keys, contracts: list[str]) -> dict[str, dict[Per, int]]:
    found = _asked(client, [("HGET", keys.caps, contract) for contract in contracts])
    return {
        contract: {per: count for per, (_, count, _) in sold_of(value).items()}
        for contract, value in zip(contracts, found, strict=True)
    }


def _pings(client: Any, keys: Keys, decisions: list[str]) -> dict[str, FoundPing]:
    found = _asked(client, [("GET", keys.ping(decision)) for decision in decisions])
    return {decision: ping_of(value) for decision, value in zip(decisions, found, strict=True) if value}


def _sales(client: Any, account: str) -> dict[str, Sale]:
    keys = list(client.scan_iter(match=f"{{{account}}}:sale:*", count=PAGE))
    found = _asked(client, [("HGETALL", key) for key in keys])
    return {
        _text(key).rpartition(":")[2]: sale_of([part for pair in fields.items() for part in pair])
        for key, fields in zip(keys, found, strict=True)
        if fields
    }


def _events(client: Any, stream: bytes) -> list[Event]:
    events: list[Event] = []
    after = "-"
    while page := client.xrange(stream, after, "+", PAGE):
        events += [_event({_text(name): value for name, value in fields.items()}) for _, fields in page]
        after = f"({_text(page[-1][0])}"
    return events


def _event(fields: dict[str, bytes]) -> Event:
    bid = json.loads(fields["bid"]) if "bid" in fields else {}
    return Event(
        kind=_text(fields["event"]),
        sale=_text(fields["sale"]),
        at_ms=int(fields.get("at_ms", 0)),
        number=_text(fields.get("number", b"")),
        contract=bid.get("contract", ""),
        answered=fields.get("answered") == b"1",
    )


def _lasting(client: Any, account: str) -> list[str]:
    prefix = f"{{{account}}}:"
    passing = tuple(prefix + kind for kind in PASSING)
    keys = [
        key
        for key in islice(client.scan_iter(match=f"{prefix}*", count=PAGE), LASTING_SAMPLE)
        if _text(key).startswith(passing)
    ]
    return [
        _text(key)
        for key, left_ms in zip(keys, _asked(client, [("PTTL", key) for key in keys]), strict=True)
        if left_ms == -1
    ]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
