"""From a buyer's bid to the publisher's payout, and which bids may be offered."""

from msgspec import Struct

from service.model.catalog import Payout, Source
from service.model.money import units_of, whole_cents

MILLION = 1_000_000


class Terms(Struct, frozen=True):
    """What a bid must clear to be offered; frozen, so that masks can be kept by it."""

    floor_micros: int
    """The offer's floor, which compares to the buyer's bid."""
    payout: Payout
    allow_loss: bool
    min_bid_micros: int
    """The source's and request's, which compares to the payout. Never below 0, so that no payout below 0 clears."""


def payout_for(source: Source, vanity_uri: str) -> Payout:
    """The source's rule on an endpoint, else its general one."""
    return source.payouts.get(vanity_uri, source.payout)


def payout_of(bid_micros: int, payout: Payout) -> int:
    """Micros the publisher is quoted and owed for a bid: whole cents, rounded down. Below 0 where a margin eats more
    than the bid."""
    if payout.fixed_micros is not None:
        return whole_cents(payout.fixed_micros)
    if payout.margin_micros is not None:
        return whole_cents(bid_micros - payout.margin_micros)
    share = MILLION if payout.share_millionths is None else payout.share_millionths
    return whole_cents(bid_micros * share // MILLION)


def clears(bid_micros: int, terms: Terms) -> bool:
    """Whether a bid may be offered. Every bid above one that may may too, for no catalog pays more than the whole bid
    as a share or adds a margin to it."""
    if bid_micros < terms.floor_micros:
        return False
    paid = payout_of(bid_micros, terms.payout)
    return paid >= terms.min_bid_micros and (terms.allow_loss or paid <= bid_micros)


def shortfall(bid_micros: int, terms: Terms) -> dict[str, object]:
    """Why a bid does not clear, in units, as an answer shows it."""
    bid = units_of(bid_micros)
    if bid_micros < terms.floor_micros:
        return {"bid": bid, "floor": units_of(terms.floor_micros)}
    paid = payout_of(bid_micros, terms.payout)
    if paid < 0 or (paid > bid_micros and not terms.allow_loss):
        return {"bid": bid, "payout": units_of(paid)}
    return {"bid": bid, "min_bid": units_of(terms.min_bid_micros)}
