"""The head of a plain lead request, read without building a request of aiohttp's."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import httptools

from service.wire.parameters import Path

LEADS: Final = "/api/v1/inbound_webhooks"
HEAD_BYTES_MAX: Final = 8 * 1024
"""aiohttp's own limit for a header; longer heads are none of the lane's."""

HEADERS_MAX: Final = 128
"""aiohttp's own limit, beyond which it refuses."""

HEADS_KEPT_MAX: Final = 512
"""Clients send the same head again and again: found, it takes 0.3 µs instead of 4. At most 8 MiB."""

_PATHS: Final[tuple[Path, ...]] = ("ping", "post", "full")
_PREFIXES: Final = {f"{LEADS}/{path}/".encode(): path for path in _PATHS}
_PREFIX_LENGTH: Final = len(f"{LEADS}/ping/")
_NAME: Final = re.compile(rb"[A-Za-z0-9._@~-]+").fullmatch
"""What the catalog allows in a vanity URI, and nothing that would need decoding."""
_ODD: Final = frozenset(
    (
        b"transfer-encoding",
        b"content-encoding",
        b"expect",
        b"upgrade",
        b"trailer",
        b"te",
        b"proxy-connection",
        b"sec-websocket-key1",
    )
)
"""Whoever sends one of these is answered by aiohttp, which knows what they mean."""


class Head(NamedTuple):
    """What a plain head says. Names are those of `leads.Came`."""

    path: Path
    vanity_uri: str
    query: str
    content_length: int
    keep_alive: bool
    content_type: str
    authorization: str
    sec_gpc: str
    forwarded_for: str


class _Heard:
    """Takes what httptools tells."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_whole = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.is_whole = True


def read_head(head: bytes) -> Head | None:
    """The head of a GET or POST to a lead path, from its first byte to the empty line; None for whatever is not plain:
    another path or method, anything that is no clean HTTP/1.1, a header that changes how the body is read, no Host, a
    header that comes twice. None is no refusal: aiohttp reads it then. Whatever aiohttp would refuse must be None.

    A query holds a person, whom nothing here may remember: such a head is read anew each time."""
    return _read(head) if head.find(b"?", 0, head.find(b"\r\n")) >= 0 else _read_or_remember(head)


def _read(head: bytes) -> Head | None:
    if head.find(b"/inbound_webhooks/", 0, 40) < 0:
        return None
    heard = _Heard()
    parser = httptools.HttpRequestParser(heard)
    try:
        parser.feed_data(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    if not heard.is_whole or parser.get_method() not in (b"POST", b"GET") or parser.get_http_version() != "1.1":
        return None
    target, _, query = heard.url.partition(b"?")
    path = _PREFIXES.get(target[:_PREFIX_LENGTH])
    vanity_uri = target[_PREFIX_LENGTH:]
    if path is None or not _NAME(vanity_uri) or b"#" in query:
        return None
    return _head_of(path, vanity_uri.decode(), query, heard.headers)


_read_or_remember = lru_cache(HEADS_KEPT_MAX)(_read)


def _head_of(path: Path, vanity_uri: str, query: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Head | None:
    told: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in told:
            told[name] = value.rstrip(b" \t")
        elif name == b"x-forwarded-for":
            told[name] += b"," + value.rstrip(b" \t")
        else:
            return None
    if b"host" not in told or len(headers) > HEADERS_MAX or not _ODD.isdisjoint(told):
        return None
    # Not asked of the parser: a request without a body is over by now, and the parser has forgotten.
    connection = told.get(b"connection", b"keep-alive").lower()
    if connection not in (b"keep-alive", b"close"):
        return None
    try:
        return Head(
            path=path,
            vanity_uri=vanity_uri,
            query=query.decode("ascii"),
            content_length=int(told.get(b"content-length", 0)),
            keep_alive=connection == b"keep-alive",
            content_type=_text(told, b"content-type"),
            authorization=_text(told, b"authorization"),
            sec_gpc=_text(told, b"sec-gpc"),
            forwarded_for=_text(told, b"x-forwarded-for"),
        )
    except ValueError:
        return None


def _text(told: dict[bytes, bytes], name: bytes) -> str:
    value = told.get(name)
    return value.decode("utf-8", "surrogateescape") if value else ""
