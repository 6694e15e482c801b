"""Rate limits count by calendar window, and a refused request counts nowhere."""

from struct import pack, unpack

from service.store.asks import Limit
from tests.store.world import World, bid

PER_HOUR = Limit(scope="endpoint", bucket="", per="hour", limit=3)
SOURCE = Limit(scope="traffic_source", bucket="source_abc", per="day", limit=2)
BUCKET = "{demo}:rate:my_endpoint"
OTHER = Limit(scope="traffic_source", bucket="other", per="day", limit=5)


def numbers(world: World) -> tuple[int, ...]:
    """All requests of the endpoint; then start of minute, hour and day, and what all were at it."""
    value = world.redis.client.execute_command("GET", BUCKET, NEVER_DECODE=True)
    return unpack("<7q", value)


async def test_the_endpoints_limit_stands_before_the_sources(world: World) -> None:
    world.redis.may_leave("rate:*")
    for _ in range(2):
        assert (await world.hold("d1", [], limits=(PER_HOUR, SOURCE))).status == "none"
    refused = await world.hold("d1", [], limits=(PER_HOUR, SOURCE))
    assert refused.rate_limited is not None
    assert (refused.rate_limited.scope, refused.rate_limited.per, refused.rate_limited.limit) == (
        "traffic_source",
        "day",
        2,
    )
    assert (await world.hold("d1", [], limits=(PER_HOUR, OTHER))).status == "none", "a refusal counted nowhere"
    refused = await world.hold("d1", [], limits=(PER_HOUR, OTHER))
    assert refused.rate_limited is not None
    assert (refused.rate_limited.scope, refused.rate_limited.per) == ("endpoint", "hour")
    assert 1 <= refused.rate_limited.retry_after_seconds <= 3_600


async def test_the_limit_that_is_named_is_the_one_that_refused(world: World) -> None:
    world.redis.may_leave("rate:*")
    limits = (
        Limit(scope="endpoint", bucket="", per="minute", limit=9),
        Limit(scope="endpoint", bucket="", per="hour", limit=9),
        Limit(scope="endpoint", bucket="", per="day", limit=0),
    )
    refused = await world.hold("d1", [], limits=limits)
    assert refused.rate_limited is not None
    assert (refused.rate_limited.per, refused.rate_limited.limit) == ("day", 0)


async def test_repeats_count_as_pings(world: World) -> None:
    world.redis.may_leave("rate:*", "ping:d1", "leases:1", "shield:f")
    limits = (Limit(scope="endpoint", bucket="", per="day", limit=2),)
    await world.hold("d1", [bid(1)], limits=limits, fingerprint="f")
    assert (await world.hold("d2", [bid(1)], limits=limits, fingerprint="f")).status == "repeat"
    assert (await world.hold("d3", [bid(1)], limits=limits, fingerprint="f")).status == "rate_limited"


async def test_a_further_trip_of_a_ping_is_not_another_request(world: World) -> None:
    world.redis.may_leave("rate:*")
    limits = (Limit(scope="endpoint", bucket="", per="day", limit=2),)
    first = [bid(1, 0)]
    held = await world.hold("d1", first, limits=limits, last=False)
    await world.hold("d1", first, limits=limits, said_before=held.said)
    assert numbers(world)[0] == 1


async def test_a_bucket_goes_when_its_day_is_over(world: World) -> None:
    await world.hold("d1", [], limits=(PER_HOUR,))
    await world.hold("d1", [], limits=(PER_HOUR,))
    left_ms = world.redis.client.pttl(BUCKET)
    assert 0 < left_ms <= 25 * 3_600_000
    world.travel(left_ms // 1000 + 1)
    assert not world.redis.client.exists(BUCKET)


async def test_a_window_counts_what_came_since_it_began(world: World) -> None:
    world.redis.may_leave("rate:*")
    assert (await world.hold("d1", [], limits=(PER_HOUR,))).status == "none"
    all_so_far, *windows = numbers(world)
    assert all_so_far == 1
    assert windows[1::2] == [0, 0, 0], "all three began with the first request"
    minute, _, hour, _, day, _ = windows
    # Seven requests so far, two of them before this hour; the minute that is stored is over.
    world.redis.client.set(BUCKET, pack("<7q", 7, minute - 60_000, 6, hour, 5, day, 1), keepttl=True)
    per_minute = Limit(scope="endpoint", bucket="", per="minute", limit=1)
    per_day = Limit(scope="endpoint", bucket="", per="day", limit=7)
    assert (await world.hold("d1", [], limits=(per_minute, PER_HOUR, per_day))).status == "none"
    assert numbers(world)[0] == 8
    for limits, per in (((per_minute, PER_HOUR), "minute"), ((PER_HOUR, per_day), "hour"), ((per_day,), "day")):
        refused = (await world.hold("d1", [], limits=limits)).rate_limited
        assert refused is not None
        assert refused.per == per


async def test_test_pings_have_a_bucket_of_their_own(world: World) -> None:
    world.redis.may_leave("rate:*")
    tests = (Limit(scope="endpoint", bucket="test", per="day", limit=1),)
    assert (await world.hold("d1", [], limits=tests, test=True)).status == "none"
    assert (await world.hold("d2", [], limits=tests, test=True)).status == "rate_limited"
    assert (await world.hold("d3", [], limits=(PER_HOUR,))).status == "none"


async def test_a_refused_post_takes_nothing_and_counts_nowhere(world: World) -> None:
    none_left = (Limit(scope="endpoint", bucket="", per="day", limit=0),)
    before = world.stands()
    assert (await world.post_only("d1", [bid(1)], limits=none_left)).status == "rate_limited"
    assert world.stands() == before
    assert not world.redis.client.keys("*rate*")
