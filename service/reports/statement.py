"""A buyer's statement for a month: what stood on its account, what moved, what stands. For an invoice.

Money stands here on the day it moved, as in the ledger, so that lines and balances add up to the micro; a report counts
the same sales by the day of their posts. Charges are below 0, top-ups and what is given back above.
"""

from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct

from service.ledger.accounts import Account, Moved
from service.ledger.reader import LedgerReader
from service.reports.figures import units
from service.reports.spans import Span


class Line(Struct, frozen=True):
    """`what` is sales, calls moved on, voided, returned, top-ups or corrections; `about` the contract, or the reason of
    a top-up or correction."""

    what: str
    about: str
    count: int
    amount_micros: int

    @property
    def amount(self) -> Decimal:
        return units(self.amount_micros)


class Statement(Struct, frozen=True):
    buyer_id: int
    month: str
    span: Span
    zone: ZoneInfo
    opening_micros: int
    closing_micros: int
    lines: list[Line]


class DoesNotAddUp(Exception):
    """The ledger's sums contradict each other: a bug, and nothing to send to a buyer."""


WORDS: tuple[tuple[str, str], ...] = (
    ("sales", "leads bought, by contract"),
    ("moved on", "leads charged and given back because their call went to another buyer"),
    ("voided", "given back because no buyer took the call"),
    ("returned", "given back because the lead was returned"),
    ("top-ups", "paid in"),
    ("corrections", "by the operator"),
)
"""The lines of a statement in their order, and what they mean."""
_ORDER = [what for what, _ in WORDS]
_OF_KIND = {"void": "voided", "return": "returned", "top_up": "top-ups", "correction": "corrections"}


def statement_of(reader: LedgerReader, buyer_id: int, month: str, span: Span, zone: ZoneInfo) -> Statement:
    """Raises LedgerDown, LedgerUnfit, DoesNotAddUp."""
    account = reader.account(buyer_id, span.from_ms, span.to_ms)
    lines = lines_of(account)
    if account.opening_micros + sum(line.amount_micros for line in lines) != account.closing_micros:
        raise DoesNotAddUp(f"The statement of buyer {buyer_id} for {month} does not add up.")
    return Statement(buyer_id, month, span, zone, account.opening_micros, account.closing_micros, lines)


def lines_of(account: Account) -> list[Line]:
    """Entries as lines: one for each contract or reason, in the order of WORDS. What is counted are leads, so that a
    charge and its giving back within one line are one."""
    lines: dict[tuple[int, str], Line] = {}
    for moved in account.moved:
        what, about = _line_of(moved)
        key = (_ORDER.index(what), about)
        before = lines.get(key, Line(what, about, 0, 0))
        # A lead that came and went stands in two entries; its charge is the one that counts.
        count = moved.count if what not in ("sales", "moved on") or moved.amount_micros < 0 else 0
        lines[key] = Line(what, about, before.count + count, before.amount_micros + moved.amount_micros)
    return [line for _, line in sorted(lines.items())]


def _line_of(moved: Moved) -> tuple[str, str]:
    what = _OF_KIND.get(moved.kind)
    if what is not None:
        return what, moved.contract or moved.reason
    # What was sold, or came by a move, and has gone on since is another buyer's sale now.
    return ("sales", moved.contract) if moved.contract else ("moved on", "")
