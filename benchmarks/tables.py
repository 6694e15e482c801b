"""Results as tables in Markdown."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from benchmarks.budgets import BUDGETS, Budget
from benchmarks.plan import CLOSED_GROUPS, SUBJECTS
from benchmarks.results import Figures, Results
from benchmarks.worlds import PING_TTL_SECONDS

SERVED = (
    ("per second", "per_second"),
    ("server CPU µs", "cpu_us"),
    ("of a core %", "busy_percent"),
    ("Redis CPU µs", "redis_us"),
    ("p50 ms", "ping_p50_ms"),
    ("p99 ms", "ping_p99_ms"),
    ("p99.9 ms", "ping_p999_ms"),
)
"""Columns of what was measured over HTTP; latencies only of open loops."""
SIZES = (100, 1_000, 2_500, 5_000, 10_000)
BUSY_SHARE = 0.6
"""Of a core: beyond it queues grow faster than the rate."""
AUDIT_RECORDS = 200_000
MIB = 1024 * 1024
SWEPT = (("p50", "ping_p50_ms"), ("p90", "ping_p90_ms"), ("p99", "ping_p99_ms"), ("p99.9", "ping_p999_ms"))


def number(value: float) -> str:
    """Three digits that count, whatever the size."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """The median, and the lowest and highest where there are several."""
    if not values:
        return "–"
    if number(min(values)) == number(max(values)):
        return number(median(values))
    return f"{number(median(values))} ({number(min(values))} to {number(max(values))})"


def markdown(results: Results) -> str:
    """All tables of a run, with the conditions it ran under."""
    parts = [_conditions(results), _budgets(results), _served(results), _others(results), _swept(results)]
    parts.append(_sizing(results))
    return "\n\n".join(part for part in [*parts, _failures(results)] if part)


def _conditions(results: Results) -> str:
    machine, versions = results.machine, results.versions
    rounds = max((run.round for run in results.runs), default=0)
    changed = "" if results.is_clean else ", with changes that are not committed"
    text = (
        f"Commit {results.commit}{changed}, {results.started_at}, {machine.get('cores', '?')} cores of "
        f"{machine.get('cpu', '?')}, {machine.get('system', '?')}; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f". Medians of {rounds} rounds (lowest to highest); {results.seconds / 60:.0f} minutes."
    )
    if results.kind == "smoke":
        text += "\n\nA smoke run: it shows that everything works. **Its times mean nothing.**"
    return text


def _budgets(results: Results) -> str:
    rows = [row for budget in BUDGETS if (row := _budget_row(budget, results)) is not None]
    return _table(("budget", "asked", "measured", "met", "command"), rows)


def _budget_row(budget: Budget, results: Results) -> tuple[str, ...] | None:
    asked = f"{'at least' if budget.at_least else 'at most'} {number(budget.limit)} {budget.unit}".strip()
    if budget.values is None:
        return budget.title, asked, "–", budget.note, "–"
    asked += f"; {budget.note}" if budget.note else ""
    found = budget.values(results)
    if not found:
        return budget.title, asked, "–", "not measured", f"`make bench ONLY={budget.group}`"
    met = "yes" if budget.is_met(found) else "**no**"
    if results.kind == "smoke":
        met = "not judged"
    return budget.title, asked, f"{spread(found)} {budget.unit}".strip(), met, f"`make bench ONLY={budget.group}`"


def _served(results: Results) -> str:
    rows = []
    for subject in SUBJECTS:
        if results.values(subject.id, "per_second"):
            shown = [
                "–"
                if subject.group in CLOSED_GROUPS and name.endswith("_ms")
                else spread(results.values(subject.id, name))
                for _, name in SERVED
            ]
            rows.append((subject.title, *shown))
    return _table(("over HTTP", *(title for title, _ in SERVED)), rows)


def _others(results: Results) -> str:
    rows = []
    for subject in SUBJECTS:
        runs = results.of(subject.id)
        names = [name for name in (runs[0].figures if runs else {}) if not results.values(subject.id, "per_second")]
        rows += [(subject.title, name, spread(results.values(subject.id, name))) for name in names]
    return _table(("without HTTP, and counts", "figure", "value"), rows)


def _swept(results: Results) -> str:
    """Latencies by arrival rate, medians over rounds of each step."""
    rows = []
    for step in sweep_steps(results):
        rates, answered = step("rate"), step("per_second")
        rows.append((number(median(rates)), number(median(answered)), *(spread(step(name)) for _, name in SWEPT)))
    return _table(("arrivals a second", "answered", *(f"{title} ms" for title, _ in SWEPT)), rows)


def sweep_steps(results: Results) -> list[Callable[[str], list[float]]]:
    """Each step of the sweep as a function from a figure's name to its values, one per round."""
    by_round = [run.points for run in results.of("sweep")]
    return [partial(_values_at, points) for points in zip(*by_round, strict=False)]


def _values_at(points: Sequence[Figures], name: str) -> list[float]:
    return [point[name] for point in points if name in point]


def _sizing(results: Results) -> str:
    """What so many pings a second need, by the figures of this run; "" where one of them is missing."""
    asked = (("ping_record", "cpu_us"), ("ping_record", "redis_us"), ("memory", "bytes_per_ping"),
             ("memory", "audit_bytes_per_ping"), ("ping_record", "file_bytes"))  # fmt: skip
    found = [results.values(subject, name) for subject, name in asked]
    if not all(found):
        return ""
    cpu_us, redis_us, live_bytes, audit_bytes, file_bytes = map(median, found)
    rows = []
    for rate in SIZES:
        redis_percent = rate * redis_us / 10_000
        rows.append(
            (
                f"{rate:,}",
                str(math.ceil(rate * cpu_us / 1_000_000 / BUSY_SHARE)),
                f"{redis_percent:.0f} %" + (" (more than one can do)" if redis_percent > BUSY_SHARE * 100 else ""),
                f"{(rate * PING_TTL_SECONDS * live_bytes + AUDIT_RECORDS * audit_bytes) / MIB:,.0f} MiB",
                f"{rate * file_bytes * 3600 / MIB / 1024:,.1f} GiB",
            )
        )
    head = ("pings a second", "cores of workers", "of Redis' core", "Redis memory", "append-only file an hour")
    said = (
        f"Pings of 5 holds with everything on record; a core is planned to {BUSY_SHARE:.0%}; pings live "
        f"{PING_TTL_SECONDS} s, the audit keeps {AUDIT_RECORDS:,} decisions. Redis rewrites its file when that has "
        "doubled, so that of an hour's writing only the last part stands on the disk."
    )
    return f"{said}\n\n{_table(head, rows)}"


def _failures(results: Results) -> str:
    if not results.failures:
        return ""
    rows = [(failure.subject, str(failure.round), failure.why) for failure in results.failures]
    return "**Void:**\n\n" + _table(("subject", "round", "why"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )
