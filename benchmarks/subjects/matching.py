"""The matcher alone: the best ten of many contracts, beside a loop over all of them, which must find the same set."""

import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

from benchmarks.bench import Bench, Measured, Void
from benchmarks.placement import pinned
from benchmarks.reservations import load
from service.match import Asked, Facts, Index, build
from service.model.catalog import Catalog, Contract, Test, Value

SEED = 20_261_121
BEST = 10
NOW_MS = 1_795_003_200_000
STATES = ("CA", "NY", "TX", "FL", "GA", "OH", "IL", "PA", "MI", "NC", "VA", "WA", "AZ", "MA", "TN", "IN", "MO", "MD")
CARRIERS = ("Geico", "Progressive", "State Farm", "Allstate", "Other")
OFFER = "calls"
FIELDS = (("state", "state"), ("age", "integer"), ("carrier", "text"), ("currently_insured", "boolean"))


def matching(bench: Bench, contracts: int) -> Measured:
    """Microseconds for the best ten by the index, and for all that match by the loop."""
    catalog, index = _world(bench.folder / f"match-{contracts}", contracts)
    leads = asks(bench.size.leads_matched)
    scanned = leads[: bench.size.leads_scanned]
    everyone = [contract for buyer in catalog.buyers.values() for contract in buyer.contracts]
    matched = sum(same_set(index, everyone, asked) for asked in scanned)
    with pinned(bench.cores.server):
        started_s = time.process_time()
        for asked in leads:
            index.rank(asked).take(BEST)
        ranked_s = time.process_time() - started_s
        started_s = time.process_time()
        for asked in scanned:
            scan(everyone, asked.facts)
        scanned_s = time.process_time() - started_s
    return Measured(
        {
            "rank_us": ranked_s / len(leads) * 1_000_000,
            "scan_us": scanned_s / len(scanned) * 1_000_000,
            "matched": matched / len(scanned),
        }
    )


def same_set(index: Index, contracts: Sequence[Contract], asked: Asked) -> int:
    """How many contracts want a lead. Raises Void where index and scan do not agree on which."""
    by_scan = scan(contracts, asked.facts)
    by_index = {bid.contract.id for bid in index.rank(asked).take(len(contracts) + 1)}
    if by_index != by_scan:
        raise Void(f"index and scan differ by {sorted(by_index ^ by_scan)[:5]} for {asked.facts.values}")
    return len(by_scan)


def scan(contracts: Sequence[Contract], facts: Facts) -> set[str]:
    """Ids of the contracts that want a lead, by asking each: of filters of `in`, `min` and `max`, always open."""
    return {one.id for one in contracts if all(_holds(test, facts.values.get(test.field)) for test in one.where.tests)}


def _holds(test: Test, value: Value | None) -> bool:
    if value is None:
        return False
    if test.op == "in":
        return value in test.limit  # type: ignore[operator]
    if test.op == "min":
        return value >= test.limit  # type: ignore[operator]
    assert test.op == "max", test.op
    return value <= test.limit  # type: ignore[operator]


@cache
def _world(folder: Path, contracts: int) -> tuple[Catalog, Index]:
    """Read and indexed once for all rounds."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalog.toml").write_text(catalog_text(contracts))
    catalog = load(folder)
    return catalog, build(catalog, OFFER)


def catalog_text(contracts: int) -> str:
    """Contracts of three filters each. A lead is wanted by one in fourteen or so, and by enough wide ones that there is
    a best ten among the few, too: else it would be compared with a best two."""
    random = Random(SEED)
    fields = "\n".join(f'  [[offers.fields]]\n  name = "{name}"\n  type = "{kind}"' for name, kind in FIELDS)
    tables = ['[account]\nid = "bench"', f'[[offers]]\nid = "{OFFER}"\nname = "Calls"\ndelivery = "call"\n{fields}']
    for at in range(contracts):
        is_wide = random.random() < 2 * BEST / contracts
        state_count, carrier_count = random.randint(3, 8), random.randint(1, 4)
        states = _some(random, STATES, len(STATES) if is_wide else state_count)
        carriers = _some(random, CARRIERS, len(CARRIERS) if is_wide else carrier_count)
        youngest = random.randint(18, 50)
        oldest = youngest + random.randint(10, 40)
        bid = random.randint(500, 5000) / 100
        tables.append(
            f'[[buyers]]\nid = {at + 1}\nname = "Buyer {at}"\ndestination = "+18005550001"\n'
            f'  [[buyers.contracts]]\n  id = "{at + 1}-calls"\n  offer = "{OFFER}"\n  bid = {bid}'
            f"\n  where = {{ state = [{states}], carrier = [{carriers}], "
            f"age = {{ min = {18 if is_wide else youngest}, max = {80 if is_wide else oldest} }} }}"
        )
    return "\n\n".join(tables) + "\n"


def _some(random: Random, words: Sequence[str], count: int) -> str:
    return ", ".join(f'"{word}"' for word in sorted(random.sample(words, count)))


def asks(count: int) -> list[Asked]:
    random = Random(SEED + 1)
    return [
        Asked(
            facts=Facts(
                {
                    "state": random.choice(STATES),
                    "carrier": random.choice(CARRIERS),
                    "age": random.randint(18, 80),
                    "currently_insured": random.random() < 0.5,
                }
            ),
            now_ms=NOW_MS,
            decision_id=f"{random.getrandbits(128):032x}",
        )
        for _ in range(count)
    ]
