"""Answers to operators about people: see `answers`. None of them repeats a number or an address."""

from typing import Literal

from msgspec import Struct

from service.wire.answers import Answer


class ListStatus(Struct, frozen=True, kw_only=True):
    """`people` were put on it at run time; those that the catalog lists are not counted. A list that is not in the
    catalog (`in_catalog`) keeps its people from all buyers; "*" is the account's own, which does so too."""

    list: str
    people: int
    in_catalog: bool


class SuppressionsAnswer(Answer, frozen=True, kw_only=True):
    success: bool = True
    status: Literal["success"] = "success"
    lists: list[ListStatus]
    people_max: int


class SuppressedAnswer(Answer, frozen=True, kw_only=True):
    """`changed`: how many were not on the list before, or were taken off it."""

    success: bool = True
    status: Literal["success"] = "success"
    list: str
    changed: int


class ListEntry(Struct, frozen=True, kw_only=True):
    list: str
    since: str
    reason: str


class SuppressionFound(Answer, frozen=True, kw_only=True):
    """The lists that somebody was put on at run time."""

    success: bool = True
    status: Literal["success"] = "success"
    lists: list[ListEntry]


class SaleTold(Struct, frozen=True, kw_only=True):
    """`contract` is empty where a call moved the sale on to another buyer."""

    sale_id: str
    contract: str
    sold_at: str
    state: str


class BuyerTold(Struct, frozen=True, kw_only=True):
    """A buyer that received somebody: whoever was forgotten here must be told of there."""

    buyer_id: int
    name: str
    sales: list[SaleTold]


class ForgetAnswer(Answer, frozen=True, kw_only=True):
    """`known` is false where nothing was found of the person: they were never here, or are forgotten already. `erased`
    counts by kind; `kept` says what stands yet, and why."""

    success: bool = True
    status: Literal["success"] = "success"
    known: bool
    erased: dict[str, int]
    buyers: list[BuyerTold]
    suppressed: bool
    kept: list[str]
