"""The loop that the matcher is measured against finds what the index and the explaining path find."""

from pathlib import Path

import pytest

from benchmarks.bench import SMOKE, Bench, Void
from benchmarks.placement import placement
from benchmarks.reservations import load
from benchmarks.subjects import matching
from service.match import build, explain

CONTRACTS = 300


def bench_in(folder: Path) -> Bench:
    return Bench(
        size=SMOKE, cores=placement(), folder=folder, redis_url=None, ceiling_of=lambda subject: 0.0, sustained=float
    )


def test_scan_index_and_explanation_find_the_same_contracts(tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_text(matching.catalog_text(CONTRACTS))
    catalog = load(tmp_path)
    index = build(catalog, matching.OFFER)
    contracts = [contract for buyer in catalog.buyers.values() for contract in buyer.contracts]
    matched = 0
    for asked in matching.asks(200):
        by_scan = matching.scan(contracts, asked.facts)
        assert by_scan == {bid.contract.id for bid in index.rank(asked).take(CONTRACTS)}
        assert by_scan == {one.contract.id for one in explain(catalog, matching.OFFER, asked) if one.bid is not None}
        matched += len(by_scan)
    # Else they would agree on nothing.
    assert 200 * CONTRACTS / 50 < matched < 200 * CONTRACTS / 5


def test_a_match_is_measured_beside_the_scan(tmp_path: Path) -> None:
    figures = matching.matching(bench_in(tmp_path), CONTRACTS).figures
    assert figures.keys() == {"rank_us", "scan_us", "matched"}
    assert min(figures.values()) > 0


def test_an_index_that_finds_another_set_voids_the_run(tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_text(matching.catalog_text(CONTRACTS))
    catalog = load(tmp_path)
    index, (asked, *_) = build(catalog, matching.OFFER), matching.asks(1)
    contracts = [contract for buyer in catalog.buyers.values() for contract in buyer.contracts]
    assert matching.same_set(index, contracts, asked)
    wanting = next(contract for contract in contracts if contract.id in matching.scan(contracts, asked.facts))
    contracts.remove(wanting)
    with pytest.raises(Void, match=f"index and scan differ by .'{wanting.id}'."):
        matching.same_set(index, contracts, asked)
