"""Where an offer's lines stand towards all leads that leave the same of them, on the same terms: how many contracts
fell away for which cause, who may be offered, and the default buyer. Pure, and the same for lead after lead."""

from msgspec import Struct

from service.match.lines import Line, Roster
from service.match.masks import ascending
from service.match.payouts import clears, payout_of
from service.match.selling import OnTerms
from service.model.decline import Decline
from service.model.lead import Bid, Lot

# In the order of causes. Bound here, for a lookup in an enum costs more than counting bits.
_CAUSES = (
    Decline.PAUSED,
    Decline.SCHEDULE,
    Decline.SUPPRESSED,
    Decline.GEO,
    Decline.FILTER,
    Decline.BELOW_FLOOR,
)


MADE_MAX = 4096
"""Bids kept for one of the terms, 165 bytes each: a client's own min_bid makes terms, hundreds of which are kept."""


class Ready(Struct, frozen=True):
    """Lines that are neither paused nor closed, and counts of contracts; right from `from_ms` on and until before
    `until_ms`."""

    lines: int = 0
    unpaused: int = 0
    """Lines that are not paused, open or closed."""
    paused: int = 0
    closed: int = 0
    open: int = 0
    from_ms: int = 0
    until_ms: int = 0


class Stages(Struct):
    """Lines that are left after each cause of the order of causes; each is a part of the one before."""

    ready: Ready
    unsuppressed: int
    in_area: int
    matched: int
    suppressed: int
    """Lines that a suppression list keeps from the lead, ready or not."""
    takes_lead: bool
    """A suppression list keeps the lead from the whole offer."""


class Standing:
    def __init__(self, roster: Roster, stages: Stages, on_terms: OnTerms) -> None:
        self.lines = roster.lines
        self.candidates = stages.matched & on_terms.sellable
        """Lines that are offered, unless an earlier bid rule of their contract stands (see `is_blocked`)."""
        self.suppressed = stages.takes_lead
        """Whether a suppression list keeps the lead from the whole offer."""
        self.lots: dict[int, Lot] = {}
        """First lots by their size, where nothing had to be drawn for them."""
        self._roster = roster
        self._on_terms = on_terms
        self._matched = stages.matched
        below_floor = self._count_below_floor()
        self.matched = (stages.matched & roster.own).bit_count() - below_floor
        """Contracts that may be offered the lead."""
        self.declined = self._declined(stages, below_floor)
        """Contracts by the cause for which they fell away; causes without any are left out."""
        self.default = self._default_bid(stages)

    def bid(self, place: int) -> Bid:
        """The bid of a line; the same one whenever it is asked for."""
        return self._on_terms.made.get(place) or self._make(place)

    def is_blocked(self, line: Line) -> bool:
        matched = self._matched
        return any([matched >> blocker & 1 for blocker in line.blockers])  # noqa: C419 - a list is made sooner

    def _make(self, place: int, *, is_default: bool = False) -> Bid:
        line = self.lines[place]
        if len(self._on_terms.made) >= MADE_MAX:
            self._on_terms.made.clear()
        payout_micros = payout_of(line.bid_micros, self._on_terms.terms.payout)
        bid = Bid(line.contract, line.buyer, line.bid_micros, payout_micros, is_default)
        self._on_terms.made[~place if is_default else place] = bid
        return bid

    def _declined(self, stages: Stages, below_floor: int) -> dict[Decline, int]:
        own, ready = self._roster.own, stages.ready
        unsuppressed = (stages.unsuppressed & own).bit_count() if stages.suppressed else ready.open
        in_area, matched = (stages.in_area & own).bit_count(), (stages.matched & own).bit_count()
        counts = (
            ready.paused,
            ready.closed,
            ready.open - unsuppressed,
            unsuppressed - in_area,
            in_area - matched,
            below_floor,
        )
        return {cause: count for cause, count in zip(_CAUSES, counts, strict=True) if count}

    def _default_bid(self, stages: Stages) -> Bid | None:
        """The bid of the offer's default buyer, whom neither hours nor filters hold back. None where there is no such
        buyer, where it may not (paused, suppressed, not paying enough), or where it is among the candidates anyway."""
        default = self._roster.default_line
        if default is None or not (stages.ready.unpaused & ~stages.suppressed) >> default & 1:
            return None
        line = self.lines[default]
        for place in self._roster.buyers[line.buyer.id]:
            if self.candidates >> place & 1 and not self.is_blocked(self.lines[place]):
                return None
        if not clears(line.bid_micros, self._on_terms.terms):
            return None
        return self._on_terms.made.get(~default) or self._make(default, is_default=True)

    def _count_below_floor(self) -> int:
        """Contracts whose standing line may not be offered: one per contract, the one that nothing blocks."""
        unpaid = self._matched ^ self.candidates
        if not unpaid:
            return 0
        ruled = unpaid & self._roster.ruled
        lines = self.lines
        return (unpaid ^ ruled).bit_count() + sum(not self.is_blocked(lines[place]) for place in ascending(ruled))
