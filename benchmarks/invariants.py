"""What must hold in Redis after a run, or the run is void: the promises of `lua/README.md`, as they can be read off the
keys. Each check takes what stands there and says what is wrong, one sentence per finding, or nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import Any

from benchmarks.standing import Event, Standing, standing
from service.model.catalog import Catalog, Endpoint
from service.store.calls import HEARTBEAT_MS, RING_GRACE_MS

FINDINGS_MAX = 5
"""Told of one check; the first one is what matters."""


def check(
    client: Any, catalog: Catalog, *, answered: int | None = None, hold_seconds_max: int | None = None
) -> list[str]:
    """All broken promises, in words; empty where everything is kept. `answered`: how many sales posts were answered.
    `hold_seconds_max`: where longer holds than the catalog's were taken on purpose."""
    found = standing(client, catalog, answered=answered, hold_seconds_max=hold_seconds_max)
    return [sentence for broken in CHECKS for sentence in islice(broken(found), FINDINGS_MAX)]


def buyers_above_their_cap(now: Standing) -> Iterator[str]:
    for buyer in now.catalog.buyers.values():
        leases = now.live(now.leases[buyer.id])
        if buyer.concurrency_cap is not None and len(leases) > buyer.concurrency_cap:
            yield f"buyer {buyer.id} has {len(leases)} leases, more than its cap of {buyer.concurrency_cap}"


def slots_that_are_not_counted(now: Standing) -> Iterator[str]:
    """Room is judged by leases alone: a slot that is none, or another one, would be given away twice or too late."""
    for buyer_id in now.catalog.buyers:
        for decision, until_ms in now.live(now.slots[buyer_id]).items():
            if now.leases[buyer_id].get(decision) != until_ms:
                yield f"buyer {buyer_id} has a slot for {decision} and no lease until the same moment"


def holds_that_no_ping_took(now: Standing) -> Iterator[str]:
    for buyer_id in now.catalog.buyers:
        for decision in now.live(now.holds(buyer_id)):
            ping = now.pings.get(decision)
            if ping is None:
                yield f"buyer {buyer_id} is held for {decision}, of which there is no ping"
            elif decision in now.sales:
                yield f"buyer {buyer_id} is still held for {decision}, which is sold"
            elif not any(
                b.buyer_id == buyer_id and word == 0 for b, word in zip(ping.record.bids, ping.said, strict=False)
            ):
                yield f"buyer {buyer_id} is held for {decision}, whose ping was not offered it"


def slots_that_no_sale_has(now: Standing) -> Iterator[str]:
    for buyer_id in now.catalog.buyers:
        for decision in now.live(now.slots[buyer_id]):
            sale = now.sales.get(decision)
            if sale is None:
                yield f"buyer {buyer_id} has a slot for {decision}, of which there is no sale"
            elif sale.state != "sold" or sale.record.bids[sale.position].buyer_id != buyer_id:
                yield f"buyer {buyer_id} has a slot for {decision}, which is not sold to it"


def sales_without_their_slot(now: Standing) -> Iterator[str]:
    """Only of sales that no call has come to: a call's end gives the slot back, and its lease is the call's."""
    called = {event.sale for event in now.events if event.kind != "sold"}
    for decision, sale in now.sales.items():
        buyer_id = sale.record.bids[sale.position].buyer_id
        waits = sale.number and sale.number_until_ms > now.now_ms and decision not in called and not sale.live_call
        if waits and now.slots.get(buyer_id, {}).get(decision, 0) < sale.number_until_ms:
            yield f"sale {decision} waits for its call without a slot of buyer {buyer_id}"


def sales_not_once_in_the_stream(now: Standing) -> Iterator[str]:
    times = Counter(event.sale for event in now.events if event.kind == "sold")
    for decision in times.keys() | now.sales.keys():
        if times[decision] != 1:
            yield f"sale {decision} is in the stream of sales {times[decision]} times"
        if decision not in now.sales:
            yield f"the stream of sales has {decision}, which no post can find again"


