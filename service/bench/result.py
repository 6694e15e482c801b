"""The result of a run as it is printed and written: figures, and whether they may be believed."""

from datetime import datetime
from typing import Any, Final

from hdrh.histogram import HdrHistogram
from msgspec import Struct, field

from service import __version__
from service.bench.crew import Driven
from service.bench.figures import Tally, Unexpected, encoded, joined, of_kind, of_slice
from service.bench.plan import ALL, KINDS, REFUSED, Plan, Slo

LAG_FLOOR_US: Final = 2_000
LAG_SHARE_MAX: Final = 0.1
"""Lag matters when it is more than a tenth of what is measured at the same percentile, and of the SLO's limit where one
is judged: lag only ever makes a service look slower. Under 2 ms it is ground noise on a machine that is shared."""
_US_PER_MS: Final = 1000.0


class Latency(Struct, frozen=True):
    """Milliseconds from due to answered."""

    count: int
    min: float
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Lag(Struct, frozen=True):
    """Milliseconds from due until this driver saw that it was."""

    p50: float
    p99: float
    p999: float
    max: float


class Asked(Struct, frozen=True):
    rate: float
    duration_s: float
    mix: dict[str, float]
    sources: int
    repeat_share: float
    connections: int
    processes: int
    seed: int
    warm_up_s: float
    loop: str
    requests: int | None
    allow: list[str]
    arrivals: str = "poisson"


class SloResult(Struct, frozen=True):
    asked: str
    met: bool


class Slice(Struct, frozen=True):
    """Percentiles of `all` in one of the equal parts of the measured time, ms."""

    count: int
    p50: float
    p99: float


class Run(Struct, frozen=True, tag_field="kind", tag="run", kw_only=True):
    """All that `--json` holds of one run. `void`: why its figures must not be believed. `due` to `answered`, and
    `statuses`, count requests in the measured time; a call is one arrival and three requests."""

    version: str
    url: str
    endpoint: str
    asked: Asked
    started_at: str
    measured_s: float
    arrivals: int
    due: int
    sent: int
    answered: int
    unanswered: int
    rate_answered: float
    latency_ms: dict[str, Latency]
    lag_ms: Lag | None
    driver_cpu_s: float
    statuses: dict[str, dict[str, int]]
    repeats: int
    substituted: dict[str, int]
    goodput: int
    goodput_rate: float
    refused: int
    unexpected: list[Unexpected]
    unexpected_count: int
    void: str | None
    is_driver_late: bool
    """Void because of this driver alone: it says nothing of the service."""
    is_behind: bool
    """Void because of the service: requests were left without an answer."""
    interrupted: bool
    slo: SloResult | None
    loop: str
    slices: list[Slice]
    histograms: dict[str, str]


class FindMax(Struct, frozen=True, tag_field="kind", tag="find_max"):
    """`best_rate` is the highest that met the SLO, None where none did."""

    steps: list[Run]
    best_rate: float | None
    interrupted: bool = field(default=False)


def run_of(plan: Plan, driven: Driven, started_at: datetime) -> Run:
    """`started_at` has a time zone."""
    tally = driven.tally
    held = {kind: encoded(of_kind(tally, kind)) for kind in (*KINDS, REFUSED) if of_kind(tally, kind)}
    whole = joined(of_kind(tally, ALL))
    latencies = {kind: latency_of(joined([text])) for kind, text in held.items()}
    if whole.total_count:
        latencies[ALL] = latency_of(whole)
    lag = joined([tally.lag]) if plan.loop == "open" else None
    lateness = _lateness(plan, whole, lag) if lag is not None and lag.total_count else None
    void = _void(plan, tally) or lateness
    met = plan.slo is not None and not void and _is_met(plan.slo, tally)
    seconds = max(tally.measured_s, 1e-9)
    return Run(
        version=__version__,
        url=plan.url,
        endpoint=plan.endpoint,
        asked=_asked(plan),
        started_at=started_at.isoformat(timespec="seconds"),
        measured_s=round(tally.measured_s, 3),
        arrivals=tally.arrivals,
        due=tally.due,
        sent=tally.sent,
        answered=tally.answered,
        unanswered=tally.unanswered,
        rate_answered=round(tally.answered / seconds, 2),
        latency_ms=latencies,
        lag_ms=_lag_of(lag) if lag is not None and lag.total_count else None,
        driver_cpu_s=round(tally.cpu_s, 4),
        statuses=tally.statuses,
        repeats=tally.repeats,
        substituted=tally.substituted,
        goodput=tally.goodput,
        goodput_rate=round(tally.goodput / seconds, 2),
        refused=tally.refused,
        unexpected=tally.unexpected,
        unexpected_count=tally.unexpected_count,
        void=void,
        is_driver_late=void is not None and void == lateness,
        is_behind=tally.is_behind,
        interrupted=driven.is_interrupted,
        slo=SloResult(plan.slo.text, met) if plan.slo else None,
        loop=plan.loop,
        slices=[_slice_of(part) for part in tally.slices if of_slice(part, ALL)],
        histograms=held,
    )


