"""From bids to payouts."""

from hypothesis import given
from hypothesis import strategies as st

from service.match import payout_for, payout_of
from service.match.payouts import Terms, clears
from service.model.catalog import Payout, Source

MICROS_MAX = 10**12
micros = st.integers(0, MICROS_MAX)
payouts = st.one_of(
    st.builds(Payout, share_millionths=st.integers(0, 1_000_000)),
    st.builds(Payout, share_millionths=st.none(), margin_micros=micros),
    st.builds(Payout, share_millionths=st.none(), fixed_micros=micros),
)
terms = st.builds(Terms, floor_micros=micros, payout=payouts, allow_loss=st.booleans(), min_bid_micros=micros)


@given(micros, payouts)
def test_a_payout_is_a_whole_number_of_cents(bid_micros: int, payout: Payout) -> None:
    assert payout_of(bid_micros, payout) % 10_000 == 0


@given(micros)
def test_a_full_share_is_less_than_a_cent_below_the_bid(bid_micros: int) -> None:
    assert 0 <= bid_micros - payout_of(bid_micros, Payout()) < 10_000


@given(micros, micros, terms)
def test_a_bid_above_one_that_clears_clears_too(one: int, other: int, terms: Terms) -> None:
    low, high = sorted((one, other))
    assert clears(low, terms) <= clears(high, terms)


@given(micros, terms)
def test_what_clears_pays_what_was_asked_and_loses_nothing_unasked(bid_micros: int, terms: Terms) -> None:
    if clears(bid_micros, terms):
        paid = payout_of(bid_micros, terms.payout)
        assert paid >= max(terms.min_bid_micros, 0)
        assert bid_micros >= terms.floor_micros
        assert terms.allow_loss or paid <= bid_micros


def test_an_endpoint_of_its_own_has_its_own_payout() -> None:
    own, general = Payout(share_millionths=None, fixed_micros=10_000_000), Payout(share_millionths=500_000)
    source = Source(id="s", name="S", payout=general, payouts={"solar": own})
    assert payout_for(source, "solar") is own
    assert payout_for(source, "auto") is general
