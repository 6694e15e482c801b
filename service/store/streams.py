"""The two streams, read in order by the archive: `sales` and `audit`, and what their entries say."""

import json
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from service.model.sales import Decided, SaleEvent, SoldAbout, SoldBid
from service.store.marks import person_of
from service.store.records import record_of, said_of, words_of
from service.store.runner import Runner

StreamName = Literal["sales", "audit"]
BEGINNING = "0-0"
WHOLE_MAX = (1 << 63) - 1
"""What a BIGINT holds."""
FOLLOWED_MAX = 500
"""Entries that are followed in one go."""


class Entry(NamedTuple):
    id: str
    fields: dict[str, str]

    @property
    def at_ms(self) -> int:
        """When Redis took it."""
        return id_of(self.id)[0]


class Misread(Struct, frozen=True):
    """An entry that does not say what its stream's entries say; the reason, without a value of it."""

    why: str


class Page(NamedTuple):
    """What follows a place in a stream."""

    entries: list[Entry]
    length: int
    first_id: str
    """Of the oldest entry that is kept; BEGINNING where there is none."""
    last_id: str
    """Of the newest entry there ever was in this stream; BEGINNING where the stream is new."""
    place_is_kept: bool
    """The entry at the place itself is still there: nothing between it and these was trimmed."""


def id_of(text: str) -> tuple[int, int]:
    """An entry's id as it is ordered: texts are not."""
    ms, _, seq = text.partition("-")
    return int(ms), int(seq or 0)


async def page(runner: Runner, stream: StreamName, after: str, count: int) -> Page:
    """The next entries after an id, oldest first, and how the stream stands. Raises StoreDown."""
    key = runner.keys.stream(stream)
    found, first, last, at_place, length = await runner.read(
        [
            ("XRANGE", key, f"({after}", "+", "COUNT", count),
            ("XRANGE", key, "-", "+", "COUNT", 1),
            ("XREVRANGE", key, "+", "-", "COUNT", 1),
            ("XRANGE", key, after, after),
            ("XLEN", key),
        ]
    )
    return Page(
        entries=[_entry(entry_id, flat) for entry_id, flat in found],
        length=length,
        first_id=first[0][0].decode() if first else BEGINNING,
        last_id=last[0][0].decode() if last else BEGINNING,
        place_is_kept=bool(at_place),
    )


async def follow(runner: Runner, stream: StreamName, after: str, wait_ms: int) -> list[Entry]:
    """What comes after an id, as soon as it comes; nothing where nothing comes in this time. For a process that asks
    nothing else meanwhile: the whole line waits. Raises StoreDown."""
    key = runner.keys.stream(stream)
    (found,) = await runner.read([("XREAD", "COUNT", FOLLOWED_MAX, "BLOCK", wait_ms, "STREAMS", key, after)])
    return [_entry(entry_id, flat) for entry_id, flat in found[0][1]] if found else []


async def trim_sales(runner: Runner, behind: str) -> None:
    """Drops sales before an id, which is of the last one that the ledger has. That one stays: it is what shows, the
    next time, that nothing was lost between. Raises StoreDown."""
    await runner.read([("XTRIM", runner.keys.sales, "MINID", "~", behind)])


def _entry(entry_id: bytes, flat: list[bytes]) -> Entry:
    # NUL is the one character that PostgreSQL has no place for.
    texts = [word.decode(errors="replace").replace("\0", "\ufffd") for word in flat]
    return Entry(entry_id.decode(), dict(zip(texts[::2], texts[1::2], strict=True)))


def sale_event(entry: Entry) -> SaleEvent | Misread:
    fields: dict[str, Any] = {name: value for name, value in entry.fields.items() if name not in ("sale", "part", "by")}
    decision_id, part = entry.fields.get("sale", ""), entry.fields.get("part", "")
    if decision_id:
        fields |= {"decision_id": decision_id, "sale_id": f"s{decision_id}-{part}" if part else f"s{decision_id}"}
    fields.setdefault("at_ms", entry.at_ms)
    try:
        for name, kind in (("bid", SoldBid), ("about", SoldAbout)):
            if name in fields:
                fields[name] = _sold_part(fields[name], kind) if _tells(fields["event"], name) else None
        event = msgspec.convert(fields, SaleEvent, strict=False)
    except (msgspec.MsgspecError, KeyError) as wrong:
        return Misread(_without_values(wrong))
    if any(abs(whole) > WHOLE_MAX for whole in _wholes(event)):
        return Misread("a number is larger than a database holds")
    return event


def _tells(event: str, name: str) -> bool:
    """Only these are read: what `about` says elsewhere is the script's own business."""
    return name == "bid" or event in ("posted", "sold")


def _sold_part(text: str, kind: type[Struct]) -> Struct:
    return msgspec.json.decode(text, type=kind)


def _wholes(event: SaleEvent) -> list[int]:
    found = [event.at_ms, event.duration_ms, event.amount_micros, event.buyer or 0, event.position or 0]
    return found + ([event.bid.bid_micros, event.bid.payout_micros, event.bid.buyer_id] if event.bid else [])


def decided(entry: Entry, hash_of: Callable[[str], str]) -> Decided | Misread:
    fields = entry.fields
    try:
        record = record_of(fields["record"].encode())
        is_post = fields["kind"] == "post"
        found = Decided(
            at_ms=entry.at_ms,
            kind="post" if is_post else "ping",
            said=said_of(fields["said"]),
            record=record,
            record_json=fields["record"],
            said_csv=fields["said"],
            caller_hash=person_of(record.lead, hash_of),
            status=fields["status"] if is_post else None,
            question=fields["question"] if is_post else None,
            position=int(fields["position"]) if is_post else None,
            order=tuple(int(word) for word in words_of(fields["order"])) if is_post else (),
        )
    except (msgspec.MsgspecError, KeyError, ValueError) as wrong:
        return Misread(_without_values(wrong))
    if any(abs(whole) > WHOLE_MAX for bid in record.bids for whole in (bid.buyer_id, bid.bid_micros)):
        return Misread("a number is larger than a database holds")
    return found


def _without_values(wrong: Exception) -> str:
    if isinstance(wrong, KeyError):
        return f"it has no {wrong.args[0]}"
    return str(wrong) if isinstance(wrong, msgspec.ValidationError) else f"it cannot be read ({type(wrong).__name__})"


def fields_json(entry: Entry) -> str:
    return json.dumps(entry.fields, ensure_ascii=False)
