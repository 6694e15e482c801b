"""The database and its tables, on both kinds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from service import ledger
from service.errors import LedgerDown, LedgerRefused, LedgerUnfit
from service.ledger import Ledger, Step
from service.ledger.opening import newest
from service.ledger.tables import METADATA
from tests.ledger.events import event, told
from tests.postgres_server import PostgresServer, find_program

ROOT = Path(__file__).parents[2]
OPEN = """
import sys
from service import ledger
to = ledger.open_ledger(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
ledger.migrate(to)
"""


def test_migrations_make_the_tables_that_the_program_knows(to: Ledger) -> None:
    with to.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    assert {*inspect(to).get_table_names()} == {*METADATA.tables, "alembic_version"}
    ledger.check(to)


def test_several_archives_that_start_at_once_make_the_tables_once(ledger_url: str) -> None:
    command = [sys.executable, "-c", OPEN, ledger_url]
    started = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for one in started:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in started:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in started:
        one.communicate(timeout=60)
    assert [one.returncode for one in started] == [0, 0, 0, 0]
    ledger.check(ledger.open_ledger(ledger_url))


def test_tables_of_a_newer_program_are_left_alone_with_a_sentence(to: Ledger) -> None:
    with to.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for look in (ledger.migrate, ledger.check):
        with pytest.raises(LedgerUnfit, match=rf"of version 9999, .*its own is {newest()}\): a newer pingpost"):
            look(to)


def test_who_only_reads_is_told_that_there_are_no_tables_yet(ledger_url: str) -> None:
    with pytest.raises(LedgerUnfit, match="no tables yet: the archive makes them"):
        ledger.check(ledger.open_ledger(ledger_url))


@pytest.mark.parametrize(
    "change", ["UPDATE entries SET amount_micros = 0", "DELETE FROM entries", "DELETE FROM entries WHERE id = 1"]
)
def test_entries_stay_as_they_were_written(to: Ledger, change: str) -> None:
    ledger.take_sales(to, Step("sales", "0-0", "1-0"), told([event("sold", position=0)]))
    with pytest.raises((LedgerDown, LedgerRefused), match="entries are append-only"), ledger.writing(to) as connection:
        connection.execute(text(change))
    with ledger.reading(to) as connection:
        assert connection.scalar(text("SELECT count(*) FROM entries")) == 3


@pytest.mark.parametrize(
    ("url", "said"), [("mysql://me:secret@host/db", "cannot live in mysql"), ("nonsense secret", "cannot be read")]
)
def test_another_url_is_refused_in_words_without_it(url: str, said: str) -> None:
    with pytest.raises(LedgerUnfit, match=said) as refused:
        ledger.open_ledger(url)
    assert "secret" not in str(refused.value)


def test_a_database_that_is_away_is_told_without_the_password(postgres: PostgresServer) -> None:
    away = ledger.open_ledger("postgresql://me:sesame@127.0.0.1:1/db")
    with pytest.raises(LedgerDown, match="refused") as down:
        ledger.migrate(away)
    assert "sesame" not in str(down.value)


def test_sqlite_syncs_each_commit_and_lets_readers_read(tmp_path: Path) -> None:
    to = ledger.open_ledger(ledger.url_of(None, tmp_path))
    ledger.migrate(to)
    with ledger.writing(to), ledger.reading(to) as reader:
        assert reader.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert reader.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "FULL"
        assert reader.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert reader.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5_000


def test_a_missing_postgresql_is_a_failure_that_says_what_to_install() -> None:
    with pytest.raises(AssertionError, match="apt-get install postgresql"):
        find_program("no-such-program-of-postgresql")


def test_each_migration_follows_the_one_before() -> None:
    texts = [path.read_text() for path in sorted((ROOT / "service/ledger/migrations/versions").glob("v*.py"))]
    revisions = [re.search(r'^revision = "(\w+)"', one, re.M) for one in texts]
    before = [re.search(r"^down_revision = (.+)$", one, re.M) for one in texts]
    names = [found[1] for found in revisions if found]
    assert [found[1].strip('"') for found in before if found] == ["None", *names[:-1]]
    assert names[-1] == newest()


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    ledger.migrate(ledger.open_ledger(f"sqlite:///{file}"))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
