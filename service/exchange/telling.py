"""What a publisher is told of its post."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from service.exchange.quoting import echo, offered_buyers
from service.model.decline import Decline
from service.model.distribution import mode_of
from service.model.lead import PingRecord, Question
from service.model.money import units_of
from service.served.snapshot import Snapshot
from service.store.asks import RateLimited, Sale, Sold
from service.wire import Refusal, ids
from service.wire.answers import (
    AlreadySold,
    BuyerUnavailable,
    DataPostAnswer,
    DataSale,
    LeadAnswer,
    NoMatch,
    NoTrackingNumber,
    PingExpired,
    PostAnswer,
)

Outcome = LeadAnswer | Refusal | RateLimited


def told(snapshot: Snapshot, question: Question, sold: Sold, now_ms: int, *, asked_one: bool) -> Outcome:
    if sold.rate_limited is not None:
        return sold.rate_limited
    about: dict[str, Any] = {"decision_id": question.decision_id, "request_id": echo(question)}
    if sold.status == "sold" or sold.status == "repeat":
        assert sold.sale is not None
        if sold.status == "repeat":
            return sold_answer(snapshot, question, sold.sale, now_ms, repeat=True)
        # Redis' own moment of the sale: our guess of its clock is a millisecond off, which would show as a second.
        return sold_answer(snapshot, question, sold.sale, sold.sale.sold_at_ms, repeat=False)
    if sold.status == "conflict":
        return Refusal("invalid", {"request_id": ["request_id was used before, with other fields."]})
    if sold.status == "ping_gone":
        return PingExpired(**about)
    if sold.status == "already_sold":
        return AlreadySold(**about)
    if sold.status == "no_tracking_number":
        return NoTrackingNumber(**about)
    if asked_one:
        # Nothing was asked of Redis where the one buyer was paused, or has left the catalog since.
        reason = Decline(sold.said[0] or Decline.PAUSED) if sold.said else Decline.PAUSED
        return BuyerUnavailable(reason=reason.word, **about)
    return NoMatch(**about)


def with_buyers(snapshot: Snapshot, answer: Outcome, sale: Sale) -> Outcome:
    """The answer to a full: the buyers that could have taken it beside the one that did."""
    said: list[int | None] = [None] * len(sale.record.bids)
    for position, verdict in zip(sale.order, sale.said, strict=False):
        said[position] = verdict
    if not isinstance(answer, (PostAnswer, DataPostAnswer)):
        return answer
    return replace(answer, buyers=offered_buyers(snapshot, sale.record, tuple(said)))


def sold_answer(snapshot: Snapshot, question: Question, sale: Sale, now_ms: int, *, repeat: bool) -> LeadAnswer:
    record = sale.record
    about: dict[str, Any] = {
        "decision_id": record.decision_id,
        "request_id": echo(question),
        "repeat": repeat or UNSET,
        "ignored_changes": sorted(record.changes) or UNSET,
    }
    # Whoever a call has moved it to since: the same question, the same answer.
    if not sale.number:
        return data_sold(snapshot, record, sale.sold_to, about)
    won = record.bids[sale.sold_position]
    return PostAnswer(
        trackdrive_number=sale.number.removeprefix("+"),
        buyer_id=won.buyer_id,
        buyer_name=snapshot.buyer_name(won.buyer_id),
        bid=units_of(won.payout_micros),
        sale_id=ids.sale_id(record.decision_id),
        expires_in_seconds=max(0, (sale.number_until_ms - now_ms) // 1000),
        **about,
    )


def data_sold(snapshot: Snapshot, record: PingRecord, places: Sequence[int], about: dict[str, Any]) -> DataPostAnswer:
    """A data lead that was sold to the bids at these places: each sale has an id of its own where they are several."""
    is_alone = len(places) == 1
    won = [(place, record.bids[place]) for place in places]
    sales = [
        DataSale(
            buyer_id=bid.buyer_id,
            buyer_name=snapshot.buyer_name(bid.buyer_id),
            bid=units_of(bid.payout_micros),
            sale_id=ids.sale_id(record.decision_id, None if is_alone else place),
        )
        for place, bid in won
    ]
    total_bid = units_of(sum(bid.payout_micros for _, bid in won))
    return DataPostAnswer(mode=mode_of(record.winners), sales=sales, total_bid=total_bid, **about)
