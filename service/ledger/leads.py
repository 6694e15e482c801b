"""The leads that a buyer has bought."""

from typing import Any

from sqlalchemy import Connection, and_, or_, select

from service.ledger.histories import Row
from service.ledger.tables import decisions, sales

LEADS_MAX = 500
"""Of one answer, which is made whole in memory; the next ones come by `after`."""


def leads_of(connection: Connection, buyer_id: int, after: str | None) -> list[Row] | None:
    """Sales that were made to a buyer and not given back, oldest first, each with the `record` of its post; None of one
    whose record is not kept any more. From the sale after `after` on; None where that is no sale of this buyer."""
    made = sales.c.buyer_id == buyer_id
    follows: Any = made & (sales.c.state == "sold")
    if after is not None:
        last = connection.execute(
            select(sales.c.made_at_ms).where(made, sales.c.sale_id == after, sales.c.made_at_ms.is_not(None))
        ).first()
        if last is None:
            return None
        later = sales.c.made_at_ms > last.made_at_ms
        follows &= or_(later, and_(sales.c.made_at_ms == last.made_at_ms, sales.c.sale_id > after))
    posted = (decisions.c.decision_id == sales.c.decision_id) & (decisions.c.status == "sold")
    columns = (sales.c.sale_id, sales.c.made_at_ms, sales.c.endpoint, sales.c.contract, sales.c.bid_micros)
    asked = (
        select(*columns, decisions.c.record)
        .join_from(sales, decisions, posted, isouter=True)
        .where(follows)
        .order_by(sales.c.made_at_ms, sales.c.sale_id)
        .limit(LEADS_MAX)
    )
    return [dict(row) for row in connection.execute(asked).mappings()]
