"""The story of a post: a bid becomes a sale, once. Post-only and full match and sell in one step."""

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from service import metrics
from service.exchange import fingerprint
from service.exchange.candidates import Candidates, count_said
from service.exchange.limits import limits_of
from service.exchange.ping import opt_out
from service.exchange.quoting import echo, offered_buyers
from service.model.decline import Decline
from service.model.lead import Bid, Lead, PingRecord, Question
from service.model.money import units_of
from service.served.snapshot import Snapshot
from service.store import Store
from service.store.asks import FoundPing, RateLimited, Sale, SellAsk, Sold
from service.wire import Complaints, Decoded, Refusal, ids
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
    Suppressed,
)

Outcome = LeadAnswer | Refusal | RateLimited
Said = tuple[int | None, ...]


async def post(store: Store, snapshot: Snapshot, question: Question, posted: Decoded) -> Outcome:
    """Answers a post with a ping id: two trips to Redis, no match. Raises StoreDown."""
    if question.opted_out:
        return Suppressed(request_id=echo(question))
    ping_id = ids.parse_ping_id(question.ping_id)
    if ping_id is None or ping_id.test:
        return PingExpired(request_id=echo(question))
    found, sale = await store.posted(ping_id.decision_id)
    record = sale.record if sale else found.record if found else None
    if record is None or not is_bound(record, question):
        return PingExpired(request_id=echo(question))
    complaints = disagreement(record, question, ping_id.position)
    question = replace(question, decision_id=record.decision_id)
    if sale is not None and not complaints:
        if sale.question == question.ping_id:
            return sold_answer(snapshot, question, sale, store.now_ms(), repeat=True)
        return AlreadySold(decision_id=record.decision_id, request_id=echo(question))
    merged = snapshot.decoders[record.endpoint].merge(record.lead, posted)
    if complaints or merged.complaints:
        return Refusal("invalid", merged.complaints | complaints)
    assert found is not None
    order = order_of(snapshot, question, found, merged.lead, ping_id.position)
    if isinstance(order, LeadAnswer):
        return order
    if merged.changes or merged.lead != record.lead:
        found = replace(found, record=replace(record, lead=merged.lead, changes=merged.changes), amended=True)
    sold = await sell_found(store, snapshot, found, order, posted_id=question.ping_id)
    return _told(snapshot, question, sold, store.now_ms(), asked_one=ping_id.position is not None)


async def sell_found(
    store: Store, snapshot: Snapshot, found: FoundPing, order: tuple[int, ...], *, posted_id: str
) -> Sold:
    """Sells a ping's lead to the first of its bids at these places that can take it, at what was quoted."""
    record = found.record
    endpoint = snapshot.catalog.endpoints[record.endpoint]
    bids, order = sellable(snapshot, record, order)
    sold = await store.sell(
        SellAsk(
            record=record,
            endpoint=endpoint,
            terms=snapshot.terms[endpoint.offer],
            question=posted_id,
            bids=bids,
            order=order,
            needs_ping=True,
            as_pinged=not found.amended,
            held_buyers=tuple(b.buyer_id for b, verdict in zip(record.bids, found.said, strict=False) if verdict == 0),
            caller_id=str(record.lead.get("caller_id", "")),
        )
    )
    count_said(endpoint.offer, bids, sold.said)
    _count_sold(endpoint.offer, sold)
    return sold


