"""The ledger: what was sold, who owes whom, and what was decided, in SQL. Synchronous; nobody else knows a table.

SQLite in the folder of state, or PostgreSQL by `PINGPOST_LEDGER_URL`.
"""

from service.ledger.opening import check, migrate, open_ledger, reading, url_of, writing

__all__ = ["check", "migrate", "open_ledger", "reading", "url_of", "writing"]
