"""A run of the suite as JSON: what tables and plots are made of, and nothing else is."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.servers import ROOT
from service.store.embedded import redis_binary

SCHEMA = 1
PACKAGES = ("aiohttp", "uvloop", "msgspec", "hiredis", "redis", "hdrhistogram")
REDIS_FACTS = (
    "used_memory",
    "used_memory_peak",
    "mem_fragmentation_ratio",
    "total_commands_processed",
    "aof_current_size",
    "aof_base_size",
)
REDIS_CPU = ("used_cpu_user", "used_cpu_sys")

SUSTAINED_P99_MS = 100.0
"""What a ping may take under any load that is served."""

Figures = dict[str, float]


class Run(Struct):
    """One measurement of one subject."""

    subject: str
    round: int
    seconds: float
    """How long it took, with start and checks."""
    figures: Figures = {}
    """By name, which ends in its unit."""
    points: list[Figures] = []
    """Of a sweep: one per step."""
    statuses: dict[str, int] = {}
    """Answers by kind and status word, as in `ping success`."""
    redis_before: Figures = {}
    redis_after: Figures = {}


class Failure(Struct):
    """A measurement that is void, and why."""

    subject: str
    round: int
    why: str


class Results(Struct):
    """All of one run of the suite."""

    schema: int
    kind: str
    """`bench`, or `smoke`: whose times mean nothing."""
    started_at: str
    commit: str
    is_clean: bool
    """Whether the working copy was that commit."""
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str]
    seconds: float = 0.0
    runs: list[Run] = []
    failures: list[Failure] = []

    def of(self, subject: str) -> list[Run]:
        return [run for run in self.runs if run.subject == subject]

    def values(self, subject: str, figure: str) -> list[float]:
        """A figure of a subject, one per round in which it was measured."""
        return [run.figures[figure] for run in self.of(subject) if figure in run.figures]


def sustained(results: Results) -> list[float]:
    """Pings a second that were served at the highest rate of each sweep at which all were, in time."""
    found = (
        [point["goodput_per_second"] for point in run.points if is_sustained(point)] for run in results.of("sweep")
    )
    return [max(rates) for rates in found if rates]


def is_sustained(point: Figures) -> bool:
    """Whether none were turned away, and those that were slow not slower than any may be."""
    return point.get("ping_p99_ms", SUSTAINED_P99_MS) < SUSTAINED_P99_MS and "refused_p99_ms" not in point


def begun(kind: str, settings: Mapping[str, object]) -> Results:
    """Results without runs: what is run, where, and with what."""
    return Results(
        schema=SCHEMA,
        kind=kind,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_git("rev-parse", "--short=12", "HEAD") or "unknown",
        is_clean=_git("status", "--porcelain", "--untracked-files=no") == "",
        machine=_machine(),
        versions=_versions(),
        settings={name: str(value) for name, value in settings.items()},
    )


def write(results: Results, folder: Path, part: str = "") -> Path:
    """Writes `<date>-<commit>.json`, with the part of the suite in its name where it is not all of it; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "".join(f"-{group.strip()}" for group in part.split(",") if group.strip())
    path = folder / f"{results.started_at[:10]}-{results.commit}{suffix}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    return path


def read(path: Path) -> Results:
    """Raises ValueError with one sentence where this is no results file, or one of another schema."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Results)
    except msgspec.DecodeError as wrong:
        raise ValueError(f"{path} is no file of results: {wrong}.") from None
    if found.schema != SCHEMA:
        raise ValueError(f"{path} has schema {found.schema}; this reads {SCHEMA}.")
    return found


def redis_figures(info: Mapping[str, object]) -> Figures:
    """What is kept of Redis' INFO: memory, commands and CPU seconds."""
    found = {name: float(str(info[name])) for name in REDIS_FACTS if name in info}
    return found | {"cpu_seconds": sum(float(str(info[name])) for name in REDIS_CPU)}


def _machine() -> dict[str, str]:
    models = re.findall(r"model name\s*:\s*(.+)", _text("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s+(\d+) kB", _text("/proc/meminfo"))
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory_mib": str(int(memory[1]) // 1024) if memory else "",
        "system": f"{platform.system()} {platform.release()}",
        "load_before": f"{os.getloadavg()[0]:.2f}",
    }


def _versions() -> dict[str, str]:
    redis = subprocess.run([redis_binary(), "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\S+)", redis)
    return {
        "python": sys.version.split()[0],
        "redis-server": found[1] if found else "",
        **{package: version(package) for package in PACKAGES},
    }


def _git(*words: str) -> str | None:
    """What git says here; None where there is no git, or no repository."""
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
