"""Answers before they are HTTP on a line: status, headers and bytes, whichever way the line is spoken."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType, structs

from service.pages import http_status
from service.store.asks import RateLimited
from service.wire import Refusal
from service.wire.answers import Answer, Invalid, Refused, too_many
from service.wire.encode import encode
from service.wire.templates import Filled

NO_STORE: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "application/json", "Cache-Control": "no-store"})
RETRY_AFTER_SECONDS: Final = 1
"""What a 503 asks for: the store's first probe comes within a second of its return."""


class Reply(Struct, frozen=True):
    status: int
    body: bytes
    headers: Mapping[str, str] = NO_STORE


def response_of(reply: Reply) -> web.Response:
    return web.Response(body=reply.body, status=reply.status, headers=reply.headers)


def reply(answer: Answer | Filled | dict[str, Any], headers: Mapping[str, str] = NO_STORE) -> Reply:
    """The answer as JSON under the HTTP status of its word."""
    if isinstance(answer, Filled):
        return Reply(http_status(answer.status), answer.body, headers)
    word = answer["status"] if isinstance(answer, dict) else answer.status
    return Reply(http_status(word), encode(answer), headers)


def refuse(refusal: Refusal, *, request_id: str | UnsetType = UNSET) -> Reply:
    """What is wrong with a question, in the words of whoever found it."""
    if isinstance(refusal.errors, dict):
        return reply(Invalid(errors=refusal.errors, request_id=request_id))
    answer = Refused(status=refusal.status, errors=refusal.errors, request_id=request_id)  # type: ignore[arg-type]
    return reply(answer, _challenge(refusal.status))


def no_store(answer: Answer) -> Reply:
    """An answer that says in its own words that there is no service at the moment."""
    return Reply(503, encode(answer), {**NO_STORE, "Retry-After": str(RETRY_AFTER_SECONDS)})


def unavailable(sentence: str) -> Reply:
    answer = Refused(status="unavailable", errors=[sentence])
    return reply(answer, {**NO_STORE, "Retry-After": str(RETRY_AFTER_SECONDS)})


def rate_limited(limited: RateLimited, *, request_id: str | UnsetType = UNSET) -> Reply:
    answer = structs.replace(too_many(limited.scope, limited.per, limited.limit), request_id=request_id)
    return reply(answer, {**NO_STORE, "Retry-After": str(limited.retry_after_seconds)})


def _challenge(status: str) -> Mapping[str, str]:
    return {**NO_STORE, "WWW-Authenticate": "Bearer"} if status == "unauthorized" else NO_STORE
