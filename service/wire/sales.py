"""What is said of a sale or a balance after the post: returns, and what a buyer has paid."""

from typing import Final, Literal, get_args

from msgspec import Struct

from service.wire.body import Sent
from service.wire.reading import Reading
from service.wire.refusal import Refusal

REASON_LENGTH_MAX: Final = 500
KEY_LENGTH_MAX: Final = 100
"""Keys of credits are kept for ever."""

CreditKind = Literal["top_up", "correction"]


class Credit(Struct, frozen=True):
    """An entry on a buyer's balance; a correction may be below 0."""

    amount_micros: int
    key: str
    reason: str
    kind: CreditKind


def decode_credit(params: Sent) -> Credit | Refusal:
    """`invalid` with all that is wrong or missing. Never raises."""
    reader = Reading(params)
    credit = Credit(
        amount_micros=reader.amount("amount"),
        key=reader.text("key", KEY_LENGTH_MAX),
        reason=reader.text("reason", REASON_LENGTH_MAX),
        kind=reader.one_of("kind", get_args(CreditKind), needed=False) or "top_up",
    )
    if credit.amount_micros < 0 and credit.kind == "top_up":
        reader.complaints["amount"] = ["amount must be above 0. To take away, send the kind correction."]
    return Refusal("invalid", reader.complaints) if reader.complaints else credit


def decode_reason(params: Sent) -> str | Refusal:
    """Why a sale is returned. Never raises."""
    reader = Reading(params)
    reason = reader.text("reason", REASON_LENGTH_MAX)
    return Refusal("invalid", reader.complaints) if reader.complaints else reason
