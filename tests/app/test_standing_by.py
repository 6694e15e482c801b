"""Who stands by when those before are gone: the default buyer behind a long list, and the buyer that bought and was
paused since."""

import asyncio
from ipaddress import ip_network

from tests.app.calling import ring, sales_events, sold
from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint, source, table
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN, CALLER, Served, bearer, bids, buyers

DEFAULT = 9
MANY = [buyer(at, contract(30.00 - at, caps={"total": 1})) for at in range(1, 8)]
"""Seven that match, of which an answer names three."""


async def with_many(serve: Serve) -> Served:
    offer = call_offer(default_buyer=DEFAULT)
    default = buyer(DEFAULT, contract(4.00, where={"state": ["HI"]}))
    return await serve(catalog(endpoint(buyers_max=3), *MANY, default, offer=offer))


async def test_the_default_buyer_takes_a_try_all_when_the_offered_ones_of_many_are_gone(serve: Serve) -> None:
    served = await with_many(serve)
    _, first = await served.ping(caller_id=CALLER)
    assert buyers(first) == [1, 2, 3]
    for at in range(3):  # each of the three is capped at one sale, and sells it to somebody else
        await sold(served, caller_id=f"+1212555200{at}")
    _, said = await served.post(ping_id=first["try_all_buyers_ping_id"])
    assert (said["status"], said["buyer_id"], said["bid"]) == ("success", DEFAULT, 4.00)


async def test_a_call_that_nobody_of_many_takes_reaches_the_default_buyer(serve: Serve) -> None:
    served = await with_many(serve)
    post = await sold(served)
    answered = [(await ring(served, post["trackdrive_number"], attempt=0))["buyer_id"]]
    for at in range(6):
        await sold(served, caller_id=f"+1212555200{at}")
    answered.append((await ring(served, post["trackdrive_number"], attempt=1, last="busy"))["buyer_id"])
    assert answered == [1, DEFAULT]


async def test_a_buyer_paused_after_its_purchase_is_dialled(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    post = await sold(served)
    assert (await served.admin("POST", "buyers/1/pause"))[0] == 200
    assert (await ring(served, post["trackdrive_number"]))["buyer_id"] == 1
    assert sales_events(served) == ["sold"]


async def test_a_contract_renamed_after_its_sale_leaves_the_call_its_buyer(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, id="old"))))
    post = await sold(served)
    (served.folder / "catalog.toml").write_text(catalog(endpoint(), buyer(1, contract(25.00, id="new"))))
    assert (await served.admin("POST", "reload"))[0] == 200
    assert (await ring(served, post["trackdrive_number"]))["buyer_id"] == 1


async def test_the_operators_token_is_good_for_tests_and_for_nothing_else(serve: Serve) -> None:
    served = await serve(catalog(endpoint(auth_required=True), buyer(1, contract(25.00))))
    real = await served.lead("ping", "calls", {"caller_id": CALLER}, headers=bearer(ADMIN_TOKEN))
    test = await served.lead("ping", "calls", {"caller_id": CALLER, "test": 1}, headers=bearer(ADMIN_TOKEN))
    assert (real.http, test.http, test.json["test"]) == (401, 200, True)


async def test_a_sandbox_needs_no_token(serve: Serve) -> None:
    served = await serve(catalog(endpoint(auth_required=True, test_mode=True), buyer(1, contract(25.00))))
    http, said = await served.ping(caller_id=CALLER)
    assert (http, said["test"]) == (200, True)


async def test_a_source_that_is_not_listed_hears_of_its_other_mistakes_too(serve: Serve) -> None:
    served = await serve(catalog(endpoint(sources="listed"), buyer(1, contract(25.00))))
    http, said = await served.ping(caller_id="12")
    assert (http, set(said["errors"])) == (422, {"caller_id", "traffic_source_id"})


async def test_a_sale_that_a_call_makes_is_counted_as_one(serve: Serve) -> None:
    served = await serve(catalog(endpoint("own", tracking="caller_number"), buyer(1, contract(25.00))))
    before = await sales_counted(served)
    await served.ping("own", caller_id=CALLER, trackdrive_number="+18665550150")
    assert (await ring(served, "+18665550150"))["buyer_id"] == 1
    assert await sales_counted(served) == before + 1


async def sales_counted(served: Served) -> float:
    text = await (await served.client.get("/metrics")).text()
    rows = (line.rpartition(" ") for line in text.splitlines())
    return sum(float(value) for name, _, value in rows if name == 'pingpost_sales_total{offer="calls"}')


