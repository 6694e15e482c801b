"""Which lines' bids may be offered on given terms: a mask per terms, kept."""

from bisect import bisect_left

from msgspec import Struct, field

from service.match.asked import Asked
from service.match.payouts import Terms, clears
from service.model.catalog import Payout

# A request names its own min_bid, so terms are not bounded by the catalog; making a mask again is cheap.
TERMS_MAX = 512

Key = tuple[Payout, bool, int]


class Selling(Struct):
    floor_micros: int
    bids: tuple[int, ...]
    """Of every line."""
    runs: tuple[tuple[int, int], ...]
    """Stretches of lines over which bids only fall."""
    known: dict[Key, int] = field(default_factory=dict)

    def mask(self, asked: Asked) -> int:
        """Lines whose bid may be offered."""
        key = (asked.payout, asked.allow_loss, asked.min_bid_micros)
        mask = self.known.get(key)
        if mask is None:
            if len(self.known) >= TERMS_MAX:
                self.known.clear()
            mask = self.known[key] = self._worked_out(terms_of(asked, self.floor_micros))
        return mask

    def _worked_out(self, terms: Terms) -> int:
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
