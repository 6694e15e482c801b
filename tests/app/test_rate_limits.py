"""Rate limits: whose, of what, and what they say."""

import asyncio
from typing import Any

import pytest

from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint, field, source, table
from tests.app.conftest import Serve
from tests.app.served import CALLER, Answer, Served, ping_id_of

BUYER = buyer(1, contract(25.00))


def limiter(**limits: Any) -> str:
    return table("[rate_limiters]", id="special", limits=limits)


async def count_until_limited(served: Served, fields: dict[str, Any], verb: str = "ping") -> int:
    """How many requests were answered before the first 429; 9 where none came."""
    for count in range(9):
        answer = await served.lead(verb, "calls", fields)
        if answer.http == 429:
            return count
        assert answer.http == 200, answer
    return 9


@pytest.mark.parametrize(("per", "seconds"), [("hour", 3600), ("day", 86_400)])
async def test_a_limit_of_the_endpoint_says_whose_per_what_and_when_to_come_again(
    serve: Serve, per: str, seconds: int
) -> None:
    served = await serve(catalog(endpoint(rate_limits={f"per_{per}": 3}), BUYER))
    assert await count_until_limited(served, {}) == 3
    http, said, headers = await served.lead("ping", "calls", {"request_id": "r-1"})
    assert http == 429
    assert said.pop("errors")
    assert said == {
        "success": False,
        "status": "rate_limited",
        "scope": "endpoint",
        "per": per,
        "limit": 3,
        "request_id": "r-1",
    }
    assert 1 <= int(headers["Retry-After"]) <= seconds
    assert headers["Cache-Control"] == "no-store"


async def test_a_limit_per_minute_is_one_of_the_calendars_minute(serve: Serve) -> None:
    served = await serve(catalog(endpoint(rate_limits={"per_minute": 2}), BUYER))
    answers = [await served.lead("ping", "calls", {}) for _ in range(5)]  # five cannot pass, whatever the clock shows
    limited = [answer for answer in answers if answer.http == 429]
    assert limited
    assert {(answer.json["per"], answer.json["limit"]) for answer in limited} == {("minute", 2)}
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in limited)


async def test_a_limit_of_sources_is_counted_for_each_source_apart(serve: Serve) -> None:
    listed = source("abc"), source("xyz")
    served = await serve(catalog(endpoint(source_rate_limits={"per_day": 2}), *listed, BUYER))
    assert await count_until_limited(served, {"traffic_source_id": "abc"}) == 2
    assert await count_until_limited(served, {"traffic_source_id": "xyz"}) == 2
    http, said, _ = await served.lead("ping", "calls", {"traffic_source_id": "abc"})
    assert (http, said["scope"], said["per"], said["limit"]) == (429, "traffic_source", "day", 2)


async def test_sources_that_are_not_listed_share_one_bucket(serve: Serve) -> None:
    served = await serve(catalog(endpoint(source_rate_limits={"per_day": 3}), source("abc"), BUYER))
    told: list[dict[str, Any]] = [{}, {"traffic_source_id": "one"}, {"traffic_source_id": "two"}]
    assert [(await served.ping(**fields))[0] for fields in told] == [200] * 3
    assert [(await served.ping(**fields))[0] for fields in told] == [429] * 3
    assert (await served.ping(traffic_source_id="abc"))[0] == 200


async def test_a_sources_entry_in_the_limiter_replaces_the_endpoints_limits_of_sources(serve: Serve) -> None:
    told = endpoint(source_rate_limits={"per_day": 2, "per_hour": 2}, rate_limiter="special")
    served = await serve(catalog(told, limiter(abc={"per_day": 4}), source("abc"), source("xyz"), BUYER))
    assert await count_until_limited(served, {"traffic_source_id": "abc"}) == 4
    assert await count_until_limited(served, {"traffic_source_id": "xyz"}) == 2


async def test_the_endpoints_own_limit_is_looked_at_first(serve: Serve) -> None:
    told = endpoint(rate_limits={"per_day": 2}, source_rate_limits={"per_day": 2})
    served = await serve(catalog(told, BUYER))
    assert await count_until_limited(served, {}) == 2
    assert (await served.ping())[1]["scope"] == "endpoint"


