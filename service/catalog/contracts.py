"""Contracts of a buyer: bids, filters, hours, caps and dedup."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from service.catalog.checks import (
    amount,
    day,
    did_you_mean,
    factor,
    holidays_of,
    identifier,
    known,
    list_of,
    price,
    whole,
)
from service.catalog.documents import Documents
from service.catalog.hours import read_hours
from service.catalog.mistake import Spot, shown
from service.catalog.names import Names
from service.catalog.offers import NOT_OF_LEADS, Vocabulary
from service.catalog.table import Kept, Key, Keys, Table, as_is, is_whole, read_table, tables_in
from service.catalog.where import read_where
from service.model.catalog import PERS, REVENUE_PERS, BidRule, Cap, Contract, RevenueCap, Schedule, Where
from service.model.money import MICROS, UNITS_MAX
from service.model.returns import RETURN_DAYS_MAX

BID_RULES_MAX = 100
CAP_MAX = 10**12
TIER_MAX = 10**6
WEIGHT_MAX = 10**6
DEDUP_DAYS_MAX = 3650
DEDUP_GROUPS_MAX = 20

CAPS: Keys = {per: Key(whole(1, CAP_MAX)) for per in PERS} | {f"revenue_{per}": Key(amount) for per in REVENUE_PERS}
BID_RULE = {
    "where": Key(as_is),
    "hours": Key(as_is),
    "bid": Key(price, into="bid_micros"),
    "multiply": Key(factor),
}


def contract_keys(names: Names) -> Keys:
    """The keys of a contract in a catalog of these names."""
    return {
        "id": Key(identifier),
        "offer": Key(known("an offer", names.offers), required=True),
        "bid": Key(price, into="bid_micros", required=True),
        "tier": Key(whole(1, TIER_MAX)),
        "weight": Key(whole(1, WEIGHT_MAX)),
        "where": Key(as_is),
        "hours": Key(read_hours),
        "closed_on": Key(list_of(day)),
        "holidays": Key(holidays_of),
        "caps": Key(lambda raw, spot: read_table(raw, spot, CAPS)),
        "dedup_days": Key(whole(0, DEDUP_DAYS_MAX)),
        "dedup_on": Key(as_is),
        "bids": Key(as_is),
        "return_days": Key(whole(0, RETURN_DAYS_MAX)),
    }


class Party(Struct, frozen=True):
    """Whose contract is read, and what its values may refer to."""

    buyer_id: int
    timezone: str
    keys: Keys
    vocabularies: Mapping[str, Vocabulary]
    """By offer."""
    files: Documents


def read_contract(raw: Table, spot: Spot, party: Party) -> Contract | None:
    """The contract; None where its offer or bid is wrong."""
    kept = read_table(raw, spot, party.keys)
    words = party.vocabularies.get(kept.get("offer", ""))
    where = Where()
    if words is not None:
        # Without the offer nobody knows what its fields are, and one mistake is told already.
        where = read_where(kept["where"], spot.at("where"), words, party.files) if "where" in kept else where
        kept["dedup_on"] = _dedup_on(kept, spot.at("dedup_on"), words)
    kept["bids"] = tuple(_bid_rules(kept, spot.at("bids"), words, party))
    limits = kept.get("caps", {})
    kept["caps"] = tuple(Cap(per, limits[per]) for per in PERS if per in limits)
    kept["revenue_caps"] = tuple(
        RevenueCap(per, limits[f"revenue_{per}"]) for per in REVENUE_PERS if f"revenue_{per}" in limits
    )
    schedule = _schedule(kept, party.timezone)
    if not is_whole(kept, party.keys):
        return None
    kept.setdefault("id", f"{party.buyer_id}-{kept['offer']}")
    kept["where"] = where
    return Contract(**kept, buyer_id=party.buyer_id, schedule=schedule)


def _schedule(kept: Kept, timezone: str) -> Schedule | None:
    spans, closed_on, holidays = kept.pop("hours", ()), kept.pop("closed_on", ()), kept.pop("holidays", None)
    if not spans and not closed_on and holidays is None:
        return None
    return Schedule(timezone, spans=spans, closed_on=frozenset(closed_on), holidays=holidays)


def _bid_rules(kept: Kept, spot: Spot, words: Vocabulary | None, party: Party) -> list[BidRule]:
    rules = []
    for index, (table, place) in enumerate(tables_in(kept.get("bids", []), spot)):
        if index == BID_RULES_MAX:
            spot.wrong(f"holds more than {BID_RULES_MAX} bid rules")
            break
        rule = read_table(table, place, BID_RULE)
        if ("bid" in table) == ("multiply" in table):
            place.wrong("needs exactly one of bid and multiply")
        where = Where()
        if "where" in rule and words is not None:
            where = read_where(rule["where"], place.at("where"), words, party.files)
        hours = Schedule(party.timezone, read_hours(rule["hours"], place.at("hours"))) if "hours" in rule else None
        bid_micros = rule.get("bid_micros")
        if bid_micros is None and "multiply" in rule:
            bid_micros = _multiplied(kept.get("bid_micros", 0), rule["multiply"], place.at("multiply"))
        if bid_micros is not None:
            rules.append(BidRule(bid_micros, where, hours))
    return rules


def _multiplied(bid_micros: int, by: Decimal, spot: Spot) -> int | None:
    micros = int((bid_micros * by).to_integral_value(ROUND_HALF_EVEN))
    if micros <= UNITS_MAX * MICROS:
        return micros
    spot.wrong(f"{shown(str(by))} makes a bid above {UNITS_MAX}")
    return None


def _dedup_on(kept: Kept, spot: Spot, words: Vocabulary) -> tuple[tuple[str, ...], ...]:
    if "dedup_on" not in kept:
        return words.dedup_on if kept.get("dedup_days") else ()
    raw = kept["dedup_on"]
    if not isinstance(raw, list) or not 0 < len(raw) <= DEDUP_GROUPS_MAX:
        spot.wrong(f"{shown(raw)} is not a list of 1 to {DEDUP_GROUPS_MAX} fields or lists of fields")
        return ()
    fields = [word for word in words.words if word not in NOT_OF_LEADS]
    groups = []
    for index, group in enumerate(raw):
        place = spot.at(index)
        names = group if isinstance(group, list) else [group]
        if not names or len(names) > DEDUP_GROUPS_MAX:
            place.wrong(f"is not a field or a list of 1 to {DEDUP_GROUPS_MAX} fields")
        for name in names:
            if not isinstance(name, str) or name not in fields:
                place.wrong(f"{shown(name)} is not a field of the offer{did_you_mean(name, fields)}")
        # Sorted, so that a group means the same however it is written.
        groups.append(tuple(sorted({name for name in names if isinstance(name, str)})))
    return tuple(dict.fromkeys(groups))
