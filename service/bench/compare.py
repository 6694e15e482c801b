"""Two results side by side, with a verdict that knows their spread.

Each figure is compared by the medians of its samples. The samples are the runs of each side where both have at least
three; else the ten slices of each run, which know the noise within a run and not what differs between runs. A
difference counts if it is larger than EFFECT_MIN and if the ratio of medians, over RESAMPLES seeded resamplings
(bootstrap), lies on one side of 1 in all but a hundredth of them.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final, Literal

import msgspec
from msgspec import Struct

from service.bench.instructions import BenchFailed
from service.bench.result import FindMax, Run

Verdict = Literal["faster", "slower", "no difference", "not comparable", "mixed"]

EFFECT_MIN: Final = 0.05
"""What two runs of the very same thing differ by on a shared machine."""
RESAMPLES: Final = 4000
TAIL: Final = 0.005
"""Of the resamplings at either end that are left out: 99 % lie between."""
RUNS_MIN: Final = 3
ANSWERS_MIN: Final = 200
"""With fewer, a p99 is one or two requests."""

File = Run | FindMax
_DECODE: Callable[[bytes], File] = msgspec.json.Decoder(Run | FindMax).decode


class Row(Struct, frozen=True):
    """One figure: its medians, B over A, and the interval in which the ratio lies. `lower_is_better`: a latency."""

    figure: str
    a: float
    b: float
    ratio: float
    low: float
    high: float
    verdict: Verdict


class Comparison(Struct, frozen=True):
    """Of B against A. `why` says what is not comparable."""

    verdict: Verdict
    rows: list[Row]
    why: str = ""
    samples: str = ""


def read(path: Path) -> File:
    """A file that `--json` wrote. Raises BenchFailed."""
    try:
        return _DECODE(path.read_bytes())
    except OSError as fault:
        raise BenchFailed(f"{path} cannot be read: {fault.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BenchFailed(f"{path} is not a result of pingpost bench: {fault}.") from None


def compare(a: Sequence[File], b: Sequence[File]) -> Comparison:
    """B against A; each side is one result or several of the same subject."""
    if all(isinstance(one, FindMax) for one in (*a, *b)):
        return _compare_searches(
            [one for one in a if isinstance(one, FindMax)], [one for one in b if isinstance(one, FindMax)]
        )
    runs_a, runs_b = ([one for one in side if isinstance(one, Run)] for side in (a, b))
    if len(runs_a) + len(runs_b) < len(a) + len(b):
        return Comparison("not comparable", [], "A run is not to be compared with a search for the highest rate.")
    if why := _unlike(runs_a, runs_b):
        return Comparison("not comparable", [], why)
    by_run = min(len(runs_a), len(runs_b)) >= RUNS_MIN
    draw = Random(1)
    rows = [
        _row(f"{figure} ms", _samples(runs_a, figure, by_run=by_run), _samples(runs_b, figure, by_run=by_run), draw)
        for figure in ("p50", "p99")
    ]
    if runs_a[0].loop == "closed" and by_run:
        rates_a, rates_b = ([run.rate_answered for run in side] for side in (runs_a, runs_b))
        rows.append(_row("answers/s", rates_a, rates_b, draw, lower_is_better=False))
    samples = "runs" if by_run else "slices of each run; three runs a side would know more"
    return Comparison(_together(rows), rows, samples=samples)


def _compare_searches(a: list[FindMax], b: list[FindMax]) -> Comparison:
    rates_a, rates_b = ([one.best_rate for one in side if one.best_rate is not None] for side in (a, b))
    steps = [step for one in (*a, *b) for step in one.steps]
    if len(rates_a) < len(a) or len(rates_b) < len(b):
        return Comparison("not comparable", [], "A search found no rate that meets its SLO.")
    if len({(step.slo.asked if step.slo else "", _asked(step)[1:]) for step in steps}) > 1:
        return Comparison("not comparable", [], "They were asked different things.")
    row = _row("best rate", rates_a, rates_b, Random(1), lower_is_better=False)
    return Comparison(row.verdict, [row], samples="searches; each is known to 5 %")


def _unlike(a: list[Run], b: list[Run]) -> str:
    for run in (*a, *b):
        if run.void:
            return f"A run is void: {run.void}"
        if run.interrupted:
            return "A run was interrupted."
        if run.answered < ANSWERS_MIN or len(run.slices) < 2:
            return f"A run has only {run.answered} answers; {ANSWERS_MIN} are the least."
    if len({_asked(run) for run in (*a, *b)}) > 1:
        return "They were asked different things (rate, mix, repeat share, loop or connections of a closed loop)."
    return ""


def _asked(run: Run) -> tuple[object, ...]:
    """What must agree. Seed, length and address may differ: they are what is varied."""
    asked = run.asked
    is_closed = run.loop == "closed"
    rate = 0.0 if is_closed else asked.rate
    return rate, tuple(sorted(asked.mix.items())), asked.repeat_share, run.loop, asked.connections if is_closed else 0


def _samples(runs: list[Run], figure: str, *, by_run: bool) -> list[float]:
    if by_run:
        return [getattr(run.latency_ms["all"], figure) for run in runs]
    return [getattr(part, figure) for run in runs for part in run.slices]


def _row(figure: str, a: list[float], b: list[float], draw: Random, *, lower_is_better: bool = True) -> Row:
    ratios = sorted(_ratio(_again(a, draw), _again(b, draw)) for _ in range(RESAMPLES))
    low, high = ratios[int(TAIL * RESAMPLES)], ratios[-1 - int(TAIL * RESAMPLES)]
    ratio = _ratio(a, b)
    verdict: Verdict = "no difference"
    if abs(ratio - 1) > EFFECT_MIN and not low <= 1 <= high:
        verdict = "faster" if (ratio < 1) == lower_is_better else "slower"
    return Row(figure, statistics.median(a), statistics.median(b), ratio, low, high, verdict)


def _again(samples: list[float], draw: Random) -> list[float]:
    return draw.choices(samples, k=len(samples))


def _ratio(a: list[float], b: list[float]) -> float:
    below = statistics.median(a)
    return statistics.median(b) / below if below else 1.0


def _together(rows: list[Row]) -> Verdict:
    verdicts = {row.verdict for row in rows} - {"no difference"}
    if not verdicts:
        return "no difference"
    return verdicts.pop() if len(verdicts) == 1 else "mixed"
