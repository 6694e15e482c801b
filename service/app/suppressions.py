"""Suppression lists at run time: the operators' paths."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from aiohttp import web

from service.app.bodies import body_of
from service.app.replies import Reply, refuse, reply
from service.app.serving import SERVING, Serving
from service.match.people import EVERYWHERE
from service.store.suppressing import PEOPLE_MAX
from service.wire import Refusal, params
from service.wire.body import Sent
from service.wire.privacy import SuppressionAsk, decode_suppression
from service.wire.privacy_answers import (
    ListEntry,
    ListStatus,
    SuppressedAnswer,
    SuppressionFound,
    SuppressionsAnswer,
)

_log = logging.getLogger(__name__)

Asked = TypeVar("Asked")


async def show(request: web.Request) -> Reply:
    """`GET /admin/suppressions`: how many people are on which list."""
    serving = request.app[SERVING]
    counts = serving.people.counts()
    named = _names_of_catalog(serving)
    lists = [
        ListStatus(list=name, people=counts.get(name, 0), in_catalog=name in named)
        for name in (EVERYWHERE, *sorted({*named, *counts} - {EVERYWHERE}))
    ]
    return reply(SuppressionsAnswer(lists=lists, people_max=PEOPLE_MAX))


async def add(request: web.Request) -> Reply:
    """`POST /admin/suppressions`: within a second no worker offers these people to whom the list keeps them from."""
    serving = request.app[SERVING]
    asked = await read(request, decode_suppression)
    if isinstance(asked, Refusal):
        return refuse(asked)
    name = asked.name or EVERYWHERE
    if name != EVERYWHERE and name not in _names_of_catalog(serving):
        return refuse(
            Refusal(
                "invalid", {"list": ["list is none of the catalog's. Without a list, they are kept from everyone."]}
            )
        )
    done = await serving.store.suppress(name, asked.person, reason=asked.reason)
    if done.status == "full":
        return refuse(Refusal("invalid", {"numbers": [f"All lists together have room for {PEOPLE_MAX} people."]}))
    _log.info("%d of %d people are new on the suppression list %s", done.changed, len(asked.person.contacts), name)
    return reply(SuppressedAnswer(list=name, changed=done.changed))


async def remove(request: web.Request) -> Reply:
    """`DELETE /admin/suppressions`: from a list that the catalog has, or once had."""
    serving = request.app[SERVING]
    asked = await read(request, decode_suppression)
    if isinstance(asked, Refusal):
        return refuse(asked)
    name = asked.name or EVERYWHERE
    done = await serving.store.unsuppress(name, asked.person)
    _log.info("%d people were taken off the suppression list %s", done.changed, name)
    return reply(SuppressedAnswer(list=name, changed=done.changed))


async def find(request: web.Request) -> Reply:
    """`POST /admin/suppressions/find`: which lists somebody is on, since when and why."""
    serving = request.app[SERVING]
    asked = await read(request, decode_suppression)
    if isinstance(asked, Refusal):
        return refuse(asked)
    return reply(SuppressionFound(lists=await _entries(serving, asked)))


async def _entries(serving: Serving, asked: SuppressionAsk) -> list[ListEntry]:
    names = sorted({EVERYWHERE, *_names_of_catalog(serving), *serving.people.counts()})
    found = await serving.store.suppressed((asked.name,) if asked.name else names, asked.person)
    return [
        ListEntry(list=one.name, since=datetime.fromtimestamp(one.at_ms / 1000, UTC).isoformat(), reason=one.reason)
        for one in found
    ]


async def read(request: web.Request, decode: Callable[[Sent], Asked | Refusal]) -> Asked | Refusal:
    """A request's parameters, which stand in its body: a query is written into logs on the way."""
    sent = params(await body_of(request), request.headers.get("Content-Type", ""), "")
    return sent if isinstance(sent, Refusal) else decode(sent)


def _names_of_catalog(serving: Serving) -> frozenset[str]:
    return frozenset(listed.id for listed in serving.snapshot.catalog.suppression_lists)
