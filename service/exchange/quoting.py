"""What a publisher is quoted: the buyers that a ping's holds were taken on, in the order of their bids."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from service.model.catalog import Endpoint
from service.model.distribution import mode_of
from service.model.lead import Bid, Lot, PingRecord, Question, RecordedBid, keep
from service.model.money import units_of
from service.served.snapshot import Snapshot
from service.wire import ids
from service.wire.answers import OfferedBuyer, PingAnswer
from service.wire.templates import Template, template_of

Said = tuple[int | None, ...]


class Quote(Struct, frozen=True):
    """What all leads of a lot are told that met the same verdicts, and what is counted of it."""

    template: Template
    bids_count: int
    amount_micros: int


def quote_of(snapshot: Snapshot, lot: Lot, endpoint: Endpoint, said: Said, winners: int) -> Quote:
    """Made once for all leads of the lot that met these verdicts. `winners`: most buyers that it is sold to, the same
    for all of a lot."""
    key = (quote_of, endpoint.vanity_uri, said)
    quote: Quote | None = lot.kept.get(key)
    if quote is None:
        quote = _make_quote(snapshot, lot.bids, endpoint, said, winners)
        keep(lot.kept, key, quote)
    return quote


def _make_quote(snapshot: Snapshot, bids: Sequence[Bid], endpoint: Endpoint, said: Said, winners: int) -> Quote:
    offered = [bid for bid, verdict in zip(bids, said, strict=False) if verdict == 0]
    sharing = sharing_of(snapshot, endpoint, [bid.payout_micros for bid in offered], winners)

    def answer_to(decision_id: str) -> PingAnswer:
        return PingAnswer(
            try_all_buyers_ping_id=ids.ping_id(decision_id),
            ping_ids_expiry_in_seconds=endpoint.ping_ttl_seconds,
            decision_id=decision_id,
            request_id="",
            buyers=[
                _offered(bid.buyer.id, bid.buyer.name, bid.payout_micros, ids.ping_id(decision_id, position))
                for position, (bid, verdict) in enumerate(zip(bids, said, strict=False))
                if verdict == 0
            ],
            **sharing,
        )

    return Quote(template_of(answer_to), len(offered), sum(bid.bid_micros for bid in offered))


def quoted(
    snapshot: Snapshot, question: Question, record: PingRecord, said: Said, left_ms: int, *, repeat: bool = False
) -> PingAnswer:
    """The quote of a ping that is on record."""
    offered = [bid.payout_micros for bid, verdict in zip(record.bids, said, strict=False) if verdict == 0]
    return PingAnswer(
        try_all_buyers_ping_id=ids.ping_id(record.decision_id),
        ping_ids_expiry_in_seconds=max(0, left_ms // 1000),
        decision_id=record.decision_id,
        request_id=echo(question),
        buyers=offered_buyers(snapshot, record, said),
        repeat=repeat or UNSET,
        **sharing_of(snapshot, question.endpoint, offered, record.winners),
    )


def sharing_of(snapshot: Snapshot, endpoint: Endpoint, payouts_micros: Sequence[int], winners: int) -> dict[str, Any]:
    """What the quote of a data lead says of how it is sold."""
    if snapshot.catalog.offers[endpoint.offer].delivery != "data":
        return {}
    paid = payouts_micros[:winners]
    return {"mode": mode_of(winners), "winners": len(paid), "total_bid": units_of(sum(paid))}


def offered_buyers(snapshot: Snapshot, record: PingRecord, said: Said, *, test: bool = False) -> list[OfferedBuyer]:
    """The buyers of a ping that were held, in the order in which try-all would try them."""
    return [
        _offered(
            bid.buyer_id,
            snapshot.buyer_name(bid.buyer_id),
            bid.payout_micros,
            ids.ping_id(record.decision_id, position, test=test),
        )
        for position, (bid, verdict) in enumerate(zip(record.bids, said, strict=False))
        if verdict == 0
    ]


def _offered(buyer_id: int, name: str, payout_micros: int, ping_id: str) -> OfferedBuyer:
    return OfferedBuyer(buyer_id=buyer_id, name=name, bid=units_of(payout_micros), ping_id=ping_id)


def recorded(lot: Lot) -> list[RecordedBid]:
    """A lot's bids as they go on record. The same list for all its leads: nobody may change it."""
    found: list[RecordedBid] | None = lot.kept.get(recorded)
    if found is None:
        found = [
            RecordedBid(bid.buyer.id, bid.contract.id, bid.bid_micros, bid.payout_micros, bid.is_default)
            for bid in lot.bids
        ]
        keep(lot.kept, recorded, found)
    return found


def echo(question: Question) -> str | UnsetType:
    return question.request_id or UNSET
