"""Ledgers with what a test put there, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.ledger import migrate, open_ledger
from tests.postgres_server import PostgresServer
from tests.reports.books import Books


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer().start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    """An empty ledger with its tables."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    else:
        url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    engine = open_ledger(url)
    migrate(engine)
    yield Books(url, engine)
    engine.dispose()
