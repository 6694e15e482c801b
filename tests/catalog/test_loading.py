"""What a right catalog becomes."""

import os
import pickle
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from service.catalog import load
from service.model.catalog import (
    BidRule,
    Cap,
    Catalog,
    Contract,
    Field,
    Payout,
    RateLimits,
    Schedule,
    Span,
    Test,
    Where,
)

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "tests/cases/catalog.example.toml"


def loaded(path: Path) -> Catalog:
    catalog = load(path)
    assert isinstance(catalog, Catalog), "\n".join(map(str, catalog))
    return catalog


def changed(folder: Path, *changes: tuple[str, str]) -> Catalog:
    text = EXAMPLE.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "catalog.toml"
    path.write_text(text)
    return loaded(path)


def contract_with(folder: Path, lines: str) -> Contract:
    """The contract of Buyer C on auto_insurance, with these lines for its hours, dates and filters."""
    text = EXAMPLE.read_text()
    start = text.index('  hours = { mon_fri = ["09:00-17:30"] }')
    end = text.index("# ---------------------------------------------------------------- suppression")
    path = folder / "catalog.toml"
    path.write_text(text[:start] + lines + "\n" + text[end:])
    return loaded(path).buyers[3].contracts[0]


def test_the_example_loads_unchanged() -> None:
    catalog = loaded(EXAMPLE)
    assert catalog.account.timezone == "America/New_York"
    assert list(catalog.offers) == ["auto_insurance", "solar_quotes"]
    assert list(catalog.endpoints) == ["my_endpoint", "static_numbers", "solar"]
    assert [len(buyer.contracts) for buyer in catalog.buyers.values()] == [1, 2, 1]
    assert catalog.rate_limiters["premium_sources"].limits["trial"] == RateLimits(per_minute=5, per_day=50)
    assert catalog.sources["source_abc"].payouts == {"solar": Payout(share_millionths=800_000)}
    assert catalog.sources["trial"].name == "New partner"
    assert catalog.static_numbers["+18665550150"].traffic_source == "source_abc"
    assert len(catalog.pools["toll_free"].numbers) == 102


def test_a_contract_of_the_example_holds_what_is_written() -> None:
    contract = loaded(EXAMPLE).buyers[1].contracts[0]
    everyday = tuple(Span(weekday, 0, 1440) for weekday in range(7))
    assert contract == Contract(
        id="a-auto",
        buyer_id=1,
        offer="auto_insurance",
        bid_micros=25_000_000,
        where=Where(
            (
                Test("state", "in", frozenset({"CA", "NY", "TX"})),
                Test("age", "min", 25),
                Test("age", "max", 64),
            )
        ),
        schedule=Schedule("America/New_York", everyday),
        caps=(Cap("day", 500), Cap("month", 10_000)),
        dedup_days=30,
        dedup_on=(("caller_id",),),
        bids=(
            BidRule(30_000_000, Where((Test("currently_insured", "in", frozenset({True})),))),
            BidRule(27_000_000, Where(), Schedule("America/New_York", everyday[5:])),
        ),
    )


def test_what_is_left_out_takes_its_default() -> None:
    catalog = loaded(EXAMPLE)
    contract = catalog.buyers[2].contracts[0]
    assert contract.id == "2-auto_insurance"
    assert (contract.tier, contract.weight, contract.schedule, contract.caps, contract.dedup_days) == (
        1,
        1,
        None,
        (),
        0,
    )
    assert catalog.buyers[3].timezone == "America/New_York"
    assert catalog.endpoints["solar"].ping_ttl_seconds == 60


def test_a_catalog_survives_pickling() -> None:
    catalog = loaded(EXAMPLE)
    assert pickle.loads(pickle.dumps(catalog)) == catalog


def test_hours_may_pass_midnight(tmp_path: Path) -> None:
    contract = contract_with(tmp_path, 'hours = { fri = ["22:00-02:30"], sun = ["18:00-24:00", "08:00-07:59"] }')
    assert contract.schedule == Schedule(
        "America/New_York", (Span(4, 1320, 1590), Span(6, 480, 1919), Span(6, 1080, 1440))
    )


def test_days_in_several_keys_are_open_in_all_their_spans(tmp_path: Path) -> None:
    contract = contract_with(
        tmp_path, 'hours = { mon = ["08:00-09:00"], all = ["10:00-11:00"], tue = ["10:00-11:00"] }'
    )
    assert contract.schedule is not None
    assert contract.schedule.spans == (
        Span(0, 480, 540),
        *(Span(weekday, 600, 660) for weekday in range(7)),
    )


def test_dates_may_be_toml_dates(tmp_path: Path) -> None:
    contract = contract_with(tmp_path, 'closed_on = [2026-12-24, "2026-12-31"]\nholidays = "US-CA"')
    assert contract.schedule == Schedule(
        "America/New_York", (), frozenset({date(2026, 12, 24).isoformat(), "2026-12-31"}), "US-CA"
    )


