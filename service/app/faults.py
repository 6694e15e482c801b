"""Faults to statuses, in one place: a store that is away is a 503, a bug a 500 whose trace id is in the log."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from msgspec.structs import replace

from service import logs, metrics
from service.app.replies import Reply, refuse, reply, response_of, unavailable
from service.errors import LedgerDown, LedgerUnfit, StoreDown
from service.wire import Refusal
from service.wire.answers import Internal
from service.wire.body import BODY_BYTES_MAX

Handler = Callable[[web.Request], Awaitable[Reply]]

_log = logging.getLogger(__name__)


def answering(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler as aiohttp takes it, with an answer to whatever it raises."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return response_of(await handler(request))
        except Exception as fault:
            return response_of(reply_to(fault))

    return answered


def word_of(fault: Exception) -> str:
    """The status that a fault is answered with."""
    if isinstance(fault, (StoreDown, web.HTTPServiceUnavailable)):
        return "unavailable"
    if isinstance(fault, web.HTTPRequestEntityTooLarge):
        return "body_too_large"
    # A client that goes away in mid-body is nobody's fault here; nobody reads what it is answered.
    unreadable = (
        ConnectionError,
        web.HTTPRequestTimeout,
        web.HTTPBadRequest,
        HttpProcessingError,
        web.RequestPayloadError,
    )
    return "malformed_body" if isinstance(fault, unreadable) else "internal"


def reply_to(fault: Exception) -> Reply:
    """What is answered in the place of what failed."""
    word = word_of(fault)
    if isinstance(fault, (LedgerDown, LedgerUnfit)):
        _log.warning("a report could not be made: %s", fault)
        return unavailable("The ledger does not answer now. Please try again.")
    if word == "unavailable":
        return unavailable("The exchange cannot take this now. Please try again.")
    if word == "body_too_large":
        return refuse(Refusal(word, [f"The body may have at most {BODY_BYTES_MAX} bytes."]))
    if isinstance(fault, web.HTTPRequestTimeout):
        return refuse(Refusal(word, ["The body did not come in time."]))
    if word == "malformed_body":
        return refuse(Refusal(word, ["The body could not be read as its headers describe it."]))
    trace_id = logs.new_trace_id()
    metrics.count_fault()
    _log.error("a request failed", exc_info=fault, extra={"trace_id": trace_id})
    return reply(Internal(status="internal", trace_id=trace_id))


def only(**method_handlers: Handler) -> Handler:
    """One handler for all methods of a path: HEAD and whatever else was not asked for is 405, never a GET without a
    body, which on a lead path would sell."""
    allowed = ", ".join(sorted(method_handlers))

    async def dispatched(request: web.Request) -> Reply:
        handler = method_handlers.get(request.method)
        if handler is None:
            refused = refuse(Refusal("method_not_allowed", [f"This path takes {allowed}."]))
            return replace(refused, headers={**refused.headers, "Allow": allowed})
        return await handler(request)

    return dispatched


async def nowhere(request: web.Request) -> Reply:
    """Every path that is none of ours."""
    return refuse(Refusal("not_found", ["There is nothing at this path."]))
