"""Requests as bytes."""

from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from service.bench.invented import NUMBER

NUMBER_DIGITS: Final = 10
ROUTE_PATH: Final = "/api/v1/calls/route"
EVENTS_PATH: Final = "/api/v1/calls/events"
EDGE: Final = "bench"
"""The name of the phone switch that our calls come from."""


class Target(Struct, frozen=True):
    """Heads of requests up to the value of Content-Length. `token` is the publisher's, "" where there is none."""

    token: str
    ping_head: bytes
    post_head: bytes
    route_head: bytes
    event_head: bytes


def target_of(url: str, edge_url: str | None, endpoint: str, *, token: str, edge_token: str) -> Target:
    """Heads for one endpoint of a service; tokens are "" where there are none."""
    lead_path = "/api/v1/inbound_webhooks/%s/" + quote(endpoint, safe="").replace("%", "%%")
    return Target(
        token=token,
        ping_head=_head(url, lead_path % "ping", token),
        post_head=_head(url, lead_path % "post", token),
        route_head=_head(edge_url or url, ROUTE_PATH, edge_token),
        event_head=_head(edge_url or url, EVENTS_PATH, edge_token),
    )


def _head(url: str, path: str, token: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        "Content-Type: application/json",
        *([f"Authorization: Bearer {token}"] if token else []),
        "Content-Length: ",
    ]
    return "\r\n".join(lines).encode()


def request(head: bytes, body: bytes) -> bytes:
    return b"%b%d\r\n\r\n%b" % (head, len(body), body)


def request_template(head: bytes, body: bytes) -> tuple[bytes, int]:
    """The request with `%d` where `body` has a NUMBER, and how many those are. Every number has ten digits, so that the
    length is known ahead."""
    slot = NUMBER.encode()
    slots = body.count(slot)
    length = len(body) + slots * (NUMBER_DIGITS - len(slot))
    whole = b"%b%d\r\n\r\n" % (head, length)
    return whole.replace(b"%", b"%%") + body.replace(b"%", b"%%").replace(slot, b"%d"), slots


def route_request(head: bytes, call: str, tracking_number: str, caller: str) -> bytes:
    asked = {"edge": EDGE, "call": call, "tracking_number": tracking_number, "attempt": 0}
    return request(head, msgspec.json.encode(asked | ({"caller_id": caller} if caller else {})))


def event_request(head: bytes, call: str, event: str) -> bytes:
    told: dict[str, object] = {"event": event, "edge": EDGE, "call": call, "attempt": 0}
    if event == "ended":
        told |= {"outcome": "completed", "duration_ms": 1000}
    return request(head, msgspec.json.encode(told))
