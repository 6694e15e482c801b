"""The ledger: what was sold, who owes whom, and what was decided, in SQL. Synchronous; nobody else knows a table.

SQLite in the folder of state, or PostgreSQL by `PINGPOST_LEDGER_URL`.
"""

from service.ledger.cursors import BEGINNING, Step, Taken, Told, cursor, rewind
from service.ledger.deciding import FORGET_ROWS, forget_decisions, take_decisions
from service.ledger.opening import Ledger, check, migrate, open_ledger, reading, url_of, writing
from service.ledger.selling import take_sales

__all__ = [
    "BEGINNING",
    "FORGET_ROWS",
    "Ledger",
    "Step",
    "Taken",
    "Told",
    "check",
    "cursor",
    "forget_decisions",
    "migrate",
    "open_ledger",
    "reading",
    "rewind",
    "take_decisions",
    "take_sales",
    "url_of",
    "writing",
]