async def test_a_decision_is_read_in_words(serve: Serve) -> None:
    capped = buyer(1, contract(25.00, caps={"total": 1}))
    served = await serve(catalog(endpoint(), capped, buyer(2, contract(20.00))))
    await sold(served)
    _, ping = await served.ping(caller_id="+12125552001")
    _, said = await served.admin("GET", f"decisions/{ping['decision_id']}")
    (record,) = said["decision"]["records"]
    assert [(bid["contract"], bid["verdict"]) for bid in record["record"]["bids"]] == [
        ("1-calls", "cap_total"),
        ("2-calls", "yes"),
    ]
    assert [(one["contract"], one["verdict"], one.get("reason")) for one in record["contracts"]] == [
        ("1-calls", "declined", "cap_total"),
        ("2-calls", "offered", None),
    ]


async def test_a_buyer_id_without_a_ping_sells_to_that_buyer_or_to_nobody(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), buyer(2, contract(20.00))))
    for verb, at in (("post", 1), ("full", 2)):
        said = (await served.lead(verb, "calls", {"caller_id": f"+1212555200{at}", "buyer_id": 2})).json
        assert said["buyer_id"] == 2
        said = (await served.lead(verb, "calls", {"caller_id": f"+1212555300{at}", "buyer_id": 99})).json
        assert said["status"] == "no_matching_buyer"


async def test_an_empty_value_in_the_body_does_not_undo_an_opt_out_of_the_query(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    path = "/api/v1/inbound_webhooks/ping/calls?opt_out=1"
    for empty in (None, ""):
        answer = await served.request("POST", path, json={"caller_id": CALLER, "opt_out": empty})
        assert answer.json["status"] == "suppressed"


async def test_a_listed_number_without_a_source_is_its_sources(serve: Serve) -> None:
    numbers = table("[static_numbers]", number="+18665550150", endpoint="own", traffic_source="abc")
    parts = endpoint("own", tracking="caller_number"), source("abc", payout={"margin": 5.00}), numbers
    served = await serve(catalog(*parts, buyer(1, contract(25.00))))
    _, said = await served.ping("own", caller_id=CALLER, trackdrive_number="+18665550150")
    assert bids(said) == {1: 20.00}


async def test_a_lead_has_a_limit_of_what_its_offer_does_not_name(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    many = {f"extra_{at}": "x" * 1990 for at in range(5)}
    http, said = await served.ping(caller_id=CALLER, **many)
    assert (http, said["status"]) == (422, "invalid")
    assert "8000 characters in all" in str(said["errors"])


async def test_whatever_sec_gpc_says_but_no_is_an_opt_out(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    for header, status in (("1", "suppressed"), ("1, 1", "suppressed"), ("?1", "suppressed"), ("0", "success")):
        answer = await served.lead("ping", "calls", {"caller_id": CALLER}, headers={"Sec-GPC": header})
        assert answer.json["status"] == status


async def test_a_redis_that_was_flushed_is_stocked_again(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    served.redis.flushall()
    deadline = asyncio.get_running_loop().time() + 15
    while (await served.post(caller_id=CALLER))[1]["status"] != "success":
        assert asyncio.get_running_loop().time() < deadline, "the pools stayed empty"
        await asyncio.sleep(0.05)


async def test_pages_behind_a_trusted_proxy_print_the_scheme_that_the_client_used(serve: Serve) -> None:
    for trusted, scheme in (((ip_network("127.0.0.0/8"),), "https"), ((), "http")):
        served = await serve(catalog(endpoint(), buyer(1, contract(25.00))), trusted_proxies=trusted)
        headers = {"X-Forwarded-Proto": "https"}
        answer = await served.request("GET", "/posting-instructions/calls.json", headers=headers)
        assert answer.json["urls"]["ping"].startswith(f"{scheme}://")


async def test_a_test_says_where_the_state_came_from(serve: Serve) -> None:
    served = await serve(catalog(endpoint(test_mode=True), buyer(1, contract(25.00, where={"state": ["NY"]}))))
    _, said = await served.ping(caller_id="+12125551234")
    diagnostics = said["diagnostics"]
    assert (diagnostics["state_from"], diagnostics["normalised"]["state"]) == ("area_code", "NY")
    assert diagnostics["normalised"]["area_code"] == "212"
