"""Small catalogs in TOML, made of what a test is about: everything else has a plain value."""

import json
from typing import Any

from tests.app.served import ACCOUNT

POOL = [f"+1800555010{digit}" for digit in range(10)]
"""Numbers of the ring pool "pool", in the order in which they are first lent."""


def catalog(*parts: str, offer: str = "", pool: list[str] | None = None, cooldown_seconds: int = 60) -> str:
    """The account, the call offer "calls" and its ring pool, and the parts given. `offer`: from `call_offer`."""
    account = table("account", id=ACCOUNT)
    return "\n".join((account, offer or call_offer(), ring_pool(pool, cooldown_seconds), *parts))


def call_offer(*fields: str, **keys: Any) -> str:
    """The offer "calls". `fields`: from `field`."""
    return "\n".join((table("[offers]", **{"id": "calls", "name": "Calls", "delivery": "call"} | keys), *fields))


def data_offer(*fields: str, **keys: Any) -> str:
    """The offer "leads"."""
    return "\n".join((table("[offers]", **{"id": "leads", "name": "Leads", "delivery": "data"} | keys), *fields))


def field(name: str, type: str, **keys: Any) -> str:
    return table("[offers.fields]", **{"name": name, "type": type} | keys)


def ring_pool(numbers: list[str] | None = None, cooldown_seconds: int = 60) -> str:
    return table(
        "[ring_pools]", id="pool", numbers=POOL if numbers is None else numbers, cooldown_seconds=cooldown_seconds
    )


def endpoint(uri: str = "calls", **keys: Any) -> str:
    """Of the offer "calls", with the ring pool unless it tracks by caller number."""
    told = {"vanity_uri": uri, "offer": "calls"} | keys
    if told["offer"] == "calls" and told.get("tracking") != "caller_number":
        told.setdefault("ring_pool", "pool")
    return table("[endpoints]", **told)


def source(id: str, **keys: Any) -> str:
    return table("[traffic_sources]", **{"id": id} | keys)


def buyer(id: int, *contracts: str, **keys: Any) -> str:
    """`contracts`: from `contract`. Its name is "Buyer <id>", its telephone ends in its id."""
    told = {"id": id, "name": f"Buyer {id}", "destination": f"+1888555{2000 + id}"} | keys
    return "\n".join((table("[buyers]", **told), *contracts))


def contract(bid: float, **keys: Any) -> str:
    """On the offer "calls"."""
    return table("[buyers.contracts]", **{"offer": "calls", "bid": bid} | keys)


def table(name: str, /, **keys: Any) -> str:
    """A table; `name` in brackets of its own makes it one of a list."""
    return "\n".join((f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in keys.items()), ""))


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
