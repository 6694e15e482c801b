"""What the lane reads, aiohttp would have read the same: no bytes may be one request to the one and another, or two, to
the other. Each case is given to both parsers, as are thousands of requests that were damaged at random."""

import asyncio
import random
from typing import NamedTuple

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser

from service.app import heads
from service.app.heads import HEADERS_MAX, read_head

LEAD = "/api/v1/inbound_webhooks/ping/calls"
LINE = f"POST {LEAD} HTTP/1.1".encode()
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
"""31 bytes: the length that some bodies below are said to have."""
LINE_BYTES_MAX = 65_536
DAMAGED = 100_000
"""Requests of the random test: about a second."""


def head(*lines: bytes, first: bytes = LINE) -> bytes:
    return b"\r\n".join((first, b"Host: a", *lines, b"", b""))


class Read(NamedTuple):
    """A request as it was read, by whomever."""

    target: str
    headers: tuple[str, str, str, str]
    keep_alive: bool
    body: bytes


def by_lane(data: bytes) -> tuple[Read, bytes] | None:
    """The request that the lane answers, and what it leaves behind it; None where it gives the bytes away."""
    at = data.find(b"\r\n\r\n") + 4
    read = read_head(data[:at]) if at >= 4 else None
    if read is None or len(data) < at + read.content_length:
        return None
    end = at + read.content_length
    target = f"/api/v1/inbound_webhooks/{read.path}/{read.vanity_uri}" + ("?" + read.query if read.query else "")
    headers = read.content_type, read.authorization, read.sec_gpc, read.forwarded_for
    return Read(target, headers, read.keep_alive, data[at:end]), data[end:]


def by_aiohttp(data: bytes) -> list[Read]:
    """All requests in the data, the last of which may be half there. Raises where aiohttp refuses."""
    loop = asyncio.get_running_loop()
    parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16, max_line_size=LINE_BYTES_MAX)
    found = []
    for message, payload in parser.feed_data(data)[0]:
        told = message.headers
        forwarded_for = ",".join(told.getall("X-Forwarded-For", ()))
        headers = told.get("Content-Type", ""), told.get("Authorization", ""), told.get("Sec-GPC", ""), forwarded_for
        body = payload.read_nowait()
        if not payload.is_eof():
            body += b"... and more to come"
        found.append(Read(message.path.removesuffix("?"), headers, not message.should_close, body))
    return found


def read_alike(data: bytes) -> bool:
    """Whether the lane reads a request in this data; then aiohttp must read the very same one, and nothing else."""
    mine = by_lane(data)
    if mine is None:
        return False
    read, left = mine
    whole = data[: len(data) - len(left)]
    assert by_aiohttp(whole) == [read], data
    if read.keep_alive:  # what comes next begins where the lane says
        assert [one.target for one in by_aiohttp(whole + NEXT)] == [read.target, "/next"], data
    return True


