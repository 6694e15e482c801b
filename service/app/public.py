"""Paths open to all: health, metrics, the OpenAPI document and the posting instructions."""

import contextlib
from collections.abc import Iterator

import msgspec
from aiohttp import web

from service import __version__, metrics
from service.app.addresses import client_scheme
from service.app.draining import DRAINING
from service.app.operators import usage_of
from service.app.replies import Reply, no_store, refuse, reply
from service.app.serving import SERVING, Serving
from service.errors import StoreDown
from service.model.catalog import Endpoint
from service.model.money import units_of
from service.pages import openapi, posting_instructions, posting_instructions_html
from service.served.doors import same_token
from service.served.snapshot import Snapshot
from service.store.asks import Usage
from service.wire import Refusal, bearer
from service.wire.call_answers import HealthAnswer


async def healthz(request: web.Request) -> Reply:
    """`GET /healthz`: the process lives."""
    return reply(HealthAnswer())


async def readyz(request: web.Request) -> Reply:
    """`GET /readyz`: Redis answers, a catalog is loaded, and the worker is not about to end."""
    if request.app[DRAINING].on:
        return _not_ready("This worker is about to end.")
    try:
        await request.app[SERVING].store.ready()
    except StoreDown:
        return _not_ready("Redis does not answer.")
    return reply(HealthAnswer())


def _not_ready(sentence: str) -> Reply:
    return no_store(HealthAnswer(success=False, status="unavailable", errors=[sentence]))


async def metrics_page(request: web.Request) -> Reply:
    """`GET /metrics`: what all workers counted, and how full everything is at this moment."""
    serving = request.app[SERVING]
    snapshot = serving.snapshot
    store = serving.store
    samples = [
        metrics.Sample("pingpost_catalog_info", (snapshot.catalog.version,), 1),
        metrics.Sample("pingpost_build_info", (__version__,), 1),
    ]
    with contextlib.suppress(StoreDown):  # the scrape goes on without: `pingpost_store_up` says why
        samples += _state_samples(snapshot, await usage_of(store, snapshot))
        samples.append(metrics.Sample("pingpost_sales_stream_entries", (), await store.sales_waiting()))
    headers = {"Content-Type": metrics.CONTENT_TYPE, "Cache-Control": "no-store"}
    return Reply(200, metrics.exposition(samples), headers)


def _state_samples(snapshot: Snapshot, usage: Usage) -> Iterator[metrics.Sample]:
    """Slots, holds and caps by buyer, sales by contract, numbers by pool. Buyers beyond those with a label of their own
    are summed."""
    sums: dict[tuple[str, tuple[str, ...]], float] = {}
    for use in usage.buyers:
        buyer = metrics.buyer_label(use.buyer_id)
        cap = snapshot.catalog.buyers[use.buyer_id].concurrency_cap
        rows: list[tuple[str, tuple[str, ...], float]] = [
            ("slots", (buyer,), use.slots),
            ("holds", (buyer,), use.holds),
        ]
        if cap is not None:
            rows.append(("cap", (buyer,), cap))
        if use.balance is not None:
            rows.append(("balance", (buyer,), units_of(use.balance.balance_micros - use.balance.reserved_micros)))
        for name, labels, value in rows:
            key = (f"pingpost_buyer_{name}", labels)
            sums[key] = sums.get(key, 0) + value
        for one in use.contracts:
            if not (one.caps or one.pending):
                continue
            contract = metrics.OTHER if buyer == metrics.OTHER else one.contract
            for cap_use in one.caps:
                for name, value in (("sold", cap_use.sold), ("cap", cap_use.limit)):
                    key = (f"pingpost_contract_{name}", (contract, cap_use.per))
                    sums[key] = sums.get(key, 0) + value
            key = ("pingpost_contract_pending", (contract,))
            sums[key] = sums.get(key, 0) + one.pending
    for pool in usage.pools:
        for state, count in (("free", pool.free), ("lent", pool.lent), ("cooling", pool.cooling)):
            sums["pingpost_pool_numbers", (pool.pool, state)] = count
    for (name, labels), value in sums.items():
        yield metrics.Sample(name, labels, value)


async def openapi_document(request: web.Request) -> Reply:
    """`GET /openapi.json`."""
    serving = request.app[SERVING]
    if serving.openapi is None:
        serving.openapi = msgspec.json.encode(openapi(serving.snapshot.catalog))
    return Reply(200, serving.openapi)


async def instructions_page(request: web.Request) -> Reply:
    """`GET /posting-instructions/{vanity_uri}`, and `.json` behind it for machines."""
    serving = request.app[SERVING]
    snapshot = serving.snapshot
    name = request.match_info["vanity_uri"]
    as_json = name.endswith(".json")
    endpoint = snapshot.catalog.endpoints.get(name.removesuffix(".json"))
    if endpoint is None:
        return refuse(Refusal("unknown_endpoint", ["There is no endpoint at this address."]))
    if not _may_read(serving, snapshot, endpoint, request):
        return refuse(Refusal("unauthorized", ["These instructions need a token, as Authorization: Bearer …"]))
    proto, trusted = request.headers.get("X-Forwarded-Proto", ""), serving.settings.trusted_proxies
    base_url = f"{client_scheme(request.scheme, request.remote or '', proto, trusted)}://{request.host}"
    if as_json:
        instructions = posting_instructions(snapshot.catalog, endpoint, base_url)
        return Reply(200, msgspec.json.encode(instructions))
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    page = posting_instructions_html(snapshot.catalog, endpoint, base_url)
    return Reply(200, page.encode(), headers)


def _may_read(serving: Serving, snapshot: Snapshot, endpoint: Endpoint, request: web.Request) -> bool:
    """Where the instructions are closed: operators, and sources that may use the endpoint."""
    if endpoint.posting_instructions == "public":
        return True
    token = bearer(request.headers.get("Authorization", ""))
    if same_token(token, serving.settings.admin_token):
        return True
    source = snapshot.doors.source_of_token(token) if token else None
    return source is not None and (not source.endpoints or endpoint.vanity_uri in source.endpoints)
