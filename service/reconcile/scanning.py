"""Keys of credits, and sales, one after the other on both sides, some at a time.

Nothing of it is of one moment. A key of a credit is written once, so that whoever misses it once the ledger has caught
up misses it. A sale moves on and never back: where both sides differ it is read once more, and what has not moved
meanwhile differs indeed.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from service import ledger
from service.ledger import KnownCredit, KnownSale
from service.reconcile.differences import Difference, of_credit, of_sale
from service.reconcile.sides import Sides
from service.store.books import CreditChange, FoundSale

_END: Any = object()


async def credits(sides: Sides) -> AsyncIterator[list[CreditChange]]:
    """Keys that differ, as they are to be changed; a page for each look, often an empty one."""
    books, cursor, looked = sides.store.books(), 0, 0
    while True:
        cursor, said = await books.scan_credits(cursor)
        await sides.catch_up()
        known: dict[str, KnownCredit] = await sides.ask(ledger.credits_of, list(said))
        yield [change for key, word in said.items() if (change := of_credit(key, word, known.get(key)))]
        looked += len(said)
        sides.tell(f"{looked} keys of credits of Redis")
        if not cursor:
            break
    async for page in _pages(sides, ledger.all_credits):
        there = await books.credits([one.key for one in page])
        yield [change for one in page if one.key not in there and (change := of_credit(one.key, None, one))]
        sides.tell(f"{page[-1].entry_id} entries of the ledger")


async def sales_of_redis(sides: Sides) -> AsyncIterator[tuple[int, list[Difference]]]:
    """How many sales were looked at, and those that the ledger knows otherwise or not at all."""
    books, cursor, looked = sides.store.books(), 0, 0
    while True:
        cursor, found = await books.scan_sales(cursor)
        looked += len(found)
        yield len(found), await _differing(sides, found)
        sides.tell(f"{looked} sales of Redis")
        if not cursor:
            return


async def _differing(sides: Sides, found: list[FoundSale]) -> list[Difference]:
    differences = []
    for _ in range(sides.limits.looks_max):
        if not found:
            break
        await sides.catch_up()
        known: dict[str, KnownSale] = await sides.ask(ledger.sales_of, [one.sale_id for one in found])
        odd = {one.sale_id: one for one in found if of_sale(one, known.get(one.sale_id))}
        again = await sides.store.books().sales(list({one.decision_id for one in odd.values()}))
        stands = [one for one in again if odd.get(one.sale_id) == one]
        differences += [one for found in stands if (one := of_sale(found, known.get(found.sale_id)))]
        found = [one for one in again if one.sale_id in odd and odd[one.sale_id] != one]
    return differences


async def missing_sales(sides: Sides, posted_since_ms: int) -> AsyncIterator[list[KnownSale]]:
    """Sales of the ledger that Redis must still have, and has not."""
    looked = 0
    async for page in _pages(sides, ledger.sales_since, posted_since_ms):
        there = await sides.store.books().sales(list({one.decision_id for one in page}))
        sale_ids = {one.sale_id for one in there}
        yield [one for one in page if one.sale_id not in sale_ids]
        looked += len(page)
        sides.tell(f"{looked} sales of the ledger")


async def returned_sales(sides: Sides, since_ms: int) -> AsyncIterator[list[KnownSale]]:
    async for page in _pages(sides, ledger.returned_since, since_ms):
        yield page


async def _pages(sides: Sides, question: Any, *words: Any) -> AsyncIterator[list[Any]]:
    """What the ledger gives some at a time, each of them asked for in a thread."""
    pages: Iterator[list[Any]] = question(sides.ledger, *words)
    while (page := await sides.ask(lambda _: next(pages, _END))) is not _END:
        yield page
