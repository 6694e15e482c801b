"""A buyer that does not take its call: the sale moves to the next one, and nothing of the first is kept."""

import json
from typing import Any

import pytest

from tests.app.calling import pool, ring, sales, sales_events, sold, sold_today, tell
from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint
from tests.app.conftest import Serve
from tests.app.served import CALLER

CAPS = {"caps": {"day": 10}, "dedup_days": 30}
TWO_CAPPED = catalog(endpoint(), buyer(1, contract(25.00, **CAPS)), buyer(2, contract(20.00, **CAPS)))


def many(count: int, **keys: Any) -> str:
    """Buyers 1, 2, … that pay less and less."""
    return catalog(endpoint(), *(buyer(one, contract(30.00 - one), **keys) for one in range(1, count + 1)))


async def test_one_step_gives_back_the_failed_buyer_and_takes_the_next(serve: Serve) -> None:
    served = await serve(TWO_CAPPED)
    post = await sold(served)
    first = await ring(served, post["trackdrive_number"])
    assert (first["buyer_id"], await sold_today(served, 1), await sold_today(served, 2)) == (1, 1, 0)

    second = await ring(served, post["trackdrive_number"], attempt=1, last="no_answer")
    assert (second["status"], second["buyer_id"], second["buyer_name"], second["bid"]) == ("routed", 2, "Buyer 2", 20.0)
    assert (second["destination"], second["sale_id"]) == ("+18885552002", post["sale_id"])
    assert served.leases("slots", 1) == []
    assert served.leases("slots", 2) == [post["decision_id"]]
    assert (await sold_today(served, 1), await sold_today(served, 2)) == (0, 1)
    marks = {name.split(":")[1] for name in served.key_names() if name.startswith("bought:")}
    assert marks == {"2-calls"}
    assert await pool(served) == (9, 1, 0)


async def test_a_move_is_on_record_with_what_is_owed_now(serve: Serve) -> None:
    served = await serve(TWO_CAPPED)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await ring(served, post["trackdrive_number"], attempt=1, last="busy")
    assert sales_events(served) == ["sold", "moved"]
    moved = sales(served)[-1]
    assert moved["sale"] == post["decision_id"]
    bid = json.loads(moved["bid"])
    assert (bid["buyer_id"], bid["contract"], bid["bid_micros"]) == (2, "2-calls", 20_000_000)
    about = json.loads(moved["about"])
    assert (about["endpoint"], about["attempt"], about["last"]) == ("calls", 1, "busy")


async def test_the_next_attempt_repeated_gets_the_very_same_answer(serve: Serve) -> None:
    served = await serve(many(4))
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    second = await ring(served, post["trackdrive_number"], attempt=1, last="failed")
    assert await ring(served, post["trackdrive_number"], attempt=1, last="failed") == second
    assert [served.leases("slots", one) for one in (1, 2, 3, 4)] == [[], [post["decision_id"]], [], []]


async def test_a_late_copy_of_an_older_attempt_moves_nothing(serve: Serve) -> None:
    served = await serve(many(3))
    post = await sold(served)
    first = await ring(served, post["trackdrive_number"])
    await ring(served, post["trackdrive_number"], attempt=1, last="unavailable")
    before = served.contents()
    assert await ring(served, post["trackdrive_number"]) == first
    assert served.contents() == before


async def test_a_first_question_that_was_lost_is_made_good_by_the_second(serve: Serve) -> None:
    served = await serve(many(3))
    post = await sold(served)
    said = await ring(served, post["trackdrive_number"], attempt=1, last="failed")
    assert said["buyer_id"] == 1  # nobody was tried yet
    assert served.leases("slots", 1) == [post["decision_id"]]
    assert (await ring(served, post["trackdrive_number"], attempt=2, last="busy"))["buyer_id"] == 2
    late = await ring(served, post["trackdrive_number"], attempt=0)
    assert late["buyer_id"] == 2  # what overtook it is what the call is at
    assert served.leases("slots", 2) == [post["decision_id"]]


@pytest.mark.parametrize("last", ["busy", "no_answer", "failed", "unavailable", ""])
async def test_whatever_the_attempt_before_came_to_the_next_buyer_is_tried(serve: Serve, last: str) -> None:
    served = await serve(many(2))
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    assert (await ring(served, post["trackdrive_number"], attempt=1, last=last))["buyer_id"] == 2


