"""Test mode: everything is decided and explained, and nothing is taken."""

from hashlib import sha256
from typing import Any

import pytest

from tests.app.catalogs import POOL, buyer, call_offer, catalog, contract, data_offer, endpoint, field, source
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN, CALLER, Json, Served, bearer, bids, buyers, ping_id_of

TOKEN = "token of a source that may test"
MANY = (
    buyer(1, contract(25.00), concurrency_cap=2),
    buyer(2, contract(20.00, where={"age": {"max": 64}})),
    buyer(3, contract(22.00), paused=True),
    buyer(4, contract(21.00, where={"state": ["TX"]})),
    buyer(5, contract(9.00)),
    buyer(6, contract(24.00, hours={"mon": ["00:00-00:01"]}, closed_on=["2026-12-25"])),
    buyer(7, contract(23.00, caps={"day": 1})),
    buyer(8, contract(26.00, dedup_days=30)),
)
OFFER = call_offer(field("age", "integer"), floor=10.00)


def written(before: Json, after: Json) -> set[str]:
    """Families of the keys that differ."""
    return {name.split(":")[0] for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def verdicts(said: Json) -> dict[int, Json]:
    return {one["buyer_id"]: one for one in said["diagnostics"]["contracts"]}


async def test_an_endpoint_in_test_mode_needs_no_token(serve: Serve) -> None:
    served = await serve(catalog(endpoint(test_mode=True), buyer(1, contract(25.00))))
    http, said = await served.ping(caller_id=CALLER)
    assert (http, said["status"], said["test"], bids(said)) == (200, "success", True, {1: 25.0})


async def test_a_test_needs_the_token_of_the_operator_or_of_a_source_that_may(serve: Serve) -> None:
    def with_token(name: str, **keys: Any) -> str:
        return source(name, auth_tokens=[{"name": "t", "sha256": sha256(name.encode()).hexdigest()}], **keys)

    served = await serve(
        catalog(endpoint(), with_token("may", test_allowed=True), with_token("may-not"), buyer(1, contract(25.00)))
    )
    for fields in ({}, {"traffic_source_id": "may"}, {"auth_token": "may-not"}, {"auth_token": "wrong"}):
        for verb in ("ping", "post", "full"):
            http, said, _ = await served.lead(verb, "calls", {"test": 1, **fields})
            assert (http, said["status"]) == (401, "unauthorized"), (verb, fields)
    for flag in (1, "1", True, "true"):
        assert (await served.ping(test=flag, auth_token="may"))[1]["test"] is True
    assert (await served.ping(test=1, auth_token=ADMIN_TOKEN))[1]["test"] is True
    for nothing in (0, "0", False, "false", "", None):
        assert "test" not in (await served.ping(test=nothing))[1]
    assert (await served.ping(test="maybe"))[0] == 422


@pytest.mark.parametrize("verb", ["ping", "post", "full"])
async def test_a_test_takes_nothing(serve: Serve, verb: str) -> None:
    dedup = buyer(1, contract(25.00, dedup_days=30, caps={"day": 1}), concurrency_cap=1)
    served = await serve(catalog(endpoint(test_mode=True, rate_limits={"per_day": 1}), dedup, pool=POOL[:1]))
    before = served.contents()
    for _ in range(3):
        http, said, _ = await served.lead(verb, "calls", {"caller_id": CALLER, "request_id": "r-1"})
        assert (http, said["status"], said["test"]) == (200, "success", True)
        assert "repeat" not in said
    assert written(before, served.contents()) <= {"test", "rate"}


async def test_a_test_ping_posted_takes_nothing_and_names_the_pools_first_number(serve: Serve) -> None:
    one = buyer(1, contract(25.00, dedup_days=30, caps={"day": 1}), concurrency_cap=1), buyer(2, contract(20.00))
    served = await serve(catalog(endpoint(), endpoint("sandbox", test_mode=True), *one))
    await served.post(zip="10001")  # the pool's first number is lent to a real sale
    before = served.contents()
    _, quoted = await served.ping("sandbox", caller_id=CALLER)
    assert buyers(quoted) == [2]
    for ping_id in (ping_id_of(quoted, 2), quoted["try_all_buyers_ping_id"], quoted["try_all_buyers_ping_id"]):
        http, sold = await served.post("sandbox", ping_id=ping_id)
        assert (http, sold["status"], sold["test"]) == (200, "success", True)
        assert (sold["trackdrive_number"], sold["buyer_id"], sold["bid"]) == (POOL[0].removeprefix("+"), 2, 20.0)
        assert sold["expires_in_seconds"] == 120
        assert "diagnostics" in sold
    assert written(before, served.contents()) <= {"test", "rate"}


async def test_ids_of_tests_are_expired_in_real_posts_and_the_other_way_round(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    admin = {"auth_token": ADMIN_TOKEN, "test": 1}
    (_, real), (_, test) = await served.ping(), await served.ping(**admin)
    for number in (real["try_all_buyers_ping_id"], ping_id_of(real, 1)):
        assert (await served.post(ping_id=number, **admin))[1]["status"] == "ping_expired"
    for number in (test["try_all_buyers_ping_id"], ping_id_of(test, 1)):
        assert (await served.post(ping_id=number))[1]["status"] == "ping_expired"
        assert (await served.post(ping_id="p" + number[1:]))[1]["status"] == "ping_expired"
    assert (await served.post(ping_id=ping_id_of(real, 1)))[1]["status"] == "success"
    assert (await served.post(ping_id=ping_id_of(test, 1), **admin))[1]["status"] == "success"


async def test_every_contract_is_there_with_one_cause(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), endpoint("sandbox", test_mode=True), *MANY, offer=OFFER))
    assert (await served.post(buyer_ids=[7]))[1]["buyer_id"] == 7
    assert (await served.post(buyer_ids=[8], caller_id=CALLER))[1]["buyer_id"] == 8
    for _ in range(2):
        await served.ping()
    http, said = await served.ping("sandbox", caller_id=CALLER, age=71)
    assert (http, said["status"], said["test"]) == (200, "no_matching_buyer", True)
    found = verdicts(said)
    assert len(said["diagnostics"]["contracts"]) == 8
    assert {number: (one["verdict"], one["reason"], one["code"]) for number, one in found.items()} == {
        1: ("declined", "concurrency", 214),
        2: ("declined", "filter", 205),
        3: ("declined", "paused", 201),
        4: ("declined", "geo", 204),
        5: ("declined", "below_floor", 206),
        6: ("declined", "schedule", 202),
        7: ("declined", "cap_day", 210),
        8: ("declined", "duplicate", 207),
    }
    assert found[2]["detail"] == {"field": "age", "op": "max", "limit": 64, "value": 71}
    assert found[2]["contract"] == "2-calls"
    assert set(found[6]["detail"]) == {"timezone", "opens_at"}


