"""What a contract has sold by calendar period, as `lua/parts/caps.lua` keeps it."""

from struct import Struct

from service.model.catalog import PERS, Per

_PAIR = Struct("<qq")
"""Start of the period, sold in it."""


def place_of(per: Per) -> int:
    """Where a period's pair begins, in bytes as Lua counts them."""
    return PERS.index(per) * _PAIR.size + 1


def sold_of(value: bytes | None) -> dict[Per, tuple[int, int]]:
    """Start and sales of the latest period of each kind in which anything was sold; empty where nothing ever was."""
    return dict(zip(PERS, _PAIR.iter_unpack(value), strict=True)) if value else {}
