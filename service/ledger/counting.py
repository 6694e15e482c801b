"""What decisions add to the counts by hour. Pure. The counts outlive the decisions."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct, field

from service.model.lead import RecordedBid
from service.model.sales import Decided

HOUR_MS = 3_600_000
YES = 0

Door = tuple[int, str, str]
"""hour_ms, endpoint, source_id."""


class Counts(Struct):
    """Numbers by the primary key of their table."""

    volume: dict[Door, list[int]] = field(default_factory=dict)
    """pings, pings_offered, posts, posts_sold."""
    interest: dict[tuple[int, str, str, int, str], list[int]] = field(default_factory=dict)
    """candidates, bids, bid_micros."""
    declines: Counter[tuple[int, str, str, int, str, int]] = field(default_factory=Counter)


def count(decisions: Iterable[Decided], pinged: Collection[str]) -> Counts:
    """`pinged` are the decisions that have a ping. Contracts are candidates of a ping, and of a post that had none
    (post-only, full); what a post asks of its ping's buyers was counted with the ping."""
    counts = Counts()
    for one in decisions:
        door = (one.at_ms // HOUR_MS * HOUR_MS, one.record.endpoint, one.record.source_id)
        volume = counts.volume.setdefault(door, [0, 0, 0, 0])
        if one.kind == "ping":
            volume[0] += 1
            volume[1] += YES in one.said
        else:
            volume[2] += 1
            volume[3] += one.status == "sold"
        if one.kind == "ping" or one.record.decision_id not in pinged:
            _count_candidates(counts, door, one)
    return counts


def _count_candidates(counts: Counts, door: Door, one: Decided) -> None:
    for bid, verdict in _verdicts(one):
        contract = (*door, bid.buyer_id, bid.contract_id)
        interest = counts.interest.setdefault(contract, [0, 0, 0])
        interest[0] += 1
        if verdict == YES:
            interest[1] += 1
            interest[2] += bid.bid_micros
        elif verdict is not None:
            counts.declines[*contract, verdict] += 1


def _verdicts(one: Decided) -> Iterator[tuple[RecordedBid, int | None]]:
    bids = one.record.bids
    places = range(len(bids)) if one.kind == "ping" else one.order
    yield from ((bids[place], verdict) for place, verdict in zip(places, one.said, strict=False) if place < len(bids))