async def test_the_next_buyer_is_checked_at_that_moment(serve: Serve) -> None:
    served = await serve(
        catalog(
            endpoint(),
            buyer(1, contract(29.00)),
            buyer(2, contract(28.00), concurrency_cap=1),
            buyer(3, contract(27.00, caps={"day": 1})),
            buyer(4, contract(26.00, dedup_days=1)),
            buyer(5, contract(25.00)),
            buyer(6, contract(24.00)),
        )
    )
    _, ping = await served.ping(caller_id=CALLER)
    assert [one["buyer_id"] for one in ping["buyers"]] == [1, 2, 3, 4, 5, 6]
    _, post = await served.post(ping_id=ping["try_all_buyers_ping_id"])
    await ring(served, post["trackdrive_number"])
    for other in (2, 3):  # in the meantime one buyer's slot and another's cap are taken by somebody else
        await sold(served, caller_id=f"+1310555000{other}", buyer_ids=[other])
    await sold(served, buyer_ids=[4])  # a third buys the very same lead
    assert (await served.admin("POST", "buyers/5/pause"))[0] == 200
    assert (await ring(served, post["trackdrive_number"], attempt=1, last="busy"))["buyer_id"] == 6


async def test_the_next_buyer_pays_what_it_was_quoted_though_the_catalog_has_changed(serve: Serve) -> None:
    served = await serve(many(2))
    _, ping = await served.ping(caller_id=CALLER)
    _, post = await served.post(ping_id=ping["try_all_buyers_ping_id"])
    await ring(served, post["trackdrive_number"])
    cheaper = catalog(endpoint(), buyer(1, contract(29.00)), buyer(2, contract(3.00)))
    (served.folder / "catalog.toml").write_text(cheaper)
    assert (await served.admin("POST", "reload"))[0] == 200
    said = await ring(served, post["trackdrive_number"], attempt=1, last="busy")
    assert (said["buyer_id"], said["bid"]) == (2, 28.0)


async def test_with_nobody_left_the_sale_is_void_and_nothing_is_owed(serve: Serve) -> None:
    served = await serve(TWO_CAPPED)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await ring(served, post["trackdrive_number"], attempt=1, last="busy")
    said = await ring(served, post["trackdrive_number"], attempt=2, last="busy")
    assert said["reason"] == "no_buyer_left"
    assert await ring(served, post["trackdrive_number"], attempt=2, last="busy") == said
    assert sales_events(served) == ["sold", "moved", "voided"]
    assert served.leases("slots", 1) == served.leases("slots", 2) == []
    assert (await sold_today(served, 1), await sold_today(served, 2)) == (0, 0)
    assert not [name for name in served.key_names() if name.startswith("bought:")]
    assert await pool(served) == (9, 0, 1)
    assert (await ring(served, post["trackdrive_number"], "call-2"))["reason"] == "number_expired"


async def test_a_lead_whose_sale_is_void_may_be_sold_anew(serve: Serve) -> None:
    served = await serve(TWO_CAPPED)
    post = await sold(served)
    for attempt in range(3):
        await ring(served, post["trackdrive_number"], attempt=attempt)
    again = await sold(served)
    assert again["decision_id"] != post["decision_id"]
    assert "repeat" not in again


@pytest.mark.parametrize("pinged", [True, False])
async def test_the_default_buyer_takes_the_call_when_nobody_else_is_left(serve: Serve, pinged: bool) -> None:
    served = await serve(
        catalog(
            endpoint(),
            buyer(1, contract(25.00)),
            buyer(2, contract(20.00)),
            buyer(9, contract(8.00, where={"state": ["AK"]})),
            offer=call_offer(default_buyer=9),
        )
    )
    if pinged:
        _, ping = await served.ping(caller_id=CALLER)
        assert [one["buyer_id"] for one in ping["buyers"]] == [1, 2]
        _, post = await served.post(ping_id=ping["try_all_buyers_ping_id"])
    else:
        post = await sold(served)
    dialled = [(await ring(served, post["trackdrive_number"], attempt=at)).get("buyer_id") for at in range(4)]
    assert dialled == [1, 2, 9, None]


async def test_at_most_five_buyers_are_tried(serve: Serve) -> None:
    served = await serve(many(7))
    post = await sold(served)
    said = [await ring(served, post["trackdrive_number"], attempt=at, last="busy") for at in range(6)]
    assert [one.get("buyer_id") for one in said] == [1, 2, 3, 4, 5, None]
    assert said[-1]["reason"] == "no_buyer_left"


async def test_a_buyer_without_consent_is_not_tried(serve: Serve) -> None:
    served = await serve(many(4))
    _, ping = await served.ping(caller_id=CALLER)
    _, post = await served.post(ping_id=ping["try_all_buyers_ping_id"], buyer_ids=[2, 4])
    dialled = [(await ring(served, post["trackdrive_number"], attempt=at)).get("buyer_id") for at in range(3)]
    assert dialled == [2, 4, None]


async def test_an_answered_call_moves_no_more_when_an_old_question_comes(serve: Serve) -> None:
    served = await serve(many(3))
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await ring(served, post["trackdrive_number"], attempt=1, last="busy")
    assert await tell(served, "answered", attempt=1) == "taken"
    await ring(served, post["trackdrive_number"], attempt=0)
    await ring(served, post["trackdrive_number"], attempt=1)
    assert [served.leases("slots", one) for one in (1, 2, 3)] == [[], [post["decision_id"]], []]
