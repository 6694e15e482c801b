"""Rate limits count by calendar window, and a refused request counts nowhere."""

from service.store.asks import Limit
from tests.store.world import World, bid

PER_HOUR = Limit(scope="endpoint", bucket="", per="hour", limit=3)
SOURCE = Limit(scope="traffic_source", bucket="source_abc", per="day", limit=2)
OTHER = Limit(scope="traffic_source", bucket="other", per="day", limit=5)


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
    assert world.redis.client.hget("{demo}:rate:my_endpoint", "all") == "1"


async def test_a_bucket_goes_when_its_longest_window_is_over(world: World) -> None:
    limits = (Limit(scope="endpoint", bucket="", per="minute", limit=2), PER_HOUR)
    await world.hold("d1", [], limits=limits)
    left_ms = world.redis.client.pttl("{demo}:rate:my_endpoint")
    assert 0 < left_ms <= 3_600_000
    world.travel(3_600)
    assert not world.redis.client.exists("{demo}:rate:my_endpoint")


async def test_a_window_counts_what_came_since_it_began(world: World) -> None:
    world.redis.may_leave("rate:*")
    world.redis.client.hset("{demo}:rate:my_endpoint", mapping={"all": 3, "h123": 0, "d456": 1})
    for _ in range(3):
        assert (await world.hold("d1", [], limits=(PER_HOUR,))).status == "none"
    assert (await world.hold("d1", [], limits=(PER_HOUR,))).status == "rate_limited"
    bucket = world.redis.client.hgetall("{demo}:rate:my_endpoint")
    assert "h123" not in bucket, "a window that is over goes when the next begins"
    assert bucket["d456"] == "1", "another kind of window is not this one's to drop"
    assert bucket["all"] == "6"


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
