"""The index and the explaining path say the same of every contract, on thousands of generated catalogs and leads."""

from collections import Counter
from random import Random

import pytest

from service.match import Asked, Index, Verdict, build, explain
from service.model.catalog import Catalog
from service.model.decline import Decline
from service.model.distribution import Mode, modes_of
from tests.match.generated import OFFER, generated_asked, generated_catalog

CATALOGS_PER_SEED = 40
LEADS_PER_CATALOG = 8


def assert_agreement(index: Index, verdicts: list[Verdict], asked: Asked) -> None:
    ranking = index.rank(asked)
    offered = [verdict.bid for verdict in verdicts if verdict.bid is not None]
    assert ranking.take(1) + ranking.take(3) + ranking.take(len(verdicts)) == offered
    assert ranking.matched == len(offered)
    assert ranking.declined == Counter(verdict.reason for verdict in verdicts if verdict.reason is not None)


def indexes(catalog: Catalog) -> list[tuple[Mode, Index]]:
    """Of the modes in which the offer sells."""
    first = build(catalog, OFFER)
    found = [first, first.otherwise] if first.otherwise else [first]
    return list(zip(modes_of(catalog.offers[OFFER]), found, strict=True))


def default_bid_expected(catalog: Catalog, verdicts: list[Verdict]) -> bool:
    """Whether the default buyer may stand by, as far as verdicts alone can tell it: not when offered or paused."""
    own = [v for v in verdicts if v.buyer.id == catalog.offers[OFFER].default_buyer]
    return bool(own) and not any(v.bid is not None or v.reason is Decline.PAUSED for v in own)


@pytest.mark.parametrize("seed", range(10))
def test_the_index_agrees_with_the_rules(seed: int) -> None:
    random = Random(seed)
    causes: Counter[Decline] = Counter()
    offered = defaults = 0
    for _ in range(CATALOGS_PER_SEED):
        catalog = generated_catalog(random)
        by_mode = indexes(catalog)
        for turn in range(LEADS_PER_CATALOG):
            mode, index = by_mode[turn % len(by_mode)]
            asked = generated_asked(random)
            paused = frozenset(random.sample(range(1, 50), random.choice((0, 0, 3))))
            verdicts = explain(catalog, OFFER, asked, paused, mode=mode)
            assert_agreement(index.with_paused(paused), verdicts, asked)
            assert_agreement(index, explain(catalog, OFFER, asked, mode=mode), asked)
            causes.update(verdict.reason for verdict in verdicts if verdict.reason)
            offered += sum(verdict.bid is not None for verdict in verdicts)
            default = index.with_paused(paused).rank(asked).default_bid()
            defaults += default is not None
            assert default is None or default_bid_expected(catalog, verdicts)
    # Else the agreement would be one of silence.
    assert set(causes) == {
        Decline.PAUSED, Decline.SCHEDULE, Decline.SUPPRESSED, Decline.GEO, Decline.FILTER, Decline.BELOW_FLOOR,
    }  # fmt: skip
    assert min(causes.values()) > 10
    assert offered > 300
    assert defaults > 5


def test_the_same_decision_ranks_the_same_in_a_rebuilt_index() -> None:
    random = Random(7)
    for _ in range(50):
        catalog = generated_catalog(random)
        asked = generated_asked(random)
        one, other = build(catalog, OFFER), build(catalog, OFFER)
        assert one.rank(asked).take(99) == other.rank(asked).take(99)
