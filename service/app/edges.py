"""The phone switches' paths: where a call goes, and what became of it."""

import time

from aiohttp import web

from service import metrics
from service.app.bodies import body_of
from service.app.replies import Reply, no_store, refuse, reply
from service.app.serving import SERVING
from service.errors import StoreDown
from service.exchange import call
from service.store.asks import CallEvent
from service.wire import Refusal, params
from service.wire.call_answers import EventAnswer, NoRoute, no_route
from service.wire.calls import decode_event, decode_route


async def route(request: web.Request) -> Reply:
    """`POST /api/v1/calls/route`."""
    started = time.perf_counter()
    serving = request.app[SERVING]
    snapshot = serving.snapshot
    sent = params(await body_of(request), request.headers.get("Content-Type", ""), request.rel_url.raw_query_string)
    asked = sent if isinstance(sent, Refusal) else decode_route(sent)
    if isinstance(asked, Refusal):
        return refuse(asked)
    try:
        routing = await call.route(serving.store.for_one_answer(), snapshot, asked)
    except StoreDown:
        # A switch must tell the caller's network something: the same reject as ever, under a 503.
        metrics.count_call("", "store_down")
        return no_store(no_route("store_down"))
    answer = routing.answer
    metrics.count_call(routing.endpoint, answer.reason if isinstance(answer, NoRoute) else answer.status)
    metrics.observe_route(time.perf_counter() - started)
    return reply(answer)


async def events(request: web.Request) -> Reply:
    """`POST /api/v1/calls/events`: 200 also for calls that are not known."""
    serving = request.app[SERVING]
    snapshot = serving.snapshot
    sent = params(await body_of(request), request.headers.get("Content-Type", ""), request.rel_url.raw_query_string)
    report = sent if isinstance(sent, Refusal) else decode_event(sent)
    if isinstance(report, Refusal):
        return refuse(report)
    taken = await call.event(
        serving.store.for_one_answer(),
        snapshot,
        CallEvent(
            event=report.event,
            edge=report.edge,
            call=report.call,
            attempt=report.attempt,
            outcome=report.outcome,
            duration_ms=report.duration_ms,
        ),
    )
    metrics.count_call_event(report.event, taken.status)
    return reply(EventAnswer(taken=taken.status))
