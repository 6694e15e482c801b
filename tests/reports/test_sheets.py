"""Cells of a spreadsheet: nothing in them is a formula, and numbers are numbers."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.reports.figures import units
from service.reports.sheets import FORMULA_BEGINS, csv_of, encode


@pytest.mark.parametrize("text", ["=1+1", "+1", "-5", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_would_be_a_formula_is_text(text: str) -> None:
    ((cell,),) = list(csv.reader(io.StringIO(csv_of(["a"], [[text]]), newline="")))[1:]
    assert cell == f"'{text}"


def test_numbers_stay_what_they_are() -> None:
    cells = csv_of(["a", "b", "c", "d"], [[Decimal("-5.00"), -3, None, Decimal("1E+3")]])
    assert cells == "a,b,c,d\r\n-5.00,-3,,1000\r\n"


@given(st.text())
def test_no_text_begins_a_formula(text: str) -> None:
    written = csv_of(["a", "b"], [[text, "x"]])
    row = list(csv.reader(io.StringIO(written, newline="")))[1]
    assert not row[0].startswith(FORMULA_BEGINS)
    assert row[0] in (text, f"'{text}")


@given(st.integers(-(10**18), 10**18))
def test_money_is_written_exactly(micros: int) -> None:
    assert int(units(micros) * 1_000_000) == micros
    digits = encode({"m": units(micros)}).decode()[5:-1]
    assert Decimal(digits) == Decimal(micros) / 1_000_000
    assert len(digits.rpartition(".")[2]) >= 2
