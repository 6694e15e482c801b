"""The line to Redis: scripts and plain reads, each with a moment at which it gives up. Nothing is ever sent twice.

Inside is redis-py's pool for now; nobody else knows it, but for the subscriber to pauses.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import redis.asyncio as redis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from service.errors import StoreDown, StoreUnfit
from service.store.scripts import Script

Word = bytes | str | int
Command = Sequence[Word]

VERSION_MIN = (6, 2)

# What Redis says when it cannot work just now. A script's own mistake is none of these and is raised as it is.
_AWAY = re.compile(
    r"\b(OOM|MISCONF|READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|NOAUTH|WRONGPASS)\b"
)
_REFUSED = re.compile(r"NOAUTH|WRONGPASS|NOPERM|invalid username-password|invalid password|without any password")


class Channel:
    """Bounded connections to one Redis. Raises StoreDown where it is away or slow, at the latest at `give_up_at`."""

    def __init__(self, url: str, connections_max: int, connect_ms: int) -> None:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=connections_max,
            timeout=connect_ms / 1000,
            socket_connect_timeout=connect_ms / 1000,
            # The callers' own moment is earlier; this is for a line that nobody waits on.
            socket_timeout=connect_ms / 1000,
            retry=Retry(NoBackoff(), 0),
            retry_on_error=[],
            health_check_interval=0,
            protocol=2,
        )
        # redis-py types the words of a command not at all.
        self._redis: Any = redis.Redis(connection_pool=pool)

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)

    async def check(self, give_up_at: float) -> None:
        """Raises StoreUnfit, in one sentence, where Redis answers but cannot be used."""
        try:
            (info,) = await self.read([("INFO",)], give_up_at)
        except exceptions.RedisError as fault:
            raise StoreUnfit(f"Redis refuses us: {fault}.") from fault
        except StoreDown as fault:
            if fault.__cause__ is not None and _REFUSED.search(str(fault.__cause__)):
                raise StoreUnfit(f"Redis refuses us: {fault.__cause__}.") from fault
            raise
        version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
        if version < VERSION_MIN:
            raise StoreUnfit(f"Redis {info['redis_version']} is too old: 6.2 or newer is needed.")
        if info.get("role") == "slave":
            raise StoreUnfit("Redis is a replica, which cannot be written to: give the address of its primary.")

    async def evalsha(self, script: Script, keys: Sequence[bytes], args: Sequence[Word], give_up_at: float) -> Any:
        """Runs a script; one that Redis does not know is loaded and sent once more, for then nothing has run."""
        command = ("EVALSHA", script.sha, len(keys), *keys, *args)
        try:
            return await self._bounded(self._redis.execute_command(*command), give_up_at)
        except exceptions.NoScriptError:
            await self._bounded(self._redis.execute_command("SCRIPT LOAD", script.text), give_up_at)
            return await self._bounded(self._redis.execute_command(*command), give_up_at)

    async def read(self, commands: Sequence[Command], give_up_at: float) -> list[Any]:
        """Plain commands in one trip, answered in order."""
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return list(await self._bounded(pipeline.execute(), give_up_at))

    def subscriber(self) -> Any:
        return self._redis.pubsub(ignore_subscribe_messages=True)

    async def _bounded(self, work: Any, give_up_at: float) -> Any:
        try:
            async with asyncio.timeout_at(give_up_at):
                return await work
        except exceptions.NoScriptError:
            raise
        except (TimeoutError, exceptions.TimeoutError) as fault:
            raise StoreDown("Redis did not answer in time.") from fault
        except (OSError, exceptions.ConnectionError) as fault:
            raise StoreDown(f"Redis cannot be reached: {fault}.") from fault
        except exceptions.ResponseError as fault:
            if _AWAY.search(str(fault)):
                raise StoreDown(f"Redis refuses: {fault}.") from fault
            raise
