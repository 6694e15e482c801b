"""Prices as they are written and as they are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.money import micros_from, units_of, whole_cents


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        (25, 25_000_000),
        (25.1, 25_100_000),
        (" 20.00 ", 20_000_000),
        ("0.0000005", 0),
        ("0.0000015", 2),
        ("-5", -5_000_000),
        (1_000_000_000, 10**15),
    ],
)
def test_a_price_becomes_micros_rounded_half_even(written: object, micros: int) -> None:
    assert micros_from(written) == micros


@pytest.mark.parametrize(
    "written",
    [
        *(None, True, [], {}, "", "five", "nan", float("inf"), 10**9 + 1, "1e999999999", "\ud800"),
        pytest.param(10**5000, id="huge"),
    ],
)
def test_what_is_no_price_is_none(written: object) -> None:
    assert micros_from(written) is None


@given(micros=st.integers(0, 10**15))
def test_whole_cents_never_owe_more_and_keep_all_but_a_cent(micros: int) -> None:
    cents = whole_cents(micros)
    assert cents % 10_000 == 0
    assert 0 <= micros - cents < 10_000


@given(cents=st.integers(0, 10**11))
def test_an_amount_of_cents_survives_the_edge(cents: int) -> None:
    assert micros_from(units_of(cents * 10_000)) == cents * 10_000
