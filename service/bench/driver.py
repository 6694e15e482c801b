"""One process that drives load: arrivals fall due on a schedule, whatever the service does; latency counts from there.

Arrivals are a **Poisson** process: leads come from many publishers that know nothing of each other, and so come in
clumps; evenly spaced arrivals would flatter every service, for they never meet in a queue. It also has the useful
property that several processes, each with its part of the rate, make together the very same process as one with all.

Whose fault a delay is: from the due time until this process looks at the clock it is ours, and is reported as lag. A
request that then finds all connections busy waits because answers are outstanding: that is the service's, and counts.

CPU of a ping with five bids in its answer, judged and recorded, beside the bare handler on two shared cores: 22 µs at
14,000 a second (closed loop, 32 connections), 32 µs at 12,000 and 53 µs at 5,000 in an open loop, where each wake-up of
the process serves fewer of them. Six of the 22 are spent here (judging 2.6, recording 1.5, the next request 1.1, its
due time 0.4), the others in the event loop and the kernel.
"""

import asyncio
import gc
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from random import Random
from typing import Final

from service.bench.alarm import Alarm
from service.bench.answers import NO_WORD, Judge, Judged
from service.bench.asked import Asked
from service.bench.figures import BODY_CHARACTERS_MAX, SLICES, UNEXPECTED_MAX, Figures, Tally, Unexpected
from service.bench.lines import WAITING_MAX, Lines
from service.bench.messages import Failed, Order, Progress, Ready, Start, Stop
from service.bench.plan import REFUSED, SUCCESSES
from service.bench.questions import Questions

BURST_MAX: Final = 32
"""Arrivals that are sent before the event loop may read answers again."""
PROGRESS_SECONDS: Final = 0.5
_NS_PER_S: Final = 1_000_000_000


