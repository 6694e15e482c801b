"""Forgetting a person: the operators' path."""

import logging

from aiohttp import web

from service import ledger
from service.app.replies import Reply, refuse, reply
from service.app.serving import SERVING
from service.app.suppressions import read
from service.forgetting import ForgetAsk, forget
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
        told = await forget(serving.store, to, snapshot.catalog, ForgetAsk(asked.person, asked.suppress), _log.info)
    finally:
        to.dispose()
    _log.info("a person was forgotten: %s", told.erased)
    return reply(told)
