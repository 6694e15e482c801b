"""Forgetting a person: the operators' path."""

import asyncio
import logging

from aiohttp import web

from service import ledger
from service.app.replies import Reply, refuse, reply
from service.app.serving import SERVING
from service.app.suppressions import read
from service.forgetting import ForgetAsk, forget
from service.ledger import Ledger
from service.wire import Refusal
from service.wire.privacy import decode_forget

_log = logging.getLogger(__name__)


async def forget_person(request: web.Request) -> Reply:
    """`POST /admin/forget`: erases a person and answers when it is done, which may take minutes."""
    serving = request.app[SERVING]
    snapshot = serving.snapshot
    asked = await read(request, decode_forget)
    if isinstance(asked, Refusal):
        return refuse(asked)
    to = ledger.open_ledger(ledger.url_of(serving.settings.ledger_url, serving.settings.var))
    try:
        made = await asyncio.to_thread(_known, to)
        told = await forget(serving.store, made, snapshot.catalog, ForgetAsk(asked.person, asked.suppress), _log.info)
    finally:
        to.dispose()
    _log.info("a person was forgotten: %s", told.erased)
    return reply(told)


def _known(to: Ledger) -> Ledger | None:
    """None where no archive ever made its tables; raises LedgerDown, LedgerUnfit."""
    if not ledger.is_made(to):
        return None
    ledger.check(to)
    return to
