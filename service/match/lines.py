"""The lines of an offer in rank order: one for each contract at its own bid, one for each of its bid rules.

The bid of a line is known when the catalog is loaded, so ranking a lead's bids is reading its lines from the top. An
offer that sells in two modes has lines for each, for prices and so their order differ. A
line of a bid rule stands where the contract and the rule hold; it blocks the rules after it and the contract's own.
"""

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct

from service.match.draw import seed_of_contract
from service.match.masks import mask_of
from service.model.catalog import BidRule, Buyer, Catalog, Contract, Offer
from service.model.distribution import Mode, keeps_out, price_in


class Line(Struct, frozen=True):
    contract: Contract
    buyer: Buyer
    bid_micros: int
    rule: BidRule | None
    """None: the contract's own bid."""
    seed: int
    """Of the contract, for the draw among equals."""
    equals_end: int
    """The first line after it that has another bid or tier."""
    blockers: tuple[int, ...]
    """Lines of earlier bid rules of its contract: while one of them stands, this one does not count."""


class Roster(Struct, frozen=True):
    """All lines of an offer and the masks that tell them apart."""

    lines: tuple[Line, ...]
    everyone: int
    own: int
    """One line of every contract, that of its own bid: contracts are counted by it."""
    ruled: int
    """Lines of contracts with bid rules."""
    abstaining: int
    """Lines of contracts that buy nothing in this mode: mostly none."""
    buyers: dict[int, tuple[int, ...]]
    """The lines of every buyer on the offer."""
    catalog_paused: int
    default_line: int | None
    """The default buyer's, at its own bid."""


class _Draft(Struct):
    contract: Contract
    buyer: Buyer
    bid_micros: int
    rule: BidRule | None
    order: int
    """Its turn among the rules of the contract; the contract's own bid comes last."""


def roster_of(catalog: Catalog, offer: Offer, mode: Mode) -> Roster:
    lines = lines_of(catalog, offer, mode)
    width = len(lines)
    by_buyer: defaultdict[int, list[int]] = defaultdict(list)
    for place, line in enumerate(lines):
        by_buyer[line.buyer.id].append(place)
    return Roster(
        lines=lines,
        everyone=(1 << width) - 1,
        own=mask_of((place for place, line in enumerate(lines) if line.rule is None), width),
        ruled=mask_of((place for place, line in enumerate(lines) if line.contract.bids), width),
        abstaining=mask_of((at for at, line in enumerate(lines) if keeps_out(line.contract, offer, mode)), width),
        buyers={buyer_id: tuple(own) for buyer_id, own in by_buyer.items()},
        catalog_paused=mask_of((place for place, line in enumerate(lines) if line.buyer.paused), width),
        default_line=_default_line(lines, offer.default_buyer),
    )


def lines_of(catalog: Catalog, offer: Offer, mode: Mode) -> tuple[Line, ...]:
    drafts = [
        draft
        for buyer in catalog.buyers.values()
        for contract in buyer.contracts
        if contract.offer == offer.id
        for draft in _drafts_of(contract, buyer, mode)
    ]
    drafts.sort(key=lambda draft: (*rank_key(draft.contract, draft.bid_micros, offer), draft.order))
    turns: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for place, draft in enumerate(drafts):
        turns[draft.contract.id].append((draft.order, place))
    ends = _ends_of_equals(drafts)
    return tuple(
        Line(
            contract=draft.contract,
            buyer=draft.buyer,
            bid_micros=draft.bid_micros,
            rule=draft.rule,
            seed=seed_of_contract(draft.contract.id),
            equals_end=end,
            blockers=tuple(place for order, place in sorted(turns[draft.contract.id]) if order < draft.order),
        )
        for draft, end in zip(drafts, ends, strict=True)
    )


def rank_key(contract: Contract, bid_micros: int, offer: Offer) -> tuple[int, int, str]:
    """What sorts bids into rank order, before the draw among those that are equal but for their id."""
    if offer.rank_by == "tier":
        return contract.tier, -bid_micros, contract.id
    return -bid_micros, contract.tier, contract.id


def runs_of_bids(lines: tuple[Line, ...], offer: Offer) -> tuple[tuple[int, int], ...]:
    """Stretches (first, end) of lines over which bids only fall."""
    if offer.rank_by == "bid" or not lines:
        return ((0, len(lines)),)
    tiers = [line.contract.tier for line in lines]
    firsts = [0, *(place for place in range(1, len(tiers)) if tiers[place] != tiers[place - 1])]
    return tuple(zip(firsts, [*firsts[1:], len(lines)], strict=True))


def _drafts_of(contract: Contract, buyer: Buyer, mode: Mode) -> Iterable[_Draft]:
    for order, rule in enumerate(contract.bids):
        yield _Draft(contract, buyer, price_in(rule, mode), rule, order)
    yield _Draft(contract, buyer, price_in(contract, mode), None, len(contract.bids))


def _ends_of_equals(drafts: list[_Draft]) -> list[int]:
    ends = [len(drafts)] * len(drafts)
    for place in range(len(drafts) - 2, -1, -1):
        one, other = drafts[place], drafts[place + 1]
        same = one.bid_micros == other.bid_micros and one.contract.tier == other.contract.tier
        ends[place] = ends[place + 1] if same else place + 1
    return ends


def _default_line(lines: tuple[Line, ...], buyer_id: int | None) -> int | None:
    """Of the default buyer's first contract on the offer."""
    own = {line.contract.id: at for at, line in enumerate(lines) if line.rule is None and line.buyer.id == buyer_id}
    if not own:
        return None
    buyer = lines[next(iter(own.values()))].buyer
    return next(own[contract.id] for contract in buyer.contracts if contract.id in own)
