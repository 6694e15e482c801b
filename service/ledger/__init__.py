"""The ledger: what was sold, who owes whom, and what was decided, in SQL. Synchronous; nobody else knows a table.

SQLite in the folder of state, or PostgreSQL by `PINGPOST_LEDGER_URL`.
"""

from service.ledger.books import (
    KnownCredit,
    KnownSale,
    Sums,
    all_credits,
    credits_of,
    returned_since,
    sales_of,
    sales_since,
    sums,
)
from service.ledger.cursors import BEGINNING, Step, Taken, Told, cursor, rewind
from service.ledger.deciding import FORGET_ROWS, forget_decisions, take_decisions
from service.ledger.forgetting import (
    ERASE_ROWS,
    Receipt,
    decisions_naming,
    decisions_of_caller,
    erase_decisions,
    erase_old_leads,
    erase_refused,
    receipts_of,
    scrub,
)
from service.ledger.opening import Ledger, check, is_made, migrate, open_ledger, reading, url_of, writing
from service.ledger.selling import take_sales

__all__ = [
    "BEGINNING",
    "ERASE_ROWS",
    "FORGET_ROWS",
    "KnownCredit",
    "KnownSale",
    "Ledger",
    "Receipt",
    "Step",
    "Sums",
    "Taken",
    "Told",
    "all_credits",
    "check",
    "credits_of",
    "cursor",
    "decisions_naming",
    "decisions_of_caller",
    "erase_decisions",
    "erase_old_leads",
    "erase_refused",
    "forget_decisions",
    "is_made",
    "migrate",
    "open_ledger",
    "reading",
    "receipts_of",
    "returned_since",
    "rewind",
    "sales_of",
    "sales_since",
    "scrub",
    "sums",
    "take_decisions",
    "take_sales",
    "url_of",
    "writing",
]
