"""Buyers speak of their sales with tokens of their own, also of those that only the ledger has."""

from tests.app.calling import sales, sold
from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN
from tests.app.test_pending_sales import said_of, top_up
from tests.app.test_reports import archived, token

OF_ONE, OF_TWO = "token-of-buyer-one-0123", "token-of-buyer-two-0123"
BUYERS = (
    buyer(1, contract(25.00, return_days=7), auth_tokens=token(OF_ONE), balance_required=True),
    buyer(2, contract(20.00), auth_tokens=token(OF_TWO)),
)


async def test_a_buyer_returns_its_own_sales_and_sees_no_others(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), *BUYERS), admin_token=ADMIN_TOKEN)
    await top_up(served, 25)
    post = await sold(served)
    other = await sold(served, caller_id="+12125559999")
    assert (await said_of(served, post["sale_id"], "return", OF_TWO, reason="r")).http == 404
    assert (await said_of(served, post["sale_id"], "return", OF_ONE, reason="r")).json["credit"] == 25.0
    told = await said_of(served, other["sale_id"], "return", OF_TWO, reason="r")
    assert (told.http, told.json["errors"]) == (409, ["Sales of this contract cannot be returned by their buyer."])
    assert (await said_of(served, other["sale_id"], "conversion", OF_TWO)).json["taken"] == "noted"
    assert [event.get("by") for event in sales(served)[-2:]] == ["buyer:1", "buyer:2"]
    assert (await said_of(served, post["sale_id"], "return", "wrong", reason="r")).http == 401


async def test_sales_that_redis_has_no_more_are_found_in_the_ledger(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), *BUYERS, offer=call_offer(sale_on="call_connected")))
    await top_up(served, 25)
    post = await sold(served)
    key = f"sale:{post['decision_id']}"
    served.delete(key)
    assert (await said_of(served, post["sale_id"], "conversion", OF_ONE)).http == 404, "there is no ledger yet"
    await archived(served)
    assert (await said_of(served, post["sale_id"], "conversion", OF_TWO)).http == 404
    assert (await said_of(served, post["sale_id"], "return", OF_ONE, reason="r")).http == 409
    made = await said_of(served, post["sale_id"], "conversion", OF_ONE)
    assert (made.http, made.json["taken"]) == (200, "made")
    await archived(served)
    for is_repeat in (False, True):
        told = await said_of(served, post["sale_id"], "return", OF_ONE, reason="r")
        assert (told.http, told.json["credit"], "repeat" in told.json) == (200, 25.0, is_repeat)
    _, balance = await served.admin("GET", "buyers/1/balance")
    assert balance["balance"] == 25.0
