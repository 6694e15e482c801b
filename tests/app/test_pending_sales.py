"""Sales that are made after their post, balances and returns, as publishers, edges, buyers and operators see them."""

from typing import Any

import pytest

from tests.app.calling import ring, sales, sales_events, sold, tell
from tests.app.catalogs import buyer, call_offer, catalog, contract, data_offer, endpoint, source
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN, CALLER, EDGE_TOKEN, Answer, Json, Served, bearer

CONNECTED = call_offer(sale_on="call_connected")
CONVERTED = call_offer(sale_on="call_converted", converts_after_seconds=90)
PREPAID: Json = {"balance_required": True}


async def top_up(served: Served, amount: float, buyer_id: int = 1) -> None:
    asked = {"amount": amount, "key": f"k{buyer_id}", "reason": "wire"}
    assert (await served.admin("POST", f"buyers/{buyer_id}/balance", json=asked))[0] == 200


async def said_of(served: Served, sale_id: str, verb: str, token: str = ADMIN_TOKEN, **fields: Any) -> Answer:
    return await served.request("POST", f"/api/v1/sales/{sale_id}/{verb}", json=fields, headers=bearer(token))


async def status(served: Served, buyer_id: int = 1) -> Json:
    _, said = await served.admin("GET", "status")
    found: Json = next(one for one in said["buyers"] if one["buyer_id"] == buyer_id)
    return found


async def test_a_pending_sale_is_shown_and_made_by_its_call(serve: Serve) -> None:
    capped = contract(25.00, caps={"day": 5, "revenue_day": 50.00})
    served = await serve(catalog(endpoint(), buyer(1, capped, **PREPAID), offer=CONNECTED))
    await top_up(served, 60)
    post = await sold(served)
    one = await status(served)
    assert (one["balance"], one["reserved"]) == (60.0, 25.0)
    (of_contract,) = one["contracts"]
    assert (of_contract["pending"], of_contract["caps"][0]["sold"], of_contract["caps"][0]["pending"]) == (1, 0, 1)
    (revenue,) = of_contract["revenue_caps"]
    assert (revenue["per"], revenue["limit"], revenue["sold"], revenue["pending"]) == ("day", 50.0, 0.0, 25.0)
    text = (await scrape(served)).splitlines()
    assert 'pingpost_contract_pending{contract="1-calls"} 1.0' in text
    assert 'pingpost_buyer_balance{buyer="1"} 35.0' in text
    await ring(served, post["trackdrive_number"])
    await tell(served, "answered", attempt=0)
    one = await status(served)
    assert (one["balance"], one["reserved"], one["contracts"][0]["caps"][0]["sold"]) == (35.0, 0.0, 1)
    assert sales_events(served) == ["credited", "posted", "sold"]


async def scrape(served: Served) -> str:
    async with served.client.get("/metrics") as response:
        return await response.text()


async def test_a_call_that_is_too_short_is_owed_by_nobody(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), **PREPAID), offer=CONVERTED))
    await top_up(served, 25)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await tell(served, "answered", attempt=0)
    await tell(served, "ended", outcome="answered", duration_ms=89_000)
    assert (await status(served))["balance"] == 25.0
    assert sales_events(served)[1:] == ["posted", "lapsed", "ended"]
    again = await sold(served, caller_id="+12125559999")
    late = await said_of(served, post["sale_id"], "conversion")
    assert (late.http, late.json["taken"], late.json["late"]) == (200, "made", True)
    assert (await said_of(served, post["sale_id"], "conversion")).json["repeat"] is True
    in_time = await said_of(served, again["sale_id"], "conversion")
    assert (in_time.json["taken"], "late" in in_time.json) == ("made", False)
    text = await scrape(served)
    assert 'pingpost_late_conversions_total{offer="calls"} 1.0' in text


async def test_a_ping_is_not_offered_a_buyer_whose_balance_is_spent(serve: Serve) -> None:
    served = await serve(
        catalog(
            endpoint(test_mode=True), endpoint("real"), buyer(1, contract(25.00), **PREPAID), buyer(2, contract(20.0))
        )
    )
    _, said = await served.ping(caller_id=CALLER)
    first = said["diagnostics"]["contracts"][0]
    assert (first["reason"], first["code"], first["detail"]) == (
        "balance", 208, {"balance_required": True, "price": 25.0},
    )  # fmt: skip
    await top_up(served, 25)
    assert (await sold(served, "real"))["buyer_id"] == 1
    assert (await sold(served, "real", caller_id="+12125559999"))["buyer_id"] == 2


