"""What a ping costs beside the bare handler: `python -m benchmarks.cpu_per_ping`.

Both are served in turn, several times, by one process each, pinned to one core, and loaded from another; medians are
printed. The exchange runs with a Redis of its own, a catalog of 30 contracts and five buyers that want each lead.
"""

import argparse
import asyncio
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.closed_loop import Load, run

CONTRACTS = 30
START_SECONDS_MAX = 30.0
PATH = "/api/v1/inbound_webhooks/ping/bench"


def catalog_of(buyers: int) -> str:
    """Thirty contracts, of which so many want every lead and the others want another state."""
    tables = [
        '[account]\nid = "bench"',
        '[[offers]]\nid = "calls"\nname = "Calls"\ndelivery = "call"',
        *(f'  [[offers.fields]]\n  name = "{name}"\n  type = "{kind}"' for name, kind in _FIELDS),
        '[[ring_pools]]\nid = "pool"\nranges = ["+18005550100..+18005550199"]',
        '[[endpoints]]\nvanity_uri = "bench"\noffer = "calls"\nring_pool = "pool"\nhold_seconds = 1',
    ]
    for at in range(CONTRACTS):
        state = '"CA", "NY"' if at < buyers else '"TX", "FL"'
        tables.append(
            f'[[buyers]]\nid = {at + 1}\nname = "Buyer {at}"\ndestination = "+18005550001"\nconcurrency_cap = 1000000\n'
            f'  [[buyers.contracts]]\n  offer = "calls"\n  bid = {20 + at}\n'
            f"  where = {{ state = [{state}], age = {{ min = 18 }} }}"
        )
    return "\n\n".join(tables) + "\n"


_FIELDS = (
    ("state", "state"),
    ("zip", "zip"),
    ("age", "integer"),
    ("currently_insured", "boolean"),
    ("carrier", "text"),
)


def lead(number: int) -> bytes:
    """A ping of a caller of its own, so that none is a repeat."""
    return (
        b'{"caller_id":"1212%d","traffic_source_id":"source_abc","state":"CA","zip":"90210","age":34,'
        b'"currently_insured":true,"carrier":"Geico"}' % (2_000_000 + number)
    )


@contextmanager
def process(command: list[str], url: str, environ: dict[str, str]) -> Iterator[int]:
    """Runs a command until the block ends; the id of the process that serves."""
    started = subprocess.Popen(
        ["taskset", "-c", "0", *command], env=os.environ | environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(url)
        yield _worker_of(started.pid)
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(30)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _worker_of(pid: int) -> int:
    """The worker that gunicorn forked, else the process itself."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in children:
        if b"redis-server" not in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return pid


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def bare(requests: int, buyers: int) -> Load:
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.bare_handler", str(port), str(buyers)]
    with process(command, f"http://127.0.0.1:{port}/", {}) as pid:
        return _loaded(port, pid, requests)


def exchange(requests: int, buyers: int) -> Load:
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "catalog.toml"
        catalog.write_text(catalog_of(buyers))
        command = [sys.executable, "-m", "service", "serve", "--catalog", str(catalog), "--port", str(port)]
        environ = {"PINGPOST_VAR": f"{folder}/var"}
        with process(command, f"http://127.0.0.1:{port}/readyz", environ) as pid:
            return _loaded(port, pid, requests)


def _loaded(port: int, pid: int, requests: int) -> Load:
    url = f"http://127.0.0.1:{port}{PATH}"
    os.sched_setaffinity(0, {1})
    warm_up = requests // 10
    asyncio.run(run(url, lambda number: lead(1_000_000 + number), pid=pid, requests=warm_up))
    return asyncio.run(run(url, lead, pid=pid, requests=requests))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="pings of each run (default 10,000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each, in turn (default 3)")
    parser.add_argument("--buyers", type=int, default=5, help="buyers that want each lead (default 5)")
    told = parser.parse_args()
    subjects: dict[str, Callable[[int, int], Load]] = {"bare handler": bare, "exchange": exchange}
    loads: dict[str, list[Load]] = {name: [] for name in subjects}
    for _ in range(told.runs):
        for name, subject in subjects.items():
            loads[name].append(subject(told.requests, told.buyers))
    print(f"{'subject':<14} {'requests/s':>12} {'CPU µs/request':>16}   (medians of {told.runs}, lowest to highest)")
    for name, found in loads.items():
        cpu = sorted(load.cpu_micros for load in found)
        rate = statistics.median(load.per_second for load in found)
        print(f"{name:<14} {rate:>12,.0f} {statistics.median(cpu):>16.1f}   {cpu[0]:.1f} to {cpu[-1]:.1f}")
    medians = [statistics.median(load.cpu_micros for load in found) for found in loads.values()]
    print(f"a ping costs {medians[1] / medians[0]:.2f} times the bare handler's CPU")


if __name__ == "__main__":
    main()
