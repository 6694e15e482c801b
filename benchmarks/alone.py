"""Whether the suite was alone on the machine while it measured: who else is at work there is no finding."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.bench import Late, Void

OTHERS_MAX = 0.15
"""Of a core, that others may take while something is measured: beyond it they are what is measured. Quiet machines were
seen at 0.00 to 0.05."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TRIES = 3
QUIET_SECONDS_MAX = 20.0
"""How long another try waits for others to be done."""

Found = TypeVar("Found")


def again(
    measure: Callable[[], Found],
    late_ones: tuple[type[Exception], ...] = (Late,),
    quiet_seconds_max: float = QUIET_SECONDS_MAX,
) -> Found:
    """What it measures; tried again where it only was late, when the machine is quiet. Raises what it raises."""
    for _ in range(TRIES - 1):
        try:
            return measure()
        except late_ones as late:
            print(f"      once more: {late}", file=sys.stderr, flush=True)
        await_quiet(quiet_seconds_max)
    return measure()


def alone(measure: Callable[[], Found]) -> Found:
    """What it measures. Raises what it raises, and Late where others were at work meanwhile, whatever it has found."""
    watch = Watch()
    try:
        found = measure()
    except Void as void:
        _refuse_others(watch, f" ({void})")
        raise
    _refuse_others(watch)
    return found


def await_quiet(seconds_max: float) -> None:
    """Until others have left the machine alone for a second, or have not for so long."""
    until_s = time.monotonic() + seconds_max
    while time.monotonic() < until_s:
        watch = Watch()
        time.sleep(1)
        if (watch.others() or 0.0) <= OTHERS_MAX / 2:
            return


def _refuse_others(watch: "Watch", why: str = "") -> None:
    others = watch.others() or 0.0
    if others > OTHERS_MAX:
        raise Late(f"others took {others:.0%} of a core meanwhile{why}")


class Watch:
    """What others on this machine have taken since it was made: all of the cores' work without that of this process and
    of all that it has started, in shares of one core; what a host beneath took counts too. None where the system does
    not tell."""

    def __init__(self) -> None:
        self._at_s, self._others_s = time.monotonic(), _others_seconds()

    def others(self) -> float | None:
        now_s = _others_seconds()
        if now_s is None or self._others_s is None:
            return None
        # Ticks of 10 ms are much of what is over in 20; so nothing is judged by less than a second.
        return max(0.0, now_s - self._others_s) / max(time.monotonic() - self._at_s, 1.0)


def _others_seconds() -> float | None:
    try:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(word) for word in words[:8])
    # Interrupts are mostly of the load itself: its packets.
    del irq, softirq
    return (user + nice + system + steal) / _TICKS_PER_S - _family_seconds(os.getpid())


def _family_seconds(pid: int) -> float:
    """CPU of a process, of its children that have ended, and of those that live and of theirs."""
    try:
        # After the name, which may have spaces in it: user and system time, and that of children that have ended.
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return 0.0
    return sum(map(int, words)) / _TICKS_PER_S + sum(_family_seconds(int(child)) for child in children)
