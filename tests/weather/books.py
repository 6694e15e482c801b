"""What Redis and the ledger hold after the storm, read once all is calm."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import redis as redis_py
from sqlalchemy import text

from service import ledger
from service.ledger import Ledger
from service.model.catalog import Per
from service.store.caps import sold_of
from tests.weather.market import ACCOUNT, OFFERS, PRICES, contract_id


class LedgerSale(NamedTuple):
    sale_id: str
    request_id: str
    buyer_id: int
    contract: str
    bid_micros: int
    payout_micros: int
    state: str
    made_at_ms: int


class Entry(NamedTuple):
    key: str
    account: str
    kind: str
    amount_micros: int


class Books(NamedTuple):
    """`entries` stand in the order in which they were written. `refused`: stream entries that could not be applied.
    `decided`: posts on record that sold; `counted`: the same as the hourly counts have it. `unsold`: the other posts on
    record: status, how many, and when the first and the last."""

    sales: Sequence[LedgerSale]
    entries: Sequence[Entry]
    refused: int
    decided: int
    counted: int
    unsold: Sequence[tuple[str, int, int, int]]
    balances: dict[int, int]
    """Of Redis, in micros, of the buyers that have one there."""
    caps: dict[str, dict[Per, tuple[int, int, int]]]
    """Of Redis, by contract: start, sales and micros of each kind of period."""


def read_books(of: Ledger, redis_path: str) -> Books:
    columns = ", ".join(LedgerSale._fields)
    with ledger.reading(of) as connection:

        def number(question: str) -> int:
            return int(connection.scalar(text(question)) or 0)

        sales = [LedgerSale(*row) for row in connection.execute(text(f"SELECT {columns} FROM sales"))]
        in_order = "SELECT key, account, kind, amount_micros FROM entries ORDER BY id"
        entries = [Entry(*row) for row in connection.execute(text(in_order))]
        refused = number("SELECT count(*) FROM refused")
        decided = number("SELECT count(*) FROM decisions WHERE kind = 'post' AND status = 'sold'")
        counted = number("SELECT sum(posts_sold) FROM volume")
        posts = "SELECT status, count(*), min(at_ms), max(at_ms) FROM decisions WHERE kind = 'post' GROUP BY status"
        unsold = [tuple(row) for row in connection.execute(text(posts)) if row[0] != "sold"]
    return Books(sales, entries, refused, decided, counted, unsold, *_redis(redis_path))


def _redis(path: str) -> tuple[dict[int, int], dict[str, dict[Per, tuple[int, int, int]]]]:
    client: Any = redis_py.Redis(unix_socket_path=path)
    with client:
        balances = {buyer_id: client.get(f"{{{ACCOUNT}}}:balance:{buyer_id}") for buyer_id in PRICES}
        contracts = [contract_id(buyer_id, offer) for buyer_id in PRICES for offer in OFFERS]
        caps = {contract: sold_of(client.hget(f"{{{ACCOUNT}}}:caps", contract)) for contract in contracts}
    return {buyer_id: int(value) for buyer_id, value in balances.items() if value is not None}, caps
