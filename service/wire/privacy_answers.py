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
