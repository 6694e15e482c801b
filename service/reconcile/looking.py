"""Balances and caps of both sides as of one moment."""

import asyncio

from msgspec import Struct

from service import ledger
from service.ledger import Sums
from service.reconcile.differences import Difference, Starts, of_balances, of_caps, of_deltas
from service.reconcile.sides import Sides
from service.store.books import CapDelta, Moment


class Look(Struct, frozen=True):
    """What both sides say of one moment, and until when its periods are on."""

    moment: Moment
    balances: list[Difference]
    caps: list[CapDelta]
    periods_until_ms: int

    @property
    def is_equal(self) -> bool:
        return not self.balances and not self.caps

    @property
    def differences(self) -> list[Difference]:
        return [*self.balances, *of_deltas(self.moment, self.caps)]


async def look(sides: Sides) -> Look | None:
    """None where the two never stood at one moment. Raises StoreDown, LedgerDown."""
    for _ in range(sides.limits.looks_max):
        found = await _look_once(sides)
        if found is not None:
            return found
        await asyncio.sleep(sides.limits.pause_seconds)
    return None


async def _look_once(sides: Sides) -> Look | None:
    books, buyers = sides.store.books(), sides.catalog.buyers.values()
    paying = [buyer.id for buyer in buyers if buyer.balance_required]
    of_contracts = {contract.id: buyer for buyer in buyers for contract in buyer.contracts}
    moment = await books.moment(paying, list(of_contracts))
    if moment is None:
        return None
    zones: dict[str, Starts] = {}
    ends = []
    for zone in sorted({buyer.timezone for buyer in of_contracts.values()}):
        zones[zone], end_ms = books.periods(zone, moment.at_ms)
        ends.append(end_ms)
    await sides.reader.take_until(moment.last_id)
    sums: Sums | None = await sides.ask(ledger.sums, moment.last_id, paying, list(zones.values()))
    if sums is None:
        return None
    caps = of_caps(moment, sums, zones, of_contracts)
    return Look(moment, of_balances(moment, sums), caps, min(ends, default=moment.at_ms + 1))
