"""`pingpost bench`: load on a running service, and what it measured, as tables and JSON."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from service import bench as benching
from service.bench import BenchFailed, FindMax, Load, Plan, Run, Seen
from service.cli.tables import table
from service.settings import SettingWrong

BENCH_TOKEN = "PINGPOST_BENCH_TOKEN"
EDGE_TOKEN = "PINGPOST_EDGE_TOKEN"
DURATION_SECONDS = 10.0
COUNTED_SECONDS_MAX = 600.0
"""Of a closed loop that ends by its count: some end it must have where the service does not answer."""
WARM_UP_SHARE = 0.2
WARM_UP_SECONDS_MAX = 5.0
"""Connections are open before; what is warmed up is the service: caches, allocator, branch predictors."""
LINE_SECONDS = 5.0
"""Between two lines of progress where no terminal can show one line over and over."""
MISSED = 1
NOT_COMPARABLE = 2
INTERRUPTED = 130


def bench(given: argparse.Namespace) -> int:
    plan = _plan(given)
    if given.json:
        _check_writable(Path(given.json))
    load = benching.prepare(
        plan,
        token=os.environ.get(BENCH_TOKEN, ""),
        edge_token=os.environ.get(EDGE_TOKEN, ""),
        leads_file=Path(given.leads) if given.leads else None,
    )
    look = _no_look if given.quiet else _Progress(plan).show
    if given.find_max:
        return _find_max(given, load, look)
    run = benching.run(load, look)
    _write(given.json, run)
    print(_shown(run))
    if run.interrupted:
        return INTERRUPTED
    return MISSED if run.void or (run.slo is not None and not run.slo.met) else 0


def _plan(given: argparse.Namespace) -> Plan:
    if not given.endpoint:
        raise SettingWrong("--endpoint is needed: the vanity URI that is loaded.")
    duration_s = given.duration
    if duration_s is None:
        duration_s = DURATION_SECONDS if given.requests is None else COUNTED_SECONDS_MAX
    warm_up_s = given.warm_up
    if warm_up_s is None:
        warm_up_s = min(WARM_UP_SECONDS_MAX, WARM_UP_SHARE * (given.duration or DURATION_SECONDS))
    url = _with_scheme(given.url)
    return benching.checked(
        Plan(
            url=url,
            edge_url=_with_scheme(given.edge_url) if given.edge_url else None,
            endpoint=given.endpoint,
            rate=given.rate,
            duration_s=duration_s,
            warm_up_s=warm_up_s,
            mix=benching.mix_of(given.mix),
            sources=given.sources,
            source_ids=tuple(part.strip() for part in (given.source_ids or "").split(",") if part.strip()),
            repeat_share=given.repeat_share,
            connections=given.connections,
            processes=given.processes,
            cpus=_cpus(given.cpus),
            seed=given.seed if given.seed is not None else time.time_ns() // 1_000_000_000,
            loop=given.loop,
            requests=given.requests,
            allow=benching.allow_of(given.allow),
            slo=benching.slo_of(given.slo) if given.slo else None,
            lag_max_us=round(given.lag_max * 1000) if given.lag_max is not None else None,
        )
    )


def _with_scheme(url: str) -> str:
    return (url if "://" in url else f"http://{url}").rstrip("/")


def _cpus(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    there = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    try:
        cpus = tuple(int(part) for part in text.split(","))
    except ValueError:
        cpus = (-1,)
    if not set(cpus) <= there:
        raise SettingWrong(f"--cpus {text!r} must be of the cores {', '.join(map(str, sorted(there)))}.")
    return cpus


def _check_writable(path: Path) -> None:
    """Before the run, not after it."""
    try:
        path.touch()
    except OSError as fault:
        raise BenchFailed(f"{path} cannot be written: {fault.strerror}.") from None


def _write(name: str | None, result: Run | FindMax) -> None:
    if name:
        Path(name).write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def _find_max(given: argparse.Namespace, load: Load, look: Callable[[Seen], None]) -> int:
    steps: list[Run] = []
    best: float | None = None
    try:
        for run, is_met in benching.search(load, look):
            steps.append(run)
            best = max(best or 0.0, run.asked.rate) if is_met else best
            print(_step_line(run, is_met), flush=True)
            _write(given.json, FindMax(steps, best, run.interrupted))
    except KeyboardInterrupt:  # between two steps
        _write(given.json, FindMax(steps, best, interrupted=True))
        return INTERRUPTED
    if steps[-1].interrupted:
        return INTERRUPTED
    assert load.plan.slo is not None
    if best is None:
        print(f"no rate was found that meets {load.plan.slo.text}; the last step:\n\n{_shown(steps[-1])}")
        return MISSED
    print(f"the highest rate that meets {load.plan.slo.text}: {best:,.0f} arrivals a second")
    above = [run for run in steps if run.asked.rate > best]
    if above and min(above, key=lambda run: run.asked.rate).is_driver_late:
        print("above it the driver itself was late: the service may sustain more")
    elif not above:
        print("no higher rate was tried: the service may sustain more")
    return 0


def _step_line(run: Run, is_met: bool) -> str:
    latency = run.latency_ms.get("all")
    said = f"p50 {latency.p50:.1f} ms, p99 {latency.p99:.1f} ms" if latency else "nothing measured"
    verdict = "met" if is_met else "interrupted" if run.interrupted else "void" if run.void else "missed"
    why = f": {run.void}" if run.void else ""
    return f"{run.asked.rate:>10,.0f}/s asked, {run.rate_answered:>9,.0f}/s answered, {said}: {verdict}{why}"


# What a run looks like


def _shown(run: Run) -> str:
    heads = ("ms from due", "answers", "min", "mean", "p50", "p90", "p99", "p99.9", "max")
    rows = [
        (kind, one.count, *(f"{x:.2f}" for x in (one.min, one.mean, one.p50, one.p90, one.p99, one.p999, one.max)))
        for kind, one in run.latency_ms.items()
    ]
    words = [(kind, word, n) for kind, by_word in run.statuses.items() for word, n in sorted(by_word.items())]
    parts = [table(heads, rows), table(("kind", "status", "answers"), words), _summary(run)]
    return "\n\n".join(part for part, has in zip(parts, (rows, words, True), strict=True) if has)


def _summary(run: Run) -> str:
    lines = [
        f"{run.arrivals:,} arrivals, {run.due:,} requests due, {run.answered:,} answered in {run.measured_s:.1f} s: "
        f"{run.rate_answered:,.1f} a second, {run.goodput_rate:,.1f} of them successes; {run.repeats:,} repeats"
    ]
    lines += [f"{n:,} arrivals became pings: there was nothing to {share}" for share, n in run.substituted.items() if n]
    if run.lag_ms is not None:
        lines.append(
            f"lag of the driver: p50 {run.lag_ms.p50:.2f} ms, p99 {run.lag_ms.p99:.2f} ms, max {run.lag_ms.max:.2f} ms"
        )
    each = f", {run.driver_cpu_s / run.answered * 1e6:.0f} µs a request" if run.answered else ""
    lines.append(f"CPU of the driver: {run.driver_cpu_s:.2f} s{each}; seed {run.asked.seed}")
    if run.interrupted:
        lines.append("INTERRUPTED: this is what was measured until then")
    if run.void:
        lines.append(f"VOID: {run.void}")
    elif run.slo is not None:
        lines.append(f"SLO {run.slo.asked}: {'met' if run.slo.met else 'MISSED'}")
    return "\n".join(lines)


class _Progress:
    """One line on stderr: written over and over on a terminal, else a new one every few seconds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._is_terminal = sys.stderr.isatty()
        self._next_seconds = 0.0
        self._before = Seen(0.0, 0, 0, 0, 0, 0)

    def show(self, seen: Seen) -> None:
        if seen.seconds < self._before.seconds:  # another step of a search
            self._before, self._next_seconds = Seen(0.0, 0, 0, 0, 0, 0), 0.0
        if seen.seconds < self._next_seconds:
            return
        self._next_seconds = seen.seconds + (0.0 if self._is_terminal else LINE_SECONDS)
        warming = "  (warming up)" if seen.seconds < self._plan.warm_up_s else ""
        rate = (seen.answered - self._before.answered) / max(seen.seconds - self._before.seconds, 1e-3)
        line = (
            f"{seen.seconds:5.0f} s  {seen.answered:>9,} answered  {rate:>8,.0f}/s  {seen.on_way:>5,} on their way  "
            f"worst {seen.worst_us / 1000:7.1f} ms  {seen.unexpected} unexpected{warming}"
        )
        self._before = seen
        print(
            f"\r{line}\x1b[K" if self._is_terminal else line,
            end="" if self._is_terminal else "\n",
            file=sys.stderr,
            flush=True,
        )


def _no_look(_seen: Seen) -> None:
    pass


# Two results side by side


def compare(given: argparse.Namespace) -> int:
    a, b = ([benching.read(Path(name)) for name in side.split(",")] for side in (given.a, given.b))
    found = benching.compare(a, b)
    if found.rows:
        rows = [
            (
                row.figure,
                f"{row.a:.2f}",
                f"{row.b:.2f}",
                f"{row.ratio:.2f}",
                f"{row.low:.2f} to {row.high:.2f}",
                row.verdict,
            )
            for row in found.rows
        ]
        print(table(("figure", "A", "B", "B/A", "99 % within", "B is"), rows))
        print(f"\nmedians of {found.samples}")
    print(f"{found.verdict}: {found.why}" if found.why else found.verdict)
    if found.verdict == "not comparable":
        return NOT_COMPARABLE
    return MISSED if found.verdict in ("slower", "mixed") else 0
