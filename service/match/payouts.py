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
    """Whether a bid may be offered."""
    if bid_micros < terms.floor_micros:
        return False
    paid = payout_of(bid_micros, terms.payout)
    return paid >= terms.min_bid_micros and (terms.allow_loss or paid <= bid_micros)


def rises_with_bid(terms: Terms) -> bool:
    """Whether every bid above one that clears clears too. Not so for a share above 100 %, where a bid of a cent may
    round to no loss and one of two cents may not."""
    payout = terms.payout
    shares = payout.fixed_micros is None and payout.margin_micros is None
    if not shares:
        return terms.allow_loss or (payout.margin_micros or 0) >= 0
    return terms.allow_loss or (payout.share_millionths or 0) <= MILLION


def shortfall(bid_micros: int, terms: Terms) -> dict[str, object]:
    """Why a bid does not clear, in units, as an answer shows it."""
    bid = units_of(bid_micros)
    if bid_micros < terms.floor_micros:
        return {"bid": bid, "floor": units_of(terms.floor_micros)}
    paid = payout_of(bid_micros, terms.payout)
    if paid < 0 or (paid > bid_micros and not terms.allow_loss):
        return {"bid": bid, "payout": units_of(paid)}
    return {"bid": bid, "min_bid": units_of(terms.min_bid_micros)}
