"""Suppression lists that grow and shrink at run time: kept in Redis as keyed hashes, and copied by every worker.

The copy is read whole once, and then follows a short stream of changes. Where that has lost the place a worker had
read up to (it was away for long, or Redis lost something) the whole is read again.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from redis.exceptions import RedisError

from service.errors import StoreDown
from service.match.people import HASH_BYTES, People, person_hash
from service.model.person import Person
from service.store.backing_off import pause_ms
from service.store.channel import Channel, ScriptFault
from service.store.runner import AskedInWords, Runner

PEOPLE_MAX = 1_000_000
"""On all lists together: 99 bytes of Redis and 92 of every worker for each."""
PEOPLE_PER_CHANGE_MAX = 250
"""One script: half a millisecond, in which no ping is answered."""
CHANGES_MAX = 500
"""Kept for workers to follow: 2 MB at worst."""
PAGE = 1_000
REREAD_SECONDS = 5.0
"""A message that was lost is made good by then."""

BEGINNING = "0-0"


class Suppressed(Struct, frozen=True):
    """`full`: there is no room for so many. `changed`: how many were not on the list before, or were."""

    status: Literal["taken", "full"]
    changed: int


class OnList(Struct, frozen=True):
    """A person on a list."""

    name: str
    at_ms: int
    reason: str


def hashes_of(runner: Runner, person: Person) -> list[bytes]:
    return [person_hash(runner.keys.hash_of, sha256) for sha256 in person.sha256s]


async def change(runner: Runner, name: str, person: Person, *, reason: str, adding: bool) -> Suppressed:
    """Puts people on a list (`person` may be many), or takes them off it. Raises StoreDown."""
    hashes, changed = hashes_of(runner, person), 0
    for first in range(0, len(hashes), PEOPLE_PER_CHANGE_MAX):
        some = hashes[first : first + PEOPLE_PER_CHANGE_MAX]
        args = (name, int(adding), reason, PEOPLE_MAX, CHANGES_MAX, b"".join(some))
        reply = await _run(runner, AskedInWords((runner.keys.suppressed, runner.keys.suppressions), args))
        if reply[0] == b"full":
            return Suppressed("full", changed)
        changed += int(reply[1])
    return Suppressed("taken", changed)


async def _run(runner: Runner, asked: AskedInWords) -> list[Any]:
    return await runner.write("suppress", lambda _now_ms: asked)


async def find(runner: Runner, names: Sequence[str], person: Person) -> list[OnList]:
    """The lists among these that somebody is on. Raises StoreDown."""
    fields = [(name, hashed + name.encode()) for name in names for hashed in hashes_of(runner, person)]
    if not fields:
        return []
    (values,) = await runner.read([("HMGET", runner.keys.suppressed, *(field for _, field in fields))])
    found = []
    for (name, _), value in zip(fields, values, strict=True):
        if value is not None:
            at_ms, _, reason = value.decode().partition("|")
            found.append(OnList(name, int(at_ms), reason))
    return found


async def follow(runner: Runner, people: People, place: str | None) -> str:
    """Brings the copy up to date from where it was left (None: it is not there yet); where it is left now. Raises
    StoreDown."""
    if place is None:
        return await _read_whole(runner, people)
    key = runner.keys.suppressions
    at_place, entries = await runner.read(
        [("XRANGE", key, place, place), ("XRANGE", key, f"({place}", "+", "COUNT", CHANGES_MAX)]
    )
    if not at_place and (entries or place != BEGINNING):
        return await _read_whole(runner, people)
    for entry_id, flat in entries:
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        hashes = _split(fields[b"people"])
        (people.add if fields[b"is_adding"] == b"1" else people.remove)(fields[b"list"].decode(), hashes)
        place = entry_id.decode()
    return place


async def _read_whole(runner: Runner, people: People) -> str:
    """The place is read first: what changes while the whole is read comes once more, in its order."""
    (newest,) = await runner.read([("XREVRANGE", runner.keys.suppressions, "+", "-", "COUNT", 1)])
    lists: dict[str, set[bytes]] = {}
    cursor = b"0"
    while True:
        ((cursor, flat),) = await runner.read([("HSCAN", runner.keys.suppressed, cursor, "COUNT", PAGE)])
        for field in flat[::2]:
            lists.setdefault(field[HASH_BYTES:].decode(), set()).add(field[:HASH_BYTES])
        if cursor == b"0":
            break
    people.replace(lists)
    return newest[0][0].decode() if newest else BEGINNING


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


async def watch(runner: Runner, channel: Channel, people: People, place: str) -> None:
    """Keeps the copy fresh from a place on. Runs until it is cancelled."""
    failures = 0
    known: str | None = place
    while True:
        try:
            async with channel.subscriber() as subscriber:
                await subscriber.subscribe(runner.keys.suppressions)
                while True:
                    # Read after subscribing: what changes in between comes as a message.
                    known = await follow(runner, people, known)
                    failures = 0
                    await subscriber.get_message(timeout=REREAD_SECONDS)
        except (StoreDown, ScriptFault, RedisError, OSError, RuntimeError):  # the last is uvloop's, as in `open_line`
            await asyncio.sleep(pause_ms(failures, runner.settings) / 1000)
            failures += 1
