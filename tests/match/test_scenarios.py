"""The scenarios of tests/cases/match: each lead is asked of the index and of the explaining path, told in the catalog's
own words. `offered` lists "contract bid payout" in rank order, `declined` the one cause of every other contract."""

import tomllib
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from service.catalog import load
from service.match import Asked, build, explain, facts
from service.model.catalog import Catalog, Payout
from service.model.lead import Bid
from service.model.money import MICROS

CASES = Path(__file__).parent.parent / "cases" / "match"
DECISION_ID = "0123456789abcdef0123456789abcdef"
NOON = "2026-11-18T12:00:00Z"

Case = dict[str, Any]


def scenarios() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.toml")):
        world = tomllib.loads(path.read_text())
        found += [pytest.param(world["catalog"], case, id=f"{path.stem}: {case['name']}") for case in world["cases"]]
    return found


def catalog_of(text: str, folder: Path) -> Catalog:
    (folder / "catalog.toml").write_text(text)
    loaded = load(folder)
    assert isinstance(loaded, Catalog), [str(mistake) for mistake in loaded]
    return loaded


def asked_of(case: Case) -> Asked:
    lead = dict(case.get("lead", {}))
    if "hash_of" in case:
        lead["caller_id_sha256"] = sha256(case["hash_of"].encode()).hexdigest()
    found = facts(lead, case.get("source_id", ""))
    if "state_from" in case:
        assert found.state_from == case["state_from"]
    payout = case.get("payout")
    return Asked(
        facts=found,
        now_ms=int(datetime.fromisoformat(case.get("at", NOON)).timestamp()) * 1000,
        decision_id=DECISION_ID,
        payout=Payout(**{"share_millionths": None} | payout) if payout else Payout(),
        allow_loss=case.get("allow_loss", False),
        min_bid_micros=case.get("min_bid_micros", 0),
    )


def words(bid: Bid) -> tuple[str, Decimal, Decimal]:
    return bid.contract.id, Decimal(bid.bid_micros) / MICROS, Decimal(bid.payout_micros) / MICROS


def expected(text: str) -> tuple[str, Decimal, Decimal]:
    contract, bid, payout = text.split()
    return contract, Decimal(bid), Decimal(payout)


def completed(detail: dict[str, Any]) -> dict[str, Any]:
    """TOML cannot say that there is no value."""
    if "any" in detail:
        return {"any": [completed(table) for table in detail["any"]]}
    return {"value": None} | detail if "op" in detail else detail


@pytest.mark.parametrize(("catalog_text", "case"), scenarios())
def test_a_lead_finds_its_buyers(catalog_text: str, case: Case, tmp_path: Path) -> None:
    catalog = catalog_of(catalog_text, tmp_path)
    paused = frozenset(case.get("paused", ()))
    ranking = build(catalog, case.get("offer", "leads")).with_paused(paused).rank(asked_of(case))
    assert [words(bid) for bid in ranking.take(100)] == [expected(text) for text in case["offered"]]
    causes = list(case.get("declined", {}).values())
    assert {cause.word: count for cause, count in ranking.declined.items()} == {c: causes.count(c) for c in causes}
    assert ranking.matched == len(case["offered"])
    assert ranking.suppressed is case.get("suppressed", False)


@pytest.mark.parametrize(("catalog_text", "case"), scenarios())
def test_every_contract_has_one_verdict(catalog_text: str, case: Case, tmp_path: Path) -> None:
    catalog = catalog_of(catalog_text, tmp_path)
    offer = case.get("offer", "leads")
    verdicts = explain(catalog, offer, asked_of(case), frozenset(case.get("paused", ())))
    assert [words(verdict.bid) for verdict in verdicts if verdict.bid] == [expected(text) for text in case["offered"]]
    declined = [verdict for verdict in verdicts if verdict.bid is None]
    assert {v.contract.id: v.reason.word for v in declined if v.reason} == case.get("declined", {})
    catalogs_order = [contract.id for contract in catalog.contracts_of(offer)]
    assert [v.contract.id for v in declined] == [name for name in catalogs_order if name in case.get("declined", {})]
    details = {verdict.contract.id: verdict.detail for verdict in declined}
    for contract, detail in case.get("detail", {}).items():
        assert details[contract] == completed(detail)


@pytest.mark.parametrize(("catalog_text", "case"), scenarios())
def test_the_default_buyer_stands_by_where_it_may(catalog_text: str, case: Case, tmp_path: Path) -> None:
    index = build(catalog_of(catalog_text, tmp_path), case.get("offer", "leads"))
    bid = index.with_paused(frozenset(case.get("paused", ()))).rank(asked_of(case)).default_bid()
    assert (words(bid) if bid else None) == (expected(case["default"]) if "default" in case else None)
    assert bid is None or bid.is_default
