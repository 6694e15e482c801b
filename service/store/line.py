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
Answer = asyncio.Future[list[Any]]


class Line(asyncio.Protocol):
    def __init__(self, writer: asyncio.StreamWriter, on_lost: Callable[["Line"], None]) -> None:
        # Kept, for a writer that nobody holds closes its transport.
        self._writer = writer
        self._transport = writer.transport
        self._on_lost = on_lost
        self._reader = hiredis.Reader()
        self._loop = asyncio.get_running_loop()
        # For each question: how many replies it still waits for, those it has, and who waits.
        self._asked: deque[tuple[int, list[Any], Answer]] = deque()
        self._unsent: list[bytes] = []
        self.is_lost = False

    @property
    def questions(self) -> int:
        """How many wait for their answer, given up or not."""
        return len(self._asked)

    def ask(self, commands: Sequence[Command]) -> Answer:
        """The replies to some commands; an error of Redis stands among them as an exception."""
        answer: Answer = self._loop.create_future()
        if not self._unsent:
            self._loop.call_soon(self._send)
        for command in commands:
            # Its stub knows tuples of one word only.
            self._unsent.append(hiredis.pack_command(tuple(command)))  # type: ignore[arg-type]
        self._asked.append((len(commands), [], answer))
        return answer

    def close(self) -> None:
        self._transport.abort()

    def _send(self) -> None:
        if not self.is_lost:
            self._transport.write(b"".join(self._unsent))
        self._unsent = []

    # What the transport tells

    def data_received(self, data: bytes) -> None:
        reader, asked = self._reader, self._asked
        reader.feed(data)
        while asked:
            reply = reader.gets()
            if reply is False:
                return
            awaited, replies, answer = asked[0]
            replies.append(reply)
            if len(replies) == awaited:
                asked.popleft()
                if not answer.done():
                    answer.set_result(replies)

    def connection_lost(self, fault: Exception | None) -> None:
        self.is_lost = True
        self._on_lost(self)
        while self._asked:
            _, _, answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(StoreDown("The connection to Redis was lost."))


async def open_line(connection: AbstractConnection, on_lost: Callable[[Line], None]) -> Line:
    """Connects, and takes the transport over. Raises what redis-py raises."""
    await connection.connect()  # type: ignore[no-untyped-call]
    writer = connection._writer
    assert writer is not None
    # redis-py would close the transport with its connection object.
    connection._writer = connection._reader = None
    line = Line(writer, on_lost)
    writer.transport.set_protocol(line)
    return line
