"""How many leases pings may fill."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.catalog import Buyer, Endpoint
from service.model.room import buffer_percent, ping_limit


@pytest.mark.parametrize(
    ("cap", "percent", "limit"), [(10, 20, 8), (10, 0, 10), (7, 20, 5), (1, 20, 1), (2, 99, 1), (5, 100, 1), (0, 0, 0)]
)
def test_pings_fill_the_cap_but_for_the_buffer(cap: int, percent: int, limit: int) -> None:
    assert ping_limit(cap, percent) == limit


@given(cap=st.integers(0, 10**6), percent=st.integers(0, 100))
def test_pings_never_fill_more_than_the_cap(cap: int, percent: int) -> None:
    assert min(cap, 1) <= ping_limit(cap, percent) <= cap


def test_a_buyers_own_buffer_stands_over_its_endpoints() -> None:
    endpoint = Endpoint("my_endpoint", "auto", concurrency_cap_buffer_percent=20)
    assert buffer_percent(Buyer(1, "A", "UTC"), endpoint) == 20
    assert buffer_percent(Buyer(1, "A", "UTC", concurrency_cap_buffer_percent=0), endpoint) == 0
