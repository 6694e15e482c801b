"""Answers as HTTP responses."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from msgspec import UNSET, UnsetType, structs

from service.pages import http_status
from service.store.asks import RateLimited
from service.wire import Refusal
from service.wire.answers import Answer, Invalid, Refused, too_many
from service.wire.encode import encode

_HEADERS: Final = {"Cache-Control": "no-store"}
RETRY_AFTER_SECONDS: Final = 1
"""What a 503 asks for: the store's first probe comes within a second of its return."""


def reply(answer: Answer | dict[str, Any], headers: Mapping[str, str] = _HEADERS) -> web.Response:
    """The answer as JSON under the HTTP status of its word."""
    word = answer["status"] if isinstance(answer, dict) else answer.status
    return web.Response(body=encode(answer), status=http_status(word), content_type="application/json", headers=headers)


def refuse(refusal: Refusal, *, request_id: str | UnsetType = UNSET) -> web.Response:
    """What is wrong with a question, in the words of whoever found it."""
    if isinstance(refusal.errors, dict):
        return reply(Invalid(errors=refusal.errors, request_id=request_id))
    answer = Refused(status=refusal.status, errors=refusal.errors, request_id=request_id)  # type: ignore[arg-type]
    return reply(answer, _challenge(refusal.status))


def no_store(answer: Answer) -> web.Response:
    """An answer that says in its own words that there is no service at the moment."""
    headers = {**_HEADERS, "Retry-After": str(RETRY_AFTER_SECONDS)}
    return web.Response(body=encode(answer), status=503, content_type="application/json", headers=headers)


def unavailable(sentence: str) -> web.Response:
    answer = Refused(status="unavailable", errors=[sentence])
    return reply(answer, {**_HEADERS, "Retry-After": str(RETRY_AFTER_SECONDS)})


def rate_limited(limited: RateLimited, *, request_id: str | UnsetType = UNSET) -> web.Response:
    answer = structs.replace(too_many(limited.scope, limited.per, limited.limit), request_id=request_id)
    return reply(answer, {**_HEADERS, "Retry-After": str(limited.retry_after_seconds)})


def _challenge(status: str) -> Mapping[str, str]:
    return {**_HEADERS, "WWW-Authenticate": "Bearer"} if status == "unauthorized" else _HEADERS
