"""A buyer's account, added up for a statement."""

from msgspec import Struct
from sqlalchemy import Connection, case, func, select

from service.ledger.tables import entries, sales


class Moved(Struct, frozen=True):
    """Entries of one kind, added up. `contract` is "" where no sale stands behind them, or a sale that went on to
    another buyer, whose contract is nobody else's business."""

    kind: str
    contract: str
    reason: str
    count: int
    amount_micros: int


class Account(Struct, frozen=True):
    """`opening_micros` is what all entries before the span sum to."""

    opening_micros: int
    closing_micros: int
    moved: list[Moved]


def account_of(connection: Connection, buyer_id: int, from_ms: int, to_ms: int) -> Account:
    """What stood on a buyer's account at two moments, and what moved between them (the second exclusive)."""
    mine = entries.c.account == f"buyer:{buyer_id}"
    amount = func.coalesce(func.sum(entries.c.amount_micros), 0)

    def standing(at_ms: int) -> int:
        return int(connection.execute(select(amount).where(mine, entries.c.at_ms < at_ms)).scalar_one())

    asked = (
        select(
            entries.c.kind,
            case((sales.c.buyer_id == buyer_id, sales.c.contract), else_="").label("of_contract"),
            case((entries.c.sale_id.is_(None), entries.c.reason), else_="").label("of_reason"),
            # What is charged and what is given back of it are told apart: a move has both.
            (entries.c.amount_micros < 0).label("is_charge"),
            func.count(),
            amount,
        )
        .select_from(entries.outerjoin(sales, entries.c.sale_id == sales.c.sale_id))
        .where(mine, entries.c.at_ms >= from_ms, entries.c.at_ms < to_ms)
        .group_by(entries.c.kind, "of_contract", "of_reason", "is_charge")
    )
    rows = connection.execute(asked).all()
    moved = [Moved(kind, of or "", why or "", int(count), int(micros)) for kind, of, why, _, count, micros in rows]
    return Account(opening_micros=standing(from_ms), closing_micros=standing(to_ms), moved=sorted(moved, key=_order))


def _order(moved: Moved) -> tuple[str, str, str, int]:
    return moved.kind, moved.contract, moved.reason, moved.amount_micros
