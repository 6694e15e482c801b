"""The ledger for whoever only reads: reports, statements, and what became of a decision. Synchronous, in bounded time;
on PostgreSQL each statement has that time, on SQLite the whole question."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from service.errors import LedgerDown
from service.ledger.accounts import Account, account_of
from service.ledger.histories import History, Row, archived_to, decisions_of_caller, history_of
from service.ledger.leads import leads_of
from service.ledger.opening import check, open_ledger, reading
from service.ledger.totals import Only, Part, Sum, sums

ANSWER_SECONDS_MAX = 20.0
"""Of one question. A year of a million sales by the hour took 2.4 s on SQLite and 2.8 on PostgreSQL; what takes longer
than this keeps others waiting, and nobody is waiting for it any more."""
STEPS_BETWEEN_LOOKS = 100_000
"""Of SQLite's virtual machine, a few ms, between two looks at the clock."""


class LedgerReader:
    """One database, by a URL as `open_ledger` takes it. Every question raises LedgerDown where it does not answer, or
    not in time, and LedgerUnfit where its tables are not those that this program knows."""

    def __init__(self, url: str) -> None:
        self._engine = open_ledger(url)
        parsed = make_url(url)
        self._file = Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
        self._is_checked = False

    def close(self) -> None:
        self._engine.dispose()

    def sums(self, parts: Sequence[Part], only: Only, tables: frozenset[str]) -> list[list[Sum]]:
        """What was counted of each part. Raises TooManyGroups."""
        with self._asked() as connection:
            return [sums(connection, part, only, tables) for part in parts]

    def account(self, buyer_id: int, from_ms: int, to_ms: int) -> Account:
        """What moved on a buyer's account between two moments."""
        with self._asked() as connection:
            return account_of(connection, buyer_id, from_ms, to_ms)

    def leads(self, buyer_id: int, after: str | None) -> list[Row] | None:
        """The leads that a buyer has bought, a page of them; None where `after` is no sale of its."""
        with self._asked() as connection:
            return leads_of(connection, buyer_id, after)

    def history(self, decision_id: str) -> History:
        with self._asked() as connection:
            return history_of(connection, decision_id)

    def decisions_of_caller(self, caller_hash: str, limit: int) -> list[Row]:
        with self._asked() as connection:
            return decisions_of_caller(connection, caller_hash, limit)

    def archived_to(self, streams: Sequence[str]) -> dict[str, str]:
        with self._asked() as connection:
            return archived_to(connection, streams)

    @contextlib.contextmanager
    def _asked(self) -> Iterator[Connection]:
        if self._file is not None and not self._file.exists():
            # To connect would make an empty one, which the archive then has to look twice at.
            raise LedgerDown("There is no ledger yet: the archive makes it when it starts.")
        if not self._is_checked:
            check(self._engine)
            self._is_checked = True
        with reading(self._engine) as connection, _in_time(connection):
            yield connection


@contextlib.contextmanager
def _in_time(connection: Connection) -> Iterator[None]:
    """Ends statements that take too long, and makes all that are read see one state of the database."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        connection.execute(text(f"SET LOCAL statement_timeout = {int(ANSWER_SECONDS_MAX * 1000)}"))
        yield
        return
    line = connection.connection.driver_connection
    assert isinstance(line, sqlite3.Connection)
    give_up_at = time.monotonic() + ANSWER_SECONDS_MAX
    line.set_progress_handler(lambda: time.monotonic() > give_up_at, STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        line.set_progress_handler(None, 0)
