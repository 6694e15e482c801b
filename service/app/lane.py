"""The lane: plain lead requests, from the socket to the exchange and back without aiohttp's machinery in between.

aiohttp's server takes 34 µs of CPU for a request that does nothing; here it takes 9.5, most of it the sockets'. So a
connection begins here. The first thing on it that is not plain (see `heads.read_head`), or
that does not come whole, hands the connection to aiohttp with all bytes that were not answered yet, for good: whatever
is difficult about HTTP is aiohttp's, and is answered the same there.
"""

import asyncio
import logging
from collections.abc import Callable
from email.utils import formatdate
from functools import cache
from http import HTTPStatus
from typing import Final, cast

from service.app.draining import Draining
from service.app.heads import HEAD_BYTES_MAX, Head, read_head
from service.app.leads import Came, answer, turn_away
from service.app.replies import NO_STORE, Reply
from service.app.serving import Serving
from service.wire.body import BODY_BYTES_MAX

REQUEST_BYTES_MAX: Final = HEAD_BYTES_MAX + BODY_BYTES_MAX
SWEEP_SECONDS: Final = 1.0
"""How often lines are looked over: a body that is not here by the second look is awaited by aiohttp."""

_log = logging.getLogger(__name__)

_HEAD_END: Final = b"\r\n\r\n"


class Front:
    """Makes the protocols of a worker's connections: what a listening socket is given in aiohttp's place."""

    requests_count = 0
    """gunicorn's worker reads it, to end after so many; ours lives on."""

    def __init__(self, serving: Serving, draining: Draining, behind: Callable[[], asyncio.Protocol]) -> None:
        self.serving = serving
        self.draining = draining
        self.behind = behind
        """Makes aiohttp's protocol of a connection."""
        self.lanes: set[Lane] = set()
        self.date = ""
        self._keepalive_seconds = serving.settings.keepalive_seconds
        self._none_left = asyncio.Event()
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    def __call__(self) -> "Lane":
        return Lane(self)

    async def close(self, timeout_seconds: float) -> None:
        """Ends idle connections at once, the others with their answer, and after the time-out all that are left."""
        self._sweeping.cancel()
        for lane in list(self.lanes):
            lane.end_when_idle()
        try:
            async with asyncio.timeout(timeout_seconds):
                while self.lanes:
                    self._none_left.clear()
                    await self._none_left.wait()
        except TimeoutError:
            for lane in list(self.lanes):
                lane.abort()

    def give_away_partial(self) -> None:
        """Before the end: requests that did not come whole yet are aiohttp's to wait for."""
        for lane in list(self.lanes):
            lane.give_away_partial()

    def left(self, lane: "Lane") -> None:
        self.lanes.discard(lane)
        if not self.lanes:
            self._none_left.set()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.date = formatdate(usegmt=True)
            idle_since = loop.time() - self._keepalive_seconds
            for lane in list(self.lanes):
                try:
                    lane.look_over(idle_since)
                except Exception:  # the others' time goes on
                    _log.exception("a line could not be looked over")
            await asyncio.sleep(SWEEP_SECONDS)


