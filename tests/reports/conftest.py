"""Ledgers with what a test put there, on both databases."""

import pytest

from service.ledger import Ledger
from tests.reports.books import Books


@pytest.fixture
def books(ledger_url: str, to: Ledger) -> Books:
    return Books(ledger_url, to)
