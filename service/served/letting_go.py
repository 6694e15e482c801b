"""Dropping a replaced catalog a little at a time.

The last reference to a catalog of 10,000 contracts frees some hundred thousand objects at once, and was measured to
stop the event loop for 60 to 75 ms. Its buyers and contracts, which are most of it, are therefore freed in slices.
"""

import asyncio

from service.model.catalog import Buyer, Contract
from service.served.snapshot import Snapshot

SLICE = 250
"""Buyers or contracts freed between two turns of the event loop: about a millisecond."""
PAUSE_SECONDS = 0.002


async def let_go(replaced: Snapshot) -> None:
    """Takes over the last reference to a snapshot and frees it in slices; the caller must drop its own.

    Whatever a request still uses lives on until that request is done.
    """
    held: list[Buyer | Contract] = [
        contract for buyer in replaced.catalog.buyers.values() for contract in buyer.contracts
    ]
    held += replaced.catalog.buyers.values()  # at the end, so that they go before the contracts they hold
    del replaced
    while held:
        await asyncio.sleep(PAUSE_SECONDS)
        del held[-SLICE:]
