"""Who wins a lead at which price in each mode of distribution, against the rules as the reference has them."""

from collections import Counter
from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.match import Index, Verdict, build, explain
from service.model.catalog import Catalog, Contract, Distribution
from service.model.decline import Decline
from service.model.lead import Bid
from service.model.money import MICROS
from tests.match.worlds import OFFER, asked_of, catalog_of, contract

PRICES = st.integers(0, 6).map(lambda units: units * MICROS)
MODES = st.sampled_from(["exclusive", "waterfall", "multisell", "hybrid"])


@st.composite
def contracts(draw: st.DrawFn) -> list[Contract]:
    return [
        contract(
            number,
            bid_micros=draw(PRICES),
            bid_shared_micros=draw(st.none() | PRICES),
            sells=draw(st.sampled_from(["both", "exclusive", "shared"])),
            tier=draw(st.integers(1, 2)),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


def catalog_in(mode: Any, buying: list[Contract], *, floor: int, hybrid_floor: int) -> Catalog:
    distribution = Distribution(mode, floor_micros=hybrid_floor, winners=2 if mode in ("multisell", "hybrid") else 1)
    rank_by = "tier" if mode == "waterfall" else "bid"
    return catalog_of(buying, offer={"distribution": distribution, "floor_micros": floor, "rank_by": rank_by})


def chosen(index: Index) -> tuple[Index, list[Bid]]:
    """The mode in which a lead goes that Redis refuses nobody, and all its bids in order."""
    bids = index.rank(asked_of({})).take(100)
    if bids or index.otherwise is None:
        return index, bids
    return chosen(index.otherwise)


def prices_by_hand(mode: str, buying: list[Contract], floor: int, hybrid_floor: int) -> tuple[bool, dict[int, int]]:
    """Whether the lead is shared, and what each buyer that may have it pays."""
    alone = {c.buyer_id: c.bid_micros for c in buying if c.sells != "shared" and c.bid_micros >= floor}
    shared = {}
    for one in buying:
        price = one.bid_shared_micros
        if price is None and (mode == "multisell" or one.sells == "shared"):
            price = one.bid_micros
        if one.sells != "exclusive" and price is not None and price >= floor:
            shared[one.buyer_id] = price
    if mode in ("exclusive", "waterfall"):
        return False, alone
    clearing = {buyer: price for buyer, price in alone.items() if price >= hybrid_floor}
    if mode == "hybrid" and clearing:
        return False, clearing
    return True, shared


@given(mode=MODES, buying=contracts(), floor=PRICES, hybrid_floor=PRICES)
def test_a_lead_goes_to_the_best_prices_of_its_mode(
    mode: str, buying: list[Contract], floor: int, hybrid_floor: int
) -> None:
    catalog = catalog_in(mode, buying, floor=floor, hybrid_floor=hybrid_floor)
    index, bids = chosen(build(catalog, OFFER))
    is_shared, expected = prices_by_hand(mode, buying, floor, hybrid_floor)
    assert {bid.buyer.id: bid.bid_micros for bid in bids} == expected
    assert index.winners == (2 if is_shared else 1)
    tiers = {c.buyer_id: c.tier for c in buying}
    order = [(tiers[bid.buyer.id] if mode == "waterfall" else 0, -bid.bid_micros) for bid in bids]
    assert order == sorted(order)
    won = bids[: index.winners]
    left = [bid.bid_micros for bid in bids[index.winners :]]
    if mode != "waterfall" and left:
        assert min(bid.bid_micros for bid in won) >= max(left)


@given(mode=MODES, buying=contracts(), floor=PRICES, hybrid_floor=PRICES)
def test_the_explanation_is_of_the_same_mode(mode: str, buying: list[Contract], floor: int, hybrid_floor: int) -> None:
    catalog = catalog_in(mode, buying, floor=floor, hybrid_floor=hybrid_floor)
    _, bids = chosen(build(catalog, OFFER))
    verdicts = explain(catalog, OFFER, asked_of({}))
    assert [verdict.bid for verdict in verdicts if verdict.bid] == bids
    assert all(verdict.reason for verdict in verdicts[len(bids) :])


def why(verdicts: list[Verdict], number: int) -> tuple[Decline | None, dict[str, object]]:
    return next((verdict.reason, verdict.detail) for verdict in verdicts if verdict.buyer.id == number)


def test_who_takes_no_part_is_told_by_its_own_condition() -> None:
    alone, shared = contract(1, sells="exclusive"), contract(2, sells="shared")
    neither = contract(3)
    buying = [alone, shared, neither, contract(4, bid_shared_micros=MICROS)]
    shared_out = explain(catalog_in("hybrid", buying, floor=0, hybrid_floor=99 * MICROS), OFFER, asked_of({}))
    assert [verdict.buyer.id for verdict in shared_out if verdict.bid] == [2, 4]
    assert why(shared_out, 1) == (Decline.FILTER, {"sold": "shared", "sells": "exclusive"})
    assert why(shared_out, 3) == (Decline.FILTER, {"sold": "shared", "bid_shared": None})
    sold_alone = explain(catalog_in("exclusive", buying, floor=0, hybrid_floor=0), OFFER, asked_of({}))
    assert why(sold_alone, 2) == (Decline.FILTER, {"sold": "exclusive", "sells": "shared"})


def test_equal_prices_of_a_mode_are_drawn_for_by_weight() -> None:
    buying = [contract(n, bid_micros=n * MICROS, bid_shared_micros=MICROS, weight=9 if n == 1 else 1) for n in (1, 2)]
    index = build(catalog_in("multisell", buying, floor=0, hybrid_floor=0), OFFER)
    firsts = [
        index.rank(asked_of({}, decision_id=sha256(b"%d" % at).hexdigest())).take(1)[0].buyer.id for at in range(400)
    ]
    counts = Counter(firsts)
    assert counts[1] > 3 * counts[2] > 0
