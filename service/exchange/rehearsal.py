"""Test mode: the whole decision is made and explained, and nothing is taken.

A test runs the same match and the same script as the real thing, on a record of its own that no real post can use.
"""

import time
from typing import Any

from msgspec.structs import replace

from service.exchange.candidates import Candidates, asked_of
from service.exchange.diagnosis import Said, by_contract, verdicts
from service.exchange.limits import TEST_LIMITS
from service.exchange.post import Outcome, disagreement, is_bound, order_of, sellable
from service.exchange.quoting import echo, offered_buyers
from service.model.decline import Decline
from service.model.lead import Bid, PingRecord, Question
from service.model.money import units_of
from service.served.snapshot import Snapshot
from service.store import Store
from service.store.asks import Held, HoldAsk
from service.wire import Decoded, Refusal, ids
from service.wire.answers import (
    BuyerUnavailable,
    DataPostAnswer,
    DataSale,
    Diagnostics,
    LeadAnswer,
    NoMatch,
    PingAnswer,
    PingExpired,
    PostAnswer,
    Suppressed,
)


class Stopwatch:
    """Microseconds by part of a test's work."""

    def __init__(self, decode_us: int) -> None:
        self.timing_us = {"decode": decode_us, "match": 0, "buyers": 0, "store": 0}
        self._since = time.perf_counter_ns()

    def lap(self, part: str) -> None:
        now = time.perf_counter_ns()
        self.timing_us[part] += (now - self._since) // 1000
        self._since = now


async def ping(store: Store, snapshot: Snapshot, question: Question, watch: Stopwatch) -> Outcome:
    """A test ping: the bids it would get, and the verdict on every contract. Raises StoreDown."""
    if question.opted_out:
        return _suppressed(question)
    candidates, held = await _look(store, snapshot, question, watch, selling=False)
    if held.rate_limited is not None:
        return held.rate_limited
    about = await _about(snapshot, question, by_contract(candidates.bids, held.said), candidates.now_ms, watch)
    if candidates.suppressed:
        return Suppressed(**about, buyers=[])
    record = candidates.record()
    buyers = offered_buyers(snapshot, record, held.said, test=True)
    if not buyers:
        return NoMatch(**about)
    return PingAnswer(
        try_all_buyers_ping_id=ids.ping_id(record.decision_id, test=True),
        ping_ids_expiry_in_seconds=question.endpoint.ping_ttl_seconds,
        buyers=buyers,
        **about,
    )


async def sell_now(store: Store, snapshot: Snapshot, question: Question, watch: Stopwatch, *, full: bool) -> Outcome:
    """A test post-only or full. Raises StoreDown."""
    if question.opted_out:
        return _suppressed(question)
    candidates, held = await _look(store, snapshot, question, watch, selling=True)
    if held.rate_limited is not None:
        return held.rate_limited
    about = await _about(snapshot, question, by_contract(candidates.bids, held.said), candidates.now_ms, watch)
    if candidates.suppressed:
        return Suppressed(**about)
    if full:
        about["buyers"] = offered_buyers(snapshot, candidates.record(), held.said, test=True)
    won = [bid for bid, verdict in zip(candidates.bids, held.said, strict=False) if verdict == 0]
    if not won:
        return NoMatch(**about)
    return _sold(snapshot, question, won[0], about)