async def test_a_cap_on_revenue_says_its_amount(serve: Serve) -> None:
    capped = contract(25.00, caps={"day": 9, "revenue_day": 30.00})
    served = await serve(catalog(endpoint(), endpoint("try", test_mode=True), buyer(1, capped)))
    await sold(served)
    _, said = await served.ping("try", caller_id="+12125559999")
    (one,) = said["diagnostics"]["contracts"]
    assert (one["reason"], one["detail"]) == ("cap_day", {"limit": 9, "amount_limit": 30.0, "price": 25.0})


async def test_an_operator_returns_a_sale_once(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, caps={"day": 1}), **PREPAID)))
    await top_up(served, 25)
    post = await sold(served)
    told = await said_of(served, post["sale_id"], "return", reason="wrong number")
    assert (told.http, told.json) == (
        200, {"success": True, "status": "success", "sale_id": post["sale_id"], "credit": 25.0},
    )  # fmt: skip
    assert (await said_of(served, post["sale_id"], "return", reason="again")).json["repeat"] is True
    one = await status(served)
    assert (one["balance"], one["contracts"][0]["caps"][0]["sold"]) == (25.0, 0)
    event = sales(served)[-1]
    assert (event["event"], event["sale"], event["reason"], event["by"]) == (
        "returned", post["decision_id"], "wrong number", "operator",
    )  # fmt: skip
    conversion = await said_of(served, post["sale_id"], "conversion")
    assert (conversion.http, conversion.json["status"]) == (409, "conflict")
    assert (await ring(served, post["trackdrive_number"]))["reason"] == "no_buyer_left"


async def test_what_is_pending_or_void_cannot_be_returned(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), offer=CONNECTED))
    post = await sold(served)
    assert (await said_of(served, post["sale_id"], "return", reason="r")).http == 409
    for attempt in range(2):
        await ring(served, post["trackdrive_number"], attempt=attempt, last="busy")
    told = await said_of(served, post["sale_id"], "return", reason="r")
    assert (told.http, told.json["errors"]) == (409, ["This sale is void: there is nothing to give back."])
    assert sales_events(served) == ["posted", "voided"]


async def test_a_return_comes_too_late_when_its_days_are_over(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    post = await sold(served)
    key = f"{{test}}:sale:{post['decision_id']}"
    made_at_ms = int(str(served.redis.hget(key, "sold_at_ms")))
    served.redis.hset(key, "sold_at_ms", str(made_at_ms - 401 * 86_400_000))
    told = await said_of(served, post["sale_id"], "return", reason="r")
    assert (told.http, told.json["errors"]) == (409, ["An operator can return a sale within 400 days; they are over."])


async def test_a_data_lead_that_converts_is_noted(serve: Serve) -> None:
    leads = endpoint("leads", offer="leads")
    served = await serve(catalog(endpoint(), data_offer(), leads, buyer(1, contract(25.00, offer="leads"))))
    _, post = await served.post("leads", caller_id=CALLER)
    (one,) = post["sales"]
    told = await said_of(served, one["sale_id"], "conversion")
    assert (told.http, told.json["taken"]) == (200, "noted")
    assert sales_events(served) == ["sold", "converted"]


@pytest.mark.parametrize("verb", ["conversion", "return"])
async def test_only_sales_of_redis_are_known_while_there_is_no_ledger(serve: Serve, verb: str) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    before = served.contents()
    for sale_id in ("s" + "0" * 32, "s" + "0" * 32 + "-1", "0" * 32, "p" + "0" * 32, "x"):
        told = await said_of(served, sale_id, verb, reason="r")
        assert (told.http, told.json["status"]) == (404, "not_found")
    assert served.contents() == before


async def test_a_return_needs_a_reason(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    post = await sold(served)
    told = await said_of(served, post["sale_id"], "return")
    assert (told.http, list(told.json["errors"])) == (422, ["reason"])
    assert (await said_of(served, post["sale_id"], "return", reason="r" * 501)).http == 422


@pytest.mark.parametrize("verb", ["conversion", "return"])
async def test_a_sale_is_spoken_of_with_a_token(serve: Serve, verb: str) -> None:
    parts = endpoint(), buyer(1, contract(25.00)), source("s1")
    served = await serve(catalog(*parts))
    for token in ("", "wrong", EDGE_TOKEN):
        assert (await said_of(served, "s" + "0" * 32, verb, token)).http == 401
    closed = await serve(catalog(*parts), admin_token=None)
    assert (await said_of(closed, "s" + "0" * 32, verb)).http == 404