def _asked(plan: Plan) -> Asked:
    return Asked(
        rate=plan.rate,
        duration_s=plan.duration_s,
        mix=plan.mix,
        sources=len(plan.source_ids) or plan.sources,
        repeat_share=plan.repeat_share,
        connections=plan.connections,
        processes=plan.processes,
        seed=plan.seed,
        warm_up_s=plan.warm_up_s,
        loop=plan.loop,
        requests=plan.requests,
        allow=sorted(plan.allow),
    )


def _void(plan: Plan, tally: Tally) -> str | None:
    if tally.unexpected:
        first = tally.unexpected[0]
        if first.kind == "connection":
            return f"A connection failed: {first.why}."
        what = f"a {first.kind} was answered {first.http} {first.status}: {first.why}. It said: {first.body}"
        return f"{tally.unexpected_count} unexpected answers; the first: {what}"
    if tally.fault:
        return tally.fault
    if tally.is_behind:
        return f"{tally.unanswered} requests had no answer {plan.drain_s:g} seconds after the last was due."
    if not tally.answered:
        return "Nothing was answered in the measured time."
    return None


def _lateness(plan: Plan, whole: HdrHistogram, lag: HdrHistogram) -> str | None:
    """A sentence where the driver's own lag is too much of what was measured, or of what the SLO judges."""
    limits_us = (
        {objective.percentile: objective.limit_us for objective in plan.slo.objectives} if plan.slo else {99.0: 0}
    )
    for percentile, slo_us in sorted(limits_us.items()):
        lag_us, latency_us = (_at(held, percentile) for held in (lag, whole))
        allowed_us = plan.lag_max_us or max(LAG_FLOOR_US, LAG_SHARE_MAX * max(latency_us, slo_us))
        if lag_us > allowed_us:
            return (
                f"The driver itself was late: its lag is {lag_us / 1000:.1f} ms at p{percentile:g}, where at most "
                f"{allowed_us / 1000:.1f} ms are allowed beside a latency of {latency_us / 1000:.1f} ms. Give it more "
                "--processes, another core, or allow --lag-max."
            )
    return None


def _is_met(slo: Slo, tally: Tally) -> bool:
    """A kind that did not occur has met nothing."""
    for objective in slo.objectives:
        held = joined(of_kind(tally, objective.kind))
        if not held.total_count or _at(held, objective.percentile) > objective.limit_us:
            return False
    return True


def _at(held: HdrHistogram, percentile: float) -> int:
    value: int = held.get_value_at_percentile(percentile)
    return value


def latency_of(held: HdrHistogram) -> Latency:
    return Latency(
        count=held.total_count, min=_ms(held.get_min_value()), mean=_ms(held.get_mean_value()), **_spread(held)
    )


def _lag_of(held: HdrHistogram) -> Lag:
    told = _spread(held)
    return Lag(p50=told["p50"], p99=told["p99"], p999=told["p999"], max=told["max"])


def _spread(held: HdrHistogram) -> dict[str, float]:
    found: dict[Any, Any] = held.get_percentile_to_value_dict([50, 90, 99, 99.9])
    named = {name: _ms(found[at]) for name, at in (("p50", 50), ("p90", 90), ("p99", 99), ("p999", 99.9))}
    return named | {"max": _ms(held.get_max_value())}


def _slice_of(part: dict[str, str]) -> Slice:
    held = joined(of_slice(part, ALL))
    return Slice(held.total_count, _ms(_at(held, 50)), _ms(_at(held, 99)))


def _ms(us: float) -> float:
    return round(us / _US_PER_MS, 3)