def test_values_of_filters_are_normalised_as_leads_are(tmp_path: Path) -> None:
    contract = contract_with(
        tmp_path,
        'where = { state = ["new york", "ny", "Texas"], zip = { not_in = ["90210-1234"] }, area_code = { eq = 212 }, '
        'insurance_company = { ne = "GEICO" }, caller_id = { prefix = "+1212" }, age = { exists = false } }',
    )
    assert contract.where.tests == (
        Test("state", "in", frozenset({"NY", "TX"})),
        Test("zip", "not_in", frozenset({"90210"})),
        Test("area_code", "eq", "212"),
        Test("insurance_company", "ne", "Geico"),
        Test("caller_id", "prefix", ("+1212",)),
        Test("age", "exists", False),
    )


def test_values_may_stand_in_a_file_beside_the_catalog(tmp_path: Path) -> None:
    (tmp_path / "zips.txt").write_bytes("\ufeff# two\r\n01234\r\n 90210-0001 \r\n".encode())
    contract = contract_with(tmp_path, 'where = { zip = { file = "zips.txt" } }')
    assert contract.where.tests == (Test("zip", "in", frozenset({"01234", "90210"})),)


def test_dedup_goes_by_the_caller_and_every_phone_and_email_field(tmp_path: Path) -> None:
    assert contract_with(tmp_path, "dedup_days = 7").dedup_on == (("caller_id",),)
    catalog = changed(tmp_path, ("  weight = 3", "  dedup_days = 7"))
    assert catalog.buyers[2].contracts[1].dedup_on == (("caller_id",), ("email",))


def test_fields_inside_a_group_of_dedup_match_together(tmp_path: Path) -> None:
    contract = contract_with(tmp_path, 'dedup_days = 7\ndedup_on = ["caller_id", ["zip", "first_name"]]')
    assert contract.dedup_on == (("caller_id",), ("first_name", "zip"))


@pytest.mark.parametrize(
    ("bid", "by", "micros"), [("0.000001", "0.5", 0), ("0.000003", "0.5", 2), ("22.50", '"1.1"', 24_750_000)]
)
def test_a_multiplied_bid_is_rounded_half_even(tmp_path: Path, bid: str, by: str, micros: int) -> None:
    catalog = changed(
        tmp_path, ("bid = 22.50", f"bid = {bid}\n  bids = [{{ multiply = {by} }}]"), ("floor = 5.00", "floor = 0")
    )
    contract = catalog.buyers[3].contracts[0]
    assert contract.bids[0].bid_micros == micros
    assert contract.bid_micros == Decimal(bid) * 1_000_000


def test_a_url_may_be_longer_than_a_text() -> None:
    fields = {field.name: field for field in loaded(EXAMPLE).offers["solar_quotes"].fields}
    assert fields["trusted_form_cert_url"] == Field("trusted_form_cert_url", "url", consent=True, max_length=2048)


def test_keys_that_are_not_acted_on_yet_are_noticed(tmp_path: Path) -> None:
    catalog = changed(
        tmp_path,
        ("bid = 22.50", "bid = 4.99"),
        ("caps = { day = 500, month = 10000 }", "caps = { revenue_day = 24.99 }"),
    )
    assert catalog.notices == (
        "offer solar_quotes: distribution hybrid is kept, but leads are sold exclusively yet",
        "contract a-auto: bids 25.00, above its revenue_day 24.99: never buys at that",
        "contract 3-auto_insurance: bids 4.99 at most, below the floor 5.00 of offer auto_insurance",
    )


def test_a_hold_that_outlives_its_ping_is_noticed(tmp_path: Path) -> None:
    for seconds, noticed in ((60, False), (61, True)):
        notices = changed(tmp_path, ("hold_seconds = 10 ", f"hold_seconds = {seconds} ")).notices
        assert ("endpoint my_endpoint: hold_seconds 61 ends with ping_ttl_seconds 60" in notices) is noticed


def test_dedup_without_days_is_noticed_where_it_was_written_by_hand(tmp_path: Path) -> None:
    def noticed(*changes: tuple[str, str]) -> list[str]:
        return [notice for notice in changed(tmp_path, *changes).notices if "dedup" in notice]

    by_hand = 'dedup_on = ["caller_id"]'
    assert noticed() == noticed((by_hand, "")) == noticed(("dedup_days = 30", ""), (by_hand, "")) == []
    assert noticed(("dedup_days = 30", "")) == ["contract a-auto: dedup_on does nothing without dedup_days"]


