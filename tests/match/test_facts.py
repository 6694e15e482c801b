"""What is derived from a lead, and where a zip and an area code lie."""

import pytest

from service.match import Facts, facts
from service.match.places import state_of_area_code, state_of_zip
from service.model.lead import Lead


@pytest.mark.parametrize(
    ("zip_code", "state"),
    [
        ("10001", "NY"), ("90210", "CA"), ("00501", "NY"), ("00602", "PR"), ("20001", "DC"), ("99950", "AK"),
        ("00000", None), ("1000", None), ("100011", None), ("", None), ("1000a", None), ("１０００１", None),
    ],
)  # fmt: skip
def test_a_zip_lies_in_its_state(zip_code: str, state: str | None) -> None:
    assert state_of_zip(zip_code) == state


@pytest.mark.parametrize(
    ("area_code", "state"),
    [
        ("212", "NY"), ("305", "FL"), ("202", "DC"), ("860", "CT"), ("808", "HI"),
        ("800", None), ("888", None), ("416", None), ("819", None), ("204", None), ("", None), ("2125", None),
    ],
)  # fmt: skip
def test_an_area_code_lies_where_most_of_its_zips_do(area_code: str, state: str | None) -> None:
    assert state_of_area_code(area_code) == state


def test_a_lead_is_not_changed_by_what_is_derived_from_it() -> None:
    lead: Lead = {"caller_id": "+12125550100", "zip": "90210"}
    found = facts(lead, "abc")
    assert lead == {"caller_id": "+12125550100", "zip": "90210"}
    assert found.values == lead | {"area_code": "212", "state": "CA", "traffic_source_id": "abc"}
    assert found.state_from == "zip"


@pytest.mark.parametrize("caller_id", ["+442079460003", "+1212555010", "+121255501000", ""])
def test_a_number_that_is_not_north_american_has_no_area_code(caller_id: str) -> None:
    assert facts({"caller_id": caller_id}, "").values == {"caller_id": caller_id}


def test_an_area_code_that_was_sent_is_no_fact() -> None:
    assert facts({"area_code": "305"}, "").values == {}
    found = facts({"area_code": "305", "caller_id": "+12125550100"}, "")
    assert (found.values["area_code"], found.values["state"]) == ("212", "NY")


def test_a_place_that_was_kept_as_sent_is_no_fact_unless_it_can_be_read() -> None:
    assert facts({"zip": "SW1A 1AA", "state": "Kent"}, "") == Facts({})
    assert facts({"zip": 10001, "state": " new york"}, "") == Facts({"zip": "10001", "state": "NY"}, "sent")
    assert facts({"state": "Kent", "zip": "90210"}, "") == Facts({"state": "CA", "zip": "90210"}, "zip")


def test_an_unknown_zip_is_kept() -> None:
    assert facts({"zip": "00000"}, "") == Facts({"zip": "00000"})
