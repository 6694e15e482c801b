"""`pingpost forget`: a person goes from Redis and the ledger, by a process of its own that gives way to answering.

Not through a running service, as other commands do: a walk over millions of keys and decisions takes minutes, of which
no worker should lose one, and an operator wants to see it go on.
"""

import argparse
import asyncio
import json
import os
import sys

import msgspec

from service import catalog as catalogs
from service import ledger, settings
from service.cli.tables import table
from service.errors import PingpostError, StartFailed
from service.forgetting import ForgetAsk, forget
from service.model.catalog import Catalog
from service.process import ground
from service.process.archive_child import NICENESS
from service.settings import Settings
from service.store import Store, StoreSettings
from service.store.embedded import url_of
from service.wire import Refusal
from service.wire.privacy import decode_forget
from service.wire.privacy_answers import ForgetAnswer

GIVE_UP_MS = 10_000
"""Nobody waits for an answer here, and Redis may be busy."""


class NotForgotten(PingpostError):
    """What was asked is nobody's number or address."""


def forget_person(given: argparse.Namespace) -> int:
    asked = decode_forget({"caller": given.caller, "email": given.email, "suppress": given.suppress})
    if isinstance(asked, Refusal):
        assert isinstance(asked.errors, dict)
        raise NotForgotten(" ".join(sentence for few in asked.errors.values() for sentence in few))
    told = settings.read(os.environ, {row.name: getattr(given, row.name, None) for row in settings.TABLE})
    redis_url = told.redis_url or url_of(told.var)
    if redis_url is None:
        raise StartFailed(f"No service keeps its Redis under {told.var}: give --var, or set PINGPOST_REDIS_URL.")
    loaded = catalogs.load(told.catalog)
    if isinstance(loaded, list):
        raise StartFailed(f"The catalog {told.catalog} has mistakes, so that its account is not known: {loaded[0]}")
    os.nice(max(0, NICENESS - os.nice(0)))
    told = msgspec.structs.replace(told, redis_url=redis_url, secret=ground.secret_of(told))
    answer = asyncio.run(_forget(told, loaded, ForgetAsk(asked.person, asked.suppress)))
    print(json.dumps(msgspec.to_builtins(answer), indent=2) if given.json else _as_text(answer))
    return 0


async def _forget(told: Settings, loaded: Catalog, asked: ForgetAsk) -> ForgetAnswer:
    limits = StoreSettings(give_up_ms=GIVE_UP_MS, connect_ms=GIVE_UP_MS)
    store = Store(told.redis_url or "", loaded.account.id, told.secret, limits)
    to = ledger.open_ledger(ledger.url_of(told.ledger_url, told.var))
    try:
        await store.open()
        return await forget(store, to, loaded, asked, _tell)
    finally:
        await store.close()
        to.dispose()


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _as_text(answer: ForgetAnswer) -> str:
    shown = []
    if not answer.known:
        shown.append("Nothing is known of this person: they were never here, or are forgotten already.")
    else:
        shown.append(table(("erased", "count"), list(answer.erased.items())))
    rows = [(b.buyer_id, b.name, s.sale_id, s.contract, s.sold_at, s.state) for b in answer.buyers for s in b.sales]
    if rows:
        heads = ("buyer", "name", "sale", "contract", "sold at", "state")
        shown += ["They were sold to these buyers, who must forget them too:", table(heads, rows)]
    elif answer.known:
        shown.append("They were sold to nobody.")
    if answer.suppressed:
        shown.append("They are suppressed from now on, as a keyed hash.")
    return "\n\n".join([*shown, *answer.kept])
