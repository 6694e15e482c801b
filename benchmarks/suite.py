"""The suite: `python -m benchmarks.suite`, or `make bench`; with `--smoke` the short form, `make bench-smoke`.

Rounds of all subjects in turn; a table at the end; everything in one JSON. Exit status 0 where every measurement is
valid, 1 where one is void (the others are written all the same), 2 where nothing could be measured, 130 on Ctrl-C.
"""

import argparse
import contextlib
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import results as stored
from benchmarks.account import AccountInUse
from benchmarks.alone import QUIET_SECONDS_MAX, again, alone
from benchmarks.bench import FULL, SMOKE, Bench, Late, Measured, Subject, Void
from benchmarks.placement import placement
from benchmarks.plan import BRIEF, CEILING, GROUPS, ROUNDS, SUBJECTS
from benchmarks.report import FOLDER
from benchmarks.results import Failure, Results, Run, sustained
from benchmarks.servers import DidNotStart
from benchmarks.tables import markdown
from service.errors import PingpostError, StoreDown

LOAD_MAX = 0.7
"""Of the machine before the run: busier than that, and what is measured is somebody else."""


class Suite:
    """One run of it."""

    def __init__(self, subjects: list[Subject], rounds: int, bench: Bench, results: Results) -> None:
        self._planned = [(at, subject) for at in range(1, rounds + 1) for subject in subjects]
        self._bench, self._results = bench, results
        self._began_s = time.monotonic()

    def run(self) -> None:
        """Measures everything; what fails is kept as a failure, and the next one has its turn."""
        for place, (at, subject) in enumerate(self._planned):
            self._tell(place, at, subject)
            began_s = time.monotonic()
            try:
                found = self._measured(subject)
            except (Void, DidNotStart, AccountInUse, PingpostError, OSError, AssertionError) as fault:
                why = str(fault) or type(fault).__name__
                self._results.failures.append(Failure(subject.id, at, why))
                print(f"      VOID: {why}", file=sys.stderr, flush=True)
                continue
            finally:
                self._results.seconds = time.monotonic() - self._began_s
            self._results.runs.append(
                Run(
                    subject=subject.id,
                    round=at,
                    seconds=time.monotonic() - began_s,
                    figures=found.figures,
                    points=found.points,
                    statuses=found.statuses,
                    redis_before=found.redis_before,
                    redis_after=found.redis_after,
                )
            )

    def _measured(self, subject: Subject) -> Measured:
        """Once more, and once more, where only time was short. Raises what a measurement raises."""
        # Of a run that judges times, a store that does not answer in time is a finding.
        late_ones = (Late, StoreDown) if self._bench.is_smoke else (Late,)
        quiet_seconds_max = 0.0 if self._bench.is_smoke else QUIET_SECONDS_MAX
        return again(lambda: self._once(subject), late_ones, quiet_seconds_max)

    def _once(self, subject: Subject) -> Measured:
        if self._bench.is_smoke or subject.by_steps:
            return subject.measure(self._bench)
        return alone(lambda: subject.measure(self._bench))

    def _tell(self, place: int, at: int, subject: Subject) -> None:
        """Which subject, which round, how long so far, and about how long to go."""
        passed_s = time.monotonic() - self._began_s
        done_s = sum(subject.seconds for _, subject in self._planned[:place])
        left_s = sum(subject.seconds for _, subject in self._planned[place:])
        # Machines differ: what has been seen of this one says by how much.
        left_s *= passed_s / done_s if done_s else 1.0
        print(
            f"[{place + 1:>3}/{len(self._planned)}] round {at}  {subject.title:<42} {_clock(passed_s)} so far, "
            f"about {_clock(left_s)} left",
            file=sys.stderr,
            flush=True,
        )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def chosen(only: str, *, is_smoke: bool) -> list[Subject]:
    """The subjects of these groups (all, where none are named), with the ceiling that rates are made of.

    Raises ValueError for a group that there is not.
    """
    groups = {name.strip() for name in only.split(",") if name.strip()} or set(GROUPS)
    if unknown := sorted(groups - set(GROUPS)):
        raise ValueError(f"There is no group {', '.join(unknown)}: there are {', '.join(GROUPS)}.")
    needs_ceiling = bool(groups & {"pings", "latency", "fullness", "reload", "overload"}) and not is_smoke
    return [
        subject
        for subject in SUBJECTS
        if (subject.id in BRIEF or not is_smoke)
        and (subject.group in groups or (needs_ceiling and subject.id == CEILING))
    ]


def _ceiling_of(results: Results, subject: str) -> float:
    found = results.values(subject, "per_second")
    if not found:
        raise Void(f"its rate is a share of the ceiling of {subject}, which was not found")
    return median(found)


def _sustained(results: Results) -> float:
    found = sustained(results)
    if not found:
        raise Void("its rate is twice what is sustained, which no sweep has found")
    return median(found)


@contextlib.contextmanager
def _bench(results: Results, told: argparse.Namespace) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield Bench(
            size=SMOKE if told.smoke else FULL,
            cores=placement(),
            folder=Path(folder),
            redis_url=told.redis_url,
            ceiling_of=lambda subject: _ceiling_of(results, subject),
            sustained=lambda: _sustained(results),
            is_smoke=told.smoke,
            serve_flags=tuple(shlex.split(told.serve)),
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suite", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="everything once and briefly; times are not judged")
    parser.add_argument("--only", default="", metavar="GROUP,…", help=f"of {', '.join(GROUPS)} (default: all)")
    parser.add_argument("--rounds", type=int, help=f"times that each subject is measured (default {ROUNDS}; smoke 1)")
    parser.add_argument("--redis-url", help="a Redis to use instead of starting one; its account 'bench' must be empty")
    parser.add_argument(
        "--out", type=Path, help="folder for the JSON (default benchmarks/results; smoke: a temporary one)"
    )
    parser.add_argument(
        "--serve", default="", metavar="FLAGS", help='flags of the exchange, as in --serve="--in-flight-max 100"'
    )
    return parser


def main() -> int:
    told = _parser().parse_args()
    rounds = told.rounds or (1 if told.smoke else ROUNDS)
    try:
        subjects = chosen(told.only, is_smoke=told.smoke)
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    if not told.smoke and os.getloadavg()[0] > LOAD_MAX:
        print(
            f"This machine is busy (load {os.getloadavg()[0]:.1f}): times will be worse than they are.", file=sys.stderr
        )
    settings = {
        "rounds": rounds,
        "only": told.only,
        "cores": placement(),
        "redis": "given" if told.redis_url else "own",
        "serve": told.serve,
    }
    # Both end it in order: by the first a shell may have told us to ignore, by the second CI ends what takes too long.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    results = stored.begun("smoke" if told.smoke else "bench", settings)
    status = 0
    try:
        with _bench(results, told) as bench:
            Suite(subjects, rounds, bench, results).run()
    except KeyboardInterrupt:
        print("\ninterrupted; what was measured so far is kept", file=sys.stderr)
        status = 130
    # Kept, so that it can be looked at when a smoke run has failed.
    folder = told.out or (Path(tempfile.gettempdir()) / "pingpost-bench-smoke" if told.smoke else FOLDER)
    path = stored.write(results, folder, told.only)
    print(markdown(results))
    print(f"\nwritten: {path}")
    if status == 0 and results.failures:
        status = 1 if results.runs else 2
    return status


if __name__ == "__main__":
    sys.exit(main())
