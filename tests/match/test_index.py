"""The index over its life: many lines, many values, pauses, hours that pass, and its way to another process."""

import pickle
from collections import Counter
from hashlib import sha256
from random import Random

import pytest

from service.match import Index, build, explain
from service.match.selling import TERMS_MAX
from service.match.tables import MEMO_ENTRIES_MAX
from service.model.catalog import BidRule, Field, Schedule, Span, SuppressionList, Test, Where
from service.model.decline import Decline
from tests.match.worlds import NOW_MS, OFFER, asked_of, catalog_of, contract

HOUR_MS = 3_600_000


def ids(index: Index, **asked: object) -> list[str]:
    return [bid.contract.id for bid in index.rank(asked_of({}, **asked)).take(1000)]


def test_hundreds_of_limits_and_lists_agree_with_the_rules() -> None:
    random = Random(3)
    zips = [f"{number:05}" for number in range(10_000, 10_400)]
    contracts = []
    for number in range(600):
        low = random.uniform(0, 900)
        tests = (
            Test("score", "min", low),
            Test("score", "max", low + random.uniform(0, 500)),
            Test("zip", "in", frozenset(random.sample(zips, 60))),
            Test("born_on", "min", f"19{random.randrange(30, 99)}-01-01"),
        )
        rules = (BidRule(random.randrange(10**7, 10**8), Where((Test("zip", "prefix", ("102", "1039")),))),)
        contracts.append(contract(number, bid_micros=random.randrange(10**7, 10**8), where=Where(tests), bids=rules))
    catalog = catalog_of(contracts)
    index = build(catalog, OFFER)
    offered = 0
    for _ in range(60):
        limit = random.choice(contracts).where.tests[0].limit
        lead = {
            "score": random.choice((limit, random.uniform(-10, 1500))),
            "zip": random.choice(zips),
            "born_on": f"19{random.randrange(30, 99)}-01-01",
        }
        asked = asked_of(lead)  # type: ignore[arg-type]
        expected = [verdict.bid for verdict in explain(catalog, OFFER, asked) if verdict.bid]
        assert index.rank(asked).take(1000) == expected
        offered += len(expected)
    assert offered > 500


def test_bids_are_taken_piece_by_piece_and_end() -> None:
    index = build(catalog_of([contract(n, bid_micros=(9 - n) * 10**6) for n in range(5)]), OFFER)
    ranking = index.rank(asked_of({}))
    taken = [[bid.buyer.id for bid in ranking.take(count)] for count in (2, 0, 2, 2, 2)]
    assert taken == [[0, 1], [], [2, 3], [4], []]


def test_an_offer_without_contracts_offers_nothing() -> None:
    ranking = build(catalog_of([]), OFFER).with_paused(frozenset({1})).rank(asked_of({}))
    assert (ranking.take(3), ranking.matched, ranking.declined, ranking.default_bid()) == ([], 0, {}, None)


def test_a_pause_takes_a_buyer_out_and_its_end_brings_it_back() -> None:
    first = build(catalog_of([contract(n) for n in (1, 2, 3)]), OFFER)
    both = ids(first)
    paused = first.with_paused(frozenset({2, 77}))
    assert sorted(ids(paused)) == ["c1", "c3"]
    assert paused.rank(asked_of({})).declined == {Decline.PAUSED: 1}
    assert ids(first) == both
    assert ids(paused.with_paused(frozenset())) == both


def test_hours_pass_and_come_back() -> None:
    day = Schedule("UTC", tuple(Span(weekday, 540, 1020) for weekday in range(7)))
    night = Schedule("UTC", tuple(Span(weekday, 1020, 1980) for weekday in range(7)))
    noon_rule = BidRule(20_000_000, hours=Schedule("UTC", tuple(Span(weekday, 720, 780) for weekday in range(7))))
    contracts = [contract(1, schedule=day, bids=(noon_rule,)), contract(2, schedule=night, bid_micros=15_000_000)]
    index = build(catalog_of([*contracts, contract(3, bid_micros=12_000_000)]), OFFER)
    hours = [0, 5, 0, 1, 4, 6, -4, -3, 0, 24, 29, 24 * 400, 0]
    seen = [ids(index, now_ms=NOW_MS + hour * HOUR_MS) for hour in hours]
    at_noon, by_day, by_night = ["c1", "c3"], ["c3", "c1"], ["c2", "c3"]
    assert seen == [
        at_noon, by_night, at_noon, by_day, by_day, by_night, by_night, by_day, at_noon, at_noon, by_night, at_noon,
        at_noon,
    ]  # fmt: skip
    assert index.rank(asked_of({}, now_ms=NOW_MS + 6 * HOUR_MS)).declined == {Decline.SCHEDULE: 1}


