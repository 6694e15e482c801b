"""Which lines' bids may be offered on given terms: a mask per terms, kept."""

from bisect import bisect_left

from msgspec import Struct, field

from service.match.asked import Asked
from service.match.payouts import Terms, clears
from service.model.lead import Bid

# A request names its own min_bid, so terms are not bounded by the catalog; making a mask again is cheap.
TERMS_MAX = 512

Key = tuple[int, bool, int]
Made = dict[int, Bid]
"""Bids that were made for one payout, by the place of their line; the default buyer's under its complement."""


class OnTerms(Struct, frozen=True, eq=False):
    """What terms make of an offer's lines."""

    terms: Terms
    sellable: int
    """Lines whose bid may be offered."""
    made: Made


class Selling(Struct):
    floor_micros: int
    bids: tuple[int, ...]
    """Of every line."""
    runs: tuple[tuple[int, int], ...]
    """Stretches of lines over which bids only fall."""
    known: dict[Key, OnTerms] = field(default_factory=dict)

    def on_terms_of(self, asked: Asked) -> OnTerms:
        key = (id(asked.payout), asked.allow_loss, asked.min_bid_micros)  # the terms keep the payout alive
        found = self.known.get(key)
        if found is None:
            if len(self.known) >= TERMS_MAX:
                self.known.clear()
            terms = terms_of(asked, self.floor_micros)
            found = self.known[key] = OnTerms(terms, self._sellable(terms), {})
        return found

    def _sellable(self, terms: Terms) -> int:
        mask = 0
        for first, end in self.runs:
            refused = bisect_left(range(first, end), True, key=lambda line: not clears(self.bids[line], terms))
            mask |= ((1 << refused) - 1) << first
        return mask


def terms_of(asked: Asked, floor_micros: int) -> Terms:
    return Terms(
        floor_micros=floor_micros,
        payout=asked.payout,
        allow_loss=asked.allow_loss,
        min_bid_micros=asked.min_bid_micros,
    )
