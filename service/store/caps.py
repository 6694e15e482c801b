"""What a contract has sold by calendar period, as `lua/parts/caps.lua` keeps it."""

from struct import Struct

from service.model.catalog import PERS, Per

_WORDS = Struct("<qqq")
"""Start of the period, sold in it, and what that cost in micros."""


def place_of(per: Per) -> int:
    """Where a period's words begin, in bytes as Lua counts them."""
    return PERS.index(per) * _WORDS.size + 1


def sold_of(value: bytes | None) -> dict[Per, tuple[int, int, int]]:
    """Start, sales and their price in micros of the latest period of each kind in which anything was sold; empty where
    nothing ever was."""
    return dict(zip(PERS, _WORDS.iter_unpack(value), strict=True)) if value else {}
