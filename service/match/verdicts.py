"""The verdict on every contract of an offer, one cause each, by walking the rules: the slow path for whoever asks why.

It shares nothing with the index but the rules themselves, and a test holds the two against each other.
"""

from collections.abc import Generator, Iterator
from itertools import islice

from msgspec import Struct

from service.match.asked import Asked
from service.match.draw import seed_of_contract, seed_of_decision, ticket
from service.match.hours import is_open, next_opening
from service.match.lines import rank_key
from service.match.payouts import Terms, clears, payout_of, shortfall
from service.match.rules import GEO_FIELDS, any_holds, any_is_geo, detail_of, holds, where_holds
from service.match.selling import terms_of
from service.match.suppression import applies_to, hash_of, may_come_hashed, number_of
from service.model.catalog import Buyer, Catalog, Contract, Offer, Schedule, SuppressionList, Test
from service.model.decline import Decline
from service.model.distribution import Mode, floor_in, keeps_out, modes_of, price_in
from service.model.lead import Bid

Detail = dict[str, object]

SLICE = 100
"""Contracts between two slices: a millisecond, or five where no two of them keep the same hours."""
NUMBERS_PER_SLICE = 1000
"""Numbers of suppression lists that are hashed between two slices: about a millisecond."""


class Verdict(Struct, frozen=True):
    """`bid` where the contract may be offered the lead, else `reason` and the values that decided it, ready to be
    shown to the operator (money in units, times in ISO 8601)."""

    contract: Contract
    buyer: Buyer
    bid: Bid | None = None
    reason: Decline | None = None
    detail: Detail = {}


