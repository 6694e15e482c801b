"""What changes between two catalogs, in sentences, contract by contract."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from service.catalog.hours import MINUTES_PER_DAY
from service.model.catalog import (
    BidRule,
    Cap,
    Catalog,
    Contract,
    Payout,
    RateLimits,
    RevenueCap,
    Schedule,
    Span,
    Test,
    Where,
)
from service.model.money import units_of

SHOWN_LENGTH_MAX = 200
# A set this small is shown as it is, of a larger one how many values came and went.
SET_SHOWN_MAX = 20

# Parts that are compared as things of their own.
_ONE_BY_ONE = ("contracts", "fields")

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SIGNS = {"eq": "=", "ne": "≠", "min": "≥", "max": "≤", "prefix": "begins with", "matches": "matches"}


def diff(old: Catalog, new: Catalog) -> list[str]:
    """One sentence per thing that was added, removed or changed; empty where the catalogs say the same.

    A change names the key and both values: `contract a-auto of buyer 1: bid 25.00 → 26.00`.
    """
    sentences = list(_changes("account", old.account, new.account))
    for what, before, after in (
        ("offer", old.offers, new.offers),
        ("field", _fields(old), _fields(new)),
        ("endpoint", old.endpoints, new.endpoints),
        ("rate limiter", old.rate_limiters, new.rate_limiters),
        ("ring pool", old.pools, new.pools),
        ("static number", old.static_numbers, new.static_numbers),
        ("traffic source", old.sources, new.sources),
        ("suppression list", _by_id(old), _by_id(new)),
    ):
        sentences.extend(_compare(what, before, after))
    sentences.extend(_compare("buyer", old.buyers, new.buyers))
    sentences.extend(_compare("contract", _contracts(old), _contracts(new)))
    for what, first, second in (("buyers", old.buyers, new.buyers), ("offers", old.offers, new.offers)):
        if list(first) != list(second) and set(first) == set(second):
            sentences.append(f"{what}: stand in another order")
    return sentences


def _by_id(catalog: Catalog) -> dict[str, Any]:
    return {one.id: one for one in catalog.suppression_lists}


def _fields(catalog: Catalog) -> dict[str, Any]:
    return {f"{field.name} of offer {offer.id}": field for offer in catalog.offers.values() for field in offer.fields}


def _contracts(catalog: Catalog) -> dict[str, Contract]:
    return {
        f"{contract.id} of buyer {buyer.id}": contract
        for buyer in catalog.buyers.values()
        for contract in buyer.contracts
    }


def _compare(what: str, old: Mapping[Any, Struct], new: Mapping[Any, Struct]) -> Iterator[str]:
    for key in old:
        if key not in new:
            yield f"{what} {key}: removed"
    for key, thing in new.items():
        if key not in old:
            yield f"{what} {key}: added{_in_short(thing)}"
        else:
            yield from _changes(f"{what} {key}", old[key], thing)


def _in_short(thing: Struct) -> str:
    return f", {thing.offer} at {units_of(thing.bid_micros):.2f}" if isinstance(thing, Contract) else ""


def _changes(what: str, old: Struct, new: Struct) -> Iterator[str]:
    before, after = asdict(old), asdict(new)
    for name, value in after.items():
        if before[name] == value or name in _ONE_BY_ONE:
            continue
        if isinstance(value, (frozenset, tuple)) and max(len(value), len(before[name] or ())) > SET_SHOWN_MAX:
            came, went = len(set(value) - set(before[name] or ())), len(set(before[name] or ()) - set(value))
            yield f"{what}: {name} {came} added, {went} removed, {len(value)} in all"
        else:
            yield f"{what}: {name.removesuffix('_micros')} {_told(name, before[name])} → {_told(name, value)}"


def _told(name: str, value: object) -> str:
    text = _words(name, value)
    return text if len(text) <= SHOWN_LENGTH_MAX else text[: SHOWN_LENGTH_MAX - 1] + "…"


def _words(name: str, value: object) -> str:
    if value is None or value in ((), frozenset(), {}):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if name.endswith("_micros") and isinstance(value, int):
        return f"{units_of(value):.2f}" if value % 10_000 == 0 else str(units_of(value))
    teller = _TELLERS.get(type(value))
    if teller is not None:
        return teller(value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_words('', item)}" for key, item in sorted(value.items()))
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value)))
    if isinstance(value, tuple):
        return ", ".join(_words("", item) for item in value)
    if isinstance(value, Struct):
        return _struct(value)
    return str(value)


def _struct(value: Struct) -> str:
    parts = ((name, item) for name, item in asdict(value).items() if item is not None and item not in ((), {}))
    return "(" + ", ".join(f"{name.removesuffix('_micros')} {_words(name, item)}" for name, item in parts) + ")"


def _where(where: Where) -> str:
    parts = [_test(test) for test in where.tests]
    if where.any:
        parts.append("any of (" + " | ".join(" and ".join(map(_test, tests)) for tests in where.any) + ")")
    return " and ".join(parts)


def _test(test: Test) -> str:
    if test.op == "exists":
        return f"{test.field} is {'there' if test.limit else 'missing'}"
    if isinstance(test.limit, frozenset):
        shown = sorted(_words("", value) for value in test.limit)
        more = f" and {len(shown) - SET_SHOWN_MAX} more" if len(shown) > SET_SHOWN_MAX else ""
        return f"{test.field} {test.op.replace('_', ' ')} [{', '.join(shown[:SET_SHOWN_MAX])}{more}]"
    return f"{test.field} {_SIGNS[test.op]} {_words('', test.limit)}"


def _schedule(schedule: Schedule) -> str:
    parts = [_spans(schedule.spans), schedule.timezone]
    if schedule.closed_on:
        parts.append("closed on " + ", ".join(sorted(schedule.closed_on)))
    if schedule.holidays:
        parts.append(f"and on holidays of {schedule.holidays}")
    return " ".join(part for part in parts if part)


def _spans(spans: tuple[Span, ...]) -> str:
    """Days that have the same times stand together: "mon tue 09:00-12:00 13:00-17:30"."""
    times: dict[int, str] = {}
    for span in spans:
        times[span.weekday] = f"{times.get(span.weekday, '')} {_times(span)}"
    days: dict[str, str] = {}
    for weekday, text in times.items():
        days[text] = f"{days.get(text, '')} {_DAYS[weekday]}"
    return ", ".join(f"{names.strip()}{text}" for text, names in days.items())


def _times(span: Span) -> str:
    end = span.end if span.end <= MINUTES_PER_DAY else span.end - MINUTES_PER_DAY
    return f"{span.start // 60:02}:{span.start % 60:02}-{end // 60:02}:{end % 60:02}"


def _rule(rule: BidRule) -> str:
    when = [_where(rule.where), _schedule(rule.hours) if rule.hours else ""]
    return f"{_words('bid_micros', rule.bid_micros)} where ({' and '.join(part for part in when if part) or 'always'})"


def _cap(cap: Cap) -> str:
    return f"{cap.limit} per {cap.per}" if cap.per != "total" else f"{cap.limit} in total"


def _revenue_cap(cap: RevenueCap) -> str:
    return f"{_words('limit_micros', cap.limit_micros)} per {cap.per}"


def _limits(limits: RateLimits) -> str:
    return ", ".join(f"{limit} {name.replace('_', ' ')}" for name, limit in asdict(limits).items() if limit is not None)


def _payout(payout: Payout) -> str:
    if payout.share_millionths is not None:
        return f"{payout.share_millionths / 10_000:g} %"
    if payout.margin_micros is not None:
        return f"bid less {units_of(payout.margin_micros):.2f}"
    return f"{units_of(payout.fixed_micros or 0):.2f}"


_TELLERS: Mapping[type, Any] = {
    Where: _where,
    Schedule: _schedule,
    BidRule: _rule,
    Cap: _cap,
    RevenueCap: _revenue_cap,
    RateLimits: _limits,
    Payout: _payout,
}
