"""Results as plots: percentiles against the arrival rate, latency by fullness, CPU against the bare handler, the cost
of a match against contracts."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.plan import CLOSED_GROUPS, SUBJECTS
from benchmarks.results import Results
from benchmarks.tables import SWEPT, sweep_steps

SIZE_INCHES = (7.0, 4.2)
DPI = 120
FULLNESS = {"full_0": 0, "full_50": 50, "full_95": 95, "full_100": 100}
CONTRACTS = {f"match_{contracts}": contracts for contracts in (30, 1_000, 10_000)}


def draw(results: Results, folder: Path) -> list[Path]:
    """Writes one PNG for each plot that the results have figures for; their paths."""
    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, plot in (("rate", _rate), ("fullness", _fullness), ("cpu", _cpu), ("match", _match)):
        picture = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
        if plot(picture.subplots(), results):
            path = folder / f"{name}.png"
            picture.savefig(path)
            written.append(path)
    return written


def _rate(axes: Axes, results: Results) -> bool:
    steps = sweep_steps(results)
    if not steps:
        return False
    for title, name in SWEPT:
        _line(axes, title, [(median(step("rate")), step(name)) for step in steps])
    axes.set(
        yscale="log",
        xlabel="pings arriving a second",
        ylabel="ms from due to answered",
        title="Latency by arrival rate",
    )
    axes.legend()
    return True


def _fullness(axes: Axes, results: Results) -> bool:
    shares = [(percent, subject) for subject, percent in FULLNESS.items() if results.of(subject)]
    if len(shares) < 2:
        return False
    for title, name in SWEPT:
        _line(axes, title, [(percent, results.values(subject, name)) for percent, subject in shares])
    axes.set(yscale="log", xlabel="% of 100 wanting buyers that are full", ylabel="ms", title="Latency by fullness")
    axes.legend()
    return True


def _cpu(axes: Axes, results: Results) -> bool:
    rows = [
        (s.title, median(found))
        for s in SUBJECTS
        if s.group in CLOSED_GROUPS and (found := results.values(s.id, "cpu_us"))
    ]
    if not rows:
        return False
    axes.barh([title for title, _ in rows][::-1], [cpu for _, cpu in rows][::-1])
    bare = results.values("bare", "cpu_us")
    if bare:
        axes.axvline(median(bare), linestyle=":", color="black")
    axes.set(xlabel="CPU µs of the server per request", title="CPU against the bare handler")
    return True


def _match(axes: Axes, results: Results) -> bool:
    counts = [(contracts, subject) for subject, contracts in CONTRACTS.items() if results.of(subject)]
    if len(counts) < 2:
        return False
    for title, name in (("index, best ten", "rank_us"), ("loop over all", "scan_us")):
        _line(axes, title, [(contracts, results.values(subject, name)) for contracts, subject in counts])
    axes.set(xscale="log", yscale="log", xlabel="contracts", ylabel="CPU µs a lead", title="Cost of a match")
    axes.legend()
    return True


def _line(axes: Axes, title: str, points: Sequence[tuple[float, Sequence[float]]]) -> None:
    """Medians over rounds; what was not measured anywhere (nothing was accepted there) leaves a gap."""
    xs = [x for x, _ in points]
    axes.plot(xs, [median(values) if values else math.nan for _, values in points], marker="o", label=title)