class _Hours:
    """What schedules say of one moment. Each is asked once: thousands of contracts keep a few dozen of them, and when a
    closed one opens takes half a millisecond to find out."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._open: dict[Schedule, bool] = {}
        self._closed: dict[Schedule, Detail] = {}

    def is_open(self, schedule: Schedule) -> bool:
        found = self._open.get(schedule)
        if found is None:
            found = self._open[schedule] = is_open(schedule, self._now_ms)
        return found

    def closed(self, schedule: Schedule) -> Detail:
        """Of a closed schedule, when it opens."""
        found = self._closed.get(schedule)
        if found is None:
            opens_at = next_opening(schedule, self._now_ms)
            found = self._closed[schedule] = {"timezone": schedule.timezone}
            if opens_at:
                found["opens_at"] = opens_at
        return dict(found)


class _Case(Struct, frozen=True):
    """What all contracts are asked about."""

    asked: Asked
    offer: Offer
    mode: Mode
    terms: Terms
    hours: _Hours
    paused: frozenset[int]
    lists: tuple[SuppressionList, ...]
    """Those that the person is on."""


def explain(
    catalog: Catalog, offer_id: str, asked: Asked, paused: frozenset[int] = frozenset(), mode: Mode | None = None
) -> list[Verdict]:
    """Every contract of an offer: those that may be offered the lead in rank order, then the others in the catalog's.
    `paused` are the buyers the operator has paused. Without a `mode`, in the first in which anybody is offered it, as
    far as can be told without Redis; else in the last."""
    offer = catalog.offers[offer_id]
    verdicts: list[Verdict] = []
    for tried in modes_of(offer) if mode is None else (mode,):
        slices = explain_in_slices(catalog, offer_id, asked, paused, mode=tried)
        verdicts = in_rank_order([verdict for part in slices for verdict in part], asked, offer)
        if any(verdict.bid for verdict in verdicts):
            break
    return verdicts


def explain_in_slices(
    catalog: Catalog, offer_id: str, asked: Asked, paused: frozenset[int] = frozenset(), *, mode: Mode
) -> Iterator[list[Verdict]]:
    """The verdicts of one mode in the catalog's order, a few at a time or none, so that an event loop can do something
    else between two slices. All of them make an explanation, once `in_rank_order` has put the offered ones first."""
    offer = catalog.offers[offer_id]
    number = number_of(asked.facts.values, hashed=may_come_hashed(offer))
    if isinstance(number, bytes):
        number = yield from _number_behind(number, catalog.suppression_lists)
    case = _Case(
        asked=asked,
        offer=offer,
        mode=mode,
        terms=terms_of(asked, floor_in(offer, mode)),
        hours=_Hours(asked.now_ms),
        paused=paused,
        lists=_lists_of(catalog, number, asked),
    )
    contracts = (
        (contract, buyer)
        for buyer in catalog.buyers.values()
        for contract in buyer.contracts
        if contract.offer == offer_id
    )
    while part := [_verdict(contract, buyer, case) for contract, buyer in islice(contracts, SLICE)]:
        yield part


def _lists_of(catalog: Catalog, number: str | None, asked: Asked) -> tuple[SuppressionList, ...]:
    """Those that a person is on by the catalog or since. One that the catalog does not name applies to all."""
    lists = catalog.suppression_lists
    found = [listed for listed in lists if number in listed.numbers or listed.id in asked.on_lists]
    unnamed = asked.on_lists - {listed.id for listed in lists}
    return (*found, *(SuppressionList(name, frozenset()) for name in sorted(unnamed)))


def in_rank_order(verdicts: list[Verdict], asked: Asked, offer: Offer) -> list[Verdict]:
    """Those that may be offered the lead in rank order, then the others as they come."""
    offered = [verdict for verdict in verdicts if verdict.bid is not None]
    declined = [verdict for verdict in verdicts if verdict.bid is None]
    return _ranked(offered, asked, offer) + declined


def _number_behind(digest: bytes, lists: tuple[SuppressionList, ...]) -> Generator[list[Verdict], None, str | None]:
    """The listed number of this SHA-256, None where there is none. Only the index keeps hashes; here they are made."""
    for listed in lists:
        for place, number in enumerate(listed.numbers, start=1):
            if hash_of(number) == digest:
                return number
            if place % NUMBERS_PER_SLICE == 0:
                yield []
    return None


def _verdict(contract: Contract, buyer: Buyer, case: _Case) -> Verdict:
    cause = _cause(contract, buyer, case)
    if cause is not None:
        return Verdict(contract, buyer, None, *cause)
    bid_micros = _bid_of(contract, case)
    if not clears(bid_micros, case.terms):
        return Verdict(contract, buyer, None, Decline.BELOW_FLOOR, shortfall(bid_micros, case.terms))
    return Verdict(contract, buyer, Bid(contract, buyer, bid_micros, payout_of(bid_micros, case.asked.payout)))


def _cause(contract: Contract, buyer: Buyer, case: _Case) -> tuple[Decline, Detail] | None:
    """The first cause before the bid, in the order of causes."""
    if buyer.paused or buyer.id in case.paused:
        return Decline.PAUSED, {"by": "catalog" if buyer.paused else "operator"}
    if contract.schedule is not None and not case.hours.is_open(contract.schedule):
        return Decline.SCHEDULE, case.hours.closed(contract.schedule)
    for listed in case.lists:
        if applies_to(listed, contract):
            return Decline.SUPPRESSED, {"list": listed.id}
    return _failed_where(contract, case)


def _failed_where(contract: Contract, case: _Case) -> tuple[Decline, Detail] | None:
    where, values = contract.where, case.asked.facts.values
    failed = [test for test in where.tests if not holds(test, values)]
    geo = [test for test in failed if test.field in GEO_FIELDS]
    if geo:
        return Decline.GEO, detail_of(geo[0], values)
    any_failed = not any_holds(where, values)
    if any_failed and any_is_geo(where):
        return Decline.GEO, _no_table(where.any, case)
    kept_out = keeps_out(contract, case.offer, case.mode)
    if kept_out:
        return Decline.FILTER, kept_out
    if failed:
        return Decline.FILTER, detail_of(failed[0], values)
    return (Decline.FILTER, _no_table(where.any, case)) if any_failed else None


def _no_table(tables: tuple[tuple[Test, ...], ...], case: _Case) -> Detail:
    values = case.asked.facts.values
    first_failed = [next(test for test in table if not holds(test, values)) for table in tables]
    return {"any": [detail_of(test, values) for test in first_failed]}


def _bid_of(contract: Contract, case: _Case) -> int:
    """The bid of the first rule that holds, else the contract's own."""
    for rule in contract.bids:
        in_hours = rule.hours is None or case.hours.is_open(rule.hours)
        if in_hours and where_holds(rule.where, case.asked.facts.values):
            return price_in(rule, case.mode)
    return price_in(contract, case.mode)


def _ranked(offered: list[Verdict], asked: Asked, offer: Offer) -> list[Verdict]:
    decision = seed_of_decision(asked.decision_id)

    def key(verdict: Verdict) -> tuple[int, int, float, str]:
        contract = verdict.contract
        assert verdict.bid is not None
        first, second, contract_id = rank_key(contract, verdict.bid.bid_micros, offer)
        return first, second, ticket(decision, seed_of_contract(contract.id), contract.weight), contract_id

    return sorted(offered, key=key)
