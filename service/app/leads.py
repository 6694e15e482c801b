"""The publishers' paths: a ping, a post, a full. Bytes in, one question to the exchange, bytes out."""

import time
from collections.abc import Awaitable

from aiohttp import web
from msgspec import UNSET, Struct

from service import metrics
from service.app.addresses import client_address
from service.app.bodies import body_of
from service.app.faults import Handler, reply_to, word_of
from service.app.replies import Reply, rate_limited, refuse, reply, unavailable
from service.app.serving import SERVING, Serving
from service.exchange import ping, post, rehearsal
from service.exchange.telling import Outcome
from service.model.catalog import Endpoint
from service.model.lead import Question
from service.served.doors import Admitted, Claim
from service.served.snapshot import Snapshot
from service.store.asks import RateLimited
from service.wire import Asked as AskedWord
from service.wire import Decoded, Params, Path, Refusal, bearer, mint_decision_id, params, text_or_nothing
from service.wire.templates import Filled


class Came(Struct, frozen=True):
    """A lead request as it came, whichever way its HTTP was read. Headers are as they were sent, "" where they were
    not; several of a kind are joined by commas."""

    path: Path
    vanity_uri: str
    body: bytes
    query: str
    """Behind the "?", still percent-encoded."""
    content_type: str
    authorization: str
    sec_gpc: str
    forwarded_for: str
    peer: str
    """The address of the connection's other end."""


class Asked(Struct, frozen=True):
    """A request that may be answered: the question, what was decoded, and how long that took."""

    question: Question
    decoded: Decoded
    decode_us: int


class Tally(Struct):
    """What a request is counted as; filled in on its way."""

    kind: AskedWord
    vanity_uri: str = metrics.OTHER
    status: str = "internal"

    def count(self) -> None:
        if self.kind == "ping":
            metrics.count_ping(self.vanity_uri, self.status)
        else:
            metrics.count_post(self.vanity_uri, self.kind, self.status)


def lead_handler(path: Path) -> Handler:
    """One of the three lead paths as aiohttp reads it; what is plain comes by the lane and never gets here."""

    async def handle(request: web.Request) -> Reply:
        serving, vanity_uri = request.app[SERVING], request.match_info["vanity_uri"]
        try:
            body = await body_of(request)
        except Exception as fault:
            known = vanity_uri in serving.snapshot.catalog.endpoints
            Tally(path, vanity_uri if known else metrics.OTHER, word_of(fault)).count()
            raise
        headers = request.headers
        came = Came(
            path,
            vanity_uri,
            body,
            query=request.rel_url.raw_query_string,
            content_type=headers.get("Content-Type", ""),
            authorization=headers.get("Authorization", ""),
            sec_gpc=headers.get("Sec-GPC", ""),
            forwarded_for=",".join(headers.getall("X-Forwarded-For", ())),
            peer=request.remote or "",
        )
        return await answer(serving, came)

    return handle


async def answer(serving: Serving, came: Came) -> Reply:
    """The way of a lead: counted, timed, and answered whatever happens."""
    started = time.perf_counter()
    tally = Tally(came.path)
    try:
        return await _answer(serving, came, tally)
    except Exception as fault:
        tally.status = word_of(fault)
        return reply_to(fault)
    finally:
        tally.count()
        (metrics.observe_ping if came.path == "ping" else metrics.observe_post)(time.perf_counter() - started)


def turn_away(serving: Serving, path: Path, vanity_uri: str) -> Reply:
    """The answer to a lead that comes while the gate is full, unread."""
    known = vanity_uri in serving.snapshot.catalog.endpoints
    Tally(path, vanity_uri if known else metrics.OTHER, "unavailable").count()
    return _TOO_MUCH


_TOO_MUCH = unavailable("Too much is in flight. Please try again.")


