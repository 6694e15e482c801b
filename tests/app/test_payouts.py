"""What the publisher is quoted of a bid, and which bids are left out."""

from typing import Any

import pytest

from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint, source
from tests.app.conftest import Serve
from tests.app.served import CALLER, bids, buyers

ABC = "abc"


@pytest.mark.parametrize(
    ("bid", "payout", "quoted"),
    [
        (25.00, {"share_percent": 100}, 25.00),
        (25.99, {"share_percent": 80}, 20.79),  # 20.792
        (0.99, {"share_percent": 50}, 0.49),  # 0.495
        (25.00, {"margin": 2.50}, 22.50),
        (25.009, {"margin": 2.50}, 22.50),  # 22.509
        (25.00, {"fixed": 10.00}, 10.00),
    ],
)
async def test_a_bid_is_quoted_after_the_payout_rule_rounded_down_to_the_cent(
    serve: Serve, bid: float, payout: dict[str, float], quoted: float
) -> None:
    served = await serve(catalog(endpoint(), source(ABC, payout=payout), buyer(1, contract(bid))))
    _, said = await served.ping(traffic_source_id=ABC)
    assert bids(said) == {1: quoted}


async def test_what_is_quoted_is_what_is_owed_and_the_buyer_pays_its_bid(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), source(ABC, payout={"share_percent": 80}), buyer(1, contract(25.99))))
    _, quoted = await served.ping(traffic_source_id=ABC)
    _, sold = await served.post(traffic_source_id=ABC, ping_id=quoted["try_all_buyers_ping_id"])
    assert sold["bid"] == 20.79
    ((_, sale),) = served.contents()["sales"]
    assert '"bid_micros":25990000' in sale["bid"]
    assert '"payout_micros":20790000' in sale["bid"]


async def test_an_endpoint_can_have_a_payout_rule_of_its_own(serve: Serve) -> None:
    rules: dict[str, Any] = {"payout": {"share_percent": 50}, "payouts": {"special": {"fixed": 3.00}}}
    served = await serve(catalog(endpoint(), endpoint("special"), source(ABC, **rules), buyer(1, contract(20.00))))
    assert bids((await served.ping(traffic_source_id=ABC))[1]) == {1: 10.0}
    assert bids((await served.ping("special", traffic_source_id=ABC))[1]) == {1: 3.0}


async def test_a_source_that_is_not_listed_is_paid_all(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), source(ABC, payout={"share_percent": 50}), buyer(1, contract(20.00))))
    assert bids((await served.ping(traffic_source_id="somebody"))[1]) == {1: 20.0}
    assert bids((await served.ping())[1]) == {1: 20.0}


async def test_a_payout_above_the_bid_is_not_offered(serve: Serve) -> None:
    two_buyers = buyer(1, contract(25.00)), buyer(2, contract(20.00))
    served = await serve(catalog(endpoint(), source(ABC, payout={"fixed": 21.00}), *two_buyers))
    assert bids((await served.ping(traffic_source_id=ABC))[1]) == {1: 21.0}


async def test_a_payout_above_the_bid_is_offered_where_a_loss_is_allowed(serve: Serve) -> None:
    at_a_loss = source(ABC, payout={"fixed": 21.00}, allow_loss=True)
    served = await serve(catalog(endpoint(), at_a_loss, buyer(2, contract(20.00))))
    assert bids((await served.ping(traffic_source_id=ABC))[1]) == {2: 21.0}


async def test_min_bid_leaves_out_buyers_that_would_pay_less(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00)), buyer(2, contract(20.00))))
    assert buyers((await served.ping(min_bid=20.00))[1]) == [1, 2]
    assert buyers((await served.ping(min_bid="20.01"))[1]) == [1]
    assert (await served.ping(min_bid=25.01))[1]["status"] == "no_matching_buyer"
    assert (await served.post(min_bid=25.01))[1]["status"] == "no_matching_buyer"
    assert (await served.full(min_bid=25.01))[1]["status"] == "no_matching_buyer"
    assert (await served.full(min_bid=20.01))[1]["buyer_id"] == 1


async def test_min_bid_compares_to_what_the_publisher_is_paid(serve: Serve) -> None:
    half = source(ABC, payout={"share_percent": 50})
    served = await serve(catalog(endpoint(), half, buyer(1, contract(25.00)), buyer(2, contract(20.00))))
    assert bids((await served.ping(traffic_source_id=ABC, min_bid=12.00))[1]) == {1: 12.5}


async def test_the_higher_of_the_sources_and_the_requests_min_bid_counts(serve: Serve) -> None:
    picky = source(ABC, min_bid=21.00)
    served = await serve(catalog(endpoint(), picky, *(buyer(n, contract(18.00 + n * 2)) for n in (1, 2, 3))))
    assert buyers((await served.ping(traffic_source_id=ABC))[1]) == [3, 2]
    assert buyers((await served.ping(traffic_source_id=ABC, min_bid=5))[1]) == [3, 2]
    assert buyers((await served.ping(traffic_source_id=ABC, min_bid=23))[1]) == [3]


