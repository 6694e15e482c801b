"""How long a sale can be given back, and by whom."""

from typing import Final

RETURN_DAYS_MAX: Final = 365
"""Of a contract. Buyers find out within weeks what a lead was worth."""
OPERATOR_RETURN_DAYS: Final = 400
"""An operator may return what no contract lets its buyer return any more: a dispute over last year's books."""
