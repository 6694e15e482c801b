"""Load over HTTP, by `pingpost bench` as a process of its own on the driver's core."""

import os
import subprocess
import sys
from collections.abc import Callable

import msgspec
from msgspec import Struct

from benchmarks import worlds
from benchmarks.bench import Bench, Late, Void
from benchmarks.placement import cpu_seconds, memory_mib
from benchmarks.results import Figures
from benchmarks.servers import ROOT, Served, environ
from service.store.embedded import die_with_parent

CONNECTIONS = 32
"""Of a closed loop: enough to keep one core at work, few enough that none waits long."""
SMOKE_LAG_MS = 60_000.0
"""Where times are not judged, the driver's lateness is not either."""
LATE = "The driver itself was late"
"""How the driver says that it was too slow, and nothing else was wrong."""
SPARE_SECONDS = 60.0
"""What a driver may take beyond its load: starting, connecting, writing its figures."""


class Load(Struct, frozen=True, kw_only=True):
    """What is asked of the driver. A closed loop has `requests`, an open one `rate` and `seconds`."""

    requests: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    warm_up_s: float = 0.0
    """Sent and not counted, in front."""
    mix: str = "ping=100"
    allow: str = ""
    connections: int = 0
    """At most; 0: as many as the driver thinks fit."""
    unlike: bool = False
    """Leads of `World.unlike`."""
    lag_max_ms: float | None = None
    """How late the driver itself may be, at p99; None: as it judges by itself."""


class Latency(Struct):
    count: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Lag(Struct):
    p50: float
    p99: float
    max: float


class Unexpected(Struct):
    http: int


class Driven(Struct):
    """What `pingpost bench --json` writes, as far as it is used here."""

    answered: int
    measured_s: float
    rate_answered: float
    latency_ms: dict[str, Latency]
    lag_ms: Lag | None
    """None of a closed loop, in which nothing falls due."""
    driver_cpu_s: float
    statuses: dict[str, dict[str, int]]
    goodput: int
    unexpected: list[Unexpected]
    """The first few."""
    void: str | None
    server_cpu_s: float = 0.0
    """Of the process that served, for what was answered in `measured_s`; not in the driver's file."""
    server_mib: float = 0.0
    """What it had in memory afterwards."""

    @property
    def words(self) -> dict[str, int]:
        """Answers by kind and word."""
        return {f"{kind} {word}": count for kind, words in self.statuses.items() for word, count in words.items()}

    def figures(self) -> Figures:
        """What results keep of a load."""
        found = {
            "per_second": self.rate_answered,
            "goodput_per_second": self.goodput / self.measured_s,
            "busy_percent": self.server_cpu_s / self.measured_s * 100,
            "cpu_us": self.server_cpu_s / max(self.answered, 1) * 1_000_000,
            "server_mib": self.server_mib,
            "driver_us": self.driver_cpu_s / max(self.answered, 1) * 1_000_000,
        }
        if self.lag_ms is not None:
            found["lag_p99_ms"] = self.lag_ms.p99
        for kind, latency in self.latency_ms.items():
            found |= {f"{kind}_{name}_ms": getattr(latency, name) for name in ("p50", "p90", "p99", "p999", "max")}
        return found


def drive(bench: Bench, served: Served, load: Load) -> Driven:
    """Loads a server until the driver is done. Raises Void where the driver says so or failed, Late where it was."""
    told = bench.folder / "driven.json"
    told.unlink(missing_ok=True)
    before_s = cpu_seconds(served.pid)
    done = subprocess.run(
        [*_command(bench, served, load), "--json", str(told)],
        cwd=ROOT,
        env=environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=load.seconds + load.warm_up_s + SPARE_SECONDS + load.requests / 100,
        preexec_fn=_before_exec(bench.cores.driver),
        check=False,
    )
    server_cpu_s = cpu_seconds(served.pid) - before_s
    if not told.is_file():
        raise Void(f"the driver failed: {done.stderr.strip()[-300:] or done.returncode}")
    driven = msgspec.json.decode(told.read_bytes(), type=Driven)
    if driven.void is not None:
        raise (Late if _is_late(bench, driven, driven.void) else Void)(driven.void)
    # Of the same load all the time, so that the warm-up's part of it is known by its length.
    driven.server_cpu_s = server_cpu_s * driven.measured_s / (driven.measured_s + load.warm_up_s)
    driven.server_mib = memory_mib(served.pid)
    return driven


def _is_late(bench: Bench, driven: Driven, why: str) -> bool:
    """Whether only time was short. Where times are not judged, that is also what a 503 says: Redis, or the exchange,
    did not come to it in time."""
    if driven.unexpected:
        return bench.is_smoke and all(one.http == 503 for one in driven.unexpected)
    return driven.answered > 0 and LATE in why


def _command(bench: Bench, served: Served, load: Load) -> list[str]:
    leads = bench.folder / ("unlike.jsonl" if load.unlike else "leads.jsonl")
    if not leads.exists():
        worlds.write_leads(leads, unlike=load.unlike)
    words = {
        "--url": served.url,
        "--endpoint": worlds.ENDPOINT,
        "--leads": str(leads),
        "--mix": load.mix,
        "--seed": str(bench.next_seed()),
        "--warm-up": f"{load.warm_up_s:g}",
    }
    if load.requests:
        words |= {"--loop": "closed", "--connections": str(CONNECTIONS), "--requests": str(load.requests)}
    else:
        words |= {"--rate": f"{load.rate:.1f}", "--duration": f"{load.seconds:g}"}
        if load.connections:
            words["--connections"] = str(load.connections)
    lag_max_ms = SMOKE_LAG_MS if bench.is_smoke else load.lag_max_ms
    if lag_max_ms is not None:
        words["--lag-max"] = f"{lag_max_ms:g}"
    if load.allow:
        words["--allow"] = load.allow
    return [sys.executable, "-m", "service", "bench", *(word for pair in words.items() for word in pair)]


def _before_exec(core: int) -> Callable[[], None]:
    def pin() -> None:
        die_with_parent()
        os.sched_setaffinity(0, {core})

    return pin
