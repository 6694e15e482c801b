"""Verdicts on two results. The latencies are drawn, seeded, so that what is true of them is known."""

from random import Random

import pytest
from msgspec.structs import replace

from service.bench import FindMax, Run, compare
from service.bench.result import Latency, Slice
from tests.bench.known import driven, known_server, plan


@pytest.fixture(scope="module")
def run() -> Run:
    with known_server() as url:
        return driven(plan(url, duration_s=2.0))


def drawn(run: Run, seed: int, factor: float = 1.0) -> Run:
    """The run with ten slices of 500 lognormal latencies around `factor` ms, and a whole that is made of them."""
    draw = Random(seed)
    parts = [sorted(draw.lognormvariate(0, 0.5) * factor for _ in range(500)) for _ in range(10)]
    whole = sorted(x for part in parts for x in part)
    slices = [Slice(500, part[250], part[495]) for part in parts]
    latency = Latency(5000, whole[0], sum(whole) / 5000, whole[2500], whole[4500], whole[4950], whole[4995], whole[-1])
    return replace(run, slices=slices, latency_ms={"all": latency}, answered=5000, void=None)


@pytest.mark.parametrize("seed", range(10))
def test_two_runs_of_the_same_are_not_told_apart(run: Run, seed: int) -> None:
    assert compare([drawn(run, seed)], [drawn(run, seed + 100)]).verdict == "no difference"


@pytest.mark.parametrize("seed", range(5))
def test_half_as_long_is_faster_and_twice_is_slower(run: Run, seed: int) -> None:
    base = drawn(run, seed)
    assert compare([base], [drawn(run, seed + 100, 0.5)]).verdict == "faster"
    assert compare([base], [drawn(run, seed + 100, 2.0)]).verdict == "slower"


def test_three_runs_a_side_are_compared_by_their_own_spread(run: Run) -> None:
    # Each run is quiet in itself, but runs of the same side differ by a third: no verdict on a tenth.
    a = [drawn(run, seed, factor) for seed, factor in enumerate((1.0, 1.3, 0.8))]
    b = [drawn(run, seed, factor * 1.1) for seed, factor in enumerate((1.0, 1.3, 0.8), 50)]
    found = compare(a, b)
    assert found.verdict == "no difference"
    assert found.samples == "runs"
    assert compare(a, [drawn(run, seed, 3.0) for seed in range(3)]).verdict == "slower"


def test_better_in_the_middle_and_worse_at_the_end_is_mixed(run: Run) -> None:
    base = drawn(run, 1)
    other = replace(base, slices=[Slice(500, part.p50 / 2, part.p99 * 2) for part in base.slices])
    assert compare([base], [other]).verdict == "mixed"


def test_what_was_asked_differently_or_is_void_is_not_comparable(run: Run) -> None:
    base = drawn(run, 1)
    for other in (
        replace(base, asked=replace(base.asked, rate=base.asked.rate * 2)),
        replace(base, asked=replace(base.asked, mix={"ping": 0.5, "post": 0.5})),
        replace(base, void="a reason"),
        replace(base, interrupted=True),
        replace(base, answered=10),
        FindMax([base], 100.0),
    ):
        found = compare([base], [other])
        assert found.verdict == "not comparable"
        assert found.why


def test_searches_are_compared_by_their_best_rates(run: Run) -> None:
    assert compare([FindMax([run], 100.0)], [FindMax([run], 150.0)]).verdict == "faster"
    assert compare([FindMax([run], 100.0)], [FindMax([run], 102.0)]).verdict == "no difference"
    assert compare([FindMax([run], 100.0)], [FindMax([run], None)]).verdict == "not comparable"
