"""Stands between a client and a real Redis and does to their bytes what a network may: splits, holds, adds, cuts."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

READ_BYTES = 65_536

Split = Callable[[bytes], Iterable[bytes]]


def whole(data: bytes) -> Iterable[bytes]:
    return (data,)


class _Pair:
    """One connection of the client and the one to Redis that stands for it."""

    def __init__(self, ours: asyncio.StreamWriter, theirs: asyncio.StreamWriter) -> None:
        self.ours, self.theirs = ours, theirs
        self.flowing = asyncio.Event()
        self.flowing.set()

    def cut(self) -> None:
        for writer in (self.ours, self.theirs):
            writer.transport.abort()


class Proxy:
    """Replies come through `split`, while they flow; questions always go through at once."""

    def __init__(self, redis_path: str) -> None:
        self.split: Split = whole
        self.connections = 0
        self.is_away = False
        """A connection ends while the client still introduces itself, each some turns of the loop later."""
        self._redis_path = redis_path
        self._folder = Path(tempfile.mkdtemp(prefix="proxy-"))
        self._pairs: set[_Pair] = set()
        self._stranded: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"unix://{self._folder / 's'}"

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_unix_server(self._serve, self._folder / "s")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for pair in self._stranded:
            pair.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)
        shutil.rmtree(self._folder)

    def hold(self) -> None:
        """No reply comes through until `flow`."""
        for pair in self._pairs:
            pair.flowing.clear()

    def flow(self) -> None:
        for pair in self._pairs:
            pair.flowing.set()

    def strand(self) -> None:
        """The connections of now are never heard of again, as if the machine behind them had lost its power."""
        self.hold()
        self._stranded |= self._pairs
        self._pairs = set()

    def add(self, data: bytes) -> None:
        """Replies that Redis has not given."""
        for pair in self._pairs:
            pair.ours.write(data)

    def cut(self) -> None:
        for pair in self._pairs:
            pair.cut()

    async def _serve(self, up: asyncio.StreamReader, ours: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.is_away:
            await up.read(READ_BYTES)
            ours.write(b"-ERR\r\n-ERR\r\n")
            for _ in range(self.connections % 5):
                await asyncio.sleep(0)
            ours.close()
            return
        down, theirs = await asyncio.open_unix_connection(self._redis_path)
        pair = _Pair(ours, theirs)
        self._pairs.add(pair)
        for pump in (self._questions(up, pair), self._replies(down, pair)):
            task = asyncio.get_running_loop().create_task(pump)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _questions(self, up: asyncio.StreamReader, pair: _Pair) -> None:
        try:
            while (data := await up.read(READ_BYTES)) and not pair.theirs.transport.is_closing():
                pair.theirs.write(data)
        except OSError:
            pass
        self._end(pair)

    async def _replies(self, down: asyncio.StreamReader, pair: _Pair) -> None:
        try:
            while data := await down.read(READ_BYTES):
                for piece in self.split(data):
                    await pair.flowing.wait()
                    if pair.ours.transport.is_closing():
                        break
                    pair.ours.write(piece)
                    await asyncio.sleep(0)  # or the next piece would come with this one
        except OSError:
            pass
        self._end(pair)

    def _end(self, pair: _Pair) -> None:
        pair.cut()
        pair.flowing.set()
        self._pairs.discard(pair)
