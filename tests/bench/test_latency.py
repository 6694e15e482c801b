"""What the driver measures, against a server whose answers take a known time. Margins are wide: machines are noisy."""

from datetime import UTC, datetime

import pytest

from service.bench.crew import Driven
from service.bench.figures import Figures, histogram, joined, merged
from service.bench.plan import Plan
from service.bench.result import run_of
from tests.bench.known import driven, known_server, plan


def test_a_server_that_sleeps_20_ms_is_measured_at_20_ms_and_little_more() -> None:
    with known_server(sleep_s=0.02) as url:
        run = driven(plan(url))
    latency = run.latency_ms["ping"]
    assert 20 <= latency.min <= latency.p50 < 40
    assert latency.count == run.answered == run.due
    assert run.void is None
    assert run.lag_ms is not None


def test_the_rate_is_the_one_that_was_asked() -> None:
    with known_server() as url:
        run = driven(plan(url, rate=400.0, duration_s=2.0))
    assert 650 < run.arrivals < 950  # Poisson: 800, give or take five deviations
    assert run.measured_s == pytest.approx(2.0, abs=0.5)


def test_a_stall_of_half_a_second_counts_for_all_that_fell_due_in_it() -> None:
    # A driver that waits for its answers before it asks again would see this stall once a connection: in 4 of 600.
    with known_server(stall_at=300, stall_s=0.5) as url:
        run = driven(plan(url, rate=400.0, duration_s=2.0, connections=4))
    assert run.latency_ms["ping"].p99 > 350
    assert run.latency_ms["ping"].p90 > 50
    assert run.latency_ms["ping"].p50 < 200


def test_waiting_for_a_connection_is_latency_and_not_the_drivers_lag() -> None:
    # Four connections of 50 ms answer 80 a second; 160 fall due.
    with known_server(sleep_s=0.05) as url:
        run = driven(plan(url, rate=160.0, connections=4))
    assert run.latency_ms["all"].p99 > 500
    assert run.lag_ms is not None
    assert run.lag_ms.p50 < 50


def test_what_is_never_answered_counts_with_the_time_it_was_waited_for() -> None:
    with known_server(stall_at=100, stall_s=60) as url:
        run = driven(plan(url, drain_s=0.5, connections=8))
    assert run.is_behind
    assert run.unanswered > 50
    assert run.unanswered + run.answered == run.due == run.latency_ms["all"].count
    assert run.latency_ms["all"].p99 > 500
    assert run.sent < run.due
    assert run.void == f"{run.unanswered} requests had no answer 0.5 seconds after the last was due."


def test_a_closed_loop_sends_so_many_requests_and_no_more() -> None:
    with known_server(sleep_s=0.005) as url:
        run = driven(plan(url, loop="closed", requests=500, connections=10))
    assert run.answered == run.arrivals == run.latency_ms["all"].count == 500
    assert run.rate_answered < 2000  # ten connections of 5 ms
    assert run.lag_ms is None
    assert run.loop == "closed"


def test_three_processes_make_one_run() -> None:
    with known_server(sleep_s=0.01) as url:
        run = driven(plan(url, processes=3, connections=30, rate=300.0))
    assert 200 < run.arrivals < 420
    assert run.latency_ms["all"].count == run.answered == run.due
    assert joined([run.histograms["ping"]]).total_count == run.answered
    assert sum(part.count for part in run.slices) == run.answered
    assert run.void is None


def test_histograms_of_processes_are_summed_and_not_averaged() -> None:
    fast, slow = Figures(), Figures()
    for _ in range(90):
        fast.record("ping", 1_000, 0)
    for _ in range(10):
        slow.record("ping", 900_000, 0)
    for figures in (fast, slow):
        figures.record_lag(5)
    whole = joined([merged([fast.told(), slow.told()]).slices[0]["ping"]])
    assert whole.total_count == 100
    assert whole.get_value_at_percentile(90) == pytest.approx(1_000, rel=0.001)
    assert whole.get_value_at_percentile(91) == pytest.approx(900_000, rel=0.001)
    assert histogram().total_count == 0


def test_a_driver_that_is_late_itself_voids_the_run() -> None:
    with known_server() as url:
        late: Plan = plan(url, lag_max_us=1)  # no process wakes up within a microsecond
        run = driven(late)
    assert run.void is not None
    assert run.void.startswith("The driver itself was late")
    assert run.is_driver_late


def test_lag_matters_beside_what_is_measured_and_beside_what_is_judged() -> None:
    def void_of(*, lag_us: int, latency_us: int, slo: str = "") -> str | None:
        figures = Figures()
        figures.record("ping", latency_us, 0)
        figures.record_lag(lag_us)
        figures.tally.answered = 1
        asked = plan("http://127.0.0.1:9", slo=slo, lag_max_us=None)
        return run_of(asked, Driven(merged([figures.told()]), False), datetime.now(UTC)).void

    assert void_of(lag_us=1_500, latency_us=3_000) is None
    assert void_of(lag_us=4_000, latency_us=3_000) is not None
    assert void_of(lag_us=4_000, latency_us=60_000) is None
    assert void_of(lag_us=4_000, latency_us=10_000, slo="p99=100ms") is None
    assert void_of(lag_us=20_000, latency_us=30_000, slo="p99=100ms") is not None


def test_the_warm_up_is_not_in_the_figures() -> None:
    with known_server(stall_at=10, stall_s=0.3) as url:
        run = driven(plan(url, warm_up_s=1.0, duration_s=1.0))
    assert run.latency_ms["all"].p99 < 250
    assert run.arrivals < 300