def test_the_version_is_that_of_the_content(tmp_path: Path) -> None:
    version = loaded(EXAMPLE).version
    assert re.fullmatch("[0-9a-f]{12}", version)
    same = changed(
        tmp_path,
        ("# ---------------------------------------------------------------- buyers", "# who pays"),
        ('bid = "20.00"', "bid = 20"),
        ('["CA", "NY", "TX"]', '["Texas", "NY", "CA"]'),
        (
            "{ source_abc = { per_minute = 60000 }, trial = { per_minute = 5, per_day = 50 } }",
            "{ trial = { per_day = 50, per_minute = 5 }, source_abc = { per_minute = 60000 } }",
        ),
        ("  tier = 1\n  weight = 1\n", "  weight = 1\n  tier = 1\n"),
        ('  name = "zip"\n  type = "zip"\n  required_on = ["ping"]\n\n  [[offers.fields]]\n  name = "age"',
         '  required_on = ["ping"]\n  type = "zip"\n  name = "zip"\n\n  [[offers.fields]]\n  name = "age"'),
    )  # fmt: skip
    assert same.version == version
    assert changed(tmp_path, ("bid = 25.00", "bid = 25.01")).version != version
    assert changed(tmp_path, ('name = "Buyer A"', 'name = "Buyer B2"')).version != version


def test_every_process_finds_the_same_version() -> None:
    # Text hashes differently in each, so that sets are walked in another order.
    script = "import sys, pathlib, service.catalog as c; print(c.load(pathlib.Path(sys.argv[1])).version)"
    versions = {
        subprocess.run(
            [sys.executable, "-c", script, str(EXAMPLE)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert versions == {loaded(EXAMPLE).version}


def test_a_default_buyer_may_bid_just_the_floor(tmp_path: Path) -> None:
    assert changed(tmp_path, ("floor = 5.00", "floor = 20.00")).offers["auto_insurance"].default_buyer == 2


def test_the_version_changes_with_a_list_of_values(tmp_path: Path) -> None:
    change = ('zip = { prefix = ["9", "10"] }', 'zip = { file = "zips.txt" }')
    versions = []
    for values in ("90210", "# a comment\n90210\n", "90211"):
        (tmp_path / "zips.txt").write_text(values)
        versions.append(changed(tmp_path, change).version)
    assert versions[0] == versions[1] != versions[2]


def test_the_version_does_not_ask_how_the_tables_are_spread_over_files(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    cut = text.index("# ---------------------------------------------------------------- buyers")
    (tmp_path / "a.toml").write_text(text[:cut])
    (tmp_path / "b.toml").write_text(text[cut:])
    assert loaded(tmp_path).version == loaded(EXAMPLE).version


def test_ten_thousand_contracts_load(tmp_path: Path) -> None:
    buyers = [
        f'[[buyers]]\nid = {number}\nname = "Buyer {number}"\ndestination = "sip:{number}@buyers.example"\n'
        f'contracts = [{{ offer = "auto_insurance", bid = {5 + number % 40}, where = {{ state = ["CA", "NY"] }} }}]\n'
        for number in range(1000, 11_000)
    ]
    (tmp_path / "a.toml").write_text(EXAMPLE.read_text())
    (tmp_path / "b.toml").write_text("".join(buyers))
    catalog = loaded(tmp_path)
    assert len(catalog.contracts_of("auto_insurance")) == 10_003


class TestTheDemoCatalog:
    def test_loads_without_a_notice(self) -> None:
        assert loaded(ROOT / "config/catalog").notices == ()

    def test_has_what_a_newcomer_may_want_to_try(self) -> None:
        catalog = loaded(ROOT / "config/catalog")
        assert {offer.delivery for offer in catalog.offers.values()} == {"call", "data"}
        assert len(catalog.buyers) >= 12
        assert len({buyer.timezone for buyer in catalog.buyers.values()}) >= 5
        assert {endpoint.tracking for endpoint in catalog.endpoints.values()} == {"ring_pool", "caller_number"}
        assert catalog.endpoints["test_endpoint"].test_mode
        assert len(catalog.pools["toll_free"].numbers) >= 100

    def test_asks_no_more_than_a_caller_of_the_first_conversation(self) -> None:
        catalog = loaded(ROOT / "config/catalog")
        offer = catalog.offers[catalog.endpoints["my_endpoint"].offer]
        assert [field.name for field in offer.fields if field.required_on] == ["caller_id"]

    def test_lets_only_buyers_a_and_b_take_a_lead_that_says_nothing(self) -> None:
        contracts = loaded(ROOT / "config/catalog").contracts_of("auto_insurance")
        unfiltered = [contract for contract in contracts if contract.where == Where()]
        assert [(one.buyer_id, one.bid_micros, one.schedule, one.dedup_on) for one in unfiltered] == [
            (1, 25_000_000, None, ()),
            (2, 20_000_000, None, ()),
        ]
        needs_nothing = {"not_in", "ne", "exists"}
        for contract in contracts:
            if contract.where != Where():
                ops = {test.op for test in contract.where.tests}
                assert contract.where.any or ops - needs_nothing, contract.id
