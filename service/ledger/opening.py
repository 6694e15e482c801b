"""Opening the ledger's database, and bringing its tables to the version that this program knows."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from service.errors import LedgerDown, LedgerRefused, LedgerUnfit

BUSY_MS = 5_000
"""How long SQLite waits for another writer: a batch takes some hundredths of a second, a migration longer."""
WAL_RETRY_SECONDS = 0.02
CONNECT_SECONDS = 5
UNHEARD_MS = 10_000
"""When a PostgreSQL that stopped answering is given up; the kernel alone would take a quarter of an hour."""
MIGRATION_LOCK = 0x70696E67
"""PostgreSQL's advisory lock of whoever migrates: "ping" in ASCII."""
Ledger = Engine
"""What others hold of it, who do not know SQLAlchemy."""
_MIGRATIONS = Path(__file__).parent / "migrations"


LEDGER_FILE = "ledger.sqlite"


def url_of(given: str | None, var: Path) -> str:
    """The ledger's URL: as set, else a SQLite file in the folder of state."""
    return given or f"sqlite:///{var.absolute() / LEDGER_FILE}"


def open_ledger(url: str) -> Engine:
    """`url` is postgresql:// or sqlite:///. Nothing is connected yet. Raises LedgerUnfit, which never tells the URL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LedgerUnfit("The ledger's URL cannot be read: it must be postgresql://… or sqlite:///….") from None
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": UNHEARD_MS,
            },
        )
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": BUSY_MS / 1000})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    raise LedgerUnfit(f"The ledger cannot live in {parsed.get_backend_name()}: only PostgreSQL and SQLite can have it.")


def _set_up_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # `begin` below says what a transaction is; Python would leave DDL out of it
    # FULL: Redis forgets what a committed batch has read, so a commit must outlive a power cut. One sync per batch.
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    _use_wal(connection)


def _use_wal(connection: sqlite3.Connection) -> None:
    """So that who reads never waits for who writes. A new file is turned to it once, and two who do that at the same
    moment are not made to wait for each other, as SQLite does everywhere else: one is refused, and tries again."""
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(WAL_RETRY_SECONDS)


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: one that reads first could find that another has written since.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextlib.contextmanager
def faults() -> Iterator[None]:
    """Every fault of a database as ours: LedgerDown, or LedgerRefused for rows that it does not take."""
    try:
        yield
    except (DataError, IntegrityError, OverflowError) as fault:
        raise LedgerRefused(f"The ledger's database refused: {_words(fault)}") from fault
    except SQLAlchemyError as fault:
        raise LedgerDown(f"The ledger's database failed: {_words(fault)}") from fault


def _words(fault: Exception) -> str:
    """Its first line: the next ones bear statements and values."""
    cause = getattr(fault, "orig", None) or fault
    return next(iter(str(cause).strip().splitlines()), "") or type(cause).__name__


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: all of it, or nothing where the block raises. Raises LedgerDown, LedgerRefused."""
    with faults(), engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads; on SQLite it sees one state throughout. Raises LedgerDown."""
    with faults(), engine.connect() as connection:
        yield connection


@contextlib.contextmanager
def reading_one_state(engine: Engine) -> Iterator[Connection]:
    """One transaction that sees one state throughout, whatever is written meanwhile. Raises LedgerDown."""
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with faults(), engine.connect().execution_options(**options) as connection:
        yield connection


def migrate(engine: Engine) -> None:
    """Brings the tables to this program's version; several processes may do so at once. Raises LedgerDown,
    or LedgerUnfit where a newer program has made them."""
    _make_private(engine)
    with writing(engine) as connection:  # SQLite: its one writer's lock
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        if _version(connection) != newest():
            _refuse_newer(connection)
            command.upgrade(_config(connection), "head")


def is_made(engine: Engine) -> bool:
    """Whether an archive ever made its tables. Raises LedgerDown."""
    with reading(engine) as connection:
        return _version(connection) is not None


def _make_private(engine: Engine) -> None:
    """A new SQLite file is its owner's alone, for it will hold leads; the files beside it take its mode."""
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file:
        with contextlib.suppress(OSError):  # told by whoever writes
            Path(file).touch(mode=0o600)


def check(engine: Engine) -> None:
    """For who only reads. Raises LedgerDown, or LedgerUnfit where the tables are not those that this program knows."""
    with reading(engine) as connection:
        version = _version(connection)
        if version == newest():
            return
        _refuse_newer(connection)
    if version is None:
        raise LedgerUnfit("The ledger has no tables yet: the archive makes them when it starts (`pingpost archive`).")
    raise LedgerUnfit(f"The ledger's tables are of an older version ({version}): start this program's archive.")


def newest() -> str:
    """The version that this program makes."""
    head = _scripts().get_current_head()
    assert head is not None, "there is at least one migration"
    return head


def _refuse_newer(connection: Connection) -> None:
    version = _version(connection)
    if version is not None and version not in {script.revision for script in _scripts().walk_revisions()}:
        raise LedgerUnfit(
            f"The ledger's tables are of version {version}, which this program does not know (its own is {newest()}): "
            "a newer pingpost has made them. Run that one."
        )


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None))


def _config(connection: Any) -> Config:
    config = Config()
    # Beside this file, so that an installed wheel has it. A "%" would be read as a reference.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
