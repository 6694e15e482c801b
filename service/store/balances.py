"""Balances of buyers: what was paid in, less what was charged. Redis keeps them for the scripts that sell; the archive
has every entry behind them.

Every buyer can be credited, so that one can be paid in before its catalog says `balance_required`. Only the sales of
buyers that require one are charged here: nothing is decided by the balance of the others.
"""

from typing import Final, Literal, get_args

from msgspec import Struct

from service.model.money import MICROS, UNITS_MAX
from service.store.asks import Balance
from service.store.runner import AskedInWords, Runner

CREDITS_MAX: Final = 1_000_000
"""Keys of credits are kept for ever, so that none ever counts twice: a million of them is about 100 MB of Redis."""

Kind = Literal["top_up", "correction"]
CreditStatus = Literal["credited", "repeat", "conflict", "overdrawn", "beyond", "full"]
_STATUSES: dict[bytes, CreditStatus] = {word.encode(): word for word in get_args(CreditStatus)}


class CreditAsk(Struct, frozen=True):
    """`amount_micros` may be below 0 in a correction. The same `key` counts once, whatever else is said with it."""

    buyer_id: int
    amount_micros: int
    key: str
    kind: Kind
    reason: str
    by: str


class Credited(Struct, frozen=True):
    """`repeat`: the key has counted before, with this buyer and amount; `conflict`: with others. `overdrawn`: less than
    nothing would be left, or than what is reserved. `beyond`: more than an account may hold. `full`: no key can be kept
    any more."""

    status: CreditStatus
    balance_micros: int


async def credit(runner: Runner, ask: CreditAsk) -> Credited:
    keys = runner.keys
    named = [keys.balance(ask.buyer_id), keys.reserved(ask.buyer_id), keys.credits, keys.sales]
    args = (ask.buyer_id, ask.amount_micros, ask.key, ask.kind, ask.reason, ask.by, UNITS_MAX * MICROS, CREDITS_MAX)
    asked = AskedInWords(named, args)
    reply = await runner.write("credit", lambda now_ms: asked)
    return Credited(_STATUSES[reply[0]], int(reply[1]))


async def balance(runner: Runner, buyer_id: int) -> Balance:
    keys, live = runner.keys, f"({runner.clock.now_ms()}"
    paid_in, pending = await runner.read(
        [("GET", keys.balance(buyer_id)), ("ZRANGEBYSCORE", keys.reserved(buyer_id), live, "+inf")]
    )
    return Balance(int(paid_in or 0), sum(price_of(member) for member in pending))


def price_of(member: bytes) -> int:
    """The price in the name of a pending sale."""
    return int(member.rpartition(b":")[2])
