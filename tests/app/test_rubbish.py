"""What nobody should send: always answered in words and soon, never a 5xx, never a line in the log, nothing taken."""

import asyncio
import gzip
import json
import logging
import re
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.app import bodies
from tests.app.catalogs import buyer, call_offer, catalog, contract, data_offer, endpoint, field, source
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN, CALLER, EDGE_TOKEN, Answer, Served, bearer, lead_path

BODY_BYTES_MAX = 65_536
ANSWERED_SECONDS = 10.0
"""Far above any answer's time: what is not there by then hangs."""
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
EVERY_TYPE = [
    field(f"a_{type}", type)
    for type in (
        "text",
        "phone",
        "integer",
        "decimal",
        "boolean",
        "date",
        "datetime",
        "state",
        "zip",
        "email",
        "url",
        "ip",
    )
]
CATALOG = catalog(
    endpoint(),
    endpoint("own", tracking="caller_number"),
    endpoint("leads", offer="leads"),
    endpoint("sandbox", test_mode=True),
    endpoint("closed", auth_required=True),
    source("known"),
    buyer(1, contract(25.00), contract(9.00, offer="leads")),
    offer=call_offer(field("caller_id", "phone", required_on=["ping", "post"]), *EVERY_TYPE) + data_offer(*EVERY_TYPE),
)
LEAD_PATHS = [
    lead_path(verb, uri) for verb in ("ping", "post", "full") for uri in ("calls", "own", "leads", "sandbox", "closed")
]
EDGE_PATHS = ["/api/v1/calls/route", "/api/v1/calls/events"]
BODY_PATHS = [lead_path("ping", "calls"), lead_path("post", "leads"), lead_path("full", "sandbox"), *EDGE_PATHS]


@pytest.fixture
async def served(serve: Serve, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Served]:
    yield await serve(CATALOG)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def send(served: Served, method: str, path: str, **how: Any) -> Answer:
    """The answer in JSON, as every answer must be: below 500, with success and status."""
    if path.startswith("/api/v1/calls"):
        how["headers"] = how.get("headers", {}) | bearer(EDGE_TOKEN)
    if path.startswith("/admin"):
        how["headers"] = how.get("headers", {}) | bearer(ADMIN_TOKEN)
    async with asyncio.timeout(ANSWERED_SECONDS):
        answer = await served.request(method, path, **how)
    assert answer.http < 500, (path, how, answer)
    assert isinstance(answer.json["success"], bool)
    assert isinstance(answer.json["status"], str)
    assert answer.headers["Cache-Control"] == "no-store"
    if answer.http != 200:
        assert answer.json["success"] is False
        assert answer.json["errors"], answer
    return answer


def nested(depth: int) -> bytes:
    return b'{"a_text": ' + b"[" * depth + b"]" * depth + b"}"


