"""What the exchange may cost, one row each, and how a run of the suite tells whether it does."""

from collections.abc import Callable
from statistics import median

from msgspec import Struct

from benchmarks.plan import CEILING
from benchmarks.results import Results

Values = Callable[[Results], list[float]]
"""One value per round; none where a part of it was not measured."""


def figure(subject: str, name: str) -> Values:
    return lambda results: results.values(subject, name)


def ratio(subject: str, name: str, to: str, of: str = "") -> Values:
    """A figure by another of the same round: what slows one of them down slows the other."""

    def values(results: Results) -> list[float]:
        over = {run.round: run.figures.get(name) for run in results.of(subject)}
        under = {run.round: run.figures.get(of or name) for run in results.of(to)}
        found = [(over[at], under[at]) for at in sorted(over.keys() & under.keys())]
        return [top / bottom for top, bottom in found if top is not None and bottom]

    return values


class Budget(Struct, frozen=True):
    """`values` is None for what cannot be measured yet; `note` says why then, or how it is meant."""

    title: str
    limit: float
    values: Values | None
    group: str = ""
    """The part of the suite that measures it."""
    unit: str = ""
    at_least: bool = False
    note: str = ""

    def is_met(self, found: list[float]) -> bool:
        """By the median."""
        value = median(found)
        return value >= self.limit if self.at_least else value <= self.limit


BUDGETS: tuple[Budget, ...] = (
    Budget("server CPU of a ping / of the bare handler", 1.5, ratio(CEILING, "cpu_us", "bare"), "cpu",
           note="aim: 1.25"),
    Budget("pings/s of one worker / requests/s of the bare handler", 0.65, ratio(CEILING, "per_second", "bare"), "cpu",
           at_least=True, note="aim: 0.8"),
    Budget("p99 of a ping / of the bare handler, at half the ceiling", 2.0,
           ratio("ping_half", "ping_p99_ms", "bare_half"), "latency"),
    Budget("match for the best 10: 10,000 contracts / 30", 5.0, ratio("match_10000", "rank_us", "match_30"), "match"),
    Budget("CPU of a ping: 10,000 contracts / 30", 1.2, ratio("ping_many", "cpu_us", CEILING), "pings"),
    Budget("client CPU of a ping's reservation, its post's and the release", 60.0,
           figure("cycle", "cycle_client_us"), "store", "µs"),
    Budget("round trips to Redis of a ping", 1.0, figure("trips", "trips_per_ping"), "store"),
    Budget("round trips to Redis of a post", 2.0, figure("trips", "trips_per_post"), "store"),
    Budget("Redis memory of a live ping of 5 holds", 1536.0, figure("memory", "bytes_per_ping"), "store", "bytes"),
    Budget("Redis CPU of a ping of 5 holds, everything on record", 35.0,
           figure("cycle_record", "hold_us"), "store", "µs"),
    Budget("ping to delivered data lead, p99", 500.0, None, unit="ms",
           note="not measurable yet: delivery of data leads is not built"),
    Budget("p99 of a ping beside posts, calls and reloads", 100.0, figure("reload", "ping_p99_ms"), "reload", "ms"),
    Budget("the same / quiet p99", 3.0, ratio("reload", "ping_p99_ms", "quiet"), "reload"),
    Budget("p99 of a ping beside posts, calls and reloads of 10,000 contracts", 100.0,
           figure("reload_many", "ping_p99_ms"), "reload", "ms"),
    Budget("goodput under twice the sustained rate / the ceiling", 0.8,
           ratio("overload", "goodput_per_second", "ping_5"), "overload", at_least=True),
    Budget("p99 of what is accepted under twice the sustained rate", 100.0, figure("overload", "ping_p99_ms"),
           "overload", "ms"),
)  # fmt: skip
