"""Answers that differ in the decision's id, and in the publisher's own id, alone: encoded once, then filled in."""

import secrets
from collections.abc import Callable

import msgspec
from msgspec import Struct

from service.wire.answers import LeadAnswer
from service.wire.encode import encode

_PLACEHOLDER = secrets.token_hex(16)
"""As long as an id, and nothing that a catalog could hold by chance."""
_MARK = _PLACEHOLDER.encode()
_REQUEST_ID = b'"request_id":'


class Filled(Struct, frozen=True):
    """An answer in its bytes."""

    status: str
    body: bytes


class Template(Struct, frozen=True):
    """`body` goes as far as where a request's id stands, `rest` on from there."""

    status: str
    body: bytes
    rest: bytes

    def fill(self, decision_id: str, request_id: str = "") -> Filled:
        body = (
            self.body + _REQUEST_ID + msgspec.json.encode(request_id) + b"," + self.rest
            if request_id
            else self.body + self.rest
        )
        return Filled(self.status, body.replace(_MARK, decision_id.encode()))


def template_of(answer_to: Callable[[str], LeadAnswer]) -> Template:
    """The template of an answer that is made for a decision's id, from which all its ids come, and bears a
    `request_id`."""
    answer = answer_to(_PLACEHOLDER)
    assert answer.request_id == ""
    body, _, rest = encode(answer).partition(_REQUEST_ID + b'"",')
    return Template(answer.status, body, rest)
