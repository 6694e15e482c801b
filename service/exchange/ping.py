"""The story of a ping: who wants the lead, who has room for it, and what the publisher is quoted."""

import asyncio

from service import metrics
from service.errors import StoreDown
from service.exchange import fingerprint
from service.exchange.candidates import Candidates
from service.exchange.limits import limits_of
from service.exchange.quoting import echo, quote_of, quoted
from service.model.lead import Lot, PingRecord, Question
from service.served.snapshot import Snapshot
from service.store import Store
from service.store.asks import Held, HoldAsk, RateLimited
from service.wire.answers import LeadAnswer, NoMatch, Suppressed
from service.wire.templates import Filled

REPEAT_POLL_MS = 5
REPEAT_POLLS_MAX = 30
"""How often a copy looks for the first ping's answer: 150 ms in all, less than the deadline of every answer."""

ASKS_MAX = 2
"""A ping is asked again where the first one, whose copy it seemed to be, ran out before its answer was read."""


NOT_ASKED = Held(status="none")

PingOutcome = LeadAnswer | RateLimited | Filled


async def ping(store: Store, snapshot: Snapshot, question: Question) -> PingOutcome:
    """Answers a ping: bids with ping ids, or in words why there are none. Raises StoreDown."""
    if question.opted_out:
        return await opt_out(store, snapshot, question)
    for _ in range(ASKS_MAX):
        candidates = Candidates(snapshot, question, store.now_ms())
        held = await store.hold(_ask(store, candidates, NOT_ASKED))
        while not held.done:
            held = await store.hold(_ask(store, candidates, held))
        if held.status != "repeat":
            return _answer(candidates, held)
        again = await _repeat(store, snapshot, question, held.repeat_of)
        if again is not None:
            return again
    return NoMatch(decision_id=held.repeat_of, request_id=echo(question), repeat=True)


def _answer(candidates: Candidates, held: Held) -> PingOutcome:
    """What a ping is told that is nobody's repeat."""
    if held.rate_limited is not None:
        return held.rate_limited
    question = candidates.question
    candidates.count_declines(held.said)
    if candidates.suppressed:
        return Suppressed(decision_id=question.decision_id, request_id=echo(question), buyers=[])
    if held.status == "none":
        return NoMatch(decision_id=question.decision_id, request_id=echo(question))
    lot = candidates.lot if candidates.trips == 1 else Lot(candidates.bids)
    quote = quote_of(lot, question.endpoint, held.said)
    metrics.count_bids(question.endpoint.offer, quote.bids_count, quote.amount_micros)
    if not question.request_id:
        return quote.template.fill(question.decision_id)
    ttl_ms = question.endpoint.ping_ttl_seconds * 1000
    return quoted(candidates.snapshot, question, candidates.record(), held.said, ttl_ms)


def _ask(store: Store, candidates: Candidates, before: Held) -> HoldAsk:
    """What one trip asks: holds on the next candidates that have room."""
    question = candidates.question
    lot = candidates.more()
    first = candidates.trips == 1
    repeatable = not candidates.suppressed and ("caller_id" in question.lead or question.request_id)
    return HoldAsk(
        record=candidates.record(),
        endpoint=question.endpoint,
        bids=lot.bids,
        kept=lot.kept,
        terms=candidates.snapshot.terms[question.endpoint.offer],
        limits=limits_of(candidates.snapshot, question.endpoint, question.source) if first else (),
        fingerprint=fingerprint.of_fields(store.hash_of, question, "ping") if repeatable else "",
        caller_id=str(question.lead.get("caller_id", "")),
        said_before=before.said,
        last=candidates.last,
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
            return quoted(snapshot, question, found.record, found.said, left_ms, repeat=True)
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
    limits = limits_of(snapshot, question.endpoint, question.source)
    held = await store.hold(HoldAsk(record=record, endpoint=question.endpoint, bids=[], limits=limits))
    return held.rate_limited or Suppressed(decision_id=question.decision_id, request_id=echo(question))
