"""The story of a ping: who wants the lead, who has room for it, and what the publisher is quoted."""

import asyncio

from msgspec import UNSET, UnsetType

from service import metrics
from service.errors import StoreDown
from service.exchange import fingerprint
from service.exchange.candidates import Candidates
from service.exchange.limits import limits_of
from service.model.lead import PingRecord, Question
from service.model.money import units_of
from service.served.snapshot import Snapshot
from service.store import Store
from service.store.asks import Held, HoldAsk, RateLimited
from service.wire import ids
from service.wire.answers import LeadAnswer, NoMatch, OfferedBuyer, PingAnswer, Suppressed

REPEAT_POLL_MS = 5
REPEAT_POLLS_MAX = 30
"""How often a copy looks for the first ping's answer: 150 ms in all, less than the deadline of every answer."""

ASKS_MAX = 2
"""A ping is asked again where the first one, whose copy it seemed to be, ran out before its answer was read."""


async def ping(store: Store, snapshot: Snapshot, question: Question) -> LeadAnswer | RateLimited:
    """Answers a ping: bids with ping ids, or in words why there are none. Raises StoreDown."""
    if question.opted_out:
        return await opt_out(store, snapshot, question)
    for _ in range(ASKS_MAX):
        candidates = Candidates(snapshot, question, store.now_ms())
        held = await _hold(store, candidates, Held(status="none"))
        while not held.done:
            held = await _hold(store, candidates, held)
        if held.status != "repeat":
            return _answer(candidates, held)
        again = await _repeat(store, snapshot, question, held.repeat_of)
        if again is not None:
            return again
    return NoMatch(decision_id=held.repeat_of, request_id=echo(question), repeat=True)


def _answer(candidates: Candidates, held: Held) -> LeadAnswer | RateLimited:
    """What a ping is told that is nobody's repeat."""
    if held.rate_limited is not None:
        return held.rate_limited
    question = candidates.question
    candidates.count_declines(held.said)
    if candidates.suppressed:
        return Suppressed(decision_id=question.decision_id, request_id=echo(question), buyers=[])
    if held.status == "none":
        return NoMatch(decision_id=question.decision_id, request_id=echo(question))
    ttl_ms = question.endpoint.ping_ttl_seconds * 1000
    offered = [bid for bid, verdict in zip(candidates.bids, held.said, strict=False) if verdict == 0]
    metrics.count_bids(question.endpoint.offer, len(offered), sum(bid.bid_micros for bid in offered))
    return _quoted(candidates.snapshot, question, candidates.record(), held.said, ttl_ms)


async def _hold(store: Store, candidates: Candidates, before: Held) -> Held:
    """One trip: holds on the next candidates that have room."""
    question = candidates.question
    fresh = candidates.more()
    first = candidates.trips == 1
    repeatable = not candidates.suppressed and ("caller_id" in question.lead or question.request_id)
    return await store.hold(
        HoldAsk(
            record=candidates.record(),
            endpoint=question.endpoint,
            bids=fresh,
            limits=limits_of(candidates.snapshot.catalog, question.endpoint, question.source) if first else (),
            fingerprint=fingerprint.of_fields(store.hash_of, question, "ping") if repeatable else "",
            caller_id=str(question.lead.get("caller_id", "")),
            said_before=before.said,
            last=candidates.last,
        )
    )


async def _repeat(store: Store, snapshot: Snapshot, question: Question, first: str) -> LeadAnswer | None:
    """The first ping's answer again; None where that has just run out or found no buyer. A copy that comes while
    the first is still at work waits for it. Raises StoreDown where that takes too long."""
    for _ in range(REPEAT_POLLS_MAX):
        found = await store.ping(first)
        if found is None:
            return None
        if found.complete:
            left_ms = found.expires_at_ms - store.now_ms()
            return _quoted(snapshot, question, found.record, found.said, left_ms, repeat=True)
        await asyncio.sleep(REPEAT_POLL_MS / 1000)
    raise StoreDown("The first of these pings is still at work.")


async def opt_out(store: Store, snapshot: Snapshot, question: Question) -> LeadAnswer | RateLimited:
    """Somebody who opted out is sold to nobody, and nothing of them is kept; the request itself counts."""
    record = PingRecord(
        decision_id=question.decision_id,
        endpoint=question.endpoint.vanity_uri,
        source_id=question.source_id,
        at_ms=store.now_ms(),
        catalog=snapshot.catalog.version,
        lead={},
        bids=[],
        suppressed=True,
    )
    limits = limits_of(snapshot.catalog, question.endpoint, question.source)
    held = await store.hold(HoldAsk(record=record, endpoint=question.endpoint, bids=[], limits=limits))
    return held.rate_limited or Suppressed(decision_id=question.decision_id, request_id=echo(question))


def _quoted(
    snapshot: Snapshot,
    question: Question,
    record: PingRecord,
    said: tuple[int | None, ...],
    left_ms: int,
    *,
    repeat: bool = False,
) -> PingAnswer:
    return PingAnswer(
        try_all_buyers_ping_id=ids.ping_id(record.decision_id),
        ping_ids_expiry_in_seconds=max(0, left_ms // 1000),
        decision_id=record.decision_id,
        request_id=echo(question),
        buyers=offered_buyers(snapshot, record, said),
        repeat=repeat or UNSET,
    )


def offered_buyers(
    snapshot: Snapshot, record: PingRecord, said: tuple[int | None, ...], *, test: bool = False
) -> list[OfferedBuyer]:
    """The buyers of a ping that were held, in the order in which try-all would try them."""
    return [
        OfferedBuyer(
            buyer_id=bid.buyer_id,
            name=snapshot.buyer_name(bid.buyer_id),
            bid=units_of(bid.payout_micros),
            ping_id=ids.ping_id(record.decision_id, position, test=test),
        )
        for position, (bid, verdict) in enumerate(zip(record.bids, said, strict=False))
        if verdict == 0
    ]


def echo(question: Question) -> str | UnsetType:
    return question.request_id or UNSET