async def test_a_refusal_counts_on_neither(serve: Serve) -> None:
    told = endpoint(rate_limits={"per_day": 4}, source_rate_limits={"per_day": 2})
    served = await serve(catalog(told, source("abc"), source("xyz"), BUYER))
    assert await count_until_limited(served, {"traffic_source_id": "abc"}) == 2
    for _ in range(5):
        assert (await served.ping(traffic_source_id="abc"))[1]["scope"] == "traffic_source"
    before = served.contents()
    assert (await served.ping(traffic_source_id="abc"))[0] == 429
    assert served.contents() == before
    assert await count_until_limited(served, {"traffic_source_id": "xyz"}) == 2


@pytest.mark.parametrize("verb", ["ping", "post", "full"])
async def test_pings_posts_without_a_ping_and_fulls_count(serve: Serve, verb: str) -> None:
    served = await serve(catalog(endpoint(rate_limits={"per_day": 2}), BUYER))
    assert await count_until_limited(served, {}, verb) == 2


async def test_all_of_them_count_on_the_same_limit(serve: Serve) -> None:
    served = await serve(catalog(endpoint(rate_limits={"per_day": 3}), BUYER))
    answers = [await served.ping(), await served.post(), await served.full(), await served.ping()]
    assert [http for http, _ in answers] == [200, 200, 200, 429]


async def test_repeated_pings_count(serve: Serve) -> None:
    served = await serve(catalog(endpoint(rate_limits={"per_day": 3}), BUYER))
    assert await count_until_limited(served, {"caller_id": CALLER}) == 3


async def test_declined_and_suppressed_leads_count(serve: Serve) -> None:
    served = await serve(catalog(endpoint(rate_limits={"per_day": 3}), BUYER))
    assert await count_until_limited(served, {"opt_out": True}) == 3
    served = await serve(catalog(endpoint(rate_limits={"per_hour": 5})))
    assert await count_until_limited(served, {}) == 2, "a limit that is new knows those of the hour before it"


async def test_a_post_with_a_ping_id_is_never_limited(serve: Serve) -> None:
    served = await serve(catalog(endpoint(rate_limits={"per_day": 1}), BUYER))
    _, quoted = await served.ping()
    assert (await served.ping())[0] == 429
    assert (await served.post(ping_id="made up"))[1]["status"] == "ping_expired"
    assert (await served.post(ping_id=ping_id_of(quoted, 1)))[1]["status"] == "success"
    assert (await served.post(ping_id=ping_id_of(quoted, 1)))[1]["repeat"] is True
    assert (await served.post())[0] == 429


async def test_what_ends_in_4xx_does_not_count(serve: Serve) -> None:
    offer = call_offer(field("age", "integer"))
    served = await serve(
        catalog(
            endpoint(rate_limits={"per_day": 1}), source("abc", endpoints=["no"]), endpoint("no"), BUYER, offer=offer
        )
    )
    refused: list[Answer] = [
        await served.lead("ping", "calls", {"age": "old"}),
        await served.lead("full", "calls", {"min_bid": "much"}),
        await served.lead("ping", "calls", {"auth_token": "wrong"}),
        await served.lead("ping", "calls", {"traffic_source_id": "abc"}),
        await served.lead("ping", "calls", []),
    ]
    assert [answer.http for answer in refused] == [422, 422, 401, 403, 400]
    assert await count_until_limited(served, {}) == 1


async def test_a_request_id_used_before_with_other_fields_does_not_count(serve: Serve) -> None:
    served = await serve(catalog(endpoint(rate_limits={"per_day": 2}), BUYER))
    await served.post(request_id="r-1", zip="10001")
    for _ in range(3):
        assert (await served.post(request_id="r-1", zip="10002"))[0] == 422
    assert (await served.ping())[0] == 200
    assert (await served.ping())[0] == 429


async def test_requests_at_once_never_pass_a_limit(serve: Serve) -> None:
    served = await serve(catalog(endpoint(rate_limits={"per_day": 5}), BUYER))
    answers = await asyncio.gather(*(served.ping() for _ in range(20)))
    assert sorted(http for http, _ in answers) == [200] * 5 + [429] * 15


async def test_endpoints_do_not_share_their_limits(serve: Serve) -> None:
    one: dict[str, Any] = {"rate_limits": {"per_day": 1}, "source_rate_limits": {"per_day": 1}}
    served = await serve(catalog(endpoint(**one), endpoint("other", **one), BUYER))
    assert [(await served.ping(uri))[0] for uri in ("calls", "other", "calls", "other")] == [200, 200, 429, 429]
