"""`pingpost check` and `diff`, and the service's own `compile`: what is done to a catalog's files, offline."""

import argparse
import sys

import msgspec

from service import catalog
from service.model.catalog import Catalog


def check(given: argparse.Namespace) -> int:
    loaded = catalog.load(given.folder)
    if isinstance(loaded, list):
        for mistake in loaded:
            print(mistake)
        print(f"{given.folder}: {len(loaded)} mistake{'s' if len(loaded) > 1 else ''}", file=sys.stderr)
        return 1
    for notice in loaded.notices:
        print(f"notice: {notice}")
    print(f"{given.folder} is good: {_summary(loaded)}")
    return 0


def diff(given: argparse.Namespace) -> int:
    old, new = catalog.load(given.old), catalog.load(given.new)
    for folder, loaded in ((given.old, old), (given.new, new)):
        if isinstance(loaded, list):
            for mistake in loaded:
                print(f"{folder}: {mistake}", file=sys.stderr)
    if isinstance(old, list) or isinstance(new, list):
        return 1
    changes = catalog.diff(old, new)
    print("\n".join(changes) if changes else "nothing changes")
    return 0


def compile_for_service(given: argparse.Namespace) -> int:
    """What the service runs in a child: the outcome in JSON on stdout."""
    from service.served import compiling  # brings in the rooms above, which `check` and `diff` need not wait for

    outcome = compiling.compile_here(given.folder, given.var, given.kept_max, reload=given.reload)
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
    return 0


def _summary(loaded: Catalog) -> str:
    contracts = sum(len(buyer.contracts) for buyer in loaded.buyers.values())
    counts = {
        "offer": len(loaded.offers),
        "endpoint": len(loaded.endpoints),
        "buyer": len(loaded.buyers),
        "contract": contracts,
        "traffic source": len(loaded.sources),
        "tracking number": sum(len(pool.numbers) for pool in loaded.pools.values()),
    }
    counted = (f"{count:,} {what}{'' if count == 1 else 's'}" for what, count in counts.items())
    return f"version {loaded.version}, " + ", ".join(counted)
