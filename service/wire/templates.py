"""Answers that differ in the decision's id alone: encoded once, then filled in."""

import secrets
from collections.abc import Callable

from msgspec import Struct

from service.wire.answers import Answer
from service.wire.encode import encode

_PLACEHOLDER = secrets.token_hex(16)
"""As long as an id, and nothing that a catalog could hold by chance."""
_MARK = _PLACEHOLDER.encode()


class Filled(Struct, frozen=True):
    """An answer in its bytes."""

    status: str
    body: bytes


class Template(Struct, frozen=True):
    status: str
    body: bytes

    def fill(self, decision_id: str) -> Filled:
        return Filled(self.status, self.body.replace(_MARK, decision_id.encode()))


def template_of(answer_to: Callable[[str], Answer]) -> Template:
    """The template of an answer that is made for a decision's id, from which all its ids come."""
    answer = answer_to(_PLACEHOLDER)
    return Template(answer.status, encode(answer))
