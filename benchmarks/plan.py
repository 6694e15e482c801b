"""What the suite measures, one row each. Rows are measured in this order, the whole list round by round, so that what
is compared was measured minutes apart at most, and a machine that slows down slows all of them."""

from functools import partial

from benchmarks.bench import Subject
from benchmarks.subjects import asking_redis
from benchmarks.subjects.matching import matching
from benchmarks.subjects.reserving import cycle, memory
from benchmarks.subjects.serving import (
    MIX,
    bare_ceiling,
    bare_steady,
    ceiling,
    overload,
    reloading,
    steady,
    sweep,
    trip_steady,
)
from benchmarks.subjects.trips import trips
from benchmarks.worlds import World

ROUNDS = 3
CEILING = "ping_5"
"""The subject whose ceiling all rates are shares of."""
HALF = 0.5
LOW = 0.25
"""Where a catalog is compiled on the same core."""
LIGHT = 0.05
"""Where a hundred candidates are looked at in four trips: a ping costs several times as much as the ceiling's."""
BEYOND = 2.0

NOBODY, FIVE, TEN = World(wanted=0), World(wanted=5), World(wanted=10)
RECORDED = World(wanted=5, on_record=True)
UNLIKE = World(wanted=5, contracts=60, buyers_max=5, unlike=True)
MANY = World(wanted=5, contracts=10_000)
# A hundred buyers want the lead, five of them are offered; so many are full.
FULL_0, FULL_50, FULL_95, FULL_100 = (
    World(wanted=100, contracts=130, buyers_max=5, full_percent=percent) for percent in (0, 50, 95, 100)
)

at_half = partial(steady, of=CEILING, share=HALF)
at_low = partial(steady, of=CEILING, share=LOW)
at_light = partial(steady, of=CEILING, share=LIGHT)
reloaded = partial(reloading, of=CEILING, share=LOW)
bare_at_half = partial(bare_steady, buyers=5, of=CEILING, share=HALF)
trip_at_half = partial(trip_steady, buyers=5, of=CEILING, share=HALF)
bare_at_low = partial(bare_steady, buyers=5, of=CEILING, share=LOW)
trip_at_low = partial(trip_steady, buyers=5, of=CEILING, share=LOW)
twice = partial(overload, world=FIVE, factor=BEYOND)

SUBJECTS: tuple[Subject, ...] = (
    Subject("bare", "cpu", "bare handler", partial(bare_ceiling, buyers=5), 5),
    Subject(CEILING, "cpu", "ping, 5 holds, 30 contracts", partial(ceiling, world=FIVE), 11),
    Subject("ping_0", "pings", "ping that nobody wants", partial(ceiling, world=NOBODY), 10),
    Subject("ping_10", "pings", "ping, 10 holds", partial(ceiling, world=TEN), 12),
    Subject("ping_unlike", "pings", "ping, 5 holds, no two leads alike", partial(ceiling, world=UNLIKE), 11),
    Subject("ping_many", "pings", "ping, 5 holds, 10,000 contracts", partial(ceiling, world=MANY), 20),
    Subject("ping_record", "pings", "ping, 5 holds, everything on record", partial(ceiling, world=RECORDED), 13),
    Subject("mix", "pings", "pings 90, posts 8, calls 2", partial(ceiling, world=RECORDED, mix=MIX), 14),
    Subject("bare_half", "latency", "bare handler, half the ceiling", bare_at_half, 9),
    Subject("trip_half", "latency", "bare handler that asks Redis one line, half the ceiling", trip_at_half, 9),
    Subject("bare_low", "latency", "bare handler, a quarter of the ceiling", bare_at_low, 9),
    Subject("trip_low", "latency", "bare handler that asks Redis one line, a quarter", trip_at_low, 9),
    Subject("ping_half", "latency", "ping, half the ceiling", partial(at_half, world=FIVE), 11),
    Subject("full_0", "fullness", "none of 100 buyers full", partial(at_light, world=FULL_0), 11),
    Subject("full_50", "fullness", "50 of them full", partial(at_light, world=FULL_50), 11),
    Subject("full_95", "fullness", "95 of them full", partial(at_light, world=FULL_95), 11),
    Subject("full_100", "fullness", "all of them full", partial(at_light, world=FULL_100), 11),
    Subject("quiet", "reload", "ping, nothing beside it", partial(at_low, world=FIVE), 11),
    Subject("reload", "reload", "the mix, 30 contracts reloaded", partial(reloaded, world=FIVE), 16),
    Subject("reload_many", "reload", "the mix, 10,000 contracts reloaded", partial(reloaded, world=MANY), 26),
    Subject("sweep", "overload", "pings at rising rates", partial(sweep, world=FIVE, of=CEILING), 55, by_steps=True),
    Subject("overload", "overload", "ping, twice what is sustained", twice, 12),
    Subject("trips", "store", "round trips", partial(trips, world=RECORDED), 5),
    Subject("cycle", "store", "ping, post, release through the store", partial(cycle, world=FIVE), 4),
    Subject("cycle_record", "store", "the same, everything on record", partial(cycle, world=RECORDED), 5),
    Subject("memory", "store", "live pings of 5 holds", partial(memory, world=FIVE), 2),
    Subject("channel", "channel", "our channel, one-line script", asking_redis.ours, 1),
    Subject("redis_py", "channel", "redis-py, one-line script", asking_redis.redis_py, 1),
    Subject("match_30", "match", "match, 30 contracts", partial(matching, contracts=30), 1),
    Subject("match_1000", "match", "match, 1,000 contracts", partial(matching, contracts=1_000), 1),
    Subject("match_10000", "match", "match, 10,000 contracts", partial(matching, contracts=10_000), 3),
)  # fmt: skip

CLOSED_GROUPS = ("cpu", "pings")
"""A closed loop finds a ceiling and the CPU behind a request. It says nothing about latency: who waits for an answer
before asking again never sees a queue."""

GROUPS = tuple(dict.fromkeys(subject.group for subject in SUBJECTS))

BRIEF = frozenset(
    {"bare", "mix", "full_95", "reload", "overload", "cycle_record", "memory"}
    | {"channel", "redis_py", "match_30", "match_1000"}
)
"""Those of a smoke run: each kind of measurement once."""
