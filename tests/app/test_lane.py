"""The lane answers as aiohttp would: the same bytes to both, on lines of their own, and every answer compared."""

import gzip
import json
from hashlib import sha256
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint, field, source
from tests.app.conftest import Serve
from tests.app.lines import HEALTHZ, PING, Told, line_to, port_of, request, without_lane
from tests.app.served import Served, lead_path

TOKEN = "secret-token"
CATALOG = catalog(
    endpoint(),
    endpoint("closed", auth_required=True),
    endpoint("few", rate_limits={"per_day": 1}),
    source("known", auth_tokens=[{"name": "first", "sha256": sha256(TOKEN.encode()).hexdigest()}]),
    buyer(1, contract(25.00)),
    offer=call_offer(field("age", "integer", min=16, max=110), field("note", "text")),
)
COMPARED = "content-type", "cache-control", "allow", "retry-after", "www-authenticate", "connection", "content-length"
OF_ITS_OWN = "decision_id", "ping_ids_expiry_in_seconds", "try_all_buyers_ping_id"
JSON, FORM = "Content-Type: application/json", "Content-Type: application/x-www-form-urlencoded"
LEAD = b'{"age": 30}'
WRONG = b'{"age": 300}'
"""Its answer says what was read."""
SIZE_MAX = 64 * 1024


class Case(NamedTuple):
    """Bytes, how many answers they get, and whether the lane is the one to give the first."""

    sent: bytes
    by_lane: bool = False
    answers: int = 1
    bodyless: bool = False


def get(query: str = "", *headers: str, method: str = "GET", path: str = PING) -> bytes:
    return request(b"", *headers, first=f"{method} {path}{query} HTTP/1.1", length=False)


def big(size: int) -> bytes:
    return request(WRONG + b" " * (size - len(WRONG)), JSON)


def chunked(body: bytes, *headers: str) -> bytes:
    return request(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body), "Transfer-Encoding: chunked", *headers, length=False)