async def sell_now(store: Store, snapshot: Snapshot, question: Question, *, full: bool) -> Outcome:
    """Answers a post-only or a full: match and sell in one step. Raises StoreDown."""
    if question.opted_out:
        return await opt_out(store, snapshot, question)
    candidates = Candidates(snapshot, question, store.now_ms())
    if candidates.suppressed:
        return await opt_out(store, snapshot, question)
    sold = await _sell_trip(store, candidates, (), full=full)
    said = sold.said
    while sold.status == "none" and not candidates.last:
        sold = await _sell_trip(store, candidates, said, full=full)
        said += sold.said

    if sold.status == "elsewhere":
        sale = await store.sale(sold.elsewhere)
        if sale is None:
            return NoMatch(decision_id=sold.elsewhere, request_id=echo(question), repeat=True)
        answer = sold_answer(snapshot, question, sale, store.now_ms(), repeat=True)
        return _with_buyers(snapshot, answer, sale) if full else answer
    if sold.status in ("sold", "none"):
        candidates.count_declines(said)
        _count_sold(question.endpoint.offer, sold)
    told = _told(snapshot, question, sold, store.now_ms(), asked_one=False)
    return _with_buyers(snapshot, told, sold.sale) if full and sold.sale else told


async def _sell_trip(store: Store, candidates: Candidates, said_before: Said, *, full: bool) -> Sold:
    """One trip: to the first of the next candidates that can take the lead."""
    question = candidates.question
    endpoint = question.endpoint
    first_position = len(candidates.bids)
    lot = candidates.more()
    first = candidates.trips == 1
    by_call = candidates.snapshot.catalog.offers[endpoint.offer].delivery == "call" and "caller_id" in question.lead
    fields = fingerprint.of_fields(store.hash_of, question, "sell") if by_call or question.request_id else ""
    return await store.sell(
        SellAsk(
            record=candidates.record(),
            endpoint=endpoint,
            terms=candidates.snapshot.terms[endpoint.offer],
            question=ids.ping_id(question.decision_id),
            bids=lot.bids,
            order=tuple(range(first_position, len(candidates.bids))),
            reserve=() if candidates.last or candidates.default is None else (len(candidates.bids),),
            needs_ping=False,
            limits=limits_of(candidates.snapshot, endpoint, question.source) if first else (),
            request_key=fingerprint.of_request(store.hash_of, question) if question.request_id else "",
            request_fields=fields,
            fields_key=fields if by_call else "",
            said_before=said_before,
            is_last=candidates.last,
            caller_id=str(question.lead.get("caller_id", "")),
            look_further=endpoint.buyers_max if full else 0,
        )
    )


def _count_sold(offer: str, sold: Sold) -> None:
    """A sale that is pending is counted when it is made."""
    if sold.status == "sold" and sold.sale is not None and sold.sale.state == "sold":
        won = sold.sale.record.bids[sold.sale.position]
        metrics.count_sale(offer, won.bid_micros, won.payout_micros)


# -- what may be sold to whom


def is_bound(record: PingRecord, question: Question) -> bool:
    """Ids are bound to the endpoint and the source of their ping; a post that names no source means the ping's."""
    if record.endpoint != question.endpoint.vanity_uri:
        return False
    return question.source_id == record.source_id or (not question.source_id and not question.endpoint.auth_required)


def disagreement(record: PingRecord, question: Question, position: int | None) -> Complaints:
    """A `buyer_id`, or consent to `buyer_ids`, that is not for the buyer of the `ping_id` it came with."""
    complaints: Complaints = {}
    if position is None or position >= len(record.bids):
        return complaints
    buyer_id = record.bids[position].buyer_id
    if question.buyer_id not in (None, buyer_id):
        complaints["buyer_id"] = [f"buyer_id {question.buyer_id} is not the buyer of this ping_id."]
    if question.buyer_ids and buyer_id not in question.buyer_ids:
        complaints["buyer_ids"] = ["buyer_ids does not name the buyer of this ping_id."]
    return complaints


def consented_buyers(question: Question) -> frozenset[int]:
    """Buyers that a try-all may go to; empty: all. A `buyer_id` beside a try-all id names the only one."""
    return question.buyer_ids or (frozenset() if question.buyer_id is None else frozenset((question.buyer_id,)))


