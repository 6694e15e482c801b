"""Offers that deliver data: sold like calls, with sales instead of a number."""

from typing import Any

from tests.app.catalogs import buyer, catalog, contract, data_offer, endpoint, field
from tests.app.conftest import Serve
from tests.app.served import CALLER, buyers, ping_id_of


def wants(bid: float, **keys: Any) -> str:
    return contract(bid, offer="leads", **keys)


DATA = (
    data_offer(field("email", "email", personal=True, required_on=["post"])),
    endpoint("leads", offer="leads"),
    buyer(1, wants(25.00, caps={"day": 1}), concurrency_cap=1),
    buyer(2, wants(20.00)),
)
EMAIL = "ann@example.com"


async def test_a_data_lead_is_sold_to_the_best_buyer_without_a_number(serve: Serve) -> None:
    served = await serve(catalog(*DATA))
    http, said = await served.post("leads", email=EMAIL)
    assert http == 200
    (sale,) = said.pop("sales")
    assert sale.pop("sale_id")
    assert sale == {"buyer_id": 1, "buyer_name": "Buyer 1", "bid": 25.0}
    assert said.pop("decision_id")
    assert said == {"success": True, "status": "success", "mode": "exclusive", "total_bid": 25.0}


async def test_a_data_lead_takes_no_hold_slot_or_number(serve: Serve) -> None:
    served = await serve(catalog(*DATA))
    quotes = [(await served.ping("leads"))[1] for _ in range(3)]
    assert [buyers(quoted) for quoted in quotes] == [[1, 2]] * 3
    await served.post("leads", ping_id=ping_id_of(quotes[0], 1), email=EMAIL)
    assert [name for name in served.key_names() if name.startswith(("leases", "slots", "lent"))] == []


async def test_a_ping_of_data_is_sold_once_and_repeated(serve: Serve) -> None:
    served = await serve(catalog(*DATA))
    _, quoted = await served.ping("leads")
    _, first = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"], email=EMAIL)
    _, again = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"], email=EMAIL)
    assert again == first | {"repeat": True}
    assert (await served.post("leads", ping_id=ping_id_of(quoted, 2), email=EMAIL))[1]["status"] == "already_sold"


async def test_a_data_lead_goes_to_the_next_buyer_where_the_first_is_capped(serve: Serve) -> None:
    served = await serve(catalog(*DATA))
    quotes = [(await served.ping("leads"))[1] for _ in range(2)]
    for quoted, buyer_id in zip(quotes, (1, 2), strict=True):
        _, said = await served.post("leads", ping_id=quoted["try_all_buyers_ping_id"], email=EMAIL)
        assert said["sales"][0]["buyer_id"] == buyer_id


async def test_two_data_leads_of_one_caller_are_two_leads_without_a_request_id(serve: Serve) -> None:
    served = await serve(catalog(*DATA))
    told = {"email": EMAIL, "caller_id": CALLER}
    assert "repeat" not in (await served.post("leads", **told))[1]
    assert "repeat" not in (await served.post("leads", **told))[1]
    _, first = await served.post("leads", **told, request_id="r-1")
    _, again = await served.post("leads", **told, request_id="r-1")
    assert again == first | {"repeat": True}
    assert (await served.post("leads", email="bob@example.com", request_id="r-1"))[0] == 422


async def test_a_full_of_data_has_the_sale_and_the_buyers(serve: Serve) -> None:
    served = await serve(catalog(*DATA))
    _, said = await served.full("leads", email=EMAIL)
    assert (said["sales"][0]["buyer_id"], buyers(said)) == (1, [1, 2])


async def test_what_a_post_of_data_needs_is_checked(serve: Serve) -> None:
    served = await serve(catalog(*DATA))
    _, quoted = await served.ping("leads")
    http, said = await served.post("leads", ping_id=ping_id_of(quoted, 1))
    assert (http, list(said["errors"])) == (422, ["email"])
