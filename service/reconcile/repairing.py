"""Redis is brought to what the ledger says, by differences: so it is right while the service sells.

A repair that another one, the end of a period or a Redis that is lost overtakes is found by the look that follows it,
and repaired again.
"""

from service.errors import StoreDown
from service.reconcile import scanning
from service.reconcile.looking import Look, look
from service.reconcile.sides import Sides
from service.store.aftermath import RETURNED_MS
from service.store.books import CreditChange, Deltas, in_runs
from service.store.runner import NEVER_MS


async def repair_sums(sides: Sides) -> bool:
    """Balances and caps, until they are equal; False where the two sides never stand at one moment."""
    for _ in range(sides.limits.repairs_max):
        seen = await look(sides)
        if seen is None:
            return False
        if seen.is_equal:
            return True
        await _bring(sides, seen)
    raise StoreDown("Redis was repaired again and again, and differs each time: is another repair at work?")


async def _bring(sides: Sides, seen: Look) -> None:
    owed = {int(one.key): -(one.by or 0) for one in seen.balances}
    stamp = seen.moment.repaired
    for balances, caps in in_runs(sides.limits.per_run, owed, seen.caps):
        deltas = Deltas(stamp, seen.periods_until_ms, balances, caps)
        done = await sides.store.books().repair(deltas)
        if done.status != "repaired":
            return
        stamp = done.stamp


async def repair_credits(sides: Sides) -> None:
    """Keys as the ledger has them, so that none counts twice; each is changed only where it says what was read."""
    async for changes in scanning.credits(sides):
        for at in range(0, len(changes), sides.limits.per_run):
            await _write(sides, changes[at : at + sides.limits.per_run])


async def _write(sides: Sides, changes: list[CreditChange]) -> None:
    """With nothing to change it leaves its stamp alone."""
    books = sides.store.books()
    for _ in range(sides.limits.repairs_max):
        done = await books.repair(Deltas(await books.stamp(), NEVER_MS, credits=changes))
        if done.status == "repaired":
            return
    raise StoreDown("Redis is being repaired by another one all the time.")


async def stamp_and_marks(sides: Sides) -> None:
    """What is known to be lost from now on, and that sales were returned."""
    await _write(sides, [])
    async for page in scanning.returned_sales(sides, sides.store.now_ms() - RETURNED_MS):
        returned = [(one.sale_id, one.returned_at_ms) for one in page if one.returned_at_ms is not None]
        await sides.store.books().mark_returned(returned)
