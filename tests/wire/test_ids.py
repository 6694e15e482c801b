"""Ids are made and read in one place; whatever else is sent is none of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import wire

D = "0123456789abcdef" * 2


def test_ids_are_read_as_they_were_made() -> None:
    decision = wire.mint_decision_id()
    assert wire.parse_ping_id(wire.ping_id(decision)) == wire.PingId(decision, None, False)
    assert wire.parse_ping_id(wire.ping_id(decision, 0)) == wire.PingId(decision, 0, False)
    assert wire.parse_ping_id(wire.ping_id(decision, 12, test=True)) == wire.PingId(decision, 12, True)
    assert wire.parse_sale_id(wire.sale_id(decision)) == wire.SaleId(decision)
    assert wire.parse_sale_id(wire.sale_id(decision, 3)) == wire.SaleId(decision, 3)
    for text in (decision, wire.ping_id(decision), wire.ping_id(decision, 3, test=True), wire.sale_id(decision)):
        assert wire.parse_decision_id(text) == decision


def test_no_decision_id_comes_twice() -> None:
    assert len({wire.mint_decision_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "", "p", D, "x" + D, "P" + D, "p" + D.upper(), "p" + D[:-1], "p" + D + "0", "p" + D + "-", "p" + D + "-01",
        "p" + D + "--1", "p" + D + "-1 ", "p" + D + "\n", "p" + D + "-1\n", "p" + D + "-999999", "p" + D + "-१",
        "p" + "０" * 32, "p" * 10_000, "\0", "{ping_id}", "p" + D + "-" + "1" * 10_000,
    ],
)  # fmt: skip
def test_these_are_no_ping_ids(text: str) -> None:
    assert wire.parse_ping_id(text) is None


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert wire.parse_ping_id(text) is None
    assert wire.parse_sale_id(text) is None
    assert wire.parse_decision_id(text) is None