PLAIN = [
    head(),
    head(b"Content-Length: 2") + b"{}",
    head(b"content-LENGTH:2\t ") + b"{}",
    head(b"Content-Length: 002") + b"{}",
    head(b"Content-Length: 0"),
    head(b"X-Empty:", b"Content-Length: 2") + b"{}",
    head(b"X-Empty: \t", b"Content-Length: 2") + b"{}",
    head(b"Content-Length: 2") + b"{}" + head(b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    head(b"Content-Length: 31") + NEXT,
    head(b"Content-Type: application/json \t", b"Authorization: Bearer x ", b"Sec-GPC: 1\t"),
    head(b"X-Forwarded-For: 192.0.2.1 ", b"x-forwarded-for:192.0.2.2", b"X-Forwarded-For: ,,"),
    head(b"Authorization: Bearer \xff\x80k\xc3\xb6"),
    head(b"Connection: close"),
    head(b"Connection: keep-alive"),
    head(b"Connection: Close \t", b"Content-Length: 2") + b"{}",
    head(first=LINE.replace(b"POST", b"GET").replace(b"calls", b"calls?caller_id=%2B12125551234&a=b?c&d+e")),
    head(first=LINE.replace(b"calls", b"calls?")),
    head(first=LINE.replace(b"calls", b"..")),
    head(first=LINE.replace(b"ping/calls", b"post/A.b_c~d-1@e")),
    head(first=LINE.replace(b" HTTP", b"  HTTP")),
    b"\r\n" + head(),
]
"""Requests that the lane should read: without these, the others would show nothing."""

NOT_PLAIN = [
    # How long the body is
    head(b"Content-Length: +2") + b"{}",
    head(b"Content-Length: -2") + b"{}",
    head(b"Content-Length: 0x2") + b"{}",
    head(b"Content-Length: 1_0") + b"0123456789",
    head(b"Content-Length: 2 2") + b"{}",
    head(b"Content-Length: 2,2") + b"{}",
    head(b"Content-Length:") + b"{}",
    head(b"Content-Length : 2") + b"{}",
    head(b" Content-Length: 2") + b"{}",
    head(b"Content-Length: 2", b"Content-Length: 2") + b"{}",
    head(b"Content-Length: 2", b"content-length: 31") + NEXT,
    head(b"Content-Length: 1\r\n 0") + b"0123456789",
    head(b"Content-Length: 99999999999999999999999"),
    head(b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    head(b"Transfer-Encoding: identity", b"Content-Length: 2") + b"{}",
    head(b"Transfer-Encoding: chunked", b"Content-Length: 31") + b"0\r\n\r\n" + NEXT,
    head(b"Content-Length: 31", b"Transfer-Encoding: chunked") + b"0\r\n\r\n" + NEXT,
    head(b"Content-Length: 31", b"Transfer-Encoding:\x0bchunked") + b"0\r\n\r\n" + NEXT,
    head(b"Content-Length: 31", b"Transfer-Encoding:\r\n chunked") + b"0\r\n\r\n" + NEXT,
    head(b"Content-Length: 31", b"Transfer-Encoding : chunked") + b"0\r\n\r\n" + NEXT,
    head(b"Content-Length: 31", b"tRANSFER-eNCODING: xchunked") + b"0\r\n\r\n" + NEXT,
    head(b"Content-Encoding: gzip", b"Content-Length: 2") + b"{}",
    head(b"Trailer: X", b"Content-Length: 2") + b"{}",
    # Where a line ends
    head(b"X: y").replace(b"\r\n", b"\n"),
    head(b"X: y\nContent-Length: 2") + b"{}",
    head(b"X: y\rContent-Length: 2") + b"{}",
    head(b"X: y\r\r\nContent-Length: 2") + b"{}",
    head(b"X: y\n\r\nContent-Length: 2") + b"{}",
    head(b"X: y\r\n\tz"),
    head(b"X: y\x00z"),
    head(b"X\x00: y"),
    head(b"X\xff: y"),
    head(b"X y: z"),
    head(b": y"),
    head(b"y"),
    # What aiohttp would refuse
    LINE + b"\r\n\r\n",
    head(b"Host: b"),
    head(b"Content-Type: text/plain", b"Content-Type: application/json"),
    head(b"User-Agent: a", b"User-Agent: a"),
    head(b"Sec-WebSocket-Key1: x"),
    head(*(b"x-%d: y" % at for at in range(HEADERS_MAX))),
    # What only aiohttp understands
    head(b"Connection: close, keep-alive"),
    head(b"Connection: upgrade"),
    head(b"Connection:"),
    head(b"Authorization: Bearer a", b"Authorization: Bearer b"),
    head(b"Expect: 100-continue", b"Content-Length: 2") + b"{}",
    head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    head(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),
    *(
        head(first=LINE.replace(b"POST", other))
        for other in (b"HEAD", b"PUT", b"OPTIONS", b"post", b"GETT", b"CONNECT")
    ),
    *(
        head(first=LINE.replace(b"1.1", other))
        for other in (b"1.0", b"0.9", b"2.0", b"1.2", b"1.10", b"1.1 ", b"1.1\t")
    ),
    head(first=LINE.removesuffix(b" HTTP/1.1")),
    head(first=LINE.replace(b" HTTP", b"\tHTTP")),
    head(first=LINE.replace(b"/api", b"http://a/api")),
    head(first=LINE.replace(b"/api", b"//api")),
    head(first=LINE.replace(b"/api", b"/x/../api")),
    head(first=LINE.replace(b"/ping", b"/PING")),
    *(
        head(first=LINE.replace(b"calls", other))
        for other in (
            b"",
            b"c%61lls",
            b"calls/",
            b"calls/x",
            b"calls#x",
            b"calls?a#b",
            b"calls;x",
            b"calls\xff",
            b"a\x00b",
        )
    ),
    head(first=LINE.replace(b"calls", b"calls?city=K\xc3\xb6ln")),
    b"\r\n\r\n" + head(),
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + head(),
    b"\x16\x03\x01" + head(),
]


@pytest.mark.parametrize("data", PLAIN)
async def test_what_the_lane_reads_aiohttp_reads_the_same(data: bytes) -> None:
    assert read_alike(data)


@pytest.mark.parametrize("data", NOT_PLAIN)
async def test_what_is_not_plain_is_none_of_the_lanes(data: bytes) -> None:
    assert by_lane(data) is None


@pytest.mark.parametrize("byte", range(256))
async def test_no_single_byte_anywhere_makes_them_differ(byte: int) -> None:
    plain = head(b"Content-Length: 2", b"Connection: close") + b"{}"
    for at in range(len(plain)):
        read_alike(plain[:at] + bytes((byte,)) + plain[at:])
        read_alike(plain[:at] + bytes((byte,)) + plain[at + 1 :])


async def test_requests_damaged_at_random_are_read_alike_or_given_away() -> None:
    dice = random.Random(20_260_101)
    pieces = [line for data in (*PLAIN, *NOT_PLAIN) for line in data.splitlines(keepends=True)]
    pieces += [b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b"\x00", b"\xff", b",", b":", b"0", b"1", b"{}"]
    count = sum(read_alike(_damaged(dice, pieces)) for _ in range(DAMAGED))
    assert count > DAMAGED / 20  # the others show nothing


def _damaged(dice: random.Random, pieces: list[bytes]) -> bytes:
    """A plain request with one to three pieces of others in it, or without some of its own bytes."""
    data = dice.choice(PLAIN)
    for _ in range(dice.randint(1, 3)):
        at = dice.choice((dice.randrange(len(data) + 1), data.find(b"\r\n") + 2))
        data = data[:at] + dice.choice(pieces) + data[at + dice.choice((0, 0, 1, 5)) :]
    return data


def test_a_head_whose_query_holds_a_person_is_not_remembered() -> None:
    before = heads._read_or_remember.cache_info()
    first = head(first=f"GET {LEAD}?caller_id=12125551234 HTTP/1.1".encode())
    found = read_head(first)
    assert found is not None
    assert found.query == "caller_id=12125551234"
    assert heads._read_or_remember.cache_info() == before