async def post(store: Store, snapshot: Snapshot, question: Question, posted: Decoded, watch: Stopwatch) -> Outcome:
    """A test post with a test ping's id. Raises StoreDown."""
    if question.opted_out:
        return _suppressed(question)
    ping_id = ids.parse_ping_id(question.ping_id)
    found = await store.ping(ping_id.decision_id, test=True) if ping_id is not None and ping_id.test else None
    watch.lap("store")
    if ping_id is None or found is None or not is_bound(found.record, question):
        return PingExpired(request_id=echo(question), test=True)
    complaints = disagreement(found.record, question, ping_id.position)
    merged = snapshot.decoders[found.record.endpoint].merge(found.record.lead, posted)
    if complaints or merged.complaints:
        return Refusal("invalid", merged.complaints | complaints)
    order = order_of(snapshot, question, found, merged.lead, ping_id.position)
    if isinstance(order, LeadAnswer):
        return order
    bids, _ = sellable(snapshot, found.record, order)
    # A record of its own for this look, so that the test ping can be posted again.
    record = replace(found.record, decision_id=question.decision_id, lead=merged.lead, bids=[])
    held = await store.hold(_ask(question, record, bids, selling=True))
    watch.lap("store")
    if held.rate_limited is not None:
        return held.rate_limited
    question = replace(
        question, lead=merged.lead, decision_id=found.record.decision_id, own_number=found.record.own_number
    )
    about = await _about(snapshot, question, by_contract(bids, held.said), store.now_ms(), watch)
    if merged.ignored_changes:
        about["ignored_changes"] = merged.ignored_changes
    won = [bid for bid, verdict in zip(bids, held.said, strict=False) if verdict == 0]
    if won:
        return _sold(snapshot, question, won[0], about)
    about.pop("ignored_changes", None)
    if ping_id.position is None:
        return NoMatch(**about)
    return BuyerUnavailable(reason=Decline((held.said and held.said[0]) or Decline.PAUSED).word, **about)


# -- looking without taking


async def _look(
    store: Store, snapshot: Snapshot, question: Question, watch: Stopwatch, *, selling: bool
) -> tuple[Candidates, Held]:
    candidates = Candidates(snapshot, question, store.now_ms())
    held = Held(status="none", done=False)
    while not held.done:
        lot = candidates.more()
        watch.lap("match")
        ask = _ask(question, candidates.record(), lot.bids, selling=selling)
        ask = replace(ask, terms=snapshot.terms[question.endpoint.offer])
        limits = TEST_LIMITS if candidates.trips == 1 else ()
        held = await store.hold(replace(ask, limits=limits, said_before=held.said, last=candidates.last))
        watch.lap("store")
    return candidates, held


def _ask(question: Question, record: PingRecord, bids: tuple[Bid, ...], *, selling: bool) -> HoldAsk:
    return HoldAsk(
        record=record, endpoint=question.endpoint, bids=bids, limits=TEST_LIMITS, test=True, use_buffer=selling
    )


# -- telling


async def _about(snapshot: Snapshot, question: Question, said: Said, now_ms: int, watch: Stopwatch) -> dict[str, Any]:
    """What every test's answer says beside its answer."""
    facts = asked_of(question, now_ms).facts
    diagnostics = Diagnostics(
        catalog=snapshot.catalog.version,
        normalised=dict(facts.values),
        state_from=facts.state_from,
        timing_us=watch.timing_us,
        contracts=await verdicts(snapshot, question, said, now_ms),
    )
    return {
        "decision_id": question.decision_id,
        "request_id": echo(question),
        "test": True,
        "diagnostics": diagnostics,
    }


def _sold(snapshot: Snapshot, question: Question, won: Bid, about: dict[str, Any]) -> LeadAnswer:
    """The answer a sale would have: with the pool's first number, which a test never lends."""
    bid, sale_id = units_of(won.payout_micros), ids.sale_id(question.decision_id)
    if snapshot.catalog.offers[question.endpoint.offer].delivery == "data":
        only = DataSale(buyer_id=won.buyer.id, buyer_name=won.buyer.name, bid=bid, sale_id=sale_id)
        return DataPostAnswer(sales=[only], **about)
    pool = snapshot.catalog.pools.get(question.endpoint.ring_pool or "")
    number = pool.numbers[0] if pool else question.own_number
    return PostAnswer(
        trackdrive_number=number.removeprefix("+"),
        buyer_id=won.buyer.id,
        buyer_name=won.buyer.name,
        bid=bid,
        sale_id=sale_id,
        expires_in_seconds=question.endpoint.number_hold_seconds,
        **about,
    )


def _suppressed(question: Question) -> Suppressed:
    return Suppressed(decision_id=question.decision_id, request_id=echo(question), test=True)