async def _answer(serving: Serving, came: Came, tally: Tally) -> Reply:
    snapshot = serving.snapshot
    endpoint = snapshot.catalog.endpoints.get(came.vanity_uri)
    if endpoint is None:
        tally.status = "unknown_endpoint"
        return refuse(Refusal("unknown_endpoint", ["There is no endpoint at this address."]))
    tally.vanity_uri = endpoint.vanity_uri
    sent = params(came.body, came.content_type, came.query)
    if isinstance(sent, Refusal):
        tally.status = sent.status
        return refuse(sent)
    asked = _asked(serving, snapshot, endpoint, came, sent)
    if isinstance(asked, Refusal):
        tally.status = asked.status
        return refuse(asked, request_id=text_or_nothing(sent, "request_id") or UNSET)

    tally.kind = asked.decoded.asked
    with serving.gate as has_room:
        if not has_room:
            tally.status = "unavailable"
            return _TOO_MUCH
        outcome = await _exchange(serving, snapshot, asked)
    if isinstance(outcome, RateLimited):
        tally.status = "rate_limited"
        metrics.count_rate_limited(outcome.scope, outcome.per)
        return rate_limited(outcome, request_id=asked.question.request_id or UNSET)
    tally.status = outcome.status
    if isinstance(outcome, Refusal):
        return refuse(outcome, request_id=asked.question.request_id or UNSET)
    return reply(outcome)


def _asked(serving: Serving, snapshot: Snapshot, endpoint: Endpoint, came: Came, sent: Params) -> Asked | Refusal:
    """The question behind a request, or why it is not answered: who may not ask is told so before what is wrong, and
    what is wrong is told whole."""
    before = time.perf_counter_ns()
    settings, doors = serving.settings, snapshot.doors
    token = bearer(came.authorization) if came.authorization else ""
    opted_out = came.sec_gpc != "" and came.sec_gpc.strip() not in ("", "0")
    decoded = snapshot.decoders[endpoint.vanity_uri].decode(sent, came.path, token=token, sec_gpc=opted_out)
    address = ""
    if doors.look_at_addresses:
        address = client_address(came.peer, came.forwarded_for, settings.trusted_proxies)
    if isinstance(decoded, Refusal):
        claim = _claim_of_refused(sent, token=token, address=address)
    else:
        source_id = decoded.traffic_source_id or doors.owner_of(decoded.own_number)
        claim = Claim(source_id, decoded.auth_token, address, decoded.test)
    admitted = doors.admit(endpoint, claim, admin_token=settings.admin_token)
    if isinstance(admitted, Refusal):
        return _both(admitted, decoded) if isinstance(decoded, Refusal) else admitted
    if isinstance(decoded, Refusal):
        return decoded
    if decoded.own_number and (foreign := doors.foreign_number(admitted.source_id, decoded.own_number)):
        return foreign
    return Asked(_question(endpoint, admitted, decoded), decoded, (time.perf_counter_ns() - before) // 1000)


def _claim_of_refused(sent: Params, *, token: str, address: str) -> Claim:
    """What a request that could not be decoded says of its sender, as far as it can be read."""
    return Claim(
        source_id=text_or_nothing(sent, "traffic_source_id"),
        token=text_or_nothing(sent, "auth_token") or token,
        address=address,
    )


def _both(admitted: Refusal, decoded: Refusal) -> Refusal:
    """All that is invalid, whoever found it; any other refusal of the sender comes first."""
    if isinstance(admitted.errors, dict) and isinstance(decoded.errors, dict):
        return Refusal("invalid", decoded.errors | admitted.errors)
    return admitted


def _question(endpoint: Endpoint, admitted: Admitted, decoded: Decoded) -> Question:
    # Without a ping id that names its buyer, a buyer_id can only mean: to this one or to nobody.
    only = decoded.buyer_ids
    if decoded.buyer_id is not None and not decoded.ping_id and not only:
        only = frozenset((decoded.buyer_id,))
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
        buyer_ids=only,
        test=admitted.test,
        opted_out=decoded.opt_out,
    )


def _exchange(serving: Serving, snapshot: Snapshot, asked: Asked) -> Awaitable[Outcome | Filled]:
    """The one place where a question takes its way: real or test, ping or post or both in one."""
    store, question, kind = serving.store.for_one_answer(), asked.question, asked.decoded.asked
    if question.test:
        watch = rehearsal.Stopwatch(asked.decode_us)
        if kind == "ping":
            return rehearsal.ping(store, snapshot, question, watch)
        if kind == "post":
            return rehearsal.post(store, snapshot, question, asked.decoded, watch)
        return rehearsal.sell_now(store, snapshot, question, watch, full=kind == "full")
    if kind == "ping":
        return ping.ping(store, snapshot, question)
    if kind == "post":
        return post.post(store, snapshot, question, asked.decoded)
    return post.sell_now(store, snapshot, question, full=kind == "full")
