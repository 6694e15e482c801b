"""Kills archives, workers and Redis at random while publishers post, and sees whether the money adds up.

python -m tests.weather.kill --seconds 600 --ledger postgresql
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import msgspec
from msgspec import Struct

from service.cli.tables import table
from tests.process.running import ROOT
from tests.real_service import ADMIN_TOKEN
from tests.weather import audit, market
from tests.weather.books import Books, read_books
from tests.weather.plan import plan
from tests.weather.publisher import PATIENCE_SECONDS, Journal, Plan
from tests.weather.storm import Storm

PUBLISHERS = 4
AT_ONCE = 4
"""Leads at work in each publisher."""
LEADS_PER_SECOND = 250
"""What a small machine carries, with the pauses that the storm makes."""
UNHEARD = ("Traceback", "has lost something", "begun anew", "kept and not applied", "does not start")
"""Nothing that either log may say: Redis syncs each write, so that it loses nothing."""


class Weather(Struct, frozen=True):
    """`database_away_seconds`: how long PostgreSQL is stopped; 0 where the ledger is SQLite."""

    seed: int
    seconds: float
    leads: int
    on_postgres: bool = False
    database_away_seconds: float = 0.0


class Outcome(Struct, frozen=True):
    faults: list[str]
    rows: list[tuple[str, int | str]]
    journals: list[Journal]
    met: dict[str, int]


def weather(told: Weather) -> Outcome:
    """Sails through it. Ends by itself, and leaves nothing running."""
    with tempfile.TemporaryDirectory(prefix="weather-") as name:
        folder = Path(name)
        market.write_catalog(folder / "catalog", told.leads)
        with Storm(folder, on_postgres=told.on_postgres) as storm:
            journals = _posted(told, storm, folder)
            caught_up_seconds = storm.calm()
            books = read_books(storm.ledger, storm.redis.path)
            said = [line for line in storm.said() if any(word in line for word in UNHEARD)]
        faults = audit.faults(journals, books, market.limits_of(told.leads)) + said
        rows = [*_rows(journals, books), ("seconds until all was archived", f"{caught_up_seconds:.1f}")]
        return Outcome(faults, rows + [(f"struck: {what}", n) for what, n in storm.met.items()], journals, storm.met)


def _posted(told: Weather, storm: Storm, folder: Path) -> list[Journal]:
    """The storm blows while publishers post; what they were told."""
    files = [folder / f"publisher-{index}.json" for index in range(PUBLISHERS)]
    publishers = [_publisher(told, storm.service.ports[0], index, file) for index, file in enumerate(files)]
    begin = time.monotonic()
    try:
        for blow in plan(told.seed, told.seconds, told.database_away_seconds):
            time.sleep(max(0.0, begin + blow.at_seconds - time.monotonic()))
            storm.strike(blow)
        until = begin + told.seconds + PATIENCE_SECONDS + 30
        codes = [one.wait(max(0.0, until - time.monotonic())) for one in publishers]
    finally:
        for one in publishers:
            one.kill()
            one.wait()
    assert codes == [0] * PUBLISHERS, f"publishers ended with {codes}"
    return [msgspec.json.decode(file.read_bytes(), type=Journal) for file in files]


def _publisher(told: Weather, port: int, index: int, file: Path) -> "subprocess.Popen[bytes]":
    given = Plan(
        port=port,
        admin_token=ADMIN_TOKEN,
        seed=told.seed,
        index=index,
        leads=told.leads // PUBLISHERS,
        seconds=told.seconds,
        at_once=AT_ONCE,
        file=str(file),
    )
    command = [sys.executable, "-m", "tests.weather.publisher", msgspec.json.encode(given).decode()]
    return subprocess.Popen(command, cwd=ROOT)


def _rows(journals: list[Journal], books: Books) -> list[tuple[str, int | str]]:
    sales = [sale for journal in journals for sale in journal.sales]
    seen = {sale.sale_id for sale in sales}
    declined = sum((Counter(journal.declined) for journal in journals), Counter[str]())
    bought = {buyer_id: sum(sale.buyer_id == buyer_id for sale in books.sales) for buyer_id in market.PRICES}
    return [
        ("leads posted", sum(journal.posted for journal in journals)),
        *((f"declined: {status}", count) for status, count in declined.items()),
        ("questions asked again for want of an answer", sum(journal.lost for journal in journals)),
        ("answers that were sales", len(sales)),
        ("sales answered", len(seen)),
        ("sales in the ledger", len(books.sales)),
        *((f"sales to buyer {buyer_id}", count) for buyer_id, count in bought.items()),
        ("top-ups", sum(len(journal.top_ups) for journal in journals)),
        ("entries in the ledger", len(books.entries)),
    ]


def _arguments(words: list[str] | None) -> argparse.Namespace:
    reader = argparse.ArgumentParser(prog="python -m tests.weather.kill", description=__doc__.partition("\n")[0])
    reader.add_argument("--seconds", type=float, default=60, help="how long leads are posted (default 60)")
    reader.add_argument("--posts", type=int, help=f"leads to post at most (default {LEADS_PER_SECOND} a second)")
    reader.add_argument("--seed", type=int, help="of an earlier run, to have its storm again (default: a new one)")
    reader.add_argument("--ledger", choices=("sqlite", "postgresql"), default="sqlite", help="(default sqlite)")
    away = "how long PostgreSQL is stopped in the midst (default a tenth of the time)"
    reader.add_argument("--database-away", type=float, metavar="SECONDS", help=away)
    return reader.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """The exit status: 0 where everything adds up, else 1."""
    given = _arguments(words)
    seed = random.SystemRandom().randrange(1 << 31) if given.seed is None else given.seed
    on_postgres = given.ledger == "postgresql"
    away = given.seconds / 10 if given.database_away is None else given.database_away
    leads = given.posts or int(given.seconds * LEADS_PER_SECOND)
    print(f"seed {seed}", flush=True)
    outcome = weather(Weather(seed, given.seconds, leads, on_postgres, away if on_postgres else 0.0))
    print(table(("what", "count"), [(what, str(count)) for what, count in outcome.rows]))
    for fault in outcome.faults:
        print(f"FAULT: {fault}")
    print(f"{len(outcome.faults)} faults, seed {seed}" if outcome.faults else "everything adds up")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
