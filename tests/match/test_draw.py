"""The draw among contracts with the same bid and tier."""

from collections import Counter
from itertools import permutations
from random import Random

import pytest

from service.match import build
from service.match.draw import seed_of_contract, seed_of_decision, ticket
from tests.match.worlds import OFFER, asked_of, catalog_of, contract

DECISIONS = 10_000


def orders(weights: dict[int, int], decisions: int) -> Counter[tuple[int, ...]]:
    random = Random(1)
    index = build(catalog_of([contract(buyer, weight=weight) for buyer, weight in weights.items()]), OFFER)
    drawn: Counter[tuple[int, ...]] = Counter()
    for _ in range(decisions):
        asked = asked_of({}, decision_id=f"{random.getrandbits(128):032x}")
        drawn[tuple(bid.buyer.id for bid in index.rank(asked).take(9))] += 1
    return drawn


def test_every_order_comes_as_often_as_drawing_by_weight_without_replacement_says() -> None:
    weights = {1: 1, 2: 2, 3: 5}
    drawn = orders(weights, DECISIONS)
    chi_square = 0.0
    for order in permutations(weights):
        probability, left = 1.0, sum(weights.values())
        for buyer in order:
            probability *= weights[buyer] / left
            left -= weights[buyer]
        expected = probability * DECISIONS
        chi_square += (drawn[order] - expected) ** 2 / expected
    assert drawn.total() == DECISIONS
    assert chi_square < 20.5  # 5 degrees of freedom: one honest draw in a thousand lies above


def test_ten_equal_contracts_come_first_equally_often() -> None:
    drawn = orders(dict.fromkeys(range(1, 11), 1), DECISIONS)
    firsts = Counter[int]()
    for order, count in drawn.items():
        firsts[order[0]] += count
    expected = DECISIONS / 10
    chi_square = sum((firsts[buyer] - expected) ** 2 / expected for buyer in range(1, 11))
    assert chi_square < 27.9  # 9 degrees of freedom: one honest draw in a thousand lies above


def test_a_decision_is_drawn_the_same_whoever_else_takes_part() -> None:
    few = build(catalog_of([contract(n) for n in (1, 2, 3)]), OFFER).rank(asked_of({})).take(9)
    many = build(catalog_of([contract(n) for n in range(1, 30)]), OFFER).rank(asked_of({})).take(99)
    assert [bid.buyer.id for bid in few] == [bid.buyer.id for bid in many if bid.buyer.id <= 3]


def test_a_draw_is_the_same_in_every_version() -> None:
    # Recorded decisions are drawn again to explain them: these numbers must never change.
    decision, own = seed_of_decision("00112233445566778899aabbccddeeff"), seed_of_contract("a-auto")
    assert (decision, own) == (4822678189205111, 14225225788543850600)
    assert ticket(decision, own, 2) == pytest.approx(0.9956251917320147, rel=1e-12)


def test_a_better_bid_or_tier_is_never_drawn_behind_a_worse() -> None:
    contracts = [contract(1, tier=2, weight=1000), contract(2), contract(3, bid_micros=10_000_001), contract(4)]
    index = build(catalog_of(contracts), OFFER)
    for number in range(200):
        order = [bid.buyer.id for bid in index.rank(asked_of({}, decision_id=f"{number << 64:032x}")).take(9)]
        assert order[0] == 3
        assert order[-1] == 1
