"""What goes wrong when: drawn from a seed, so that a storm can be had again."""

import random
from typing import Literal, NamedTuple, get_args

Victim = Literal["worker", "all workers", "archive", "second archive", "redis"]
Turn = Literal["database goes", "database comes"]
VICTIMS: tuple[Victim, ...] = get_args(Victim)
WEIGHTS = {"worker": 4, "all workers": 1, "archive": 1, "second archive": 4, "redis": 3}
"""The service starts its archive again after ever longer pauses; the second one comes back at once."""
CALM_SECONDS = (0.1, 1.1)
"""Between two blows: about a worker's start, and Redis' return, so that some hit what has just come back."""
AWAY_SECONDS_MAX = 0.5
"""For how long a Redis that was killed stays away."""


class Blow(NamedTuple):
    """`away_seconds`: of Redis."""

    at_seconds: float
    what: Victim | Turn
    away_seconds: float = 0.0


def plan(seed: int, seconds: float, database_away_seconds: float = 0.0) -> list[Blow]:
    """Blows of a storm in order. The database is away once, in the midst of it."""
    chance = random.Random(seed)
    blows: list[Blow] = []
    at = chance.uniform(*CALM_SECONDS)
    while at < seconds:
        (what,) = chance.choices(VICTIMS, [WEIGHTS[victim] for victim in VICTIMS])
        away = chance.uniform(0, AWAY_SECONDS_MAX) if what == "redis" else 0.0
        blows.append(Blow(at, what, away))
        at += away + chance.uniform(*CALM_SECONDS)
    if database_away_seconds:
        goes = chance.uniform(0.1, 0.4) * seconds
        blows += [Blow(goes, "database goes"), Blow(goes + database_away_seconds, "database comes")]
    return sorted(blows)
