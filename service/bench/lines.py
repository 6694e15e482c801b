"""Keep-alive connections to one address, each with one request on its way at a time, up to a number.

Plain protocols of the event loop that read no more of HTTP than status, Content-Length and whether the connection is
closed: a client that reads all of it costs several times what the driver may.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final, cast
from urllib.parse import urlsplit

from service.bench.asked import Asked

ANSWER_BYTES_MAX: Final = 1024 * 1024
CONNECT_SECONDS_MAX: Final = 5.0
WAITING_MAX: Final = 200_000
"""Requests that fell due and wait for a connection: some 100 MB. Beyond, the run ends: the service is far behind."""

OnAnswer = Callable[[Asked, int, bytes], None]
"""Request, HTTP status, body."""


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, lines: "Lines") -> None:
        self._lines = lines
        self._kept = b""
        self.asked: Asked | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, asked: Asked) -> None:
        self.asked = asked
        self.transport.write(asked.request)

    def data_received(self, data: bytes) -> None:
        if self._kept:
            data = self._kept + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._keep(data)
            return
        at = data.find(b"Content-Length: ", 0, end)
        length = _whole(data[at + 16 : data.find(b"\r", at + 16)]) if at > 0 else _length(data[:end])
        if length is None or not data.startswith(b"HTTP/1.1 "):
            self._broken(f"an answer without Content-Length or not of HTTP/1.1: {data[:100]!r}")
            return
        whole = end + 4 + length
        if len(data) < whole:
            self._keep(data)
            return
        self._kept = b""
        asked, self.asked = self.asked, None
        if asked is None or len(data) > whole:
            self._broken("bytes that no request asked for")
            return
        is_closing = data.find(b"onnection: close", 0, end) > 0
        # The connection is free before its answer is told, so that a closed loop may use it again.
        if not is_closing:
            self._lines.give_back(self)
        self._lines.on_answer(asked, int(data[9:12]), data[end + 4 : whole])
        if is_closing:
            self.transport.close()

    def connection_lost(self, fault: Exception | None) -> None:
        self._lines.lost(self, str(fault or "closed by the service"))

    def _keep(self, data: bytes) -> None:
        self._kept = data
        if len(data) > ANSWER_BYTES_MAX:
            self._broken(f"an answer of more than {ANSWER_BYTES_MAX} bytes")

    def _broken(self, why: str) -> None:
        self._lines.on_fault(why)
        self.transport.abort()


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return _whole(value.strip())
    return None


def _whole(digits: bytes) -> int | None:
    return int(digits) if digits.isdigit() else None


class Lines:
    """`count` connections to one address. A request that finds none free waits its turn.

    `on_answer` hears each answer, `on_fault` a sentence for whatever is no answer: a connection lost or refused.
    """

    def __init__(self, url: str, count: int, on_answer: OnAnswer, on_fault: Callable[[str], None]) -> None:
        self._url = url
        self.count = count
        self.on_answer = on_answer
        self.on_fault = on_fault
        self._free: list[Line] = []
        self._open: set[Line] = set()
        self._waiting: deque[Asked] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def open(self) -> None:
        """Opens all of them. Raises OSError where the service does not take one."""
        for at in range(0, self.count, 32):  # not all at once: the listener's queue is finite
            await asyncio.gather(*(self._add() for _ in range(at, min(at + 32, self.count))))

    def ask(self, asked: Asked) -> bool:
        """Sends at once, or when a connection is free; False where too many wait already."""
        if self._free:
            # The one that was last free: few connections stay busy, as behind a publisher's own pool.
            self._free.pop().ask(asked)
            return True
        self._waiting.append(asked)
        return len(self._waiting) <= WAITING_MAX

    def give_back(self, line: Line) -> None:
        if self._waiting:
            line.ask(self._waiting.popleft())
        else:
            self._free.append(line)

    def lost(self, line: Line, why: str) -> None:
        """An idle one may go, as keep-alive ends; a busy one takes its request with it."""
        self._open.discard(line)
        if line in self._free:
            self._free.remove(line)
        if self._is_closed:
            return
        if line.asked is not None:
            self.on_fault(f"a connection was lost under a {line.asked.kind}: {why}")
        task = asyncio.get_running_loop().create_task(self._again())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def unanswered(self) -> list[Asked]:
        """Requests that fell due and have no answer."""
        return [line.asked for line in self._open if line.asked is not None] + list(self._waiting)

    def close(self) -> None:
        self._is_closed = True
        for task in list(self._opening):
            task.cancel()
        for line in list(self._open):
            line.transport.abort()

    async def _again(self) -> None:
        try:
            await self._add()
        except OSError as fault:
            self.on_fault(f"{self._url} takes no more connections: {fault}")

    async def _add(self) -> None:
        target = urlsplit(self._url)
        context = ssl.create_default_context() if target.scheme == "https" else None
        port = target.port or (443 if context else 80)
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            _, line = await asyncio.get_running_loop().create_connection(
                lambda: Line(self), target.hostname or "", port, ssl=context
            )
        self._open.add(line)
        self.give_back(line)
