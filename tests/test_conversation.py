"""The conversation that the README begins with, held with the demo catalog as a new user would run it."""

from collections.abc import Iterator

import pytest

from tests.process.running import ROOT
from tests.real_service import RealService

PING = {"caller_id": "18005551234", "traffic_source_id": "source_abc"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealService]:
    folder = tmp_path_factory.mktemp("demo")
    with RealService(folder, "--catalog", str(ROOT / "config" / "catalog")) as service:
        yield service.ready()


def test_the_first_conversation_from_ping_to_the_end_of_the_call(demo: RealService) -> None:
    ping = demo.ping("my_endpoint", PING)
    assert ping.status == 200
    assert (ping.body["success"], ping.body["status"], ping.body["ping_ids_expiry_in_seconds"]) == (True, "success", 60)
    offered = [(buyer["buyer_id"], buyer["name"], buyer["bid"]) for buyer in ping.body["buyers"]]
    assert offered == [(1, "Buyer A", 25.00), (2, "Buyer B", 20.00)]
    assert demo.use_of(1)["holds"] == 1

    post = demo.post("my_endpoint", {**PING, "ping_id": ping.body["buyers"][0]["ping_id"], "buyer_id": 1})
    assert post.status == 200
    assert (post.body["status"], post.body["buyer_id"], post.body["buyer_name"]) == ("success", 1, "Buyer A")
    assert (post.body["bid"], post.body["expires_in_seconds"]) == (25.00, 120)
    number = post.body["trackdrive_number"]
    assert number.isdigit()
    assert (demo.use_of(1)["slots"], demo.use_of(1)["holds"], demo.use_of(2)["holds"]) == (1, 0, 0)
    assert demo.pool("toll_free")["lent"] == 1

    routed = demo.route("call-1", number, caller_id="18005551234")
    assert routed.body == {
        "success": True,
        "status": "routed",
        "action": "dial",
        "destination": "+18005550001",
        "ring_seconds": 20,
        "max_seconds": 3600,
        "sale_id": post.body["sale_id"],
        "buyer_id": 1,
        "buyer_name": "Buyer A",
        "bid": 25.00,
    }
    assert demo.event("answered", "call-1", attempt=0).body["taken"] == "taken"
    assert demo.use_of(1)["slots"] == 1
    assert demo.event("ended", "call-1", attempt=0, outcome="answered", duration_ms=91_000).body["taken"] == "taken"

    assert (demo.use_of(1)["slots"], demo.use_of(1)["holds"]) == (0, 0)
    pool = demo.pool("toll_free")
    assert (pool["lent"], pool["cooling"]) == (0, 1)
    assert demo.route("call-2", number, caller_id="18005551234").body["reason"] == "number_expired"


def test_the_try_all_id_sells_to_the_best_buyer(demo: RealService) -> None:
    ping = demo.ping("my_endpoint", {**PING, "caller_id": "18005551235"})
    post = demo.post("my_endpoint", {"ping_id": ping.body["try_all_buyers_ping_id"]})
    assert (post.body["status"], post.body["buyer_name"], post.body["bid"]) == ("success", "Buyer A", 25.00)
    assert post.body["decision_id"] == ping.body["decision_id"]


def test_a_post_without_a_ping_sells_in_one_step(demo: RealService) -> None:
    post = demo.post("my_endpoint", {"caller_id": "18005551234"})
    assert (post.body["status"], post.body["buyer_name"], post.body["bid"]) == ("success", "Buyer A", 25.00)
    assert demo.route("call-1", post.body["trackdrive_number"]).body["destination"] == "+18005550001"