def test_a_used_index_goes_to_another_process_and_says_the_same() -> None:
    tests = (Test("state", "in", frozenset({"NY"})), Test("company", "matches", "G.*"), Test("age", "min", 18))
    index = build(catalog_of([contract(n, where=Where(tests), weight=n) for n in range(1, 9)]), OFFER)
    asked = asked_of({"state": "NY", "company": "Geico", "age": 20})
    bids = index.rank(asked).take(9)
    assert len(bids) == 8
    assert pickle.loads(pickle.dumps(index)).rank(asked).take(9) == bids


def test_a_flood_of_different_values_and_min_bids_is_not_kept() -> None:
    where = Where((Test("zip", "in", frozenset({"10001"})),))
    index = build(catalog_of([contract(1, where=where), contract(2, bid_micros=5_000_000)]), OFFER)
    for number in range(MEMO_ENTRIES_MAX + 100):
        found = index.rank(asked_of({"zip": f"{number:05}"}, min_bid_micros=number * 2_000)).take(9)
        assert [bid.contract.id for bid in found] == (["c2"] if number * 2_000 <= 5_000_000 else [])
    assert len(index.geo.tables[0][1].memo) <= MEMO_ENTRIES_MAX
    assert len(index.selling.known) <= TERMS_MAX


def test_a_text_no_pattern_can_read_matches_nothing() -> None:
    index = build(catalog_of([contract(1, where=Where((Test("company", "matches", ".*"),)))]), OFFER)
    assert index.rank(asked_of({"company": "any"})).matched == 1
    assert index.rank(asked_of({"company": "half a pair \ud800"})).declined == {Decline.FILTER: 1}


def test_a_long_list_is_cut_in_the_detail() -> None:
    zips = frozenset(f"{number:05}" for number in range(500))
    catalog = catalog_of([contract(1, where=Where((Test("zip", "in", zips),)))])
    verdict = explain(catalog, OFFER, asked_of({"zip": "99999"}))[0]
    assert verdict.detail["limit"] == [f"{number:05}" for number in range(20)]


@pytest.mark.parametrize("fields", [(Field("caller_id", "phone", personal=True),), ()])
def test_a_hashed_number_is_kept_from_the_buyers_that_list_it(fields: tuple[Field, ...]) -> None:
    """Also on an offer that does not name `caller_id`, which is read of every lead."""
    lists = [SuppressionList("one", frozenset({"+12125550001"}), buyers=frozenset({1}))]
    catalog = catalog_of([contract(1), contract(2)], offer={"fields": fields}, lists=lists)
    asked = asked_of({"caller_id_sha256": sha256(b"12125550001").hexdigest()})
    ranking = build(catalog, OFFER).rank(asked)
    assert [bid.buyer.id for bid in ranking.take(9)] == [2]
    assert not ranking.suppressed
    assert [verdict.reason for verdict in explain(catalog, OFFER, asked)] == [None, Decline.SUPPRESSED]


def test_a_number_on_lists_of_several_buyers_is_kept_from_all_of_them() -> None:
    lists = [
        SuppressionList("one", frozenset({"+12125550001", "+12125550002"}), buyers=frozenset({1})),
        SuppressionList("two", frozenset({"+12125550002"}), buyers=frozenset({2, 99})),
    ]
    index = build(catalog_of([contract(n) for n in (1, 2, 3)], lists=lists), OFFER)
    left = {
        number: {bid.buyer.id for bid in index.rank(asked_of({"caller_id": number})).take(9)}
        for number in ("+12125550001", "+12125550002", "+12125550003")
    }
    assert left == {"+12125550001": {2, 3}, "+12125550002": {3}, "+12125550003": {1, 2, 3}}


def test_the_counts_and_the_offered_make_all_contracts() -> None:
    random = Random(9)
    contracts = [
        contract(
            number,
            bid_micros=random.choice((1_000_000, 9_000_000)),
            where=Where((Test("state", "in", frozenset(random.sample(["CA", "NY", "TX"], 2))),)),
            bids=(BidRule(4_000_000, Where((Test("age", "min", random.choice((20, 60))),))),),
        )
        for number in range(100)
    ]
    index = build(catalog_of(contracts, offer={"floor_micros": 5_000_000}), OFFER)
    ranking = index.rank(asked_of({"state": "NY", "age": 40}))
    counted = Counter(ranking.declined)
    assert counted[Decline.BELOW_FLOOR] > 10
    assert counted[Decline.GEO] > 10
    assert ranking.matched > 5
    assert counted.total() + ranking.matched == 100
