"""A lead's bids, best first, and how many contracts fell away for which cause."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from msgspec import Struct

from service.match.draw import seed_of_decision, ticket
from service.match.lines import Line
from service.match.masks import ascending
from service.match.standing import Standing
from service.model.decline import Decline
from service.model.lead import Bid, Lot

LotOf = Callable[[tuple[Bid, ...]], Lot]


class Ranking:
    """What `Index.rank` answers: one lead's way down the lines that it left standing."""

    def __init__(self, standing: Standing, decision_id: str, lot_of: LotOf) -> None:
        self._standing = standing
        self._draws = _Draws(decision_id)
        self._lot_of = lot_of
        self._coming: Iterator[int] | None = None
        self._taken = 0
        """Of those to come, how many the first lot had already."""

    def first_lot(self, count: int) -> Lot:
        """The first bids in rank order, at most `count`, of a ranking that nothing was taken of; where no draw decided
        about them they are worked out once for all leads with this standing."""
        lots = self._standing.lots
        lot = lots.get(count)
        if lot is not None:
            self._taken = len(lot.bids)
            return lot
        lot = self._lot_of(tuple(self.take(count)))
        if not self._draws.any:
            lots[count] = lot
        return lot

    def take(self, count: int) -> list[Bid]:
        """The next bids in rank order, at most `count`; fewer, or none, when there are no more."""
        if self._coming is None:
            self._coming = islice(_in_rank_order(self._standing, self._draws), self._taken, None)
        return [self._standing.bid(place) for place in islice(self._coming, count)]

    @property
    def suppressed(self) -> bool:
        """Whether a suppression list keeps the lead from the whole offer."""
        return self._standing.suppressed

    @property
    def matched(self) -> int:
        """Contracts that may be offered the lead."""
        return self._standing.matched

    @property
    def declined(self) -> dict[Decline, int]:
        """Contracts by the cause for which they fell away; causes without any are left out."""
        return self._standing.declined

    def default_bid(self) -> Bid | None:
        """The bid of the offer's default buyer, where it may stand behind the others."""
        return self._standing.default


class _Draws(Struct):
    """The draws of one lead among lines of the same bid and tier."""

    decision_id: str
    any: bool = False

    def order(self, lines: Sequence[Line], equals: list[int]) -> list[int]:
        self.any = True
        decision = seed_of_decision(self.decision_id)
        return sorted(equals, key=lambda place: ticket(decision, lines[place].seed, lines[place].contract.weight))


def _in_rank_order(standing: Standing, draws: _Draws) -> Iterator[int]:
    """The places of lines in rank order. No method: a generator that knew its ranking would be a cycle, which nobody
    collects once requests in flight are frozen at a reload."""
    lines = standing.lines
    equals: list[int] = []
    equals_end = 0
    for place in ascending(standing.candidates):
        line = lines[place]
        if place >= equals_end:
            yield from equals if len(equals) < 2 else draws.order(lines, equals)
            equals, equals_end = [], line.equals_end
        if not (line.blockers and standing.is_blocked(line)):
            if equals_end == place + 1 and not equals:
                yield place  # nobody bids the same
            else:
                equals.append(place)
    yield from equals if len(equals) < 2 else draws.order(lines, equals)