def order_of(
    snapshot: Snapshot, question: Question, found: FoundPing, lead: Lead, position: int | None
) -> tuple[int, ...] | LeadAnswer:
    """Places of the bids that a post may sell to, in order, or why there are none. `lead` is that of ping and post: a
    number that only the post brings may be on a suppression list."""
    about: dict[str, Any] = {
        "decision_id": found.record.decision_id,
        "request_id": echo(question),
        "test": question.test or UNSET,
    }
    order = positions_to_try(found, consented_buyers(question), position)
    if not order:
        return NoMatch(**about) if position is None else PingExpired(**about)
    kept_from = snapshot.indexes[question.endpoint.offer].kept_from(lead)
    return tuple(at for at in order if found.record.bids[at].buyer_id not in kept_from) or Suppressed(**about)


def positions_to_try(found: FoundPing, consented: frozenset[int], position: int | None) -> tuple[int, ...]:
    """Places of the bids that a posted id may sell to, in order: that of a buyer's id, or all that were offered and
    behind them the default buyer, as far as the publisher has consent for them."""
    bids, said = found.record.bids, found.said
    offered = [at for at, verdict in enumerate(said) if verdict == 0]
    if position is not None:
        return (position,) if position in offered else ()
    order = offered + [at for at, bid in enumerate(bids) if bid.is_default and at not in offered]
    return tuple(at for at in order if not consented or bids[at].buyer_id in consented)


def sellable(snapshot: Snapshot, record: PingRecord, order: tuple[int, ...]) -> tuple[tuple[Bid, ...], tuple[int, ...]]:
    """The bids at these places as the catalog stands now, each at the price that was quoted; without buyers that have
    been paused since, and contracts that have left the catalog, which count as paused."""
    bids: list[Bid] = []
    places: list[int] = []
    for position in order:
        quoted = record.bids[position]
        buyer, contract = snapshot.contracts.get(quoted.contract_id, (None, None))
        if buyer is None or contract is None or buyer.id != quoted.buyer_id or snapshot.is_paused(buyer):
            continue
        bids.append(Bid(contract, buyer, quoted.bid_micros, quoted.payout_micros, quoted.is_default))
        places.append(position)
    return tuple(bids), tuple(places)


# -- what the publisher is told


def _told(snapshot: Snapshot, question: Question, sold: Sold, now_ms: int, *, asked_one: bool) -> Outcome:
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


def _with_buyers(snapshot: Snapshot, answer: Outcome, sale: Sale) -> Outcome:
    """The answer to a full: the buyers that could have taken it beside the one that did."""
    said: list[int | None] = [None] * len(sale.record.bids)
    for position, verdict in zip(sale.order, sale.said, strict=False):
        said[position] = verdict
    if not isinstance(answer, (PostAnswer, DataPostAnswer)):
        return answer
    return replace(answer, buyers=offered_buyers(snapshot, sale.record, tuple(said)))


def sold_answer(snapshot: Snapshot, question: Question, sale: Sale, now_ms: int, *, repeat: bool) -> LeadAnswer:
    record = sale.record
    won = record.bids[sale.sold_position]  # whoever a call has moved it to since: the same question, the same answer
    name = snapshot.buyer_name(won.buyer_id)
    about: dict[str, Any] = {
        "decision_id": record.decision_id,
        "request_id": echo(question),
        "repeat": repeat or UNSET,
        "ignored_changes": sorted(record.changes) or UNSET,
    }
    sale_id = ids.sale_id(record.decision_id)
    if not sale.number:
        only = DataSale(buyer_id=won.buyer_id, buyer_name=name, bid=units_of(won.payout_micros), sale_id=sale_id)
        return DataPostAnswer(sales=[only], **about)
    return PostAnswer(
        trackdrive_number=sale.number.removeprefix("+"),
        buyer_id=won.buyer_id,
        buyer_name=name,
        bid=units_of(won.payout_micros),
        sale_id=sale_id,
        expires_in_seconds=max(0, (sale.number_until_ms - now_ms) // 1000),
        **about,
    )
