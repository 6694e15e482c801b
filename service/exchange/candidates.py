"""The candidates for one lead: who wants it, in which order, trip by trip, and why the others do not."""

from collections import Counter
from collections.abc import Sequence

from service import metrics
from service.exchange.quoting import recorded
from service.match import Asked, facts, payout_for
from service.model.decline import CAP_DECLINES, Decline
from service.model.lead import Bid, Lot, PingRecord, Question, RecordedBid
from service.served.snapshot import Snapshot

SPARE = 4
"""Candidates of the first trip beyond `buyers_max`: so that a few full buyers cost no second trip."""
FURTHER = 32
"""Candidates of each further trip."""
TRIPS_MAX = 4
"""Trips of one lead to Redis, whatever is full: bounds the time of the unluckiest."""

NO_LOT = Lot(())

_CHANGING: dict[int | None, str] = {
    decline.value: decline.word
    for decline in (Decline.CONCURRENCY, Decline.DUPLICATE, Decline.BALANCE, *CAP_DECLINES.values())
}
"""Words of the declines that change by the minute: counted by buyer too."""


class Candidates:
    """What matching found for a question. Made once per lead; `more` goes on down the ranking."""

    def __init__(self, snapshot: Snapshot, question: Question, now_ms: int) -> None:
        self.snapshot = snapshot
        self.question = question
        self.now_ms = now_ms
        self._index = snapshot.indexes[question.endpoint.offer]
        self.ranking = self._index.rank(asked_of(question, now_ms))
        self.suppressed = self.ranking.suppressed
        self.bids: tuple[Bid, ...] = ()
        self._recorded: list[RecordedBid] = []
        self.lot = NO_LOT
        """Of the latest trip."""
        self.default = self.ranking.default_bid()
        """The offer's default buyer, unless it is a candidate anyway: behind the last of the others."""
        if self.default is not None and not self._is_consented(self.default):
            self.default = None
        self.trips = 0
        self.last = False
        """No trip follows: nobody else matches, or enough have been asked."""

    def more(self) -> Lot:
        """The bids of the next trip in rank order; the offer's default buyer stands behind the last of all."""
        count = FURTHER if self.trips else self.question.endpoint.buyers_max + SPARE
        if self.question.buyer_ids:
            self.lot = Lot(tuple(self._next_consented(count)))  # of this lead alone: not kept in the place of another
        elif self.trips:
            self.lot = self._index.lot(tuple(self.ranking.take(count)))
        else:
            self.lot = self.ranking.first_lot(count)
        self.trips += 1
        self.last = len(self.lot.bids) < count or self.trips == TRIPS_MAX
        if self.last and self.default is not None:
            self.lot = self._index.lot((*self.lot.bids, self.default))
        self.bids += self.lot.bids
        self._recorded = self._recorded + recorded(self.lot) if self._recorded else recorded(self.lot)
        return self.lot

    def _next_consented(self, count: int) -> list[Bid]:
        """Down the ranking until enough are found that the lead may go to; fewer where it ends before."""
        fresh: list[Bid] = []
        while len(fresh) < count:
            found = self.ranking.take(count - len(fresh))
            if not found:
                break
            fresh += [bid for bid in found if self._is_consented(bid)]
        return fresh

    def _is_consented(self, bid: Bid) -> bool:
        consented = self.question.buyer_ids
        return not consented or bid.buyer.id in consented

    def record(self) -> PingRecord:
        """What is kept of the lead; of a suppressed person, nothing. The default buyer stands last, asked or not."""
        question = self.question
        return PingRecord(
            decision_id=question.decision_id,
            endpoint=question.endpoint.vanity_uri,
            source_id=question.source_id,
            at_ms=self.now_ms,
            catalog=self.snapshot.catalog.version,
            lead={} if self.suppressed else question.lead,
            bids=self._bids_on_record(),
            request_id=question.request_id,
            own_number=question.own_number,
            min_bid_micros=question.min_bid_micros,
            suppressed=self.suppressed,
        )

    def _bids_on_record(self) -> list[RecordedBid]:
        if self.last or self.default is None:
            return self._recorded
        return [*self._recorded, *recorded(self._index.lot((self.default,)))]

    def count_declines(self, said: Sequence[int | None]) -> None:
        """Counts why contracts were declined: in matching by the masks, in Redis by what the script said."""
        offer = self.question.endpoint.offer
        for reason, count in self.ranking.declined.items():
            metrics.count_declines(offer, reason.word, count)
        outranked = max(self.ranking.matched - len(self.bids), 0) + said.count(None)
        if outranked:
            metrics.count_declines(offer, Decline.OUTRANKED.word, outranked)
        count_said(offer, self.bids, said)


def count_said(offer: str, bids: Sequence[Bid], said: Sequence[int | None]) -> None:
    """Counts why a script declined bids; those that it took or did not look at are not declined."""
    if not any(said):
        return
    for verdict, count in Counter(said).items():
        if verdict:
            metrics.count_declines(offer, Decline(verdict).word, count)
    for bid, verdict in zip(bids, said, strict=False):
        if verdict in _CHANGING:
            metrics.count_buyer_decline(bid.buyer.id, _CHANGING[verdict])


def asked_of(question: Question, now_ms: int) -> Asked:
    """The question as the contracts of its offer are asked it."""
    source = question.source
    return Asked(
        facts=facts(question.lead, question.source_id),
        now_ms=now_ms,
        decision_id=question.decision_id,
        payout=payout_for(source, question.endpoint.vanity_uri),
        allow_loss=source.allow_loss,
        min_bid_micros=max(source.min_bid_micros, question.min_bid_micros),
    )
