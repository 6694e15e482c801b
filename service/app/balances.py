"""What buyers have paid in: the operators' paths."""

import logging

from aiohttp import web
from msgspec import UNSET

from service.app.bodies import body_of
from service.app.operators import buyer_named
from service.app.replies import Reply, refuse, reply
from service.app.serving import SERVING
from service.model.catalog import Buyer
from service.model.money import UNITS_MAX, units_of
from service.store import Store
from service.store.balances import CREDITS_MAX, CreditAsk, CreditStatus
from service.wire import Refusal, params
from service.wire.sale_answers import BalanceAnswer
from service.wire.sales import decode_credit

_log = logging.getLogger(__name__)

_REFUSALS: dict[CreditStatus, Refusal] = {
    "conflict": Refusal("conflict", ["This key has been counted before, for another buyer or another amount."]),
    "overdrawn": Refusal("invalid", {"amount": ["amount would leave less than nothing, or than what is reserved."]}),
    "beyond": Refusal("invalid", {"amount": [f"amount would make a balance above {UNITS_MAX}."]}),
    "full": Refusal("invalid", {"key": [f"{CREDITS_MAX} keys have been counted, and no more are kept."]}),
}


async def show(request: web.Request) -> Reply:
    """`GET /admin/buyers/{id}/balance`."""
    serving = request.app[SERVING]
    buyer = buyer_named(request)
    if isinstance(buyer, Refusal):
        return refuse(buyer)
    return reply(await _balance(serving.store, buyer))


async def credit(request: web.Request) -> Reply:
    """`POST /admin/buyers/{id}/balance`: a top-up, or a correction. A key counts once, for ever."""
    serving = request.app[SERVING]
    buyer = buyer_named(request)
    if isinstance(buyer, Refusal):
        return refuse(buyer)
    sent = params(await body_of(request), request.headers.get("Content-Type", ""), request.rel_url.raw_query_string)
    asked = sent if isinstance(sent, Refusal) else decode_credit(sent)
    if isinstance(asked, Refusal):
        return refuse(asked)
    ask = CreditAsk(buyer.id, asked.amount_micros, asked.key, asked.kind, asked.reason, by="operator")
    credited = await serving.store.credit(ask)
    if credited.status in _REFUSALS:
        return refuse(_REFUSALS[credited.status])
    if credited.status == "credited":
        _log.info("buyer %d: %s of %.2f by an operator", buyer.id, asked.kind, units_of(asked.amount_micros))
    return reply(await _balance(serving.store, buyer, is_repeat=credited.status == "repeat"))


async def _balance(store: Store, buyer: Buyer, *, is_repeat: bool = False) -> BalanceAnswer:
    found = await store.balance(buyer.id)
    return BalanceAnswer(
        buyer_id=buyer.id,
        balance=units_of(found.balance_micros),
        reserved=units_of(found.reserved_micros),
        balance_required=buyer.balance_required,
        repeat=is_repeat or UNSET,
    )
