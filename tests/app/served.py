"""An exchange as its clients see it: the whole application over HTTP, on a real Redis, with the catalog of a test."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestClient
from multidict import CIMultiDictProxy
from redis import Redis

from service.store import Store

EDGE_TOKEN = "edge-token-of-the-tests"
ADMIN_TOKEN = "admin-token-of-the-tests"
ACCOUNT = "test"
CALLER = "+12125551234"
"""In New York; what a test sends where it does not matter who calls."""

Json = dict[str, Any]
Client = TestClient[web.Request, web.Application]


class Answer(NamedTuple):
    http: int
    json: Json
    headers: CIMultiDictProxy[str]


class Served:
    """One worker. The verbs answer (HTTP status, JSON); `request` is for what they cannot say."""

    def __init__(self, client: Client, store: Store, redis: Redis, folder: Path) -> None:
        self.client = client
        self.store = store
        self.redis = redis
        self.folder = folder
        """Of the catalog: `catalog.toml` lies in it."""

    # What clients do

    async def ping(self, uri: str = "calls", /, **fields: Any) -> tuple[int, Json]:
        return (await self.lead("ping", uri, fields))[:2]

    async def post(self, uri: str = "calls", /, **fields: Any) -> tuple[int, Json]:
        return (await self.lead("post", uri, fields))[:2]

    async def full(self, uri: str = "calls", /, **fields: Any) -> tuple[int, Json]:
        return (await self.lead("full", uri, fields))[:2]

    async def lead(self, verb: str, uri: str, fields: object, **how: Any) -> Answer:
        """A JSON body to a publishers' path."""
        return await self.request("POST", lead_path(verb, uri), json=fields, **how)

    async def route(self, **fields: Any) -> tuple[int, Json]:
        return (await self.request("POST", "/api/v1/calls/route", json=fields, headers=bearer(EDGE_TOKEN)))[:2]

    async def event(self, **fields: Any) -> tuple[int, Json]:
        return (await self.request("POST", "/api/v1/calls/events", json=fields, headers=bearer(EDGE_TOKEN)))[:2]

    async def admin(self, method: str, path: str, **how: Any) -> tuple[int, Json]:
        """`path` comes behind /admin/."""
        return (await self.request(method, f"/admin/{path}", headers=bearer(ADMIN_TOKEN), **how))[:2]

    async def request(self, method: str, path: str, **how: Any) -> Answer:
        """Whatever aiohttp's client can send; the answer must be JSON, and is {} where the method allows no body."""
        async with self.client.request(method, path, **how) as response:
            body = await response.read()
            return Answer(response.status, json.loads(body) if body else {}, response.headers)

    # What is in Redis

    def key_names(self) -> set[str]:
        """Names of all keys, without the account's tag."""
        return {str(key).removeprefix(f"{{{ACCOUNT}}}:") for key in self._told(self.redis.keys("*"))}

    def contents(self) -> dict[str, Any]:
        """Every key with its value (times to live left out): equal before and after means that nothing was written."""
        return {name: self._value(f"{{{ACCOUNT}}}:{name}") for name in sorted(self.key_names())}

    def delete(self, *names: str) -> None:
        """Keys gone as if their time were over: what stands for waiting."""
        assert self.redis.delete(*(f"{{{ACCOUNT}}}:{name}" for name in names)) == len(names)

    def free_number(self, pool: str, number: str) -> None:
        """A number that has rested long enough."""
        self.redis.zadd(f"{{{ACCOUNT}}}:pool:{pool}", {number: 0}, xx=True)

    def life_ms(self, name: str) -> int:
        """How long a key still lives; below 0 where it lives on or is not there."""
        found: Any = self.redis.pttl(f"{{{ACCOUNT}}}:{name}")
        return int(found)

    def leases(self, kind: str, buyer_id: int) -> list[str]:
        """Decisions that have room of a buyer: `kind` is "holds" or "slots". A hold is a lease without a slot."""
        leases, slots = (
            [str(lease) for lease in self._told(self.redis.zrange(f"{{{ACCOUNT}}}:{name}:{buyer_id}", 0, -1))]
            for name in ("leases", "slots")
        )
        return slots if kind == "slots" else [lease for lease in leases if lease not in slots]

    @staticmethod
    def _told(answer: Any) -> list[Any]:
        """The client's types allow for what only an asynchronous one answers."""
        return list(answer)

    def _raw(self, *command: str) -> Any:
        client: Any = self.redis
        return client.execute_command(*command, NEVER_DECODE=True)

    @staticmethod
    def _text(value: bytes) -> str:
        """Also of what is kept in numbers of eight bytes."""
        return value.decode(errors="surrogateescape")

    def _value(self, key: str) -> object:
        match self.redis.type(key):
            case "string":
                return self._text(self._raw("GET", key))
            case "hash":
                fields = self._raw("HGETALL", key)
                return {self._text(name): self._text(value) for name, value in fields.items()}
            case "zset":
                return self.redis.zrange(key, 0, -1, withscores=True)
            case "set":
                return self.redis.smembers(key)
            case "stream":
                return self.redis.xrange(key)
            case kind:
                raise AssertionError(f"{key} is a {kind!r}")


def lead_path(verb: str, uri: str) -> str:
    return f"/api/v1/inbound_webhooks/{verb}/{uri}"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def buyers(said: Json) -> list[int]:
    """Ids of the buyers of a ping's answer, in order."""
    return [one["buyer_id"] for one in said["buyers"]]


def bids(said: Json) -> dict[int, float]:
    """What the publisher is quoted, by buyer."""
    return {one["buyer_id"]: one["bid"] for one in said["buyers"]}


def ping_id_of(said: Json, buyer_id: int) -> str:
    (found,) = [str(one["ping_id"]) for one in said["buyers"] if one["buyer_id"] == buyer_id]
    return found
