"""Traffic sources, and the numbers that are suppressed."""

from service.catalog.checks import flag, identifier, known, list_of, network, phone, price, share, text
from service.catalog.mistake import Spot, shown
from service.catalog.names import Names
from service.catalog.table import Key, Keys, Table, Unique, as_is, is_whole, read_table
from service.catalog.tokens import read_tokens
from service.model.catalog import Payout, Source, SuppressionList

# The bucket and metric label of everybody who is not listed.
UNLISTED = "other"

PAYOUT = {
    "share_percent": Key(share, into="share_millionths"),
    "margin": Key(price, into="margin_micros"),
    "fixed": Key(price, into="fixed_micros"),
}


def source_keys(names: Names) -> Keys:
    """The keys of a traffic source in a catalog of these names."""
    return {
        "id": Key(identifier, required=True),
        "name": Key(text),
        "auth_tokens": Key(as_is),
        "endpoints": Key(list_of(known("an endpoint", names.endpoints))),
        "allowed_addresses": Key(list_of(network)),
        "payout": Key(_payout),
        "payouts": Key(lambda raw, spot: read_table(raw, spot, {name: Key(_payout) for name in names.endpoints})),
        "allow_loss": Key(flag),
        "test_allowed": Key(flag),
        "min_bid": Key(price, into="min_bid_micros"),
    }


def read_source(raw: Table, spot: Spot, keys: Keys, digests: Unique) -> Source | None:
    """The source; every token's digest claims its place among those of all sources, for it names its source."""
    kept = read_table(raw, spot, keys)
    tokens = read_tokens(kept.pop("auth_tokens", []), spot.at("auth_tokens"), digests)
    if not is_whole(kept, keys):
        return None
    if kept["id"] == UNLISTED:
        spot.at("id").wrong(f"{shown(UNLISTED)} stands for all sources that are not listed")
    kept.setdefault("name", kept["id"])
    kept["endpoints"] = frozenset(kept.get("endpoints", ()))
    return Source(**kept, auth_tokens=tokens)


def _payout(raw: object, spot: Spot) -> Payout | None:
    kept = read_table(raw, spot, PAYOUT)
    if not isinstance(raw, dict):
        return None
    if sum(name in raw for name in PAYOUT) != 1:
        spot.wrong("needs exactly one of share_percent, margin and fixed")
    return Payout(**{"share_millionths": None, **kept})


SUPPRESSION_LIST = {
    "id": Key(identifier, required=True),
    "numbers": Key(list_of(phone), required=True),
    "applies_to": Key(as_is),
}


def applies_to_keys(names: Names) -> Keys:
    """What a suppression list in a catalog of these names may be kept to."""
    return {
        "offers": Key(list_of(known("an offer", names.offers))),
        "buyers": Key(list_of(known("a buyer", names.buyers))),
    }


def read_suppression_list(raw: Table, spot: Spot, names: Names) -> SuppressionList | None:
    """The list; it applies to all where nothing else is said."""
    kept = read_table(raw, spot, SUPPRESSION_LIST)
    offers: frozenset[str] | None = None
    buyers: frozenset[int] | None = None
    applies_to = raw.get("applies_to", "all")
    place = spot.at("applies_to")
    if isinstance(applies_to, dict):
        to = read_table(applies_to, place, applies_to_keys(names))
        if len(applies_to) != 1:
            place.wrong("needs exactly one of offers and buyers")
        offers = frozenset(to["offers"]) if "offers" in to else None
        buyers = frozenset(to["buyers"]) if "buyers" in to else None
    elif applies_to != "all":
        place.wrong(f'{shown(applies_to)} is not "all" or a table of offers or buyers')
    if not is_whole(kept, SUPPRESSION_LIST):
        return None
    return SuppressionList(kept["id"], frozenset(kept["numbers"]), offers=offers, buyers=buyers)
