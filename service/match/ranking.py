"""A lead's bids, best first, and how many contracts fell away for which cause."""

from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from service.match.asked import Asked
from service.match.draw import seed_of_decision, ticket
from service.match.lines import Line, Roster
from service.match.masks import ascending
from service.match.payouts import clears, payout_of
from service.match.selling import terms_of
from service.model.decline import Decline
from service.model.lead import Bid

# In the order of causes. Bound here, for a lookup in an enum costs more than counting bits.
_CAUSES = (
    Decline.PAUSED,
    Decline.SCHEDULE,
    Decline.SUPPRESSED,
    Decline.GEO,
    Decline.FILTER,
    Decline.BELOW_FLOOR,
)


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
    sellable: int
    """Lines whose bid may be offered, matched or not."""
    suppressed: int
    """Lines that a suppression list keeps from the lead, ready or not."""
    takes_lead: bool
    """A suppression list keeps the lead from the whole offer."""


Made = dict[int, Bid]
"""Bids that were made for one payout, by the place of their line; the default buyer's under its complement."""


class Ranking:
    """What `Index.rank` answers. Only masks are worked out at first; bids, counts and causes when asked for."""

    def __init__(self, roster: Roster, asked: Asked, stages: Stages, made: Made, *, floor_micros: int) -> None:
        self._roster = roster
        self._asked = asked
        self._stages = stages
        self._made = made
        self._floor_micros = floor_micros
        self._matched = stages.matched
        self._candidates = stages.matched & stages.sellable
        self._coming = self._in_rank_order()
        self._below_floor_count = -1

    def take(self, count: int) -> list[Bid]:
        """The next bids in rank order, at most `count`; fewer, or none, when there are no more."""
        made = self._made
        return [made.get(place) or self._make(place) for place in islice(self._coming, count)]

    def _make(self, place: int, *, is_default: bool = False) -> Bid:
        line = self._roster.lines[place]
        bid = Bid(
            line.contract, line.buyer, line.bid_micros, payout_of(line.bid_micros, self._asked.payout), is_default
        )
        self._made[~place if is_default else place] = bid
        return bid

    @property
    def suppressed(self) -> bool:
        """Whether a suppression list keeps the lead from the whole offer."""
        return self._stages.takes_lead

    @property
    def matched(self) -> int:
        """Contracts that may be offered the lead."""
        return (self._matched & self._roster.own).bit_count() - self._below_floor

    @property
    def declined(self) -> dict[Decline, int]:
        """Contracts by the cause for which they fell away; causes without any are left out."""
        own, stages = self._roster.own, self._stages
        ready = stages.ready
        unsuppressed = (stages.unsuppressed & own).bit_count() if stages.suppressed else ready.open
        in_area, matched = (stages.in_area & own).bit_count(), (stages.matched & own).bit_count()
        counts = (
            ready.paused,
            ready.closed,
            ready.open - unsuppressed,
            unsuppressed - in_area,
            in_area - matched,
            self._below_floor,
        )
        return {cause: count for cause, count in zip(_CAUSES, counts, strict=True) if count}

    def default_bid(self) -> Bid | None:
        """The bid of the offer's default buyer, whom neither hours nor filters hold back. None where there is no such
        buyer, where it may not (paused, suppressed, not paying enough), or where it is among the candidates anyway."""
        roster, stages = self._roster, self._stages
        default = roster.default_line
        if default is None or not (stages.ready.unpaused & ~stages.suppressed) >> default & 1:
            return None
        line = roster.lines[default]
        for place in roster.buyers[line.buyer.id]:
            if self._candidates >> place & 1 and not self._is_blocked(roster.lines[place]):
                return None
        if not clears(line.bid_micros, terms_of(self._asked, self._floor_micros)):
            return None
        return self._made.get(~default) or self._make(default, is_default=True)

    @property
    def _below_floor(self) -> int:
        """Contracts whose standing line may not be offered: one per contract, the one that nothing blocks."""
        unpaid = self._matched ^ self._candidates
        if not unpaid:
            return 0
        if self._below_floor_count < 0:
            self._below_floor_count = self._count_below_floor(unpaid)
        return self._below_floor_count

    def _count_below_floor(self, unpaid: int) -> int:
        ruled = unpaid & self._roster.ruled
        lines = self._roster.lines
        return (unpaid ^ ruled).bit_count() + sum(not self._is_blocked(lines[place]) for place in ascending(ruled))

    def _in_rank_order(self) -> Iterator[int]:
        """The places of lines in rank order."""
        lines = self._roster.lines
        equals: list[int] = []
        equals_end = 0
        for place in ascending(self._candidates):
            line = lines[place]
            if place >= equals_end:
                yield from equals if len(equals) < 2 else self._drawn(equals)
                equals, equals_end = [], line.equals_end
            if not (line.blockers and self._is_blocked(line)):
                if equals_end == place + 1 and not equals:
                    yield place  # nobody bids the same
                else:
                    equals.append(place)
        yield from equals if len(equals) < 2 else self._drawn(equals)

    def _drawn(self, equals: list[int]) -> list[int]:
        """Places of lines of the same bid and tier in the order of their draw."""
        lines = self._roster.lines
        decision = seed_of_decision(self._asked.decision_id)
        return sorted(equals, key=lambda place: ticket(decision, lines[place].seed, lines[place].contract.weight))

    def _is_blocked(self, line: Line) -> bool:
        matched = self._matched
        return any([matched >> blocker & 1 for blocker in line.blockers])  # noqa: C419 - a list is made sooner
