"""config/README.md names what the loaders read: every table, every key, and the defaults of the model."""

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from service.catalog.buyers import BUYER
from service.catalog.checks import flag
from service.catalog.contracts import BID_RULE, CAPS, contract_keys
from service.catalog.endpoints import (
    RATE_LIMITER,
    RATE_LIMITS,
    RING_POOL,
    endpoint_keys,
    static_number_keys,
)
from service.catalog.hours import WEEKDAYS
from service.catalog.loading import ACCOUNT, TABLES
from service.catalog.mistake import Mistake, Spot
from service.catalog.names import Names
from service.catalog.offers import DISTRIBUTION, FIELD, OFFER
from service.catalog.sources import PAYOUT, SUPPRESSION_LIST, applies_to_keys, source_keys
from service.catalog.table import Key, Keys, as_is
from service.catalog.tokens import AUTH_TOKEN
from service.catalog.where import OPERATORS
from service.model import catalog as model

README = (Path(__file__).parents[2] / "config/README.md").read_text()
NOBODY = Names(
    offers=frozenset(),
    endpoints=frozenset(),
    pools=frozenset(),
    rate_limiters=frozenset(),
    sources=frozenset(),
    buyers=frozenset(),
)


def plain(names: Any) -> Keys:
    return {name: Key(as_is) for name in names}


READ: dict[str, tuple[Keys, type[Struct] | None]] = {
    "account": (ACCOUNT, model.Account),
    "offers": (OFFER, model.Offer),
    # Which of the others are needed depends on the mode.
    "offers.distribution": (
        {name: key._replace(required=name == "mode") for name, key in DISTRIBUTION["hybrid"].items()},
        None,
    ),
    "offers.fields": (FIELD, model.Field),
    "endpoints": (endpoint_keys(NOBODY), model.Endpoint),
    "rate_limits": (RATE_LIMITS, model.RateLimits),
    "rate_limiters": (RATE_LIMITER, model.RateLimiter),
    "ring_pools": (RING_POOL, model.RingPool),
    "static_numbers": (static_number_keys(NOBODY), model.StaticNumber),
    "traffic_sources": (source_keys(NOBODY), model.Source),
    "traffic_sources.auth_tokens": (AUTH_TOKEN, model.AuthToken),
    "traffic_sources.payout": (PAYOUT, None),  # exactly one of them: the default is that of the whole
    "buyers": (BUYER, model.Buyer),
    "buyers.auth_tokens": (AUTH_TOKEN, model.AuthToken),
    "buyers.contracts": (contract_keys(NOBODY), model.Contract),
    "buyers.contracts.where": (plain([*OPERATORS, "file"]), None),
    "buyers.contracts.hours": (plain(WEEKDAYS), None),
    "buyers.contracts.caps": (CAPS, None),
    "buyers.contracts.bids": (BID_RULE, None),
    "suppression_lists": (SUPPRESSION_LIST, model.SuppressionList),
    "suppression_lists.applies_to": (applies_to_keys(NOBODY), None),
}


class Row(NamedTuple):
    type: str
    default: str
    what: str


def tables() -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for part in re.split(r"^#+ ", README, flags=re.MULTILINE):
        heading = re.match(r"`([a-z_.]+)`\n", part)
        if heading:
            rows = re.findall(r"^\| \**`(\w+)`\** \| (.*?) \| (.*?)\|(.*)\|$", part, re.MULTILINE)
            found[heading[1]] = {name: Row(*(cell.strip() for cell in cells)) for name, *cells in rows}
            assert len(found[heading[1]]) == len(rows)
    return found


WRITTEN = tables()


def default_of(struct: type[Struct], name: str) -> object:
    """Of the model; NODEFAULT where it has none or does not keep the key under its name."""
    for field in fields(struct):
        if field.name == name:
            return field.default_factory() if field.default_factory is not NODEFAULT else field.default
    return NODEFAULT


def value_of(literal: str, key: Key, name: str) -> object:
    """A default as the loader keeps it when it is written out."""
    mistakes: list[Mistake] = []
    value = key.check(tomllib.loads(f"x = {literal}")["x"], Spot("README.md", mistakes))
    assert mistakes == []
    return model.Distribution(**value) if name == "distribution" and isinstance(value, dict) else value


def test_every_table_of_the_catalog_is_there() -> None:
    assert list(WRITTEN) == list(READ)
    assert [name for name in WRITTEN if "." not in name and name != "rate_limits"] == list(TABLES_IN_ORDER)
    assert set(TABLES_IN_ORDER) == set(TABLES)


TABLES_IN_ORDER = (
    "account", "offers", "endpoints", "rate_limiters", "ring_pools", "static_numbers", "traffic_sources", "buyers",
    "suppression_lists",
)  # fmt: skip


@pytest.mark.parametrize("table", READ)
def test_its_keys_are_those_that_the_loader_knows(table: str) -> None:
    keys, _ = READ[table]
    assert list(WRITTEN[table]) == list(keys)
    assert {name for name, row in WRITTEN[table].items() if row.default == "required"} == {
        name for name, key in keys.items() if key.required
    }
    for name, key in keys.items():
        if key.check is flag:
            assert WRITTEN[table][name].type == "true or false"


COMPARED = [(table, name) for table, (keys, struct) in READ.items() if struct for name in keys]


@pytest.mark.parametrize(("table", "name"), COMPARED)
def test_its_defaults_are_those_of_the_model(table: str, name: str) -> None:
    keys, struct = READ[table]
    assert struct is not None
    default = default_of(struct, keys[name].into or name)
    literal = re.fullmatch(r"`([^`]+)`", WRITTEN[table][name].default)
    if default is NODEFAULT or name == "converts_after_seconds":  # kept as 0, which nobody may write
        return
    if literal:
        assert value_of(literal[1], keys[name], name) == default
    else:
        # Words, only where there is nothing to write out.
        assert default in (None, (), {}, frozenset(), model.RateLimits(), model.Where())
