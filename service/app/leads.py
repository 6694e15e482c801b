"""The publishers' paths: a ping, a post, a full. Bytes in, one question to the exchange, bytes out."""

import time
from collections.abc import Callable

from aiohttp import web
from msgspec import UNSET, Struct

from service import metrics
from service.app.addresses import client_address
from service.app.bodies import body_of
from service.app.faults import Handler
from service.app.replies import rate_limited, refuse, reply, unavailable
from service.app.serving import SERVING, Serving
from service.errors import StoreDown
from service.exchange import ping, post, rehearsal
from service.exchange.admission import Admitted, Claim
from service.exchange.post import Outcome
from service.exchange.snapshot import Snapshot
from service.model.catalog import Endpoint
from service.model.lead import Question
from service.store.asks import RateLimited
from service.wire import Asked as AskedWord
from service.wire import Decoded, Params, Path, Refusal, bearer, mint_decision_id, params, text_or_nothing


class Asked(Struct, frozen=True):
    """A request that may be answered: the question, what was decoded, and how long that took."""

    question: Question
    decoded: Decoded
    decode_us: int


def lead_handler(path: Path) -> Handler:
    """The handler of one of the three lead paths."""
    observe: Callable[[float], None] = metrics.observe_ping if path == "ping" else metrics.observe_post

    async def handle(request: web.Request) -> web.StreamResponse:
        # Outside the gate: a body that never comes must not take the place of one that is here.
        body = await body_of(request)
        started = time.perf_counter()
        serving = request.app[SERVING]
        with serving.gate as admitted:
            if not admitted:
                _count(path, metrics.OTHER, "unavailable")
                return unavailable("Too much is in flight. Please try again.")
            response = await _answer(serving, request, path, body)
        observe(time.perf_counter() - started)
        return response

    return handle


async def _answer(serving: Serving, request: web.Request, path: Path, body: bytes) -> web.Response:
    snapshot = serving.snapshot
    endpoint = snapshot.catalog.endpoints.get(request.match_info["vanity_uri"])
    if endpoint is None:
        _count(path, metrics.OTHER, "unknown_endpoint")
        return refuse(Refusal("unknown_endpoint", ["There is no endpoint at this address."]))
    sent = params(body, request.headers.get("Content-Type", ""), request.rel_url.raw_query_string)
    if isinstance(sent, Refusal):
        _count(path, endpoint.vanity_uri, sent.status)
        return refuse(sent)
    asked = _asked(serving, snapshot, endpoint, request, path, sent)
    if isinstance(asked, Refusal):
        _count(path, endpoint.vanity_uri, asked.status)
        return refuse(asked, request_id=text_or_nothing(sent, "request_id") or UNSET)

    kind = asked.decoded.asked
    try:
        outcome = await _exchange(serving, snapshot, asked)
    except StoreDown:
        _count(kind, endpoint.vanity_uri, "unavailable")
        raise
    if isinstance(outcome, RateLimited):
        metrics.count_rate_limited(outcome.scope, outcome.per)
        _count(kind, endpoint.vanity_uri, "rate_limited")
        return rate_limited(outcome, request_id=asked.question.request_id or UNSET)
    _count(kind, endpoint.vanity_uri, outcome.status)
    if isinstance(outcome, Refusal):
        return refuse(outcome, request_id=asked.question.request_id or UNSET)
    return reply(outcome)


def _asked(
    serving: Serving, snapshot: Snapshot, endpoint: Endpoint, request: web.Request, path: Path, sent: Params
) -> Asked | Refusal:
    """The question behind a request, or why it is not answered: who may not ask is told so before what is wrong."""
    before = time.perf_counter_ns()
    token = bearer(request.headers.get("Authorization", ""))
    opted_out = request.headers.get("Sec-GPC", "") == "1"
    decoded = snapshot.decoders[endpoint.vanity_uri].decode(sent, path, token=token, sec_gpc=opted_out)
    address = _address(serving, request)
    if isinstance(decoded, Refusal):
        claim = Claim(
            source_id=text_or_nothing(sent, "traffic_source_id"),
            token=text_or_nothing(sent, "auth_token") or token,
            address=address,
        )
    else:
        claim = Claim(decoded.traffic_source_id, decoded.auth_token, address, decoded.test)
    admitted = snapshot.doors.admit(endpoint, claim, admin_token=serving.settings.admin_token)
    if isinstance(admitted, Refusal):
        return admitted
    if isinstance(decoded, Refusal):
        return decoded
    if foreign := snapshot.doors.foreign_number(admitted.source_id, decoded.own_number):
        return foreign
    return Asked(_question(endpoint, admitted, decoded), decoded, (time.perf_counter_ns() - before) // 1000)


def _question(endpoint: Endpoint, admitted: Admitted, decoded: Decoded) -> Question:
    return Question(
        decision_id=mint_decision_id(),
        endpoint=endpoint,
        source=admitted.source,
        source_id=admitted.source_id,
        lead=decoded.lead,
        request_id=decoded.request_id,
        min_bid_micros=decoded.min_bid_micros,
        own_number=decoded.own_number,
        ping_id=decoded.ping_id,
        buyer_id=decoded.buyer_id,
        buyer_ids=decoded.buyer_ids,
        test=admitted.test,
        opted_out=decoded.opt_out,
    )


async def _exchange(serving: Serving, snapshot: Snapshot, asked: Asked) -> Outcome:
    """The one place where a question takes its way: real or test, ping or post or both in one."""
    store, question, kind = serving.store.for_one_answer(), asked.question, asked.decoded.asked
    if question.test:
        watch = rehearsal.Stopwatch(asked.decode_us)
        if kind == "ping":
            return await rehearsal.ping(store, snapshot, question, watch)
        if kind == "post":
            return await rehearsal.post(store, snapshot, question, asked.decoded, watch)
        return await rehearsal.sell_now(store, snapshot, question, watch, full=kind == "full")
    if kind == "ping":
        return await ping.ping(store, snapshot, question)
    if kind == "post":
        return await post.post(store, snapshot, question, asked.decoded)
    return await post.sell_now(store, snapshot, question, full=kind == "full")


def _address(serving: Serving, request: web.Request) -> str:
    trusted = serving.settings.trusted_proxies
    peer = request.remote or ""
    return client_address(peer, ",".join(request.headers.getall("X-Forwarded-For", ())), trusted) if trusted else peer


def _count(kind: AskedWord, vanity_uri: str, status: str) -> None:
    if kind == "ping":
        metrics.count_ping(vanity_uri, status)
    else:
        metrics.count_post(vanity_uri, kind, status)
