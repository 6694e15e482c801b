"""How fast the archive is: `python -m benchmarks.archiving`.

Fills both streams of a Redis of its own with what scripts write of a lead that thirty contracts want, then lets one
archive take them, in turn into SQLite and PostgreSQL, and tells records a second, and CPU of the archive and of Redis
for each. Nothing else runs meanwhile: it is what the archive can, to be held against the rate of pings.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import redis as redis_py

from service import ledger
from service.archive import Archive
from service.store import Store, StoreSettings
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer

ACCOUNT, SECRET = "bench", b"a secret of thirty-two bytes, ok"
CONTRACTS = 30
HELD = 5
PIPELINE = 500


class Measured(NamedTuple):
    database: str
    stream: str
    records: int
    seconds: float
    cpu_seconds: float
    """Of the archive's process."""
    redis_cpu_seconds: float


def decision(at: int) -> dict[str, Any]:
    """A ping on record: thirty candidates, five of which hold."""
    bids = [[buyer, f"{buyer}-solar", 25_000_000 - buyer, 20_000_000] for buyer in range(1, CONTRACTS + 1)]
    lead = {
        "caller_id": f"+1212{at % 10_000_000:07}",
        "zip": "10001",
        "first_name": "Pat",
        "email": f"p{at}@example.com",
    }
    record = {"decision_id": f"{at:032x}", "endpoint": "solar", "source_id": f"source_{at % 10}", "at_ms": 1}
    said = ["0"] * HELD + [""] * (CONTRACTS - HELD)
    text = json.dumps({**record, "catalog": "v1", "lead": lead, "bids": bids}, separators=(",", ":"))
    return {"decision": record["decision_id"], "kind": "ping", "said": ",".join(said), "record": text}


def sale(at: int) -> dict[str, Any]:
    bid = {"buyer_id": 1, "contract": "1-solar", "bid_micros": 25_000_000, "payout_micros": 20_000_000}
    about = {"endpoint": "solar", "source_id": f"source_{at % 10}", "request_id": "", "catalog": "v1", "offer": "solar"}
    told = {"event": "sold", "sale": f"{at:032x}", "position": 0, "number": "+18005550100", "at_ms": 1_000 + at}
    return {**told, "bid": json.dumps({**bid, "is_default": False}), "about": json.dumps(about)}


def fill(client: Any, stream: str, count: int) -> None:
    made = sale if stream == "sales" else decision
    for first in range(0, count, PIPELINE):
        with client.pipeline(transaction=False) as line:
            for at in range(first, min(first + PIPELINE, count)):
                line.xadd(f"{{{ACCOUNT}}}:{stream}", made(at))
            line.execute()


def cpu_of(client: Any) -> float:
    used = client.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


async def drain(url: str, to: ledger.Ledger, client: Any, of: tuple[str, str, int]) -> Measured:
    """Takes all that is there."""
    store = Store(url, ACCOUNT, SECRET, StoreSettings(give_up_ms=10_000))
    await store.open()
    archive = Archive(store, to)
    started, cpu, redis_cpu = time.perf_counter(), time.process_time(), cpu_of(client)
    while await archive.round():
        pass
    measured = Measured(*of, time.perf_counter() - started, time.process_time() - cpu, cpu_of(client) - redis_cpu)
    await store.close()
    return measured


@contextmanager
def databases() -> Iterator[list[tuple[str, str]]]:
    """Names and URLs, empty. PostgreSQL syncs, as one that is used does."""
    server = PostgresServer("on").start()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-ledger-", dir=Path.cwd()) as folder:
            yield [("SQLite", ledger.url_of(None, Path(folder))), ("PostgreSQL", server.new_database())]
    finally:
        server.stop()


def measure(count: int) -> Iterator[Measured]:
    server = RedisServer("--appendfsync", "everysec").start()
    client: Any = redis_py.Redis(unix_socket_path=server.path)
    try:
        with databases() as found:
            for name, url in found:
                to = ledger.open_ledger(url)
                ledger.migrate(to)
                for stream in ("sales", "audit"):
                    client.flushall()
                    fill(client, stream, count)
                    yield asyncio.run(drain(server.url, to, client, (name, stream, count)))
                to.dispose()
    finally:
        server.stop()


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.archiving", description=__doc__)
    asked.add_argument("--count", type=int, default=20_000, metavar="RECORDS", help="of each stream (default 20000)")
    count = asked.parse_args().count
    print("database    stream  records/s  archive µs/record  Redis µs/record")
    for one in measure(count):
        rate, cpu, redis = one.records / one.seconds, one.cpu_seconds, one.redis_cpu_seconds
        micros = [f"{seconds / one.records * 1e6:.1f}" for seconds in (cpu, redis)]
        print(f"{one.database:<11} {one.stream:<7} {rate:>9.0f}  {micros[0]:>17}  {micros[1]:>15}")


if __name__ == "__main__":
    main()