CASES = {
    # What most publishers send
    "json": Case(request(LEAD, JSON), by_lane=True),
    "json that is wrong": Case(request(WRONG, JSON), by_lane=True),
    "form": Case(request(b"age=300&note=a+b%21", FORM), by_lane=True),
    "json as a form": Case(request(WRONG, FORM), by_lane=True),
    "no type": Case(request(b"age=300"), by_lane=True),
    "foreign type": Case(request(b"age=300", "Content-Type: text/plain"), by_lane=True),
    "type with space": Case(request(WRONG, JSON + " \t"), by_lane=True),
    "no json": Case(request(b"{", JSON), by_lane=True),
    "query": Case(get("?age=300&note=%C3%B6"), by_lane=True),
    "query twice": Case(get("?age=300&age=300"), by_lane=True),
    "query with signs": Case(get("?age=300&note=a?b/c:d@e;f&g=[h]"), by_lane=True),
    "get with a body": Case(request(WRONG, JSON, first=f"GET {PING} HTTP/1.1"), by_lane=True),
    "body and query": Case(request(LEAD, JSON, first=f"POST {PING}?age=300 HTTP/1.1"), by_lane=True),
    "nothing": Case(request(), by_lane=True),
    "no length": Case(get(method="POST"), by_lane=True),
    "post": Case(request(b'{"ping_id": "x"}', JSON, first=f"POST {lead_path('post', 'calls')} HTTP/1.1"), by_lane=True),
    "full": Case(request(WRONG, JSON, first=f"POST {lead_path('full', 'calls')} HTTP/1.1"), by_lane=True),
    "unknown endpoint": Case(get(path=lead_path("ping", "nowhere")), by_lane=True),
    "dots": Case(get(path=lead_path("ping", "..")), by_lane=True),
    "unauthorized": Case(get(path=lead_path("ping", "closed")), by_lane=True),
    "wrong token": Case(request(LEAD, JSON, "Authorization: Bearer nobody's"), by_lane=True),
    "token": Case(
        get("", "Authorization: bearer  secret-token \t", path=lead_path("ping", "closed")),
        by_lane=True,
    ),
    "token that is no text": Case(request(LEAD, JSON, "Authorization: Bearer \udcff"), by_lane=True),
    "opted out": Case(request(LEAD, JSON, "Sec-GPC: 1 "), by_lane=True),
    "forwarded thrice": Case(request(LEAD, JSON, *("X-Forwarded-For: 192.0.2.1",) * 3), by_lane=True),
    "close": Case(request(LEAD, JSON, "Connection: close"), by_lane=True),
    "close without a body": Case(get("?age=300", "Connection: Close"), by_lane=True),
    "keep-alive": Case(request(LEAD, JSON, "Connection: keep-alive"), by_lane=True),
    "largest body": Case(big(SIZE_MAX), by_lane=True),
    "empty line before": Case(b"\r\n" + request(WRONG, JSON), by_lane=True),
    "leading zeros": Case(request(WRONG, JSON, "Content-Length: 0012", length=False), by_lane=True),
    # Other ways to say it
    "body too large": Case(big(SIZE_MAX + 1)),
    "chunks": Case(chunked(WRONG, JSON)),
    "gzip": Case(request(gzip.compress(WRONG), JSON, "Content-Encoding: gzip")),
    "head": Case(get(method="HEAD"), bodyless=True),
    "put": Case(request(LEAD, JSON, first=f"PUT {PING} HTTP/1.1")),
    "options": Case(get(method="OPTIONS")),
    "1.0": Case(request(LEAD, JSON, first=f"POST {PING} HTTP/1.0")),
    "1.0 kept alive": Case(request(LEAD, JSON, "Connection: keep-alive", first=f"POST {PING} HTTP/1.0")),
    "whole address": Case(get("?age=300", path=f"http://x{PING}")),
    "escaped path": Case(get(path=PING.replace("calls", "c%61lls?age=300"))),
    "escaped slash": Case(get(path=PING.replace("/calls", "%2Fcalls"))),
    "no path": Case(get(path="/nothing")),
    "fragment": Case(get("?age=300#x")),
    "high bytes in the query": Case(get("?note=\udcc3\udcb6&age=300")),
    "high bytes in the path": Case(get(path=PING + "\udcff")),
    "expecting": Case(request(WRONG, JSON, "Expect: 100-continue"), answers=2),
    "two tokens": Case(request(LEAD, JSON, "Authorization: Bearer secret-token", "Authorization: Bearer x")),
    "h2c": Case(get("?age=300", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA")),
    "websocket": Case(get("?age=300", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")),
    "two": Case(request(WRONG, JSON) * 2, answers=2),
    "three": Case(request(WRONG, JSON) + get("?note=x&age=200") + request(LEAD, JSON), answers=3),
    "fifty": Case(b"".join(get(f"?age={at}") for at in range(200, 250)), answers=50),
    "empty lines between": Case(request(WRONG, JSON) + b"\r\n\r\n" + get("?age=301"), answers=2),
    "more behind the last": Case(request(LEAD, JSON, "Connection: close") + get("?age=300")),
    # What nobody should send
    "two types": Case(request(LEAD, JSON, FORM)),
    "no host": Case(request(LEAD, JSON).replace(b"Host: x\r\n", b"")),
    "two hosts": Case(request(LEAD, JSON, "Host: y")),
    "two lengths": Case(request(LEAD, JSON, "Content-Length: 11")),
    "two lengths that differ": Case(request(LEAD, JSON, "Content-Length: 1")),
    "signed length": Case(request(LEAD, JSON, "Content-Length: +11", length=False)),
    "negative length": Case(request(LEAD, JSON, "Content-Length: -11", length=False)),
    "huge length": Case(request(LEAD, JSON, "Content-Length: 9" + "9" * 30, length=False)),
    "length and chunks": Case(request(b"0\r\n\r\n" + get("?age=300"), "Transfer-Encoding: chunked")),
    "chunks and length": Case(chunked(LEAD, "Content-Length: 5")),
    "chunks in disguise": Case(request(b"0\r\n\r\n" + get(), "Transfer-Encoding: \x0bchunked")),
    "chunks and more": Case(chunked(LEAD, JSON).replace(b"chunked", b"chunked, identity")),
    "folded": Case(request(LEAD, JSON, "X: y\r\n z")),
    "bare line feeds": Case(request(LEAD, JSON).replace(b"\r\n", b"\n")),
    "space before the colon": Case(request(LEAD, JSON, "X : y")),
    "nul": Case(request(LEAD, JSON, "X: y\x00z")),
    "nul in the path": Case(get(path=PING + "\x00")),
    "huge head": Case(request(LEAD, JSON, "X: " + "y" * 9_000)),
    "many headers": Case(request(LEAD, JSON, *(f"x-{at}: y" for at in range(200)))),
    "rubbish behind": Case(request(WRONG, JSON) + b"}}}}\r\n\r\n"),
    "no http": Case(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n"),
}


async def conversation(port: int, case: Case) -> list[Told]:
    """Every answer to the case and, where the line is still good, to a question after it, which shows where the case
    ends for whoever read it."""
    async with line_to(port) as line:
        line.send(case.sent)
        found: list[Told] = []
        while len(found) < case.answers and (told := await line.told(bodyless=case.bodyless)) is not None:
            found.append(told)
        line.send(HEALTHZ)
        return found + await line.rest()


def compared(told: Told) -> tuple[int, dict[str, str | None], Any]:
    """What must be the same. Ids have one length, so that of the answer may be compared."""
    headers = {name: told.headers.get(name) for name in COMPARED}
    try:
        said = told.json
    except ValueError:
        return told.http, headers, told.text
    for one in (said, *said.get("buyers", ())):
        for name in ("ping_id", *OF_ITS_OWN):
            one.pop(name, None)
    return told.http, headers, said


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(CATALOG)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_lane_answers_as_aiohttp_does(served: Served, case: Case) -> None:
    async with without_lane(served) as port:
        theirs = await conversation(port, case)
    ours = await conversation(port_of(served), case)
    assert [compared(told) for told in ours] == [compared(told) for told in theirs]
    assert len(theirs) >= case.answers, "the case shows less than it says"
    assert [told.by_lane for told in ours][:1] == [case.by_lane]
    assert 500 not in [told.http for told in ours]


async def test_retry_after_and_challenges_are_told_by_the_lane(served: Served) -> None:
    async with line_to(port_of(served)) as line:
        few = get(path=lead_path("ping", "few"))
        assert (await line.answer(few)).http == 200
        limited = await line.answer(few)
        unauthorized = await line.answer(get(path=lead_path("ping", "closed")))
    assert limited.http == 429
    assert int(limited.headers["retry-after"]) > 0
    assert unauthorized.http == 401
    assert unauthorized.headers["www-authenticate"] == "Bearer"
    assert limited.by_lane
    assert unauthorized.by_lane


async def test_a_head_of_the_lanes_largest_size_and_one_byte_more(served: Served) -> None:
    async with without_lane(served) as plain:
        for size in (8_191, 8_192, 8_193):
            padding = size - len(get("", "X: "))
            asked = Case(get("", "X: " + "y" * padding))
            ours, theirs = await conversation(port_of(served), asked), await conversation(plain, asked)
            assert [compared(told) for told in ours] == [compared(told) for told in theirs]
            assert ours[0].by_lane == (size <= 8_192)


# -- segments


def numbered(at: int, kind: str) -> bytes:
    """A valid request whose answer says its number."""
    age = json.dumps({"age": 1_000 + at}).encode()
    match kind:
        case "json":
            return request(age, JSON)
        case "form":
            return request(b"age=%d" % (1_000 + at), FORM)
        case "get":
            return get(f"?age={1_000 + at}")
        case "chunks":
            return chunked(age, JSON)
        case "empty line":
            return b"\r\n" + request(age, JSON)
        case _:
            return request(age + b" " * 20_000, JSON)


KINDS = "json", "json", "json", "form", "get", "get", "empty line", "large", "chunks"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_requests_cut_anywhere_are_answered_whole_in_order_one_by_one(
    served: Served, data: st.DataObject
) -> None:
    kinds = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8))
    stream = b"".join(numbered(at, kind) for at, kind in enumerate(kinds))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    async with line_to(port_of(served)) as line:
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            line.send(stream[begin:end])
            # A ping of another line takes its way meanwhile, so that this segment is read by itself.
            if data.draw(st.booleans()):
                await other_ping(served)
        answers = [await line.answer() for _ in kinds]
        line.send(HEALTHZ)
        assert [told.http for told in await line.rest()] == [200]
    assert [told.http for told in answers] == [422] * len(kinds)
    sent = [told.json["errors"]["age"] for told in answers]
    assert sent == [[f"age is above 110. You sent {1_000 + at}."] for at in range(len(kinds))]


async def other_ping(served: Served) -> None:
    async with line_to(port_of(served)) as line:
        assert (await line.answer(get("?age=30"))).http == 200


@pytest.mark.parametrize(
    "name", ["chunks", "length and chunks", "chunks and length", "gzip", "two tokens", "expecting"]
)
async def test_a_head_by_itself_is_enough_to_be_given_away(served: Served, name: str) -> None:
    head, _, body = CASES[name].sent.partition(b"\r\n\r\n")
    async with line_to(port_of(served)) as line, without_lane(served) as plain:
        line.send(head, b"\r\n\r\n")
        await other_ping(served)
        line.send(body, HEALTHZ)
        ours = await line.rest()
        theirs = await conversation(plain, CASES[name])
    assert [compared(told) for told in ours] == [compared(told) for told in theirs]
    assert not any(told.by_lane for told in ours)


async def test_a_request_that_comes_byte_by_byte_is_answered_by_the_lane_once_its_head_is_here(served: Served) -> None:
    async with line_to(port_of(served)) as line:
        asked = request(WRONG, JSON)
        line.send(asked[: -len(WRONG)])
        for at in range(len(asked) - len(WRONG), len(asked)):
            await other_ping(served)
            line.send(asked[at : at + 1])
        told = await line.answer()
        assert (told.http, told.by_lane) == (422, True)
        again = await line.answer(asked)
        assert (again.http, again.by_lane) == (422, True)