BODIES: list[tuple[str, bytes, str, int]] = [
    ("half an object", b'{"caller_id": "+1212', JSON, 400),
    ("no JSON at all", b"caller_id=1&b=2", JSON, 400),
    ("two objects", b"{}{}", JSON, 400),
    ("an array", b"[1, 2, 3]", JSON, 400),
    ("an array of objects", b'[{"caller_id": "+12125551234"}]', JSON, 400),
    ("null", b"null", JSON, 400),
    ("a text", b'"caller_id"', JSON, 400),
    ("a number", b"42", JSON, 400),
    ("true", b"true", JSON, 400),
    ("no number", b'{"caller_id": NaN}', JSON, 400),
    ("infinity", b'{"caller_id": Infinity}', JSON, 400),
    ("single quotes", b"{'caller_id': '+12125551234'}", JSON, 400),
    ("a comment", b'{"caller_id": "+12125551234"} // please', JSON, 400),
    ("only NUL", b"\x00" * 50, JSON, 400),
    ("NUL within", b'{"caller_id": "+1212\x005551234"}', JSON, 400),
    ("Latin-1", '{"a_text": "Zoë"}'.encode("latin-1"), JSON, 400),
    ("UTF-16", '{"a_text": "Zoë"}'.encode("utf-16"), JSON, 400),
    ("half a character", b'{"a_text": "\xe2\x82"}', JSON, 400),
    ("overlong UTF-8", b'{"a_text": "\xc0\xaf"}', JSON, 400),
    ("a key twice", b'{"caller_id": "+12125551234", "caller_id": "+13105551234"}', JSON, 400),
    ("a key twice, escaped", b'{"caller_id": "+12125551234", "caller\\u005fid": "+13105551234"}', JSON, 400),
    ("deep nesting", nested(30_000), JSON, 400),
    ("gzip that nobody announced", gzip.compress(b"{}"), JSON, 400),
    ("a form of bad bytes", b"caller_id=%ff%fe%00", FORM, 400),
    ("half JSON as a form", b'{"caller_id": ', FORM, 400),
    ("an array as a form", b'["caller_id"]', FORM, 400),
    ("a form's key twice", b"caller_id=1&caller_id=2", FORM, 400),
    ("XML", b"<lead/>", "text/xml", 415),
    ("multipart", b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
    ("bytes", b"\x89PNG", "application/octet-stream", 415),
    ("a type that is none", b"{}", "teapot", 415),
    ("a very long type", b"{}", "x" * 4_000, 415),
    ("JSON in a foreign charset", b"{}", "application/json; charset=utf-7", 415),
    ("too much", b'{"a_text": "' + b"x" * BODY_BYTES_MAX + b'"}', JSON, 413),
    ("far too much", b"[" * 3_000_000, JSON, 413),
    ("too much of a form", b"a=" + b"%20" * 40_000, FORM, 413),
]


@pytest.mark.parametrize(("body", "kind", "http"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
async def test_a_body_that_is_none_is_refused_everywhere(served: Served, body: bytes, kind: str, http: int) -> None:
    before = served.contents()
    for path in BODY_PATHS:
        answer = await send(served, "POST", path, data=body, headers={"Content-Type": kind})
        assert answer.http == http, (path, answer.json)
    assert served.contents() == before


async def test_the_largest_body_there_may_be_is_read(served: Served) -> None:
    body = json.dumps({"caller_id": CALLER, "unknown": ""})
    body = body[:-2] + "x" * (BODY_BYTES_MAX - len(body)) + body[-2:]
    assert len(body) == BODY_BYTES_MAX
    for path in BODY_PATHS:
        answer = await send(served, "POST", path, data=body, headers={"Content-Type": JSON})
        assert answer.http != 413, path


HOSTILE: list[object] = [
    None,
    [],
    {},
    [None],
    {"$gt": ""},
    "",
    " ",
    "x" * 10_000,
    "9" * 10_000,
    "\x00",
    "+1212\x005551234",
    "\ud800",
    "💣" * 50,
    "\u202e\ufeff",
    "'; DROP TABLE sales; --",
    "{{7*7}}${7*7}",
    "*\r\nFLUSHALL\r\n",
    "../../etc/passwd",
    True,
    0,
    -1,
    1.5,
    1e308,
    10**30,
    "1e400",
    "NaN",
    "٣",
    "p" + "0" * 32,
    "p" + "0" * 32 + "-0",
    "t" + "f" * 32,
    "p" + "f" * 32 + "-99999",
]
PARAMETERS = ["caller_id", "traffic_source_id", "ping_id", "buyer_id", "buyer_ids", "trackdrive_number", "auth_token"]
PARAMETERS += ["request_id", "min_bid", "tmax_ms", "opt_out", "test", "an_unknown_one", "caller_id_sha256"]
FIELDS = [line.split('"')[1] for text in EVERY_TYPE for line in text.splitlines() if line.startswith("name")]


@pytest.mark.parametrize("path", LEAD_PATHS)
async def test_a_hostile_value_of_any_parameter_is_answered_in_words(served: Served, path: str) -> None:
    for name in PARAMETERS + FIELDS:
        for value in HOSTILE:
            body = json.dumps({"caller_id": CALLER, "trackdrive_number": "+18665550150"} | {name: value})
            await send(served, "POST", path, data=body, headers={"Content-Type": JSON})


@pytest.mark.parametrize("path", EDGE_PATHS)
async def test_a_hostile_value_of_a_switch_is_answered_in_words(served: Served, path: str) -> None:
    call = {"edge": "e", "call": "c", "tracking_number": "+18005550100", "event": "heartbeat"}
    names = ["edge", "call", "tracking_number", "caller_id", "attempt", "last", "event", "outcome", "duration_ms"]
    for name in names:
        for value in HOSTILE:
            body = json.dumps(call | {name: value})
            await send(served, "POST", path, data=body, headers={"Content-Type": JSON})


async def test_hostile_queries_are_answered_in_words(served: Served) -> None:
    for query in ("%", "%zz", "caller_id=%ff", "caller_id=%00", "=", "&&&", "caller_id", "a=1;b=2", "x" * 5_000):
        for path in LEAD_PATHS:
            await send(served, "GET", f"{path}?{query}")


async def test_hostile_tokens_and_headers_are_answered_in_words(served: Served) -> None:
    for authorization in (
        "",
        "Bearer",
        "Bearer ",
        "bearer x y",
        "Basic Og==",
        "Bearer " + "x" * 7_000,
        "Bearer ünicode",
    ):
        for path in ("/api/v1/calls/route", "/admin/status", lead_path("ping", "closed")):
            headers = {"Authorization": authorization}
            assert (await served.request("POST", path, json={}, headers=headers)).http in (401, 405), authorization
    for header, value in (("Sec-GPC", "x"), ("X-Forwarded-For", "," * 3_000), ("Cookie", "=" * 3_000), ("Host", "?")):
        await send(served, "POST", lead_path("ping", "calls"), json={"caller_id": CALLER}, headers={header: value})


@pytest.mark.parametrize(
    "path",
    [
        lead_path("ping", "nobody"),
        lead_path("ping", "x" * 5_000),
        lead_path("ping", "%00"),
        lead_path("ping", "%ff%fe"),
        lead_path("ping", "..%2f..%2fadmin"),
        lead_path("ping", ""),
        lead_path("pong", "calls"),
        "/api/v1/inbound_webhooks/ping/calls/",
        "/posting-instructions/%3Cscript%3E",
        "/posting-instructions/.json",
        "/posting-instructions/" + "x" * 5_000,
        "/admin/decisions/" + "x" * 5_000,
        "/admin/buyers/x/pause",
        "/",
        "//",
        "/%00",
        "/..",
        "/favicon.ico",
    ],
)
async def test_a_path_to_nowhere_is_told_so(served: Served, path: str) -> None:
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        answer = await send(served, method, path)
        assert answer.http in (404, 405), path


# -- ids of others


async def test_ids_of_another_endpoint_or_source_and_forged_ones_sell_nothing(served: Served) -> None:
    _, ping = await served.ping("calls", caller_id=CALLER, traffic_source_id="known")
    try_all = ping["try_all_buyers_ping_id"]
    of_buyer = ping["buyers"][0]["ping_id"]
    forged = [try_all[:-1] + ("0" if try_all[-1] != "0" else "1"), f"{try_all}-1", f"{try_all}-00", f"t{try_all[1:]}"]
    forged += [try_all.upper(), f" {try_all}x", f"s{try_all[1:]}", try_all[1:], f"{of_buyer}0", "x" * 10_000, "💣", "-"]
    for ping_id in forged:
        answer = await send(served, "POST", lead_path("post", "calls"), json={"ping_id": ping_id})
        assert answer.json["status"] in ("ping_expired", "invalid"), (ping_id, answer)
    for uri, lead in (("own", {}), ("leads", {}), ("calls", {"traffic_source_id": "somebody"})):
        answer = await send(served, "POST", lead_path("post", uri), json={"ping_id": of_buyer} | lead)
        assert answer.json["status"] == "ping_expired", uri
    answer = await send(served, "POST", lead_path("post", "calls"), json={"ping_id": of_buyer, "buyer_id": 2})
    assert (answer.http, list(answer.json["errors"])) == (422, ["buyer_id"])
    assert not [name for name in served.key_names() if name.startswith("sale:")]
    _, post = await served.post("calls", ping_id=of_buyer, traffic_source_id="known")
    assert post["status"] == "success"


# -- below HTTP's good manners


async def raw(served: Served, *parts: bytes) -> bytes:
    """What comes back on a line of its own for these bytes; the connection is closed after them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.client.port)
    try:
        async with asyncio.timeout(ANSWERED_SECONDS):
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read()
    finally:
        writer.close()


def request(*headers: str, body: bytes = b"", path: str = lead_path("ping", "calls")) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", f"Content-Type: {JSON}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def encoded(encoding: str, body: bytes) -> bytes:
    return request(f"Content-Length: {len(body)}", f"Content-Encoding: {encoding}", body=body)


LEAD = json.dumps({"caller_id": CALLER}).encode()
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(LEAD), LEAD)
BOMB = gzip.compress(b'{"a_text": "' + b"x" * 30_000_000 + b'"}')

WIRE: list[tuple[str, bytes, int]] = [
    ("chunks", request("Transfer-Encoding: chunked", body=CHUNKS), 200),
    ("chunks of no size", request("Transfer-Encoding: chunked", body=b"zz\r\nabc\r\n0\r\n\r\n"), 400),
    ("gzip", encoded("gzip", gzip.compress(LEAD)), 200),
    ("deflate", encoded("deflate", zlib.compress(LEAD)), 200),
    ("gzip that is none", encoded("gzip", LEAD), 400),
    ("a gzip bomb", encoded("gzip", BOMB), 413),
    ("an unknown encoding", encoded("zip", LEAD), 200),
    ("a length that is none", request("Content-Length: ten", body=LEAD), 400),
    ("a length below zero", request("Content-Length: -1", body=LEAD), 400),
    ("two lengths", request("Content-Length: 1", "Content-Length: 2", body=LEAD), 400),
    ("length and chunks", request(f"Content-Length: {len(LEAD)}", "Transfer-Encoding: chunked", body=CHUNKS), 400),
    ("a huge header", request("X-Long: " + "x" * 40_000), 400),
    ("a method nobody knows", b"BREW / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400),
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n", 400),
    ("an expectation", request("Content-Length: 0", "Expect: the-moon"), 417),
    ("an id of 100,000 characters", request(path=lead_path("ping", "calls") + "?ping_id=" + "x" * 100_000), 400),
]


@pytest.mark.parametrize(("sent", "http"), [row[1:] for row in WIRE], ids=[row[0] for row in WIRE])
async def test_bad_manners_on_the_line_are_refused_and_the_next_client_is_served(
    serve: Serve, sent: bytes, http: int
) -> None:
    served = await serve(CATALOG)
    answer = await raw(served, sent)
    assert re.match(rb"HTTP/1\.[01] %d " % http, answer), answer[:300]
    assert (await served.ping(caller_id=CALLER))[0] == 200


async def test_a_body_that_never_comes_keeps_nobody_waiting(serve: Serve) -> None:
    served = await serve(CATALOG, in_flight_max=3)
    lines = [await asyncio.open_connection("127.0.0.1", served.client.port) for _ in range(8)]
    for _, writer in lines:
        writer.write(request("Content-Length: 100", body=b'{"caller_id"'))
        await writer.drain()
    for at in range(3):
        http, said = await served.ping(caller_id=f"+1212555100{at}")
        assert (http, said["status"]) == (200, "success")
    for _, writer in lines:
        writer.close()


@pytest.mark.parametrize("path", [lead_path("post", "calls"), *EDGE_PATHS])
async def test_a_body_that_comes_too_slowly_is_given_up(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.client.port)
    token = f"Authorization: Bearer {EDGE_TOKEN}"
    writer.write(request("Content-Length: 100", token, body=b'{"caller_id"', path=path))
    async with asyncio.timeout(ANSWERED_SECONDS):
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        assert b'"malformed_body"' in await reader.readuntil(b"}")
    writer.close()


async def test_a_client_that_hangs_up_leaves_no_line_in_the_log(served: Served) -> None:
    for part in (b"", b'{"caller_id"'):
        _, writer = await asyncio.open_connection("127.0.0.1", served.client.port)
        writer.write(request("Content-Length: 100", body=part))
        await writer.drain()
        assert (await served.ping(caller_id=CALLER))[0] == 200
        writer.close()
        await writer.wait_closed()
        assert (await served.ping(caller_id=CALLER))[0] == 200
