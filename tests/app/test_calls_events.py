"""What a switch reports of a call: in any order, twice, late, or never."""

import asyncio
from typing import Any

import pytest

from tests.app.calling import lapse, lease_ms, pool, ring, sales, sales_events, sold, tell
from tests.app.catalogs import POOL, buyer, catalog, contract, endpoint
from tests.app.conftest import Serve
from tests.app.served import CALLER

OTHER_CALLER = "+13105551234"
ONE_BUYER = catalog(endpoint(), buyer(1, contract(25.00)))
TWO_BUYERS = catalog(endpoint(), buyer(1, contract(25.00)), buyer(2, contract(20.00)))
ONE_NUMBER = catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=10), pool=POOL[:1])


async def test_a_slot_lives_through_the_ringing_and_ten_seconds(serve: Serve) -> None:
    served = await serve(catalog(endpoint(ring_seconds=15), buyer(1, contract(25.00))))
    post = await sold(served)
    assert 119_000 < lease_ms(served, post["decision_id"], 1) <= 120_000
    await ring(served, post["trackdrive_number"])
    assert 24_000 < lease_ms(served, post["decision_id"], 1) <= 25_000


@pytest.mark.parametrize("event", ["answered", "heartbeat"])
async def test_a_sign_of_life_keeps_the_slot_for_another_45_seconds(serve: Serve, event: str) -> None:
    served = await serve(ONE_BUYER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    assert await tell(served, event) == "taken"
    assert 44_000 < lease_ms(served, post["decision_id"], 1) <= 45_000


async def test_an_edge_without_heartbeats_is_believed_for_the_longest_call(serve: Serve) -> None:
    served = await serve(catalog(endpoint(edge_heartbeats=False, max_call_seconds=1800), buyer(1, contract(25.00))))
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    assert 1_799_000 < lease_ms(served, post["decision_id"], 1) <= 1_800_000
    await tell(served, "answered")
    assert 1_799_000 < lease_ms(served, post["decision_id"], 1) <= 1_800_000


async def test_an_answered_call_frees_its_slot_and_its_number_cools(serve: Serve) -> None:
    served = await serve(ONE_NUMBER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    assert await tell(served, "answered", attempt=0) == "taken"
    assert await tell(served, "ended", attempt=0, outcome="answered", duration_ms=60_500) == "taken"
    assert served.leases("slots", 1) == []
    assert await pool(served) == (0, 0, 1)
    assert (await ring(served, post["trackdrive_number"], "call-2"))["reason"] == "number_expired"
    _, refused = await served.post(caller_id=OTHER_CALLER)
    assert refused["status"] == "no_tracking_number"
    assert sales_events(served) == ["sold", "ended"]
    ended = sales(served)[-1]
    assert (ended["outcome"], ended["duration_ms"], ended["answered"]) == ("answered", "60500", "1")


async def test_the_end_alone_is_enough(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    assert await tell(served, "ended") == "taken"
    assert served.leases("slots", 1) == []


async def test_an_end_that_says_answered_is_enough_for_the_number_to_cool(serve: Serve) -> None:
    served = await serve(ONE_NUMBER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    assert await tell(served, "ended", outcome="answered", duration_ms=5_000) == "taken"
    assert await pool(served) == (0, 0, 1)


@pytest.mark.parametrize("outcome", ["no_answer", "busy", "caller_hung_up", ""])
async def test_after_an_unanswered_call_a_redial_reaches_the_sale(serve: Serve, outcome: str) -> None:
    served = await serve(ONE_NUMBER)
    post = await sold(served)
    first = await ring(served, post["trackdrive_number"])
    await tell(served, "ended", outcome=outcome, duration_ms=0)
    assert served.leases("slots", 1) == []
    assert await pool(served) == (0, 1, 0)
    again = await ring(served, post["trackdrive_number"], "call-2")
    assert again == first
    assert served.leases("slots", 1) == [post["decision_id"]]


async def test_a_redial_finds_the_next_buyer_where_the_first_is_full_by_now(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=1), buyer(2, contract(20.00))))
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await tell(served, "ended", outcome="no_answer")
    other = await sold(served, caller_id=OTHER_CALLER)
    assert other["buyer_id"] == 1
    assert (await ring(served, post["trackdrive_number"], "call-2"))["buyer_id"] == 2


async def test_events_that_come_twice_count_once(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    assert [await tell(served, "answered") for _ in range(2)] == ["taken", "repeat"]
    assert [await tell(served, "ended", outcome="answered") for _ in range(3)] == ["taken", "repeat", "repeat"]
    assert sales_events(served) == ["sold", "ended"]


async def test_racing_copies_of_an_end_are_one_end(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    said = await asyncio.gather(*(tell(served, "ended") for _ in range(6)))
    assert sorted(said) == ["repeat"] * 5 + ["taken"]
    assert sales_events(served) == ["sold", "ended"]


async def test_what_comes_after_the_end_changes_nothing(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await tell(served, "ended")
    before = served.contents()
    assert [await tell(served, event) for event in ("answered", "heartbeat")] == ["stale", "stale"]
    assert served.contents() == before


async def test_an_event_of_an_older_attempt_changes_nothing(serve: Serve) -> None:
    served = await serve(TWO_BUYERS)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await ring(served, post["trackdrive_number"], attempt=1, last="busy")
    before = served.contents()
    assert [await tell(served, event, attempt=0) for event in ("answered", "heartbeat", "ended")] == ["stale"] * 3
    assert served.contents() == before
    assert await tell(served, "ended", attempt=1) == "taken"
    assert served.leases("slots", 2) == []


async def test_an_end_that_overtakes_its_call_leaves_a_tombstone(serve: Serve) -> None:
    served = await serve(ONE_NUMBER)
    post = await sold(served)
    assert served.leases("slots", 1) == [post["decision_id"]]
    assert await tell(served, "ended", outcome="caller_hung_up") == "tombstone"
    assert (await ring(served, post["trackdrive_number"]))["reason"] == "call_ended"
    assert served.leases("slots", 1) == []
    assert await tell(served, "ended", outcome="caller_hung_up") == "repeat"
    assert (await ring(served, post["trackdrive_number"], "call-2"))["status"] == "routed"


async def test_a_tombstone_of_one_call_takes_nothing_from_another(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"], "call-1")
    await tell(served, "ended", "call-2")
    assert (await ring(served, post["trackdrive_number"], "call-2"))["reason"] == "call_ended"
    assert served.leases("slots", 1) == [post["decision_id"]]
    assert await tell(served, "heartbeat", "call-1") == "taken"


@pytest.mark.parametrize("event", ["answered", "heartbeat"])
async def test_a_call_that_nobody_knows_is_no_mistake(serve: Serve, event: str) -> None:
    served = await serve(ONE_BUYER)
    before = served.contents()
    assert await tell(served, event, "never-routed") == "unknown"
    assert served.contents() == before


async def test_a_call_that_went_nowhere_ends_without_harm(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"], "call-1")
    assert (await ring(served, post["trackdrive_number"], "call-2"))["reason"] == "number_busy"
    assert await tell(served, "answered", "call-2") == "stale"
    await tell(served, "ended", "call-2", outcome="answered")
    assert served.leases("slots", 1) == [post["decision_id"]]
    assert (await pool(served))[1] == 1


# -- slots that ran out while the call went on


async def test_a_heartbeat_takes_a_lapsed_slot_again_while_there_is_room(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=1)))
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await tell(served, "answered")
    lapse(served, post["decision_id"], 1)
    assert await slots(served, 1) == 0
    assert await tell(served, "heartbeat") == "taken"
    assert await slots(served, 1) == 1


async def test_without_room_the_call_goes_on_uncounted(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), concurrency_cap=1)))
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await tell(served, "answered")
    lapse(served, post["decision_id"], 1)
    other = await sold(served, caller_id=OTHER_CALLER)
    before = await overruns(served)
    assert await tell(served, "heartbeat") == "overrun"
    assert await overruns(served) == before + 1
    assert await slots(served, 1) == 1
    await ring(served, other["trackdrive_number"], "call-2", caller_id=OTHER_CALLER)
    await tell(served, "ended", "call-2")
    assert await tell(served, "heartbeat") == "taken"  # there is room again
    assert await tell(served, "ended", outcome="answered") == "taken"
    assert await slots(served, 1) == 0


async def test_a_call_whose_slot_lapsed_leaves_the_number_to_a_redial(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"], "lost")
    lapse(served, post["decision_id"], 1)
    assert (await ring(served, post["trackdrive_number"], "call-2"))["status"] == "routed"
    assert await tell(served, "heartbeat", "lost") == "stale"
    assert served.leases("slots", 1) == [post["decision_id"]]


async def slots(served: Any, buyer_id: int) -> int:
    _, said = await served.admin("GET", "status")
    return next(int(one["slots"]) for one in said["buyers"] if one["buyer_id"] == buyer_id)


async def overruns(served: Any) -> float:
    async with served.client.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("pingpost_calls_overrun_total "))


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {"event", "edge", "call"}),
        ({"event": "exploded", "edge": "e", "call": "c"}, {"event"}),
        ({"event": ["ended"], "edge": "e", "call": "c"}, {"event"}),
        ({"event": "ended", "edge": "e", "call": "c", "duration_ms": "long"}, {"duration_ms"}),
        ({"event": "ended", "edge": "e", "call": "c", "duration_ms": -5, "attempt": "x"}, {"duration_ms", "attempt"}),
        ({"event": "ended", "edge": "e", "call": "c", "outcome": "o" * 5_000}, {"outcome"}),
    ],
)
async def test_all_that_is_wrong_with_an_event_is_told_at_once(
    serve: Serve, fields: dict[str, Any], wrong: set[str]
) -> None:
    served = await serve(ONE_BUYER)
    http, said = await served.event(**fields)
    assert (http, said["status"], set(said["errors"])) == (422, "invalid", wrong)


async def test_the_lead_of_an_ended_call_may_be_sold_again(serve: Serve) -> None:
    served = await serve(ONE_BUYER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await tell(served, "ended", outcome="answered")
    _, again = await served.post(caller_id=CALLER)
    assert again["decision_id"] != post["decision_id"]
    assert again["trackdrive_number"] != post["trackdrive_number"]
