"""Questions to Redis: scripts and plain commands, each with a moment at which it gives up. Nothing is sent twice."""

import asyncio
import re
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import hiredis
import redis.asyncio as redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from service.errors import StoreDown, StoreUnfit
from service.store.frames import framed
from service.store.line import Command, Line, open_line
from service.store.scripts import Script
from service.store.settings import REDIS_VERSION_MIN

# What Redis says when it cannot work just now. A script's own mistake is none of these and is raised as it is.
_AWAY = re.compile(
    r"\b(OOM|MISCONF|READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM)\b"
)
_REFUSED = re.compile(r"NOAUTH|WRONGPASS|NOPERM|Authentication required|invalid username|invalid password|no password")


Result = TypeVar("Result")


class ScriptFault(Exception):
    """A script's own mistake: ours, and a 500."""


class LineFull(StoreDown):
    """Too many questions wait; says nothing about Redis."""


class Channel:
    """Questions on one line, which is made anew by the next question after it was lost. Raises StoreDown where Redis is
    away or slow, at the latest at `give_up_at` (the event loop's time)."""

    def __init__(self, url: str, questions_max: int, connect_ms: int) -> None:
        self.lines_made = 0
        """Each one may lead to a Redis that knows nothing."""
        self._questions_max = questions_max
        self._options: dict[str, Any] = {
            "socket_connect_timeout": connect_ms / 1000,
            "socket_timeout": connect_ms / 1000,
            "retry": Retry(NoBackoff(), 0),
            "health_check_interval": 0,
            "protocol": 2,
        }
        self._url = url
        self._line: Line | None = None
        self._open_lines: set[Line] = set()
        """That one, and such as are retired and have not ended."""
        self._connecting: asyncio.Task[Line] | None = None
        self._loading: dict[bytes, asyncio.Task[list[Any]]] = {}
        self._subscribers: redis.Redis | None = None

    async def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        for line in self._open_lines:
            line.close()
        if self._subscribers is not None:
            await self._subscribers.aclose()

    def reset(self) -> None:
        """The next question makes a new line: what does not answer may be a machine that is gone."""
        if self._line is not None:
            self._line.retire()
            self._line = None

    async def check(self, give_up_at: float) -> None:
        """Raises StoreUnfit, in one sentence, where Redis answers but cannot be used."""
        try:
            text, roles = await self.read([("INFO", "server"), ("INFO", "replication")], give_up_at)
        except StoreDown as fault:
            said = f"{fault} {fault.__cause__}"
            if _REFUSED.search(said):
                raise StoreUnfit(f"Redis refuses us: {fault.__cause__ or fault}.") from fault
            raise
        found = re.search(r"redis_version:((\d+)\.(\d+)\S*)", text.decode())
        if found is None or (int(found[2]), int(found[3])) < REDIS_VERSION_MIN:
            needed = ".".join(map(str, REDIS_VERSION_MIN))
            raise StoreUnfit(f"Redis {found[1] if found else '?'} is too old: {needed} or newer is needed.")
        if b"role:slave" in roles:
            raise StoreUnfit("Redis is a replica, which cannot be written to: give the address of its primary.")

    async def evalsha(self, script: Script, command: Sequence[bytes], give_up_at: float) -> Any:
        """The reply to a script's command, given in pieces; a script that Redis does not know is loaded and the command
        sent once more, for then nothing has run."""
        reply = await self._ask(command, give_up_at)
        if isinstance(reply, hiredis.ReplyError):
            if not _is_unknown(reply):
                raise _fault_of(reply)
            await self._load(script, give_up_at)
            reply = await self._ask(command, give_up_at)
            if isinstance(reply, hiredis.ReplyError):
                raise StoreDown("Redis keeps losing its scripts.") if _is_unknown(reply) else _fault_of(reply)
        return reply

    def _ask(self, command: Sequence[bytes], give_up_at: float) -> Awaitable[Any]:
        line = self._line
        return self._with_room(line).ask(command, give_up_at) if line else self._ask_anew(command, give_up_at)

    async def _ask_anew(self, command: Sequence[bytes], give_up_at: float) -> Any:
        line = await self._connected(give_up_at)
        return await self._with_room(line).ask(command, give_up_at)

    async def _load(self, script: Script, give_up_at: float) -> None:
        """Once for all who miss it: a Redis that lost its scripts is missed by everybody at the same time."""
        loading = self._loading.get(script.sha)
        if loading is None:
            work = self.read([("SCRIPT", "LOAD", script.text)], give_up_at)
            loading = self._loading[script.sha] = asyncio.get_running_loop().create_task(work)
            loading.add_done_callback(_look_at)
            loading.add_done_callback(lambda _: self._loading.pop(script.sha))
        await _in_time(loading, give_up_at)

    async def read(self, commands: Sequence[Command], give_up_at: float) -> list[Any]:
        """Plain commands in one trip, answered in order, as Redis wrote it: bytes, integers, lists."""
        return await self.read_framed(framed(commands), len(commands), give_up_at)

    async def read_framed(self, commands: bytes, commands_count: int, give_up_at: float) -> list[Any]:
        """The same of commands that stand in Redis' protocol already."""
        line = self._line or await self._connected(give_up_at)
        replies = await self._with_room(line).ask_all((commands,), commands_count, give_up_at)
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise _fault_of(reply)
        return replies

    def subscriber(self) -> Any:
        """redis-py's, on a connection of its own."""
        if self._subscribers is None:
            self._subscribers = redis.Redis.from_url(self._url, **self._options)
        return self._subscribers.pubsub(ignore_subscribe_messages=True)

    def _with_room(self, line: Line) -> Line:
        if line.questions >= self._questions_max:
            raise LineFull("Too many questions to Redis are waiting.")
        return line

    async def _connected(self, give_up_at: float) -> Line:
        """One attempt at a time, shared by all who wait for it."""
        if self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add_done_callback(self._connected_or_not)
        try:
            return await _in_time(self._connecting, give_up_at)
        except (OSError, RedisError) as fault:
            raise StoreDown(f"Redis cannot be reached: {str(fault).rstrip('.')}.") from fault

    async def _connect(self) -> Line:
        options: dict[str, Any] = {**parse_url(self._url), **self._options}
        made = options.pop("connection_class", redis.Connection)
        self._line = await open_line(made(**options), self._lost)
        self._open_lines.add(self._line)
        self.lines_made += 1
        return self._line

    def _connected_or_not(self, attempt: asyncio.Task[Line]) -> None:
        self._connecting = None
        _look_at(attempt)

    def _lost(self, line: Line) -> None:
        self._open_lines.discard(line)
        if self._line is line:
            self._line = None


async def _in_time(work: asyncio.Task[Result], give_up_at: float) -> Result:
    """Of work that is shared: others may have more time. Raises StoreDown, and what the work raises."""
    try:
        async with asyncio.timeout_at(give_up_at):
            return await asyncio.shield(work)
    except TimeoutError as fault:
        raise StoreDown("Redis did not answer in time.") from fault


def _look_at(done: asyncio.Task[Any]) -> None:
    """All who waited may have given up, and asyncio would complain of a fault that nobody saw."""
    if not done.cancelled():
        done.exception()


def _is_unknown(reply: hiredis.ReplyError) -> bool:
    return str(reply).startswith("NOSCRIPT")


def _fault_of(reply: hiredis.ReplyError) -> Exception:
    if _AWAY.search(str(reply)):
        return StoreDown(f"Redis refuses: {str(reply).rstrip('.')}.")
    return ScriptFault(str(reply))
