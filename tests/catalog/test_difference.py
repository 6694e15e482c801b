"""What an operator is told that a new catalog changes."""

from pathlib import Path

import pytest

from service.catalog import diff, load
from service.model.catalog import Catalog

EXAMPLE = Path(__file__).parent.parent / "cases/catalog.example.toml"


def loaded(path: Path) -> Catalog:
    catalog = load(path)
    assert isinstance(catalog, Catalog), catalog
    return catalog


def sentences(folder: Path, old: str, new: str) -> list[str]:
    text = EXAMPLE.read_text()
    assert text.count(old) == 1
    (folder / "catalog.toml").write_text(text.replace(old, new))
    return diff(loaded(EXAMPLE), loaded(folder))


def test_equal_catalogs_differ_in_nothing(tmp_path: Path) -> None:
    assert sentences(tmp_path, 'bid = "20.00"', "bid = 20") == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("bid = 22.50", "bid = 22.505", "contract 3-auto_insurance of buyer 3: bid 22.50 → 22.505"),
        (
            'state = ["CA", "NY", "TX"], ',
            "",
            "contract a-auto of buyer 1: where state in [CA, NY, TX] and age ≥ 25 and age ≤ 64 → age ≥ 25 and age ≤ 64",
        ),
        (
            '{ mon_fri = ["09:00-17:30"] }',
            '{ mon = ["09:00-12:00", "13:00-01:00"] }',
            "contract 3-auto_insurance of buyer 3: schedule mon tue wed thu fri 09:00-17:30 America/New_York closed on "
            "2026-12-24 and on holidays of US → mon 09:00-12:00 13:00-01:00 America/New_York closed on 2026-12-24 and "
            "on holidays of US",
        ),
        (
            "caps = { day = 500, month = 10000 }",
            "caps = { total = 9 }",
            "contract a-auto of buyer 1: caps 500 per day, 10000 per month → 9 in total",
        ),
        (
            "caps = { day = 500, month = 10000 }",
            "caps = { day = 500, revenue_month = 2500.50 }\n  return_days = 7",
            [
                "contract a-auto of buyer 1: caps 500 per day, 10000 per month → 500 per day",
                "contract a-auto of buyer 1: revenue_caps none → 2500.50 per month",
                "contract a-auto of buyer 1: return_days 0 → 7",
            ],
        ),
        (
            "zip = { prefix = [",
            "zip = { exists = true, prefix = [",
            "contract 2-auto_insurance of buyer 2: where zip begins with 9, 10 and insurance_company not in [Geico] → "
            "zip is there and zip begins with 9, 10 and insurance_company not in [Geico]",
        ),
        ("concurrency_cap = 25", "", "buyer 2: concurrency_cap 25 → none"),
        ("paused = false", "paused = true", "buyer 3: paused false → true"),
        ("ring_seconds = 20", "ring_seconds = 25", "endpoint my_endpoint: ring_seconds 20 → 25"),
        ("floor = 5.00", "floor = 6.00", "offer auto_insurance: floor 5.00 → 6.00"),
        ("max = 110", "max = 100", "field age of offer auto_insurance: max 110 → 100"),
        (
            "payouts = { solar = { share_percent = 80 } }",
            "payouts = { solar = { margin = 3 } }",
            "traffic source source_abc: payouts solar: 80 % → solar: bid less 3.00",
        ),
        (
            "+18005550100..+18005550199",
            "+18005550110..+18005550199",
            "ring pool toll_free: numbers 0 added, 10 removed, 92 in all",
        ),
        (
            '["+12125550000"]',
            '["+12125550001"]',
            "suppression list do_not_call: numbers +12125550000 → +12125550001",
        ),
        ('currency = "USD"', 'currency = "EUR"', "account: currency USD → EUR"),
    ],
)
def test_a_change_is_told_with_both_values(tmp_path: Path, old: str, new: str, told: str | list[str]) -> None:
    assert sentences(tmp_path, old, new) == ([told] if isinstance(told, str) else told)


def test_contracts_that_come_and_go_are_told_one_by_one(tmp_path: Path) -> None:
    old = '  [[buyers.contracts]]\n  offer = "solar_quotes"\n  bid = 50.00\n  weight = 3\n'
    new = '  [[buyers.contracts]]\n  id = "b-sun"\n  offer = "solar_quotes"\n  bid = 51.00\n'
    assert sentences(tmp_path, old, new) == [
        "contract 2-solar_quotes of buyer 2: removed",
        "contract b-sun of buyer 2: added, solar_quotes at 51.00",
    ]


def test_another_order_of_buyers_is_told(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    first, second = text.index("[[buyers]]\nid = 1"), text.index("[[buyers]]\nid = 2")
    third = text.index("[[buyers]]\nid = 3")
    (tmp_path / "catalog.toml").write_text(text[:first] + text[second:third] + text[first:second] + text[third:])
    new = loaded(tmp_path)
    assert new.version != loaded(EXAMPLE).version
    assert diff(loaded(EXAMPLE), new) == ["buyers: stand in another order"]
