"""The processes of a run: started, begun at one moment, listened to, merged."""

import asyncio
import multiprocessing
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final

import uvloop
from msgspec import Struct

from service.bench.driver import work
from service.bench.figures import Tally, merged
from service.bench.instructions import BenchFailed
from service.bench.leads import Leads
from service.bench.messages import Failed, Order, Progress, Ready, Start, Stop
from service.bench.plan import Plan
from service.bench.requests import Target

START_SECONDS_MAX: Final = 60.0
OVERTIME_SECONDS_MAX: Final = 30.0
"""Beyond all that a run may take by its plan: then a process of it hangs."""
_START_AHEAD_NS: Final = 100_000_000
"""Time for Start to reach every process before the moment that it names."""
_LOOK_SECONDS: Final = 0.25

Pipe = Connection  # of what is in `messages`, both ways


class Seen(Struct, frozen=True):
    """Where a run stands: all processes together, `seconds` since its start."""

    seconds: float
    answered: int
    on_way: int
    waiting: int
    worst_us: int
    unexpected: int


class Driven(Struct, frozen=True):
    tally: Tally
    is_interrupted: bool


def drive(plan: Plan, leads: Leads, target: Target, look: Callable[[Seen], None]) -> Driven:
    """Runs the plan and tells `look` now and then. Ctrl-C ends it with what was measured; a second one raises.

    Raises BenchFailed where it cannot begin or a process of it dies.
    """
    run_id = secrets.token_hex(4)
    crew = [Order(plan, leads, target, index, run_id) for index in range(plan.processes)]
    with _processes(crew) as pipes:
        for pipe in pipes:
            _await_ready(pipe)
        start_ns = time.monotonic_ns() + _START_AHEAD_NS
        for pipe in pipes:
            pipe.send(Start(start_ns))
        return _listen(plan, pipes, look, start_ns)


def _listen(plan: Plan, pipes: list["Pipe[Any, Any]"], look: Callable[[Seen], None], start_ns: int) -> Driven:
    tallies: list[Tally] = []
    seen: dict[int, Progress] = {}
    is_interrupted = False
    waited_for = list(pipes)
    seconds_max = plan.warm_up_s + plan.duration_s + plan.drain_s + OVERTIME_SECONDS_MAX
    while waited_for:
        try:
            is_news = False
            for pipe in wait(waited_for, _LOOK_SECONDS):
                said = _received(pipe)  # type: ignore[arg-type]
                if isinstance(said, Progress):
                    seen[id(pipe)], is_news = said, True
                elif isinstance(said, Tally):
                    tallies.append(said)
                    waited_for.remove(pipe)  # type: ignore[arg-type]
            seconds = (time.monotonic_ns() - start_ns) / 1e9
            if is_news:
                look(_seen(seconds, list(seen.values())))
            if seconds > seconds_max:
                raise BenchFailed("A process of the run does not come to its end.")
        except KeyboardInterrupt:
            if is_interrupted:
                raise
            is_interrupted = True
            for pipe in waited_for:
                pipe.send(Stop())
    return Driven(merged(tallies), is_interrupted)


def _seen(seconds: float, said: list[Progress]) -> Seen:
    return Seen(
        seconds=seconds,
        answered=sum(one.answered for one in said),
        on_way=sum(one.on_way for one in said),
        waiting=sum(one.waiting for one in said),
        worst_us=max(one.worst_us for one in said),
        unexpected=sum(one.unexpected for one in said),
    )


def _await_ready(pipe: "Pipe[Any, Any]") -> None:
    if not pipe.poll(START_SECONDS_MAX):
        raise BenchFailed(f"A process of the run was not ready within {START_SECONDS_MAX:.0f} seconds.")
    said = _received(pipe)
    if isinstance(said, Failed):
        raise BenchFailed(said.why)
    assert isinstance(said, Ready), said


def _received(pipe: "Pipe[Any, Any]") -> object:
    try:
        return pipe.recv()
    except EOFError:
        raise BenchFailed("A process of the run ended before its time.") from None


@contextmanager
def _processes(crew: list[Order]) -> Iterator[list["Pipe[Any, Any]"]]:
    """One for each order, and the pipes to them. None is left when the block is."""
    spawning = multiprocessing.get_context("spawn")
    started: list[tuple[SpawnProcess, Pipe[Any, Any]]] = []
    try:
        with _children_ignore_interrupts():
            for order in crew:
                ours, theirs = spawning.Pipe()
                process = spawning.Process(target=run_process, args=(order, theirs), daemon=True)
                process.start()
                theirs.close()
                started.append((process, ours))
        yield [pipe for _, pipe in started]
    finally:
        for _, pipe in started:
            pipe.close()  # tells it to stop, if it still runs
        for process, _ in started:
            process.join(2.0)
            if process.is_alive():
                process.kill()
                process.join()


@contextmanager
def _children_ignore_interrupts() -> Iterator[None]:
    """A Ctrl-C goes to the whole group; processes that are started meanwhile ignore it, and wait for our word."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def run_process(order: Order, pipe: "Pipe[Any, Any]") -> None:
    """The whole life of one process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if order.plan.cpus and sys.platform.startswith("linux"):
        os.sched_setaffinity(0, {order.plan.cpus[order.index % len(order.plan.cpus)]})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(order, pipe))
