"""Answers about sales and balances after the post: see `answers`."""

from typing import Literal

from msgspec import UNSET, UnsetType

from service.wire.answers import Answer


class ConversionAnswer(Answer, frozen=True, kw_only=True):
    """`taken`: the sale was pending and is `made` by this, or was made before and the conversion is `noted`. `late`: it
    was not pending any more. `repeat` stands where the same had been said before."""

    success: bool = True
    status: Literal["success"] = "success"
    sale_id: str
    taken: Literal["made", "noted"]
    late: bool | UnsetType = UNSET
    repeat: bool | UnsetType = UNSET


class ReturnAnswer(Answer, frozen=True, kw_only=True):
    """`credit` is what the buyer need not pay."""

    success: bool = True
    status: Literal["success"] = "success"
    sale_id: str
    credit: float
    repeat: bool | UnsetType = UNSET


class BalanceAnswer(Answer, frozen=True, kw_only=True):
    """`reserved` is what pending sales keep of the balance. `repeat`: the key had been counted before."""

    success: bool = True
    status: Literal["success"] = "success"
    buyer_id: int
    balance: float
    reserved: float
    balance_required: bool
    repeat: bool | UnsetType = UNSET
