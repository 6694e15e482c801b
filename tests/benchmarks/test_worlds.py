"""The worlds are what they say: catalogs without mistakes, leads that exactly the wanted buyers want."""

from pathlib import Path

import msgspec
import pytest

from benchmarks import worlds
from benchmarks.plan import FIVE, FULL_0, FULL_50, FULL_95, FULL_100, MANY, NOBODY, RECORDED, TEN
from benchmarks.reservations import Reservations, load
from benchmarks.worlds import World
from service.model.values import Complaint, parse_type

NOW_MS = 1_795_003_200_000


@pytest.mark.parametrize("world", [NOBODY, FIVE, TEN, RECORDED, FULL_0, FULL_50, FULL_95, FULL_100])
def test_every_lead_is_wanted_by_the_buyers_that_are_to_want_it(tmp_path: Path, world: World) -> None:
    made = Reservations(load(worlds.write_catalog(tmp_path, world)))
    for number in range(0, worlds.LEADS, 7):
        bids = made.hold(number, NOW_MS).bids
        assert len(bids) == min(world.wanted, world.buyers_max)
        assert all(bid.buyer.id <= world.wanted for bid in bids)


def test_ten_thousand_contracts_are_as_many(tmp_path: Path) -> None:
    made = Reservations(load(worlds.write_catalog(tmp_path, MANY)))
    assert len(made.catalog.buyers) == 10_000
    assert len(made.hold(0, NOW_MS).bids) == 5


@pytest.mark.parametrize(("world", "full"), [(FULL_0, 0), (FULL_50, 50), (FULL_95, 95), (FULL_100, 100), (FIVE, 0)])
def test_as_many_buyers_are_to_be_full_as_its_name_says(world: World, full: int) -> None:
    assert len(set(world.full_buyers)) == full
    assert set(world.full_buyers) <= set(range(1, world.wanted + 1))


def test_full_buyers_are_spread_over_the_ranking() -> None:
    at = FULL_50.full_buyers
    assert all(len([buyer for buyer in at if low < buyer <= low + 20]) in (9, 10, 11) for low in range(0, 100, 20))


def test_another_edition_is_another_version_of_the_same_catalog(tmp_path: Path) -> None:
    first = load(worlds.write_catalog(tmp_path / "a", FIVE))
    second = load(worlds.write_catalog(tmp_path / "b", msgspec.structs.replace(FIVE, edition=1)))
    assert first.version != second.version
    assert first.buyers.keys() == second.buyers.keys()


def test_leads_have_callers_of_their_own_that_are_telephone_numbers() -> None:
    numbers = range(0, worlds.CALLERS_PER_AREA_CODE * len(worlds.AREA_CODES), 9_991)
    callers = {msgspec.json.decode(worlds.lead(number))["caller_id"] for number in numbers}
    assert len(callers) == len(numbers)
    assert not [caller for caller in callers if isinstance(parse_type("phone", caller), Complaint)]


def test_the_leads_of_the_driver_leave_the_caller_to_it(tmp_path: Path) -> None:
    lines = worlds.write_leads(tmp_path / "leads.jsonl").read_bytes().splitlines()
    assert len(lines) == worlds.LEADS
    assert len(set(lines)) > worlds.LEADS / 2
    assert all(msgspec.json.decode(line)["caller_id"] == "1{number}" for line in lines)