class Driver:
    def __init__(self, order: Order) -> None:
        plan = order.plan
        self._plan = plan
        self._judge = Judge(plan.allow)
        self._questions = Questions(plan, order.leads, order.target, index=order.index, run_id=order.run_id)
        self._figures = Figures()
        self._gaps = Random(f"arrivals {plan.seed} {plan.first_number} {order.index}")
        self._mean_gap_s = plan.processes / plan.rate
        self._is_open = plan.loop == "open"
        self._requests = None if plan.requests is None else _part(plan.requests, order)
        count = _part(plan.connections, order)
        self._lines = Lines(plan.url, count, self._answered, self._fault)
        # A phone switch is nobody's publisher: its requests come on connections of its own, whatever address it asks.
        self._edge_lines = (
            Lines(plan.edge_url or plan.url, count, self._answered, self._fault) if "call" in plan.mix else self._lines
        )
        self._on_way = 0
        self._due_ns = self._from_ns = self._until_ns = self._last_ns = 0
        self._cpu_from_s = 0.0
        self._is_ending = False
        self._done = asyncio.Event()

    async def open(self) -> None:
        """Opens all connections, so that none is opened while it is measured. Raises OSError."""
        await self._lines.open()
        if self._edge_lines is not self._lines:
            await self._edge_lines.open()

    async def drive(self, start_ns: int, tell: Callable[[Progress], None]) -> Tally:
        """From `start_ns` on, until the plan is done and all is answered, or `stop`."""
        loop = asyncio.get_running_loop()
        self._from_ns = start_ns + round(self._plan.warm_up_s * _NS_PER_S)
        self._until_ns = self._from_ns + round(self._plan.duration_s * _NS_PER_S)
        self._last_ns = self._from_ns
        # Nothing here makes cycles by the thousand; a collection would be lag.
        gc.collect()
        gc.freeze()
        gc.disable()
        self._alarm = Alarm(loop, self._fall_due if self._is_open else self._begin_closed)
        self._due_ns = start_ns + self._gap_ns()
        self._alarm.set(min(self._due_ns, self._until_ns) if self._is_open else start_ns)
        marking = loop.call_later(max(0, self._from_ns - time.monotonic_ns()) / _NS_PER_S, self._mark_cpu)
        telling = loop.create_task(self._tell(tell))
        if not self._is_open:
            loop.call_later(max(0, self._until_ns - time.monotonic_ns()) / _NS_PER_S, self._end)
        await self._done.wait()
        telling.cancel()
        marking.cancel()
        self._alarm.close()
        tally = self._told()
        self._lines.close()
        self._edge_lines.close()
        return tally

    def stop(self) -> None:
        """Ends at once with what was measured; what is on its way then is not counted as lost."""
        self._is_ending = True
        self._until_ns = min(self._until_ns, time.monotonic_ns())
        self._done.set()

    # Arrivals

    def _gap_ns(self) -> int:
        return round(self._gaps.expovariate(1.0) * self._mean_gap_s * _NS_PER_S)

    def _fall_due(self) -> None:
        """Sends all that is due by now."""
        for _ in range(BURST_MAX):
            due_ns = self._due_ns
            if due_ns >= self._until_ns:
                self._end()
                return
            if self._is_ending:
                return
            lag_ns = time.monotonic_ns() - due_ns
            if lag_ns < 0:
                break
            if due_ns >= self._from_ns:
                self._figures.record_lag(lag_ns // 1000)
                self._figures.tally.arrivals += 1
            self._due_ns = due_ns + self._gap_ns()
            self._send(self._questions.next(due_ns))
        self._alarm.set(min(self._due_ns, self._until_ns))

    def _begin_closed(self) -> None:
        self._alarm.quiet()
        for _ in range(self._lines.count):
            self._next_of_closed()

    def _next_of_closed(self) -> None:
        """In a closed loop a request is due when it can be sent."""
        if self._is_ending:
            return
        now_ns = time.monotonic_ns()
        tally = self._figures.tally
        if now_ns >= self._from_ns:
            if self._requests is not None and tally.arrivals >= self._requests:
                self._end()
                return
            tally.arrivals += 1
        self._send(self._questions.next(now_ns))

    def _send(self, asked: Asked) -> None:
        self._on_way += 1
        if asked.due_ns >= self._from_ns:
            self._figures.tally.due += 1
        lines = self._lines if asked.kind in ("ping", "post") else self._edge_lines
        if not lines.ask(asked):
            self._figures.tally.fault = f"{WAITING_MAX} requests waited for a connection: the service is far behind."
            self._give_up()

    # Answers

    def _answered(self, asked: Asked, http: int, body: bytes) -> None:
        now_ns = time.monotonic_ns()
        judged = self._judge.judge(asked.kind, http, body)
        self._on_way -= 1
        is_repeat = getattr(judged.told, "repeat", False)
        if is_repeat and not judged.complaint and not self._questions.may_repeat(asked):
            judged.complaint = "a new lead is answered as a repeat; was this --seed used a moment ago?"
        if judged.complaint:
            self._surprise(Unexpected(asked.kind, http, judged.word, _cut(body), judged.complaint))
        if asked.due_ns >= self._from_ns:
            self._count(asked, judged, is_repeat, now_ns)
        if judged.told is not None and not judged.complaint:
            step = self._questions.learn(asked, judged.told, now_ns)
            if step is not None and not self._done.is_set():
                self._send(step)
                return
        if self._is_ending:
            if not self._on_way:
                self._done.set()
        elif not self._is_open:
            self._next_of_closed()

    def _count(self, asked: Asked, judged: Judged, is_repeat: bool, now_ns: int) -> None:
        figures, tally = self._figures, self._figures.tally
        tally.answered += 1
        self._last_ns = now_ns
        figures.count(asked.kind, judged.word)
        if judged.word == NO_WORD:
            return
        kind = REFUSED if judged.refused else asked.kind
        figures.record(kind, (now_ns - asked.due_ns) // 1000, self._slice(asked.due_ns))
        tally.refused += judged.refused
        tally.goodput += judged.word in SUCCESSES
        tally.repeats += is_repeat

    def _slice(self, due_ns: int) -> int:
        if self._requests is not None:
            return min(SLICES - 1, self._figures.tally.answered * SLICES // self._requests)
        return min(SLICES - 1, (due_ns - self._from_ns) * SLICES // round(self._plan.duration_s * _NS_PER_S))

    def _surprise(self, unexpected: Unexpected) -> None:
        self._figures.surprise(unexpected)
        if self._figures.tally.unexpected_count >= UNEXPECTED_MAX and not self._done.is_set():
            self._figures.tally.fault = f"{UNEXPECTED_MAX} answers were unexpected."
            self.stop()

    def _fault(self, why: str) -> None:
        """A connection failed: whatever was on it is lost, and the run with it."""
        if self._done.is_set():
            return
        self._figures.surprise(Unexpected("connection", 0, "", "", why))
        self._figures.tally.fault = f"{why[0].upper()}{why[1:]}."
        self.stop()

    # The end

    def _end(self) -> None:
        """No more arrivals; answers are awaited for a while."""
        if self._is_ending:
            return
        self._is_ending = True
        self._alarm.quiet()
        if not self._on_way:
            self._done.set()
        else:
            asyncio.get_running_loop().call_later(self._plan.drain_s, self._give_up)

    def _give_up(self) -> None:
        if self._done.is_set():
            return
        self._figures.tally.is_behind = True
        self._is_ending = True
        self._alarm.quiet()
        self._done.set()

    def _told(self) -> Tally:
        tally = self._figures.tally
        now_ns = time.monotonic_ns()
        lines = {self._lines, self._edge_lines}
        if tally.is_behind:
            # They took at least so long; left out they would make the figures better than the service.
            for asked in (asked for each in lines for asked in each.unanswered() if asked.due_ns >= self._from_ns):
                tally.unanswered += 1
                self._figures.record(asked.kind, (now_ns - asked.due_ns) // 1000, self._slice(asked.due_ns))
        until_ns = self._until_ns if self._requests is None else self._last_ns
        tally.sent = tally.due - sum(each.waiting for each in lines)
        tally.measured_s = max(0, max(self._last_ns, until_ns) - self._from_ns) / _NS_PER_S
        tally.cpu_s = time.process_time() - self._cpu_from_s
        tally.substituted = dict(self._questions.substituted)
        return self._figures.told()

    def _mark_cpu(self) -> None:
        self._cpu_from_s = time.process_time()
        self._questions.substituted = dict.fromkeys(self._questions.substituted, 0)

    async def _tell(self, tell: Callable[[Progress], None]) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            tally, worst_us = self._figures.tally, self._figures.worst_us
            self._figures.worst_us = 0
            waiting = sum(lines.waiting for lines in {self._lines, self._edge_lines})
            tell(Progress(tally.answered, self._on_way, waiting, worst_us, tally.unexpected_count))


def _part(whole: int, order: Order) -> int:
    """The share of one process, the first ones having one more where it does not come out even."""
    each, over = divmod(whole, order.plan.processes)
    return each + (order.index < over)


def _cut(body: bytes) -> str:
    return body[: BODY_CHARACTERS_MAX * 4].decode(errors="replace")[:BODY_CHARACTERS_MAX]


async def work(order: Order, pipe: "Connection[Ready | Progress | Tally | Failed, Start | Stop]") -> None:
    """Opens, waits for Start, drives, and tells its tally. Ends early on Stop, and when the other end is gone."""
    driver = Driver(order)
    try:
        await driver.open()
    except OSError as fault:
        pipe.send(Failed(f"{order.plan.url} takes no connection: {str(fault) or 'no answer'}."))
        return
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def hear() -> None:
        try:
            said = pipe.recv()
        except (EOFError, OSError):
            said = Stop()
            asyncio.get_running_loop().remove_reader(pipe.fileno())
        if isinstance(said, Stop):
            driver.stop()
        if not started.done():
            started.set_result(said.at_ns if isinstance(said, Start) else time.monotonic_ns())

    asyncio.get_running_loop().add_reader(pipe.fileno(), hear)
    pipe.send(Ready())
    tally = await driver.drive(await started, pipe.send)
    asyncio.get_running_loop().remove_reader(pipe.fileno())
    pipe.send(tally)
