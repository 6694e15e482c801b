"""From the bytes of a request to one flat table of names: JSON object, form or query, the body winning.

A name twice in one of them is refused: two systems on the way would disagree about which of the values counts, and one
of them has already quoted a price for the other.
"""

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

import orjson

from service.wire.refusal import Refusal, malformed

Params = dict[str, object]
"""Values by name as sent: text from a form or query, any JSON value from a JSON body."""
Sent = Mapping[str, object]
"""The same to those who only read it."""

BODY_BYTES_MAX: Final = 64 * 1024
"""Far above any lead with its certificates; the app refuses more before it is read."""

FIELDS_MAX: Final = 200
"""Names in one request: the widest lead forms that we know have about 120."""

NAME_LENGTH_MAX: Final = 100
"""Characters of a name; longer ones belong to nobody's form and are not read."""

_ECHO_LENGTH_MAX: Final = 50
_JSON_SPACE: Final = b" \t\r\n"
_KEY_ENDS = re.compile(rb'"[ \t\r\n]*:')


class EmptyText(str):
    """The "" of a form or query: there a template that was not filled in looks the same as a value that was not meant,
    so that names whose absence changes the question (`ping_id`, `buyer_ids`) can tell it from JSON's ""."""

    __slots__ = ()


EMPTY_TEXT: Final = EmptyText()


class _NameTwice(Exception):
    pass


def params(body: bytes, content_type: str, query: str) -> Params | Refusal:
    """The names and values of a request.

    `content_type` is the header as it came, "" where there is none; `query` is the part of the target after "?", still
    percent-encoded, without the "?". Refusals: `malformed_body`, `unsupported_media_type`. Never raises.
    """
    if not body or body.isspace():
        return _from_form(query.encode("utf-8", "surrogateescape"), "query") if query else {}
    found = _from_body(body, content_type)
    if not query or isinstance(found, Refusal):
        return found
    asked = _from_form(query.encode("utf-8", "surrogateescape"), "query")
    if isinstance(asked, Refusal):
        return asked
    for name, value in found.items():
        # The body wins; but a value that a template left empty there does not undo what the query says.
        if name not in asked or value not in (None, ""):
            asked[name] = value
    return _too_many("request") if len(asked) > FIELDS_MAX else asked


def _from_body(body: bytes, content_type: str) -> Params | Refusal:
    if content_type == "application/json":
        return _from_json(body)
    media, charset = _media_type(content_type)
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        return Refusal("unsupported_media_type", ["The body must be in UTF-8."])
    if media in ("application/json", "text/json") or (media.startswith("application/") and media.endswith("+json")):
        return _from_json(body)
    if media in ("", "application/x-www-form-urlencoded"):
        # What a bare `curl -d '{…}'` sends: JSON under the form's name. No form begins with a bracket.
        return _from_json(body) if body.lstrip(_JSON_SPACE)[:1] in (b"{", b"[") else _from_form(body, "body")
    return Refusal(
        "unsupported_media_type",
        ["Send a JSON object as application/json, or a form as application/x-www-form-urlencoded."],
    )


def _media_type(content_type: str) -> tuple[str, str]:
    """The type and the charset, lower-case, of a Content-Type header."""
    media, _, rest = content_type.partition(";")
    charset = ""
    for part in rest.split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    return media.strip().lower(), charset


def _from_json(body: bytes) -> Params | Refusal:
    if body[:3] == b"\xef\xbb\xbf":  # a byte order mark: some Windows clients write it, JSON forbids only to send it
        body = body[3:]
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        return malformed(
            f"The body is not valid JSON in UTF-8: {fault.msg} (line {fault.lineno}, column {fault.colno})."
        )
    if not isinstance(found, dict):
        return malformed("The body must be a JSON object.")
    twice = _name_twice_in(body, found)
    if twice is not None:
        return malformed(twice)
    return _too_many("body") if len(found) > FIELDS_MAX else found


def _name_twice_in(body: bytes, found: Params) -> str | None:
    """The sentence about a name that stands twice in one object of the body, else None.

    orjson keeps the last of two and says nothing. Every name ends in a quote and a colon, so as many of these as there
    are names at the top means that no name was lost; only a body where text or nesting adds further ones is read again.
    """
    if body.count(b":") == len(found) or len(_KEY_ENDS.findall(body)) == len(found):
        return None
    try:
        # Numbers are not wanted here, and int() refuses very long ones.
        json.loads(body.decode(), object_pairs_hook=_refuse_twice, parse_int=len, parse_float=len)
    except _NameTwice as twice:
        return f'The body has the name "{twice}" twice.'
    except (RecursionError, ValueError):
        return "The body is nested too deep."
    return None


def _refuse_twice(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _NameTwice(name[:_ECHO_LENGTH_MAX])
        seen.add(name)


def _from_form(text: bytes, where: str) -> Params | Refusal:
    found: Params = {}
    pieces = text.split(b"&")
    if len(pieces) > 4 * FIELDS_MAX:  # bounds the loop below; empty pieces are nobody's names
        return _too_many(where)
    for piece in pieces:
        raw_name, _, raw_value = piece.partition(b"=")
        if not raw_name:
            continue
        try:
            name, value = _plain(raw_name), _plain(raw_value)
        except UnicodeDecodeError:
            return malformed(f"The {where} is not valid UTF-8.")
        if name in found:
            return malformed(f'The {where} has the name "{name[:_ECHO_LENGTH_MAX]}" twice.')
        found[name] = value or EMPTY_TEXT
    return _too_many(where) if len(found) > FIELDS_MAX else found


def _plain(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    return raw.decode()


def _too_many(where: str) -> Refusal:
    return malformed(f"The {where} has more than {FIELDS_MAX} names.")
