"""Connections of a test's own, spoken to in bytes: for what no HTTP client would send."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

from service.app.lane import Front
from service.app.running import Runner
from tests.app.served import Json, Served, lead_path

ANSWERED_SECONDS = 10.0
"""Far above any answer's time: what is not there by then hangs."""
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
PING = lead_path("ping", "calls")


class Told(NamedTuple):
    """An answer. Names of headers are lower-case."""

    http: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.text)
        return found

    @property
    def by_lane(self) -> bool:
        """aiohttp gives its name, except to what is no answer yet."""
        return "server" not in self.headers and self.http >= 200

    @property
    def stays(self) -> bool:
        return self.headers.get("connection") != "close"


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))

    async def told(self, *, bodyless: bool = False) -> Told | None:
        """The next answer, None at the connection's end. `bodyless` says that HEAD was asked."""
        async with asyncio.timeout(ANSWERED_SECONDS):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as end:
                if end.partial:
                    raise
                return None
            except ConnectionError:
                return None
            first, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = 0 if bodyless else int(headers.get("content-length", 0))
            body = await self.reader.readexactly(length)
        return Told(int(first.split()[1]), headers, body.decode())

    async def answer(self, *parts: bytes) -> Told:
        """Sends, and takes one answer, which must come."""
        self.send(*parts)
        told = await self.told()
        assert told is not None, parts
        return told

    async def rest(self) -> list[Told]:
        """Every answer until the connection ends."""
        found = []
        while (told := await self.told()) is not None:
            found.append(told)
        return found


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


def port_of(served: Served) -> int:
    """Where the lane listens."""
    port = served.client.port
    assert port is not None
    return port


def front_of(served: Served) -> Front:
    front = cast(Runner, served.client.server.runner).front
    assert front is not None
    return front


@asynccontextmanager
async def without_lane(served: Served) -> AsyncIterator[int]:
    """A port on which aiohttp alone serves the same application."""
    server = await asyncio.get_running_loop().create_server(front_of(served).behind, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def request(body: bytes = b"", *headers: str, first: str = f"POST {PING} HTTP/1.1", length: bool = True) -> bytes:
    lines = [first, "Host: x", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


async def until(holds: Callable[[], bool]) -> None:
    """Gives way until something holds that nobody tells of."""
    async with asyncio.timeout(ANSWERED_SECONDS):
        while not holds():  # noqa: ASYNC110  # nobody would set an event
            await asyncio.sleep(0.005)