class Lane(asyncio.Protocol):
    """One connection. One request at a time: what comes while it is answered waits, as far as there is room."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._loop = asyncio.get_running_loop()
        self._unread = b""
        self._at_work: asyncio.Task[None] | None = None
        self._quiet_since = self._loop.time()
        self._transport: asyncio.Transport
        self._peer = ""
        self._was_partial = False
        self._is_clogged = False
        """The client does not take its answers: it is asked nothing more, and nothing more is read of it."""
        self._is_ending = False

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self._front.lanes.add(self)

    def connection_lost(self, fault: Exception | None) -> None:
        self._unread = b""
        if self._at_work is None:
            self._front.left(self)
        else:  # whose client has gone: the end of the worker waits for it all the same
            self._at_work.add_done_callback(lambda _: self._front.left(self))

    def data_received(self, data: bytes) -> None:
        if self._unread:
            data = self._unread + data
        if self._at_work is None and not self._is_clogged:
            self._read(data)
            return
        self._unread = data
        if len(data) > REQUEST_BYTES_MAX:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._is_clogged = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._is_clogged = False
        self._go_on()

    # What the front asks

    def end_when_idle(self) -> None:
        self._is_ending = True
        if self._at_work is None:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def look_over(self, idle_since: float) -> None:
        """Now and then: ends a line that was quiet, or took no answers, for long; gives away one whose request does not
        come whole."""
        if self._at_work is not None:
            return
        if self._is_clogged:
            if self._quiet_since < idle_since:  # closing would wait until the answers are taken
                self._transport.abort()
        elif self._unread:
            if self._was_partial:
                self.give_away_partial()
            self._was_partial = True
        elif self._quiet_since < idle_since:
            self._transport.close()

    def give_away_partial(self) -> None:
        """Lets aiohttp wait for the rest of a request."""
        if self._unread and self._at_work is None and not self._is_clogged and not self._transport.is_closing():
            self._hand_over(self._unread)

    # A request

    def _read(self, data: bytes) -> None:
        head_end = data.find(_HEAD_END, 0, HEAD_BYTES_MAX) + len(_HEAD_END)
        head = read_head(data[:head_end]) if head_end >= len(_HEAD_END) else None
        if head is None or head.content_length > BODY_BYTES_MAX:
            self._hand_over(data)
            return
        end = head_end + head.content_length
        if len(data) < end:
            self._unread = data
            if self._front.draining.on:  # the end waits for bodies that aiohttp waits for
                self.give_away_partial()
        elif len(data) == end:
            self._unread, self._was_partial = b"", False
            if self._front.serving.gate.is_full:
                self._send(head, turn_away(self._front.serving, head.path, head.vanity_uri))
                return
            self._at_work = self._loop.create_task(self._answer(head, data[head_end:]))
        else:  # several requests in a row
            self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        """Gives the connection to aiohttp for good, with what it has not answered yet."""
        self._front.left(self)
        behind = self._front.behind()
        self._transport.set_protocol(behind)
        behind.connection_made(self._transport)
        behind.data_received(data)

    async def _answer(self, head: Head, body: bytes) -> None:
        came = Came(
            head.path,
            head.vanity_uri,
            body,
            head.query,
            head.content_type,
            head.authorization,
            head.sec_gpc,
            head.forwarded_for,
            self._peer,
        )
        reply = await answer(self._front.serving, came)
        self._at_work = None
        if self._transport.is_closing():
            return
        self._send(head, reply)
        if self._unread and not self._is_clogged:
            self._go_on()

    def _send(self, head: Head, reply: Reply) -> None:
        stays = head.keep_alive and not self._is_ending and not self._front.draining.on
        self._transport.write(_bytes_of(reply, self._front.date, stays=stays))
        if stays:
            self._quiet_since = self._loop.time()
        else:
            self._unread = b""
            self._transport.close()

    def _go_on(self) -> None:
        """With what came meanwhile."""
        if self._transport.is_closing():
            return
        self._transport.resume_reading()
        if self._unread and self._at_work is None:
            data, self._unread = self._unread, b""
            self._read(data)


def _bytes_of(reply: Reply, date: str, *, stays: bool) -> bytes:
    connection = "" if stays else "Connection: close\r\n"
    head = _plain_head(reply.status) if reply.headers is NO_STORE else _head_of(reply)
    return f"{head}Date: {date}\r\n{connection}Content-Length: {len(reply.body)}\r\n\r\n".encode() + reply.body


@cache
def _plain_head(status: int) -> str:
    """Of the answers that nearly all requests get; statuses are few."""
    return _head_of(Reply(status, b""))


def _head_of(reply: Reply) -> str:
    lines = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    return f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{lines}"
