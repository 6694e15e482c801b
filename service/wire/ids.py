"""Ids of decisions, pings and sales: made here, read here, opaque to everybody else.

One decision id stands for one auction (a ping and its posts): 16 random bytes, so it cannot be guessed, in hex. The ids
handed out are the decision id with a letter before it: `p` a ping, `t` a test ping, `s` a sale; a buyer's ping id adds
its place in the record's bids, and so does the id of a sale where one post made several.
"""

import os
import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

_DECISION: Final = re.compile(r"[0-9a-f]{32}")
_PING: Final = re.compile(r"([pt])([0-9a-f]{32})(?:-(0|[1-9][0-9]{0,4}))?")
_SALE: Final = re.compile(r"s([0-9a-f]{32})(?:-(0|[1-9][0-9]{0,4}))?")


class PingId(Struct, frozen=True):
    """`position` is the buyer's place in the record's bids, None in a try-all id."""

    decision_id: str
    position: int | None
    test: bool


class SaleId(Struct, frozen=True):
    """`part` is the buyer's place in the record's bids where the post sold to several, else None."""

    decision_id: str
    part: int | None = None


_BYTES: Final = 16
_MINTED_AT_ONCE: Final = 256
"""Ids made of one look at the system's randomness, which costs more than the rest of an id."""


def mint_decision_id() -> str:
    return next(_minted)


def _mint() -> Iterator[str]:
    while True:
        digits = os.urandom(_BYTES * _MINTED_AT_ONCE).hex()
        yield from (digits[at : at + 2 * _BYTES] for at in range(0, len(digits), 2 * _BYTES))


def _mint_anew() -> None:
    """A forked process must not go on with its parent's ids."""
    global _minted
    _minted = _mint()


_minted = _mint()
os.register_at_fork(after_in_child=_mint_anew)


def ping_id(decision_id: str, position: int | None = None, *, test: bool = False) -> str:
    """A buyer's ping id; without a position the try-all id."""
    letter = "t" if test else "p"
    return f"{letter}{decision_id}" if position is None else f"{letter}{decision_id}-{position}"


def sale_id(decision_id: str, part: int | None = None) -> str:
    return f"s{decision_id}" if part is None else f"s{decision_id}-{part}"


def parse_ping_id(text: str) -> PingId | None:
    """None for whatever we never issued the like of; any text may come."""
    match = _PING.fullmatch(text)
    if match is None:
        return None
    letter, decision_id, position = match.groups()
    return PingId(decision_id, None if position is None else int(position), letter == "t")


def parse_sale_id(text: str) -> SaleId | None:
    match = _SALE.fullmatch(text)
    if match is None:
        return None
    decision_id, part = match.groups()
    return SaleId(decision_id, None if part is None else int(part))


def parse_decision_id(text: str) -> str | None:
    """The decision id that any of our ids stands for, itself included: an operator pastes whichever is at hand."""
    if _DECISION.fullmatch(text):
        return text
    found = parse_ping_id(text) or parse_sale_id(text)
    return found.decision_id if found else None
