"""One connection to Redis that all questions of a worker share: asked in one write per turn of the event loop, answered
in order.

A question whose asker has given up stays in the order, and its answer is dropped: no connection is lost by a time-out.
redis-py makes it (address, TLS, password) and is then relieved of its transport: its own calls cost ten times as much,
and one that is cancelled was measured to hold up its asker for a second.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection

from service.errors import StoreDown

Word = bytes | str | int
Command = Sequence[Word]

LOOK_SECONDS = 0.005
"""How often the line looks for askers whose time is over: one timer for all, as one of each asker's own costs 1 µs."""


class Line(asyncio.Protocol):
    def __init__(self, writer: asyncio.StreamWriter, on_lost: Callable[["Line"], None]) -> None:
        # Kept, for a writer that nobody holds closes its transport.
        self._writer = writer
        self._transport = writer.transport
        self._on_lost = on_lost
        self._reader = hiredis.Reader()
        self._loop = asyncio.get_running_loop()
        # For each question: who waits, until when, the replies that are here (None: just one will come), for how many.
        self._asked: deque[tuple[asyncio.Future[Any], float, list[Any] | None, int]] = deque()
        self._unsent: list[bytes] = []
        self._looks: asyncio.TimerHandle | None = None
        self._looked_at = 0.0
        self._is_retired = False
        self.is_lost = False

    @property
    def questions(self) -> int:
        """How many wait for their answer, given up or not."""
        return len(self._asked)

    def ask(self, pieces: Sequence[bytes], give_up_at: float) -> asyncio.Future[Any]:
        """The reply to one command in Redis' protocol; an error of Redis is an exception that is not raised."""
        return self._ask(pieces, give_up_at)

    def ask_all(self, pieces: Sequence[bytes], awaited: int, give_up_at: float) -> asyncio.Future[list[Any]]:
        """The replies to so many commands (one at least), errors among them."""
        assert awaited
        return self._ask(pieces, give_up_at, [], awaited)

    def close(self) -> None:
        self._transport.abort()

    def retire(self) -> None:
        """Ends when nobody waits any more. A script that was asked may still run: who was refused before the time of
        the script is over would have been sold."""
        self._is_retired = True
        if self._looks is None:
            self.close()

    def _ask(
        self, pieces: Sequence[bytes], give_up_at: float, replies: list[Any] | None = None, awaited: int = 1
    ) -> asyncio.Future[Any]:
        answer = self._loop.create_future()
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent += pieces
        self._asked.append((answer, give_up_at, replies, awaited))
        if self._looks is None:
            self._looks = self._loop.call_later(LOOK_SECONDS, self._look)
        return answer

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self.is_lost:
            self._refuse_all()  # asked after it was lost, by who had found it just before
        else:
            self._transport.write(b"".join(unsent))

    def _look(self) -> None:
        """Refuses those whose time was over at the last look already: uvloop runs timers before it reads sockets, so
        that after a stall of this process a reply may be here that was not read, and who is told 503 would have been
        sold."""
        over_at, self._looked_at = self._looked_at, self._loop.time()
        someone_waits = False
        for answer, give_up_at, _, _ in self._asked:
            if answer.done():
                continue
            if give_up_at <= over_at:
                answer.set_exception(StoreDown("Redis did not answer in time."))
            else:
                someone_waits = True
        if self._is_retired and not someone_waits:
            self.close()
        self._looks = self._loop.call_later(LOOK_SECONDS, self._look) if self._asked else None

    def _refuse_all(self) -> None:
        while self._asked:
            answer, *_ = self._asked.popleft()
            if not answer.done():
                answer.set_exception(StoreDown("The connection to Redis was lost."))

    # What the transport tells

    def data_received(self, data: bytes) -> None:
        reader, asked = self._reader, self._asked
        try:
            reader.feed(data)
            while asked:
                reply = reader.gets()
                if reply is False:
                    return
                answer, _, replies, awaited = asked[0]
                if replies is not None:
                    replies.append(reply)
                    if len(replies) < awaited:
                        continue
                    reply = replies
                asked.popleft()
                if not answer.done():
                    answer.set_result(reply)
        except hiredis.ProtocolError:
            self.close()  # whatever this is, it is no Redis: nothing that follows could be told apart
        else:
            if reader.has_data():
                self.close()  # a reply that nobody asked for would be given to the next who asks

    def connection_lost(self, fault: Exception | None) -> None:
        self.is_lost = True
        self._on_lost(self)
        if self._looks is not None:
            self._looks.cancel()
        self._refuse_all()


async def open_line(connection: AbstractConnection, on_lost: Callable[[Line], None]) -> Line:
    """Connects, and takes the transport over. Raises what redis-py raises, and OSError."""
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
    except RuntimeError as fault:  # uvloop's, where the other end hangs up between two words of the introduction
        raise ConnectionResetError("The connection was lost while it was made") from fault
    writer, reader = connection._writer, connection._reader
    assert writer is not None
    assert reader is not None
    # redis-py would close the transport with its connection object.
    connection._writer = connection._reader = None
    if reader.at_eof() or writer.transport.is_closing():  # of which the line would never be told
        writer.transport.abort()
        raise ConnectionResetError("The connection was lost as soon as it was made")
    line = Line(writer, on_lost)
    writer.transport.set_protocol(line)
    return line