async def test_offered_contracts_stand_with_their_bids(serve: Serve) -> None:
    half = source("abc", payout={"share_percent": 50})
    served = await serve(
        catalog(endpoint(test_mode=True, buyers_max=1), half, buyer(1, contract(25.00)), buyer(2, contract(20.00)))
    )
    _, said = await served.ping(traffic_source_id="abc")
    first, second = said["diagnostics"]["contracts"]
    assert first == {"buyer_id": 1, "contract": "1-calls", "verdict": "offered", "bid": 12.5}
    assert (second["verdict"], second["reason"], second["code"]) == ("declined", "outranked", 301)


async def test_diagnostics_say_what_was_understood_and_how_long_it_took(serve: Serve) -> None:
    served = await serve(catalog(endpoint(test_mode=True), buyer(1, contract(25.00)), offer=OFFER))
    _, said = await served.ping(caller_id="(212) 555-1234", age=" 30 ", note="hi")
    told = said["diagnostics"]
    assert told["normalised"].items() >= {"caller_id": CALLER, "age": 30, "note": "hi"}.items()
    assert set(told["timing_us"]) == {"decode", "match", "buyers", "store"}
    assert told["timing_us"]["store"] > 0
    assert told["catalog"] == (await served.admin("GET", "status"))[1]["catalog"]