def sales_answered_and_not_made(now: Standing) -> Iterator[str]:
    made = sum(event.kind == "sold" for event in now.events)
    if now.answered is not None and made != now.answered:
        yield f"{now.answered} sales were answered and {made} are in the stream of sales"


def numbers_lent_twice(now: Standing) -> Iterator[str]:
    """Between two sales of a number lies the first one's answered call, or its time, and the rest."""
    ended_ms = {event.sale: event.at_ms for event in now.events if event.kind == "ended" and event.answered}
    sold: dict[str, list[Event]] = defaultdict(list)
    for event in now.events:
        if event.kind == "sold" and event.number:
            sold[event.number].append(event)
    cooldowns_ms = {
        number: pool.cooldown_seconds * 1000 for pool in now.catalog.pools.values() for number in pool.numbers
    }
    held_ms = min(endpoint.number_hold_seconds * 1000 for endpoint in now.catalog.endpoints.values())
    for number, events in sold.items():
        for before, after in pairwise(events):
            over_ms = ended_ms.get(before.sale, before.at_ms + held_ms)
            if after.at_ms < over_ms + cooldowns_ms.get(number, 0):
                yield f"{number} was lent to {after.sale} while {before.sale} had it, or before it had rested"


def numbers_that_are_wrong(now: Standing) -> Iterator[str]:
    for pool in now.catalog.pools.values():
        for number in set(pool.numbers) - now.numbers[pool.id].keys():
            yield f"{number} is gone from pool {pool.id}"
        for number, decision in now.lent[pool.id].items():
            sale = now.sales.get(decision)
            if sale is None or sale.number != number:
                yield f"{number} is lent to {decision}, which has not got it"


def caps_counted_wrong(now: Standing) -> Iterator[str]:
    """Only where no call has moved a sale from buyer to buyer, which no run does whose buyers always answer."""
    if any(event.kind in ("moved", "voided") for event in now.events):
        return
    made = Counter(event.contract for event in now.events if event.kind == "sold")
    for buyer in now.catalog.buyers.values():
        for contract in buyer.contracts:
            counts = now.sold[contract.id]
            counted = counts.get("total", 0)
            if counted != made[contract.id]:
                yield f"contract {contract.id} has sold {made[contract.id]} and counts {counted}"
            for cap in contract.caps:
                if counts.get(cap.per, 0) > cap.limit:
                    yield f"contract {contract.id} has sold beyond its cap of {cap.limit} a {cap.per}"


def leases_that_never_end(now: Standing) -> Iterator[str]:
    """When the longest lease there can be is over, nothing lives and every number is free."""
    slot_ms = max(HEARTBEAT_MS, *(_slot_ms(endpoint) for endpoint in now.catalog.endpoints.values()))
    for buyer_id in now.catalog.buyers:
        kinds = (("hold", now.holds(buyer_id), now.holds_ms), ("slot", now.slots[buyer_id], slot_ms))
        for kind, leases, longest_ms in kinds:
            for decision, until_ms in leases.items():
                if until_ms > now.now_ms + longest_ms:
                    yield f"a {kind} of buyer {buyer_id} for {decision} lives longer than any may"
    for pool in now.catalog.pools.values():
        for number, free_ms in now.numbers[pool.id].items():
            if free_ms > now.now_ms + slot_ms + pool.cooldown_seconds * 1000:
                yield f"{number} of pool {pool.id} is not free when every lease is over"
    for key in now.lasting:
        yield f"the key {key} has no end"


def _slot_ms(endpoint: Endpoint) -> int:
    ring_ms: int = endpoint.ring_seconds * 1000 + RING_GRACE_MS
    return max(
        endpoint.number_hold_seconds * 1000, ring_ms if endpoint.edge_heartbeats else endpoint.max_call_seconds * 1000
    )


CHECKS: tuple[Callable[[Standing], Iterator[str]], ...] = (
    buyers_above_their_cap,
    slots_that_are_not_counted,
    holds_that_no_ping_took,
    slots_that_no_sale_has,
    sales_without_their_slot,
    sales_not_once_in_the_stream,
    sales_answered_and_not_made,
    numbers_lent_twice,
    numbers_that_are_wrong,
    caps_counted_wrong,
    leases_that_never_end,
)
