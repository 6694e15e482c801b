"""The operators' paths: how full everything is, reloads, pauses, and the record of a decision."""

import logging
from datetime import UTC, datetime

from aiohttp import web

from service.app.replies import Reply, refuse, reply
from service.app.serving import SERVING
from service.exchange.diagnosis import derived, readable
from service.model.catalog import Buyer
from service.model.money import units_of
from service.model.room import ping_limit
from service.model.terms import terms_of
from service.served import compiling
from service.served.snapshot import Snapshot
from service.store import Store
from service.store.asks import BuyerUse, CapUse, Usage
from service.wire import Refusal, parse_decision_id
from service.wire.call_answers import (
    BuyerStatus,
    CapStatus,
    ContractStatus,
    DecisionAnswer,
    PauseAnswer,
    PoolStatus,
    ReloadAnswer,
    ReloadRefused,
    RevenueCapStatus,
    StatusAnswer,
)

_log = logging.getLogger(__name__)


async def status(request: web.Request) -> Reply:
    """`GET /admin/status`."""
    serving = request.app[SERVING]
    snapshot = serving.snapshot
    usage = await usage_of(serving.store, snapshot)
    buyers = snapshot.catalog.buyers
    return reply(
        StatusAnswer(
            catalog=snapshot.catalog.version,
            buyers=[_buyer_status(snapshot, buyers[use.buyer_id], use) for use in usage.buyers],
            pools=[PoolStatus(id=p.pool, free=p.free, lent=p.lent, cooling=p.cooling) for p in usage.pools],
        )
    )


async def usage_of(store: Store, snapshot: Snapshot) -> Usage:
    """Leases, caps and pools of the whole catalog."""
    catalog = snapshot.catalog
    contracts = [contract for _, contract in snapshot.contracts.values()]
    waiting = [offer.id for offer in catalog.offers.values() if terms_of(offer)]
    return await store.usage(tuple(catalog.buyers.values()), tuple(catalog.pools.values()), contracts, waiting)


def _buyer_status(snapshot: Snapshot, buyer: Buyer, use: BuyerUse) -> BuyerStatus:
    cap = buyer.concurrency_cap
    return BuyerStatus(
        buyer_id=buyer.id,
        name=buyer.name,
        paused=snapshot.is_paused(buyer),
        slots=use.slots,
        holds=use.holds,
        cap=cap,
        ping_limit=None if cap is None else ping_limit(cap, snapshot.widest_buffer_percent(buyer)),
        balance=units_of(use.balance.balance_micros) if use.balance else None,
        reserved=units_of(use.balance.reserved_micros) if use.balance else None,
        contracts=[
            ContractStatus(
                contract=one.contract,
                pending=one.pending,
                caps=[_cap_status(cap) for cap in one.caps],
                revenue_caps=[_revenue_cap_status(cap) for cap in one.revenue_caps],
            )
            for one in use.contracts
        ],
    )


def _cap_status(use: CapUse) -> CapStatus:
    return CapStatus(per=use.per, limit=use.limit, sold=use.sold, pending=use.pending, resets_at=_resets_at(use))


def _revenue_cap_status(use: CapUse) -> RevenueCapStatus:
    return RevenueCapStatus(
        per=use.per,
        limit=units_of(use.limit),
        sold=units_of(use.sold),
        pending=units_of(use.pending),
        resets_at=_resets_at(use),
    )


def _resets_at(use: CapUse) -> str | None:
    return None if use.resets_at_ms is None else datetime.fromtimestamp(use.resets_at_ms / 1000, UTC).isoformat()


async def reload(request: web.Request) -> Reply:
    """`POST /admin/reload`: takes the catalog's folder anew, in every worker, or says all that is wrong with it."""
    serving = request.app[SERVING]
    settings = serving.settings
    async with serving.reloading:
        outcome = await compiling.compile_beside(settings.catalog, settings.var, settings.catalogs_kept_max)
    compiling.report(outcome)
    if isinstance(outcome, compiling.Refused):
        version = serving.snapshot.catalog.version
        return reply(ReloadRefused(errors={"catalog": outcome.mistakes}, catalog=version))
    await serving.served(outcome.version)
    return reply(ReloadAnswer(catalog=outcome.version, changes=outcome.changes, notices=outcome.notices))


async def pause(request: web.Request) -> Reply:
    """`POST /admin/buyers/{id}/pause`: the buyer is offered and sold nothing more, also after a restart."""
    return await _set_paused(request, paused=True)


async def resume(request: web.Request) -> Reply:
    """`POST /admin/buyers/{id}/resume`."""
    return await _set_paused(request, paused=False)


async def _set_paused(request: web.Request, *, paused: bool) -> Reply:
    serving = request.app[SERVING]
    buyer = buyer_named(request)
    if isinstance(buyer, Refusal):
        return refuse(buyer)
    await (serving.store.pause(buyer.id) if paused else serving.store.resume(buyer.id))
    _log.info("buyer %d is %s by an operator", buyer.id, "paused" if paused else "resumed")
    serving.take_paused(await serving.store.paused())
    return reply(PauseAnswer(buyer_id=buyer.id, paused=serving.snapshot.is_paused(buyer)))


def buyer_named(request: web.Request) -> Buyer | Refusal:
    """The buyer in the path."""
    text = request.match_info["id"]
    buyer_id = int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None
    buyer = request.app[SERVING].snapshot.catalog.buyers.get(buyer_id) if buyer_id is not None else None
    return buyer or Refusal("not_found", ["There is no buyer of this id."])


async def decision(request: web.Request) -> Reply:
    """`GET /admin/decisions/{id}`: what is on record of a decision, by any of its ids."""
    serving = request.app[SERVING]
    decision_id = parse_decision_id(request.match_info["id"])
    records = await serving.store.decision(decision_id) if decision_id else []
    if decision_id is None or not records:
        return refuse(Refusal("not_found", ["There is no decision of this id on record."]))
    told = [await derived(serving.snapshot, record) | readable(record) for record in records]
    return reply(DecisionAnswer(decision_id=decision_id, decision={"records": told}))