async def test_a_real_answer_has_no_diagnostics(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    for said in ((await served.ping())[1], (await served.post())[1], (await served.full())[1]):
        assert not {"test", "diagnostics"} & set(said)


async def test_a_test_full_has_the_buyers_and_the_diagnostics(serve: Serve) -> None:
    served = await serve(catalog(endpoint(test_mode=True), buyer(1, contract(25.00)), buyer(2, contract(20.00))))
    _, said = await served.full()
    assert (said["buyer_id"], bids(said), len(said["diagnostics"]["contracts"])) == (1, {1: 25.0, 2: 20.0}, 2)


async def test_a_test_post_is_declined_as_a_real_one_would_be(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, caps={"day": 1}))))
    admin = {"auth_token": ADMIN_TOKEN, "test": 1}
    _, quoted = await served.ping(**admin)
    await served.post()
    _, said = await served.post(ping_id=ping_id_of(quoted, 1), **admin)
    assert (said["status"], said["reason"]) == ("buyer_unavailable", "cap_day")
    assert (await served.post(**admin))[1]["status"] == "no_matching_buyer"
    assert (await served.full(**admin))[1]["status"] == "no_matching_buyer"


async def test_a_test_post_may_use_the_buffer_as_a_real_one_may(serve: Serve) -> None:
    served = await serve(
        catalog(endpoint(concurrency_cap_buffer_percent=50), buyer(1, contract(25.00), concurrency_cap=2))
    )
    admin = {"auth_token": ADMIN_TOKEN, "test": 1}
    await served.ping()
    assert (await served.ping(**admin))[1]["status"] == "no_matching_buyer"
    assert (await served.post(**admin))[1]["status"] == "success"


async def test_a_test_that_is_wrong_is_refused_as_a_real_one_is(serve: Serve) -> None:
    served = await serve(catalog(endpoint(test_mode=True), buyer(1, contract(25.00)), offer=OFFER))
    _, quoted = await served.ping()
    assert (await served.ping(age="old"))[0] == 422
    assert (await served.post(ping_id=ping_id_of(quoted, 1), buyer_id=2))[0] == 422


async def test_a_test_of_a_data_offer_delivers_nothing(serve: Serve) -> None:
    leads = data_offer(), endpoint("leads", offer="leads", test_mode=True)
    served = await serve(catalog(*leads, buyer(1, contract(25.00, offer="leads"))))
    before = served.contents()
    _, said = await served.post("leads")
    assert [(one["buyer_id"], one["bid"]) for one in said["sales"]] == [(1, 25.0)]
    assert written(before, served.contents()) <= {"test", "rate"}


async def count_tests(served: Served, uri: str) -> int:
    for count in range(130):
        if (await served.ping(uri))[0] == 429:
            return count
    return 130


async def test_sixty_tests_a_minute_are_answered_per_endpoint(serve: Serve) -> None:
    served = await serve(catalog(endpoint("one", test_mode=True), endpoint("two", test_mode=True)))
    # Where the minute changes meanwhile the first endpoint gets more; the second starts at its own nought all the same.
    assert 60 <= await count_tests(served, "one") <= 120
    http, said, headers = await served.lead("ping", "one", {})
    assert (http, said["status"], said["limit"], said["per"]) == (429, "rate_limited", 60, "minute")
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert (await served.ping("two"))[0] == 200


async def test_tests_do_not_count_on_the_limits_of_real_requests(serve: Serve) -> None:
    served = await serve(catalog(endpoint(rate_limits={"per_day": 1}), buyer(1, contract(25.00))))
    for _ in range(3):
        assert (await served.lead("ping", "calls", {"test": 1}, headers=bearer(ADMIN_TOKEN))).http == 200
    assert [(await served.ping())[0] for _ in range(2)] == [200, 429]
