"""The highest rate that meets an SLO: doubled until one does not, then the gap halved, step by step."""

import math
from collections.abc import Callable, Iterator
from typing import Final

from service.bench.result import Run

STEPS_MAX: Final = 14
"""Seven doublings reach 128 times the first rate, and seven halvings of the last one narrow it to under a percent."""
CLOSE_ENOUGH: Final = 1.05
"""A rate known to 5 % ends the search: two runs of the same rate differ by as much."""
REFUSED_SHARE_MAX: Final = 0.01
"""With more turned away the rate is not sustained, whatever the others' latencies."""
FALLING: Final = 4
"""Where the first rate is too high already: by what the next is lower."""

Step = Callable[[float], Run]


def search(first_rate: float, step: Step) -> Iterator[tuple[Run, bool]]:
    """Each step that was run and whether it met the SLO, until the highest rate is known well enough.

    Ends early at an interrupted run, and where the very first answers are unexpected: that is no question of rate.
    """
    best, worst, rate = 0.0, math.inf, first_rate
    for count in range(STEPS_MAX):
        run = step(rate)
        is_met = meets(run)
        yield run, is_met
        if run.interrupted or (run.unexpected and not count):
            return
        if is_met:
            best = max(best, rate)
        else:
            worst = min(worst, rate)
        if worst == math.inf:
            rate = best * 2
        elif not best:
            rate = worst / FALLING
        elif worst / best <= CLOSE_ENOUGH:
            return
        else:
            rate = math.sqrt(best * worst)


def meets(run: Run) -> bool:
    """Whether the rate was sustained: the SLO met, nothing void, next to nothing turned away."""
    refused_max = REFUSED_SHARE_MAX * run.answered
    return run.slo is not None and run.slo.met and not run.void and run.refused <= refused_max


def best_rate(steps: list[Run]) -> float | None:
    return max((run.asked.rate for run in steps if meets(run)), default=None)
