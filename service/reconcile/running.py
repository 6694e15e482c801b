"""A reconciliation: compare; with `repair`, bring Redis to what the ledger says, and compare again."""

from typing import Final, Literal

from msgspec import Struct, field

from service import ledger
from service.errors import LedgerUnfit
from service.ledger import BEGINNING
from service.reconcile import scanning
from service.reconcile.differences import Difference, of_change, of_sale
from service.reconcile.looking import look
from service.reconcile.repairing import repair_credits, repair_sums, stamp_and_marks
from service.reconcile.sides import Sides

SALE_KEEP_MS: Final = 86_400_000
"""How long Redis has a sale at least (see the key in `lua/README.md`)."""

Status = Literal["equal", "different", "never_quiet"]


class Report(Struct):
    """What came of it."""

    status: Status = "equal"
    differences: list[Difference] = field(default_factory=list)
    """Those that are left, the first of them; `differences_count` counts all."""
    differences_count: int = 0
    repairable_count: int = 0
    """How many of them a repair brings to the ledger: all but sales."""
    repaired: list[Difference] = field(default_factory=list)
    """What differed, the first of it; `repaired_count` counts all."""
    repaired_count: int = 0
    sales_lost: int = 0
    """Sales of the last day that a Redis lost which was repaired since: the ledger has them, and Redis will not."""
    sales_unknown: int = 0
    """Sales of Redis that the ledger does not have: it is not the one they were archived into."""
    balances: int = 0
    contracts: int = 0
    sales: int = 0
    """How many of Redis were compared."""


async def reconcile(sides: Sides, *, repair: bool = False) -> Report:
    """Raises StoreDown, LedgerDown; LedgerUnfit, where a ledger that never had a sale, or not those
    that Redis has, would undo what is right."""
    is_new = await sides.ask(ledger.cursor, "sales") == BEGINNING
    found = await _compare(sides)
    if not repair or found.status == "never_quiet":
        return found
    to_repair = [one for one in found.differences if one.what != "sale"]
    if is_new and to_repair:
        raise LedgerUnfit("Nothing is repaired: this ledger has had no sale before now. Is it the right one?")
    if to_repair and found.sales_unknown:
        raise LedgerUnfit(
            f"Nothing is repaired: Redis has {found.sales_unknown} sale(s) of which this ledger knows nothing. "
            "Is it the right one, or one from before them?"
        )
    await repair_credits(sides)
    if not await repair_sums(sides):
        return Report("never_quiet")
    await stamp_and_marks(sides)
    after = await _compare(sides)
    after.repaired, after.repaired_count = to_repair, found.repairable_count
    return after


async def _compare(sides: Sides) -> Report:
    seen = await look(sides)
    if seen is None:
        return Report("never_quiet")
    report = Report(balances=len(seen.moment.balances))
    report.contracts = sum(len(buyer.contracts) for buyer in sides.catalog.buyers.values())
    _note(sides, report, seen.differences)
    async for changes in scanning.credits(sides):
        _note(sides, report, [of_change(one) for one in changes])
    await _compare_sales(sides, report, seen.moment.repaired)
    report.status = "different" if report.differences_count else "equal"
    return report


async def _compare_sales(sides: Sides, report: Report, repaired: str) -> None:
    async for count, differences in scanning.sales_of_redis(sides):
        report.sales += count
        report.sales_unknown += sum(one.ledger is None for one in differences)
        _note(sides, report, differences)
    since_ms = sides.store.now_ms() - SALE_KEEP_MS + sides.limits.sale_margin_ms
    async for missing in scanning.missing_sales(sides, since_ms):
        known = [one for one in missing if one.posted_at_ms <= int(repaired or 0)]
        report.sales_lost += len(known)
        new = [one for one in missing if one.posted_at_ms > int(repaired or 0)]
        _note(sides, report, [difference for one in new if (difference := of_sale(None, one))])


def _note(sides: Sides, report: Report, differences: list[Difference]) -> None:
    report.differences_count += len(differences)
    report.repairable_count += sum(one.what != "sale" for one in differences)
    report.differences += differences[: sides.limits.differences_max - len(report.differences)]
