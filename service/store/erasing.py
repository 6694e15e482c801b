"""A person goes from Redis: a walk over all keys and over the audit, some hundred at a time.

What a sale or a call still needs stays: which buyers bid what, the number's lease, the slot. The record of the lead in
it is replaced by one that says when it was erased. What only leads to a sale by a keyed hash (a caller's pointer, the
shield of a post's fields) stays while the sale's number is lent or its call is on, and goes by itself within minutes.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Any

from msgspec import Struct

from service.errors import StoreDown
from service.model.lead import PingRecord, erased
from service.model.person import Person, Traces
from service.store.channel import ScriptFault
from service.store.line import Word
from service.store.packing import stream
from service.store.records import record_json, record_of, words_of
from service.store.runner import AskedInWords, Runner

KEYS_PER_STEP = 250
"""Looked at in one go: a fraction of a millisecond of Redis."""
ENTRIES_PER_STEP = 100
ERASED_KEEP_MS = 30 * 86_400_000
"""So long it is known which decisions were erased, and when."""
REWRITE_LOOK_SECONDS = 0.2
REWRITE_LOOKS_MAX = 1_500
"""Five minutes: a file of some gigabytes."""

_RECORDS = frozenset({"ping", "test", "sale"})
_POINTERS = frozenset({"shield", "request", "fields", "caller", "bought", "exclusive"})
_MARKS = frozenset({"bought", "exclusive"})


class Receipt(Struct, frozen=True):
    """A buyer that was sold the person, by this sale. `at_ms`: when it was sold."""

    decision_id: str
    buyer_id: int
    contract: str
    at_ms: int


class Eraser:
    """One person's way out of one Redis. `marks` are the fields that dedup marks can be of alone."""

    def __init__(self, runner: Runner, person: Person, marks: Collection[str]) -> None:
        self.traces = Traces(person)
        self.decisions: set[str] = set()
        """Of the person, as far as they are known: the ledger's may be added."""
        self.counts: Counter[str] = Counter()
        """What was erased, by kind."""
        self.receipts: set[Receipt] = set()
        self.kept_for_live: set[str] = set()
        """Decisions whose pointers stay until their call is over."""
        self._runner = runner
        hash_of = runner.keys.hash_of
        self._callers = {hash_of(number) for number in person.numbers}
        self._marks = {hash_of(f"{field}={sha256}") for field in marks for sha256 in person.sha256s}

    # The audit

    async def find_audit(self) -> AsyncIterator[list[bytes]]:
        """Ids of the audit's entries about the person, the newest first, page by page: a post says who it is about, and
        the ping before it may not. Raises StoreDown."""
        before = "+"
        while True:
            (page,) = await self._runner.read(
                [("XREVRANGE", self._runner.keys.audit, before, "-", "COUNT", ENTRIES_PER_STEP)]
            )
            yield [entry_id for entry_id, flat in page if self._is_about(dict(zip(flat[::2], flat[1::2], strict=True)))]
            if len(page) < ENTRIES_PER_STEP:
                return
            before = f"({page[-1][0].decode()}"

    def _is_about(self, fields: Mapping[bytes, bytes]) -> bool:
        decision_id = fields[b"decision"].decode()
        if decision_id in self.decisions:
            return True
        if self._names_person(fields[b"record"]):
            self.decisions.add(decision_id)
            return True
        return False

    async def drop_audit(self, entry_ids: Collection[bytes]) -> None:
        """Deletes entries. That they were erased and not lost is kept, for the archive to know. Raises StoreDown."""
        keys, ids = self._runner.keys, list(entry_ids)
        await self.note(ids)
        for first in range(0, len(ids), ENTRIES_PER_STEP):
            some = ids[first : first + ENTRIES_PER_STEP]
            (deleted,) = await self._runner.read([("XDEL", keys.audit, *some)])
            self.counts["audit"] += deleted

    async def note(self, erased: Iterable[str | bytes]) -> None:
        """Keeps when decisions, or entries of the audit, were erased. Raises StoreDown."""
        keys, now_ms = self._runner.keys, self._runner.clock.now_ms()
        words: list[Word] = []
        for one in erased:
            words += (now_ms, one)
        for first in range(0, len(words), 2 * ENTRIES_PER_STEP):
            await self._runner.read([("ZADD", keys.erased, "NX", *words[first : first + 2 * ENTRIES_PER_STEP])])
        await self._runner.read([("ZREMRANGEBYSCORE", keys.erased, "-inf", now_ms - ERASED_KEEP_MS)])

    # All keys

    async def keys(self) -> AsyncIterator[int]:
        """One walk over all keys, erasing; how many were looked at, step by step. Raises StoreDown."""
        runner, cursor = self._runner, b"0"
        while True:
            ((cursor, found),) = await runner.read(
                [("SCAN", cursor, "MATCH", runner.keys.every, "COUNT", KEYS_PER_STEP)]
            )
            await self._step(found)
            yield len(found)
            if cursor == b"0":
                return

    async def _step(self, found: list[bytes]) -> None:
        by_kind: dict[str, list[bytes]] = {}
        for key in found:
            by_kind.setdefault(self._runner.keys.kind_of(key), []).append(key)
        texts = [key for kind in ("ping", "test", *sorted(_POINTERS)) for key in by_kind.get(kind, ())]
        hashes = [(key, ("record", "question")) for key in by_kind.get("sale", ())]
        hashes += [(key, ("sale", "ended")) for key in by_kind.get("call", ())]
        commands = [("GET", key) for key in texts] + [("HMGET", key, *fields) for key, fields in hashes]
        if not commands:
            return
        values = await self._runner.read(commands)
        for key, value in zip(texts, values, strict=False):
            if value is not None:
                await self._text(self._runner.keys.kind_of(key), key, value)
        for (key, _), (first, second) in zip(hashes, values[len(texts) :], strict=True):
            if first is not None:
                await self._hash(self._runner.keys.kind_of(key), key, first, second)

    async def _text(self, kind: str, key: bytes, value: bytes) -> None:
        decision_id = self._decision_behind(kind, key, value)
        if kind in _RECORDS:
            if decision_id in self.decisions or self._names_person(value.split(b"|", 3)[3]):
                self.decisions.add(decision_id)
                await self._drop(kind, key)
        elif kind == "request":
            if decision_id in self.decisions and not value.endswith(b"|"):
                # What its fields were goes; that it was sold stays, so that a repeat does not sell it again.
                await self._runner.read([("SET", key, f"{decision_id}|", "XX", "KEEPTTL")])
                self.counts[kind] += 1
        elif decision_id in self.decisions or self._is_own(kind, key):
            if kind in ("caller", "fields") and value[:1] == b"s" and await self._is_live(decision_id):
                self.kept_for_live.add(decision_id)
                return
            await self._drop(kind, key)

    def _decision_behind(self, kind: str, key: bytes, value: bytes) -> str:
        if kind in _RECORDS:
            return key.rpartition(b":")[2].decode()
        if kind == "request":
            return value.partition(b"|")[0].decode()
        return (value[1:] if kind in ("caller", "fields") else value).decode()

    def _is_own(self, kind: str, key: bytes) -> bool:
        """Whether a key ends in a hash of the person."""
        hashed = key.rpartition(b":")[2].decode()
        return (kind == "caller" and hashed in self._callers) or (kind in _MARKS and hashed in self._marks)

    async def _drop(self, kind: str, key: bytes) -> None:
        (gone,) = await self._runner.read([("DEL", key)])
        self.counts[kind] += gone

    async def _hash(self, kind: str, key: bytes, first: bytes, second: bytes | None) -> None:
        if kind == "call":
            # Until its end a call must find what leads to its sale; an hour after it the rest of it goes by itself.
            if first.decode() in self.decisions and second is not None:
                await self._blank(key, "sale", first, {"caller": "", "fields": ""})
            return
        decision_id = key.rpartition(b":")[2].decode()
        record = record_of(first)
        if record.erased_at_ms or not (decision_id in self.decisions or self.traces.stand_in_record(record)):
            return
        self.decisions.add(decision_id)
        await self._blank_sale(key, decision_id, first, record)

    async def _blank_sale(self, key: bytes, decision_id: str, seen: bytes, record: PingRecord) -> None:
        (flat,) = await self._runner.read([("HGETALL", key)])
        fields = {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
        self._note_receipts(decision_id, record, fields)
        told: dict[str, str] = {name: "" for name in fields if name.partition(":")[0] in _MARKS}
        if not _is_live(fields, self._runner.clock.now_ms()):
            told["fields_key"] = ""
        told["record"] = record_json(erased(record, self._runner.clock.now_ms())).decode()
        if await self._blank(key, "record", seen, told):
            self.counts["sale"] += 1

    def _note_receipts(self, decision_id: str, record: PingRecord, fields: Mapping[str, bytes]) -> None:
        """Who bought: of a sale to several, each; of one that a call moved, both the first and the last."""
        text = {name: value.decode() for name, value in fields.items() if name != "record"}
        places = words_of(text.get("parts", "")) or (text["sold_position"], text["position"])
        for place in dict.fromkeys(places):
            bid = record.bids[int(place)]
            self.receipts.add(Receipt(decision_id, bid.buyer_id, bid.contract_id, int(text["sold_at_ms"])))

    async def _blank(self, key: bytes, field: str, seen: bytes, told: Mapping[str, str]) -> bool:
        words = [word for pair in told.items() for word in pair]
        asked = AskedInWords((key,), (field, seen, stream(words)))
        reply = await self._runner.write("blank", lambda _now_ms: asked)
        return bool(reply[0] == b"blanked")

    async def _is_live(self, decision_id: str) -> bool:
        (flat,) = await self._runner.read([("HGETALL", self._runner.keys.sale(decision_id))])
        fields = {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
        return bool(fields) and _is_live(fields, self._runner.clock.now_ms())

    def _names_person(self, json: bytes) -> bool:
        # Most records are told by their text alone; what it finds may be a number of ours, or a time.
        return self.traces.stand_in(json.decode()) and self.traces.stand_in_record(record_of(json))


def _is_live(fields: Mapping[str, Any], now_ms: int) -> bool:
    """Whether a sale's number is lent, or its call is on."""
    return max(int(fields.get("until_ms", 0)), int(fields.get("live_until_ms", 0))) > now_ms


async def rewrite_file(runner: Runner) -> bool:
    """Raises StoreDown where it does not come to an end."""
    try:
        if b"aof_enabled:1" not in (await runner.read([("INFO", "persistence")]))[0]:
            return False
        await runner.read([("BGREWRITEAOF",)])
    except (ScriptFault, StoreDown):
        return False
    for _ in range(REWRITE_LOOKS_MAX):
        (told,) = await runner.read([("INFO", "persistence")])
        if b"aof_rewrite_in_progress:0" in told and b"aof_rewrite_scheduled:0" in told:
            return b"aof_last_bgrewrite_status:ok" in told
        await asyncio.sleep(REWRITE_LOOK_SECONDS)
    return False
