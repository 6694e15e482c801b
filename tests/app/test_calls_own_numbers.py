"""Endpoints that track by the caller's number: the publisher's own number, and who calls it, lead to the lead."""

from tests.app.calling import ring, sales_events, sold, tell
from tests.app.catalogs import buyer, catalog, contract, endpoint, table
from tests.app.conftest import Serve
from tests.app.served import CALLER

OWN = "+18665550150"
OTHER_OWN = "+18665550151"
OTHER_CALLER = "+13105551234"
TRACKED = endpoint("own", tracking="caller_number")
BUYERS = (buyer(1, contract(25.00)), buyer(2, contract(20.00)))
ANY_NUMBER = catalog(TRACKED, *BUYERS)
LISTED = catalog(
    TRACKED, table("[static_numbers]", number=OWN, endpoint="own", traffic_source="publisher"), *BUYERS
) + table("[traffic_sources]", id="publisher")


async def test_a_call_on_a_publishers_number_finds_the_callers_post(serve: Serve) -> None:
    served = await serve(ANY_NUMBER)
    mine = await sold(served, "own", trackdrive_number=OWN)
    other = await sold(served, "own", trackdrive_number=OWN, caller_id=OTHER_CALLER, buyer_ids=[2])
    assert mine["trackdrive_number"] == other["trackdrive_number"] == OWN.removeprefix("+")
    assert (await ring(served, OWN, "call-1"))["sale_id"] == mine["sale_id"]
    assert (await ring(served, OWN, "call-2", caller_id=OTHER_CALLER))["sale_id"] == other["sale_id"]


async def test_a_caller_that_nobody_announced_reaches_nobody(serve: Serve) -> None:
    served = await serve(ANY_NUMBER)
    await sold(served, "own", trackdrive_number=OWN)
    assert (await ring(served, OWN, caller_id=OTHER_CALLER))["reason"] == "unknown_number"
    assert (await ring(served, OWN, caller_id="anonymous"))["reason"] == "unknown_number"
    assert (await ring(served, OTHER_OWN))["reason"] == "unknown_number"


async def test_a_listed_number_without_a_lead_has_expired(serve: Serve) -> None:
    served = await serve(LISTED)
    assert (await ring(served, OWN))["reason"] == "number_expired"


async def test_an_endpoint_with_listed_numbers_takes_no_other(serve: Serve) -> None:
    served = await serve(LISTED)
    http, said = await served.ping("own", caller_id=CALLER, trackdrive_number=OTHER_OWN, traffic_source_id="publisher")
    assert (http, list(said["errors"])) == (422, ["trackdrive_number"])
    http, said = await served.ping("own", caller_id=CALLER, trackdrive_number=OWN, traffic_source_id="publisher")
    assert (http, said["status"]) == (200, "success")


async def test_number_and_caller_must_both_come_with_a_ping(serve: Serve) -> None:
    served = await serve(ANY_NUMBER)
    http, said = await served.ping("own")
    assert (http, set(said["errors"])) == (422, {"caller_id", "trackdrive_number"})


async def test_a_ping_alone_is_sold_at_the_call_at_its_quotes(serve: Serve) -> None:
    served = await serve(ANY_NUMBER)
    _, ping = await served.ping("own", caller_id=CALLER, trackdrive_number=OWN)
    assert sales_events(served) == []
    said = await ring(served, OWN)
    assert (said["buyer_id"], said["bid"]) == (1, 25.0)
    assert said["sale_id"].removeprefix("s") == ping["decision_id"]
    assert sales_events(served) == ["sold"]
    assert served.leases("slots", 1) == [ping["decision_id"]]
    assert served.leases("holds", 1) == []
    assert await ring(served, OWN) == said
    assert (await ring(served, OWN, attempt=1, last="busy"))["buyer_id"] == 2
    assert sales_events(served) == ["sold", "moved"]


async def test_a_post_after_the_call_repeats_the_sale_of_the_call(serve: Serve) -> None:
    served = await serve(ANY_NUMBER)
    _, ping = await served.ping("own", caller_id=CALLER, trackdrive_number=OWN)
    said = await ring(served, OWN)
    _, post = await served.post("own", ping_id=ping["try_all_buyers_ping_id"])
    assert (post["status"], post["repeat"], post["sale_id"]) == ("success", True, said["sale_id"])
    assert sales_events(served) == ["sold"]


async def test_a_ping_that_is_over_sells_nothing(serve: Serve) -> None:
    served = await serve(ANY_NUMBER)
    _, ping = await served.ping("own", caller_id=CALLER, trackdrive_number=OWN)
    served.delete(f"ping:{ping['decision_id']}")
    assert (await ring(served, OWN))["reason"] == "number_expired"
    assert sales_events(served) == []


async def test_the_latest_post_counts_and_no_later_ping(serve: Serve) -> None:
    served = await serve(ANY_NUMBER)
    await sold(served, "own", trackdrive_number=OWN)
    latest = await sold(served, "own", trackdrive_number=OWN, request_id="second")
    await served.ping("own", caller_id=CALLER, trackdrive_number=OWN, request_id="third")
    assert (await ring(served, OWN))["sale_id"] == latest["sale_id"]


async def test_the_latest_ping_counts_where_nothing_was_posted(serve: Serve) -> None:
    served = await serve(ANY_NUMBER)
    await served.ping("own", caller_id=CALLER, trackdrive_number=OWN, request_id="first")
    _, latest = await served.ping("own", caller_id=CALLER, trackdrive_number=OWN, request_id="second")
    assert (await ring(served, OWN))["sale_id"].removeprefix("s") == latest["decision_id"]


async def test_an_answered_call_is_over_and_an_unanswered_one_may_be_redialled(serve: Serve) -> None:
    served = await serve(ANY_NUMBER)
    post = await sold(served, "own", trackdrive_number=OWN)
    await ring(served, OWN, "call-1")
    await tell(served, "ended", "call-1", outcome="no_answer")
    assert (await ring(served, OWN, "call-2"))["sale_id"] == post["sale_id"]
    await tell(served, "ended", "call-2", outcome="answered")
    assert (await ring(served, OWN, "call-3"))["reason"] == "unknown_number"
    assert served.leases("slots", 1) == []


async def test_what_is_kept_of_a_caller_does_not_tell_the_number(serve: Serve) -> None:
    served = await serve(ANY_NUMBER)
    await sold(served, "own", trackdrive_number=OWN)
    assert not [name for name in served.key_names() if CALLER.removeprefix("+") in name]
