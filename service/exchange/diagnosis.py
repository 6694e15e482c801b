"""The verdict on every contract of an offer: derived when somebody asks, never on the way of a ping."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from service import match
from service.exchange.candidates import asked_of
from service.model.catalog import Contract, Endpoint
from service.model.decline import CAP_DECLINES, Decline
from service.model.lead import Bid, PingRecord, Question
from service.model.money import units_of
from service.model.room import buffer_percent, ping_limit
from service.served.doors import UNLISTED
from service.served.snapshot import Snapshot
from service.wire.answers import Verdict

Said = dict[str, tuple[Bid, int | None]]
"""What Redis said of the candidates, by contract: 0 yes, None not looked at, else the number of a decline."""


def by_contract(bids: Sequence[Bid], said: Sequence[int | None]) -> Said:
    return {bid.contract.id: (bid, verdict) for bid, verdict in zip(bids, said, strict=False)}


async def verdicts(snapshot: Snapshot, question: Question, said: Said, now_ms: int) -> list[Verdict]:
    """Every contract of the offer with its one cause: matching's, else what Redis said, else outranked.

    Explaining 10,000 contracts takes up to a third of a second, so it lets other requests go on in between.
    """
    catalog, endpoint = snapshot.catalog, question.endpoint
    asked = asked_of(question, now_ms)
    found: list[match.Verdict] = []
    for few in match.explain_in_slices(catalog, endpoint.offer, asked, snapshot.paused):
        found += few
        await asyncio.sleep(0)
    return [
        _of_candidate(*said[one.contract.id], endpoint) if one.contract.id in said else _of_match(one)
        for one in match.in_rank_order(found, asked, catalog.offers[endpoint.offer])
    ]


async def derived(snapshot: Snapshot, record: dict[str, Any]) -> dict[str, Any]:
    """The verdict on every contract, worked out again from what is on record of a decision. Only under the catalog
    that decided, with the pauses of now: `{}` where another one is served, or nothing of the person was kept."""
    kept = msgspec.convert(record["record"], PingRecord)
    endpoint = snapshot.catalog.endpoints.get(kept.endpoint)
    if endpoint is None or kept.catalog != snapshot.catalog.version or kept.suppressed:
        return {}
    question = Question(
        decision_id=kept.decision_id,
        endpoint=endpoint,
        source=snapshot.catalog.sources.get(kept.source_id, UNLISTED),
        source_id=kept.source_id,
        lead=kept.lead,
        min_bid_micros=kept.min_bid_micros,
    )
    said = {}
    for at, verdict in zip(record.get("order", range(len(kept.bids))), record["said"], strict=False):
        bid = kept.bids[at]
        buyer, contract = snapshot.contracts[bid.contract_id]
        said[contract.id] = Bid(contract, buyer, bid.bid_micros, bid.payout_micros, bid.is_default), verdict
    return {"contracts": await verdicts(snapshot, question, said, kept.at_ms)}


def readable(record: dict[str, Any]) -> dict[str, Any]:
    """A record of the audit for an operator: each of its bids with what was said of it, in words."""
    about = record["record"]
    places = record.get("order", range(len(about["bids"])))
    verdicts = dict(zip(places, record["said"], strict=False))
    about["bids"] = [
        {
            "buyer_id": buyer_id,
            "contract": contract_id,
            "bid": units_of(bid_micros),
            "payout": units_of(payout_micros),
            "verdict": _word(verdicts.get(at, "not_asked")),
        }
        for at, (buyer_id, contract_id, bid_micros, payout_micros, *_) in enumerate(about["bids"])
    ]
    return {name: value for name, value in record.items() if name not in ("said", "order")}


def _word(said: int | str | None) -> str:
    if isinstance(said, str):
        return said
    if said is None:
        return Decline.OUTRANKED.word
    return Decline(said).word if said else "yes"


def _of_match(found: match.Verdict) -> Verdict:
    """Of a contract that was never a candidate; one that matched and was not looked at is outranked."""
    return _declined(found.contract, found.reason or Decline.OUTRANKED, found.detail)


def _of_candidate(bid: Bid, verdict: int | None, endpoint: Endpoint) -> Verdict:
    contract = bid.contract
    if verdict == 0:
        offered = units_of(bid.payout_micros)
        return Verdict(buyer_id=contract.buyer_id, contract=contract.id, verdict="offered", bid=offered)
    reason = Decline.OUTRANKED if verdict is None else Decline(verdict)
    return _declined(contract, reason, _limits_behind(bid, reason, endpoint))


def _limits_behind(bid: Bid, reason: Decline, endpoint: Endpoint) -> dict[str, object]:
    """The settings that decided what Redis said."""
    cap = bid.buyer.concurrency_cap
    if reason is Decline.CONCURRENCY and cap is not None:
        return {"cap": cap, "ping_limit": ping_limit(cap, buffer_percent(bid.buyer, endpoint))}
    if reason is Decline.DUPLICATE:
        return {"dedup_days": bid.contract.dedup_days}
    if reason is Decline.BALANCE:
        return {"balance_required": True, "price": units_of(bid.bid_micros)}
    found: dict[str, object] = {}
    for cap_on_sales in bid.contract.caps:
        if CAP_DECLINES[cap_on_sales.per] is reason:
            found["limit"] = cap_on_sales.limit
    for revenue_cap in bid.contract.revenue_caps:
        if CAP_DECLINES[revenue_cap.per] is reason:
            found |= {"amount_limit": units_of(revenue_cap.limit_micros), "price": units_of(bid.bid_micros)}
    return found


def _declined(contract: Contract, reason: Decline, detail: dict[str, object]) -> Verdict:
    return Verdict(
        buyer_id=contract.buyer_id,
        contract=contract.id,
        verdict="declined",
        reason=reason.word,
        code=int(reason),
        detail=detail or UNSET,
    )
