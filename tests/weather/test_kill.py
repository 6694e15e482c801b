"""The storm, short: the money adds up whatever is killed. `python -m tests.weather.kill --help` is the long one."""

import random

import pytest

from tests.weather.kill import Weather, weather
from tests.weather.plan import VICTIMS, plan

SEED_BITS = 31
LEADS = 4_000
SECONDS = 12.0
"""Each way: with all that starts and ends, a minute together."""


@pytest.mark.parametrize(
    ("ledger", "away_seconds"),
    [pytest.param("sqlite", 0.0, id="sqlite"), pytest.param("postgresql", 3.0, id="postgresql, away")],
)
def test_the_money_adds_up_whatever_is_killed(ledger: str, away_seconds: float) -> None:
    seed = random.SystemRandom().getrandbits(SEED_BITS)
    again = f"--seed {seed} --seconds {SECONDS} --posts {LEADS} --ledger {ledger} --database-away {away_seconds}"
    print(f"python -m tests.weather.kill {again}")  # shown where it fails
    outcome = weather(Weather(seed, SECONDS, LEADS, ledger == "postgresql", away_seconds))
    assert outcome.faults == [], f"seed {seed}"
    assert sum(journal.posted for journal in outcome.journals) > LEADS / 10, "most of the time it was away"
    assert any(journal.top_ups for journal in outcome.journals)


def test_a_seed_is_a_storm_and_all_are_struck_in_it() -> None:
    long = plan(1, 120.0, 12.0)
    assert long == plan(1, 120.0, 12.0) != plan(2, 120.0, 12.0)
    assert {blow.what for blow in long} == {*VICTIMS, "database goes", "database comes"}
    assert all(0 < blow.at_seconds < 120 for blow in long)