async def test_the_floor_compares_to_the_buyers_bid(serve: Serve) -> None:
    half = source(ABC, payout={"share_percent": 50})
    two_buyers = buyer(1, contract(10.00)), buyer(2, contract(9.99))
    served = await serve(catalog(endpoint(), half, *two_buyers, offer=call_offer(floor=10.00)))
    assert bids((await served.ping(traffic_source_id=ABC))[1]) == {1: 5.0}


@pytest.mark.parametrize("min_bid", ["much", -1, [5], "1e400", True])
async def test_a_min_bid_that_is_no_price_is_a_mistake(serve: Serve, min_bid: object) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00))))
    http, said = await served.ping(min_bid=min_bid)
    assert (http, list(said["errors"])) == (422, ["min_bid"])


# -- the default buyer


def with_default(*others: str, **keys: Any) -> str:
    """The default buyer 9 has neither the hours nor the filters for any lead, and bids 4."""
    never = contract(4.00, where={"state": ["AK"]}, hours={"mon": ["00:00-00:01"]}, **keys.pop("contract", {}))
    offer = call_offer(default_buyer=9, **keys.pop("offer", {}))
    return catalog(endpoint(), endpoint("other"), *others, buyer(9, never, **keys), offer=offer)


async def test_the_default_buyer_takes_what_nobody_else_wants_whatever_its_filters_and_hours(serve: Serve) -> None:
    served = await serve(with_default(buyer(1, contract(25.00, where={"state": ["TX"]}))))
    assert bids((await served.ping(caller_id=CALLER))[1]) == {9: 4.0}
    assert (await served.post(caller_id=CALLER))[1]["buyer_id"] == 9


async def test_the_default_buyer_is_not_offered_while_anybody_else_is(serve: Serve) -> None:
    served = await serve(with_default(buyer(1, contract(25.00))))
    assert buyers((await served.ping(caller_id=CALLER))[1]) == [1]
    _, said = await served.full(caller_id=CALLER)
    assert (said["buyer_id"], buyers(said)) == (1, [1])


async def test_the_default_buyer_takes_the_lead_where_all_others_are_full(serve: Serve) -> None:
    served = await serve(with_default(buyer(1, contract(25.00), concurrency_cap=1)))
    assert buyers((await served.ping())[1]) == [1]
    assert buyers((await served.ping())[1]) == [9]


async def test_the_default_buyer_takes_a_posted_lead_when_nobody_else_is_left(serve: Serve) -> None:
    served = await serve(with_default(buyer(1, contract(25.00, caps={"day": 1}))))
    (_, first), (_, second) = await served.ping(), await served.ping()
    assert buyers(first) == buyers(second) == [1]
    assert (await served.post(ping_id=first["try_all_buyers_ping_id"]))[1]["buyer_id"] == 1
    _, sold = await served.post(ping_id=second["try_all_buyers_ping_id"])
    assert (sold["status"], sold["buyer_id"], sold["bid"]) == ("success", 9, 4.0)


async def test_the_default_buyer_does_not_take_the_post_of_another_buyers_id(serve: Serve) -> None:
    served = await serve(with_default(buyer(1, contract(25.00, caps={"day": 1}))))
    (_, first), (_, second) = await served.ping(), await served.ping()
    await served.post(ping_id=first["buyers"][0]["ping_id"])
    _, said = await served.post(ping_id=second["buyers"][0]["ping_id"])
    assert (said["status"], said["reason"]) == ("buyer_unavailable", "cap_day")


async def test_the_default_buyer_keeps_to_its_pause(serve: Serve) -> None:
    served = await serve(with_default(paused=True))
    assert (await served.ping())[1]["status"] == "no_matching_buyer"


async def test_the_default_buyer_keeps_to_its_caps(serve: Serve) -> None:
    served = await serve(with_default(contract={"caps": {"total": 1}}))
    assert (await served.post())[1]["buyer_id"] == 9
    assert (await served.post())[1]["status"] == "no_matching_buyer"
    assert (await served.ping())[1]["status"] == "no_matching_buyer"


async def test_the_default_buyer_keeps_to_min_bid(serve: Serve) -> None:
    served = await serve(with_default())
    assert buyers((await served.ping(min_bid=4))[1]) == [9]
    assert (await served.ping(min_bid=4.01))[1]["status"] == "no_matching_buyer"


async def test_the_default_buyer_keeps_to_its_concurrency_cap(serve: Serve) -> None:
    served = await serve(with_default(concurrency_cap=1))
    assert buyers((await served.ping())[1]) == [9]
    assert (await served.ping())[1]["status"] == "no_matching_buyer"
