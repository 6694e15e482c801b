"""The search for the highest rate, against a server whose limit is known, and on paper."""

import itertools

from msgspec.structs import replace

from service.bench import Run, prepare, ramp, search
from service.bench.result import SloResult
from tests.bench.known import driven, known_server, plan


def test_the_limit_of_a_server_is_found_roughly() -> None:
    # One answer after the other, 150 a second: at 100 its queue is short, at 200 it grows without end.
    with known_server(per_second=150) as url:
        asked = plan(url, slo="p99=250ms", rate=60.0, duration_s=1.0, warm_up_s=0.1, connections=256)
        steps = list(search(prepare(asked), lambda _seen: None, settle_seconds=0.5))
    best = ramp.best_rate([run for run, _ in steps])
    assert best is not None
    assert 60 < best < 230
    assert len(steps) <= ramp.STEPS_MAX
    assert [is_met for _, is_met in steps] == [ramp.meets(run) for run, _ in steps]


def on_paper(limit: float, first: float) -> list[float]:
    """Rates that are asked of something that sustains `limit`."""
    with known_server() as url:
        like = driven(plan(url, duration_s=0.3, warm_up_s=0.0))

    def step(rate: float) -> Run:
        asked = replace(like.asked, rate=rate)
        return replace(like, asked=asked, slo=SloResult("p99=1ms", met=rate <= limit), void=None, unexpected=[])

    return [run.asked.rate for run, _ in ramp.search(first, step)]


def test_rates_are_doubled_and_then_halved_in_between() -> None:
    rates = on_paper(1000.0, 100.0)
    assert rates[:5] == [100.0, 200.0, 400.0, 800.0, 1600.0]
    assert all(800.0 < rate < 1600.0 for rate in rates[5:])
    met = max(rate for rate in rates if rate <= 1000.0)
    missed = min(rate for rate in rates if rate > 1000.0)
    assert missed / met <= ramp.CLOSE_ENOUGH


def test_a_first_rate_that_is_too_high_is_come_down_from() -> None:
    rates = on_paper(10.0, 1000.0)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[:4]))
    assert any(rate <= 10.0 for rate in rates)


def test_what_sustains_nothing_and_what_sustains_all_end_too() -> None:
    assert len(on_paper(0.0, 100.0)) == ramp.STEPS_MAX
    assert len(on_paper(1e12, 100.0)) == ramp.STEPS_MAX


def test_a_rate_at_which_many_are_turned_away_is_not_sustained() -> None:
    with known_server() as url:
        run = driven(plan(url, slo="p99=10s"))
    assert ramp.meets(run)
    assert not ramp.meets(replace(run, refused=run.answered // 2))
    assert not ramp.meets(replace(run, void="for some reason"))


def test_a_search_whose_first_answers_are_wrong_ends_at_once() -> None:
    with known_server(wrong_at=1, wrong_body="{}") as url:
        steps = list(search(prepare(plan(url, slo="p99=1s")), lambda _seen: None, settle_seconds=0.0))
    assert len(steps) == 1
    assert steps[0][0].void is not None
