"""Places in streams. One moves in the transaction that writes what was read, so that the two cannot differ."""

import json
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from msgspec import Struct
from sqlalchemy import Connection, Engine, select, update

from service.ledger.opening import reading, writing
from service.ledger.tables import cursors, refused
from service.ledger.upserts import insert

BEGINNING = "0-0"

Said = TypeVar("Said")


class Step(Struct, frozen=True):
    """From one entry's id to a later one."""

    stream: str
    old: str
    new: str


class Told(Struct, Generic[Said], frozen=True):
    """An entry of a stream: its fields, and what they say, or why they say nothing."""

    entry_id: str
    at_ms: int
    fields: Mapping[str, str]
    said: Said | None
    why: str = ""


class Taken(Struct, Generic[Said], frozen=True):
    """What a batch came to: entries that were new to the ledger, and those kept beside."""

    applied: int
    refused: Sequence[Told[Said]] = ()


def cursor(engine: Engine, stream: str) -> str:
    """The id of the last entry that the ledger has; BEGINNING where it has none. Raises LedgerDown."""
    with reading(engine) as connection:
        found = connection.scalar(select(cursors.c.last_id).where(cursors.c.stream == stream))
    return BEGINNING if found is None else str(found)


def rewind(engine: Engine, stream: str, old: str) -> bool:
    """Back to the beginning, for a stream whose ids have begun anew. False where another archive was faster."""
    with writing(engine) as connection:
        return advance(connection, Step(stream, old, BEGINNING))


def advance(connection: Connection, step: Step) -> bool:
    """False where the cursor does not stand at the step's beginning: another archive has moved it. To be asked first of
    all: on PostgreSQL the row's lock makes archives wait for each other."""
    if step.old == BEGINNING:
        new = insert(connection, cursors).values(stream=step.stream, last_id=BEGINNING)
        connection.execute(new.on_conflict_do_nothing())
    is_there = (cursors.c.stream == step.stream) & (cursors.c.last_id == step.old)
    return connection.execute(update(cursors).where(is_there).values(last_id=step.new)).rowcount == 1


def keep_refused(connection: Connection, stream: str, told: Sequence[Told[Said]]) -> None:
    """Keeps whole what could not be applied: the stream is trimmed behind the cursor."""
    rows = [
        {
            "stream": stream,
            "entry_id": one.entry_id,
            "at_ms": one.at_ms,
            "fields": json.dumps(dict(one.fields), ensure_ascii=False),
            "why": one.why,
        }
        for one in told
    ]
    if rows:
        connection.execute(insert(connection, refused).on_conflict_do_nothing(), rows)
