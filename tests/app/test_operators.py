"""What operators see and do: how full everything is, reloads, pauses, records of decisions, metrics."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from service import metrics
from tests.app.calling import ring, sold, tell
from tests.app.catalogs import POOL, buyer, call_offer, catalog, contract, endpoint, field
from tests.app.conftest import Serve
from tests.app.served import ADMIN_TOKEN, CALLER, EDGE_TOKEN, Json, Served, bearer, buyers

ADMIN_PATHS = [
    ("GET", "/admin/status"),
    ("POST", "/admin/reload"),
    ("POST", "/admin/buyers/1/pause"),
    ("POST", "/admin/buyers/1/resume"),
    ("GET", "/admin/decisions/" + "0" * 32),
]
TWO = catalog(endpoint(), buyer(1, contract(25.00)), buyer(2, contract(20.00)))


@pytest.mark.parametrize(("method", "path"), ADMIN_PATHS)
async def test_without_an_admin_token_in_the_settings_there_is_nothing_there(
    serve: Serve, method: str, path: str
) -> None:
    served = await serve(TWO, admin_token=None)
    for headers in ({}, bearer(ADMIN_TOKEN), bearer(""), bearer("None")):
        answer = await served.request(method, path, headers=headers)
        assert (answer.http, answer.json["status"]) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), ADMIN_PATHS)
async def test_operators_need_their_token_and_no_other(serve: Serve, method: str, path: str) -> None:
    served = await serve(TWO)
    for headers in ({}, bearer("wrong"), bearer(EDGE_TOKEN), bearer(""), {"Authorization": ADMIN_TOKEN}):
        answer = await served.request(method, path, headers=headers)
        assert (answer.http, answer.json["status"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (await served.request(method, f"{path}?auth_token={ADMIN_TOKEN}")).http == 401
    _, said = await served.ping(caller_id=CALLER)
    assert buyers(said) == [1, 2]


# -- status


async def test_status_tells_leases_caps_and_pools(serve: Serve) -> None:
    served = await serve(
        catalog(
            endpoint(concurrency_cap_buffer_percent=20),
            buyer(1, contract(25.00, id="best", caps={"day": 500, "total": 9000}), concurrency_cap=5),
            buyer(2, contract(20.00)),
            pool=POOL[:3],
        )
    )
    before = await served.admin("GET", "status")
    assert before[1]["pools"] == [{"id": "pool", "free": 3, "lent": 0, "cooling": 0}]
    await sold(served)
    await served.ping(caller_id="+13105551234")
    http, said = await served.admin("GET", "status")
    assert (http, said["success"], said["status"]) == (200, True, "success")
    first, second = said["buyers"]
    (capped,) = first.pop("contracts")
    assert first == {
        "buyer_id": 1,
        "name": "Buyer 1",
        "paused": False,
        "slots": 1,
        "holds": 1,
        "cap": 5,
        "ping_limit": 4,
        "balance": None,
        "reserved": None,
    }
    day, total = capped["caps"]
    assert (capped["contract"], day["per"], day["limit"], day["sold"], day["pending"]) == ("best", "day", 500, 1, 0)
    assert datetime.fromisoformat(day["resets_at"]) > datetime.now(UTC)
    assert (total["per"], total["limit"], total["sold"], total["resets_at"]) == ("total", 9000, 1, None)
    assert (second["cap"], second["ping_limit"], second["slots"], second["holds"]) == (None, None, 0, 0)
    assert second["contracts"] == [{"contract": "2-calls", "pending": 0, "caps": [], "revenue_caps": []}]
    assert said["pools"] == [{"id": "pool", "free": 2, "lent": 1, "cooling": 0}]


async def test_status_tells_what_cools(serve: Serve) -> None:
    served = await serve(TWO)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await tell(served, "ended", outcome="answered")
    _, said = await served.admin("GET", "status")
    assert said["pools"] == [{"id": "pool", "free": 9, "lent": 0, "cooling": 1}]


# -- reload


async def reload(served: Served, text: str) -> tuple[int, Json]:
    (served.folder / "catalog.toml").write_text(text)
    return await served.admin("POST", "reload")


async def test_a_reload_tells_what_has_changed_and_serves_it(serve: Serve) -> None:
    served = await serve(TWO)
    _, before = await served.admin("GET", "status")
    http, said = await reload(served, catalog(endpoint(), buyer(1, contract(15.00)), buyer(3, contract(18.00))))
    assert (http, said["success"], said["status"]) == (200, True, "success")
    assert said["catalog"] != before["catalog"]
    changes = "\n".join(said["changes"])
    assert re.search(r"1-calls.*25.*15", changes)
    assert "2-calls" in changes
    assert "3-calls" in changes
    _, after = await served.admin("GET", "status")
    assert after["catalog"] == said["catalog"]
    _, ping = await served.ping(caller_id=CALLER)
    assert [(one["buyer_id"], one["bid"]) for one in ping["buyers"]] == [(3, 18.0), (1, 15.0)]


async def test_a_reload_of_the_same_files_changes_nothing(serve: Serve) -> None:
    served = await serve(TWO)
    _, before = await served.admin("GET", "status")
    http, said = await served.admin("POST", "reload")
    assert (http, said["changes"], said["catalog"]) == (200, [], before["catalog"])


async def test_a_wrong_catalog_is_refused_with_all_its_mistakes_and_the_old_one_serves_on(serve: Serve) -> None:
    served = await serve(TWO)
    _, before = await served.admin("GET", "status")
    failures = await value(served, "pingpost_catalog_reload_failures_total")
    wrong = catalog(endpoint(ring_pool="lost"), buyer(1, contract(-5)), buyer(2, contract(20.00), colour="blue"))
    http, said = await reload(served, wrong)
    assert (http, said["success"], said["status"], said["catalog"]) == (422, False, "invalid", before["catalog"])
    (mistakes,) = said["errors"].values()
    for named in ("lost", "-5", "colour"):
        assert [mistake for mistake in mistakes if named in mistake and mistake.startswith("catalog.toml: ")], named
    assert await value(served, "pingpost_catalog_reload_failures_total") == failures + 1
    assert (await served.admin("GET", "status"))[1]["catalog"] == before["catalog"]
    assert buyers((await served.ping(caller_id=CALLER))[1]) == [1, 2]
    http, _ = await reload(served, "this is [no TOML")
    assert http == 422


async def test_a_ping_of_the_old_catalog_is_sold_at_its_quote(serve: Serve) -> None:
    served = await serve(TWO)
    _, ping = await served.ping(caller_id=CALLER)
    await reload(served, catalog(endpoint(), buyer(1, contract(2.00)), buyer(2, contract(1.00))))
    _, post = await served.post(ping_id=ping["try_all_buyers_ping_id"])
    assert (post["status"], post["buyer_id"], post["bid"]) == ("success", 1, 25.0)


# -- pause and resume


async def test_a_paused_buyer_is_neither_offered_nor_sold(serve: Serve) -> None:
    served = await serve(TWO)
    _, ping = await served.ping(caller_id=CALLER)
    assert await served.admin("POST", "buyers/1/pause") == (200, paused(1, True))
    assert (await served.admin("GET", "status"))[1]["buyers"][0]["paused"] is True
    assert buyers((await served.ping(caller_id="+13105551234"))[1]) == [2]
    _, refused = await served.post(ping_id=ping["buyers"][0]["ping_id"])
    assert (refused["status"], refused["reason"]) == ("buyer_unavailable", "paused")
    _, post = await served.post(ping_id=ping["try_all_buyers_ping_id"])
    assert post["buyer_id"] == 2
    assert await served.admin("POST", "buyers/1/resume") == (200, paused(1, False))
    assert buyers((await served.ping(caller_id="+13105550000"))[1]) == [1, 2]


async def test_pausing_twice_is_pausing(serve: Serve) -> None:
    served = await serve(TWO)
    for _ in range(2):
        assert await served.admin("POST", "buyers/2/pause") == (200, paused(2, True))
    assert await served.admin("POST", "buyers/2/resume") == (200, paused(2, False))
    assert await served.admin("POST", "buyers/2/resume") == (200, paused(2, False))


async def test_a_pause_survives_a_reload(serve: Serve) -> None:
    served = await serve(TWO)
    await served.admin("POST", "buyers/1/pause")
    http, _ = await reload(served, TWO.replace("20.0", "21.0"))
    assert http == 200
    assert buyers((await served.ping(caller_id=CALLER))[1]) == [2]


async def test_a_pause_survives_a_restart(serve: Serve) -> None:
    served = await serve(TWO)
    await served.admin("POST", "buyers/1/pause")
    again = await serve(TWO)
    assert buyers((await again.ping(caller_id=CALLER))[1]) == [2]


async def test_a_buyer_that_the_catalog_pauses_stays_paused(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), paused=True), buyer(2, contract(20.00))))
    assert await served.admin("POST", "buyers/1/resume") == (200, paused(1, True))
    assert buyers((await served.ping(caller_id=CALLER))[1]) == [2]


@pytest.mark.parametrize("id", ["3", "0", "-1", "01x", "²", "9" * 400, "1 OR 1", "%00"])
async def test_nobody_of_this_id_can_be_paused(serve: Serve, id: str) -> None:
    served = await serve(TWO)
    http, said = await served.admin("POST", f"buyers/{id}/pause")
    assert (http, said["status"]) == (404, "not_found")


def paused(buyer_id: int, is_paused: bool) -> Json:
    return {"success": True, "status": "success", "buyer_id": buyer_id, "paused": is_paused}


# -- decisions


async def test_a_decision_is_found_by_any_of_its_ids(serve: Serve) -> None:
    served = await serve(TWO)
    _, ping = await served.ping(caller_id=CALLER, request_id="lead-7")
    _, post = await served.post(ping_id=ping["buyers"][1]["ping_id"])
    ids = [ping["decision_id"], ping["try_all_buyers_ping_id"], ping["buyers"][0]["ping_id"], post["sale_id"]]
    found = [await served.admin("GET", f"decisions/{one}") for one in ids]
    assert all(one == found[0] for one in found)
    http, said = found[0]
    assert (http, said["decision_id"]) == (200, ping["decision_id"])
    text = str(said["decision"])
    for known in (CALLER, "lead-7", "calls", post["trackdrive_number"]):
        assert known in text


async def test_a_refused_lead_is_on_record_too(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00), paused=True)))
    _, ping = await served.ping(caller_id=CALLER)
    assert ping["status"] == "no_matching_buyer"
    http, said = await served.admin("GET", f"decisions/{ping['decision_id']}")
    assert http == 200
    assert said["decision"]


@pytest.mark.parametrize("id", ["0" * 32, "x", "p" + "0" * 32, "p" + "f" * 32 + "-99999999", "a" * 8_000, "%00", "*"])
async def test_a_decision_that_never_was_is_not_found(serve: Serve, id: str) -> None:
    served = await serve(TWO)
    http, said = await served.admin("GET", f"decisions/{id}")
    assert (http, said["status"]) == (404, "not_found")


# -- health and metrics


async def test_health_and_readiness(serve: Serve) -> None:
    served = await serve(TWO)
    for path in ("/healthz", "/readyz"):
        answer = await served.request("GET", path)
        assert (answer.http, answer.json) == (200, {"success": True, "status": "success"})


async def scrape(served: Served) -> str:
    async with served.client.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        return await response.text()


async def value(served: Served, name: str) -> float:
    """Of a sample, its name with its labels; 0 where it is not there."""
    lines = (await scrape(served)).splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name), 0.0)


async def test_every_metric_of_the_table_is_there_after_traffic(serve: Serve) -> None:
    served = await serve(
        catalog(
            endpoint(rate_limits={"per_day": 6}),
            buyer(1, contract(25.00, caps={"day": 9}, dedup_days=1), concurrency_cap=5),
            buyer(2, contract(20.00, where={"age": {"min": 30}}), balance_required=True),
            offer=call_offer(field("caller_id", "phone"), field("age", "integer")),
        )
    )
    for _ in range(2):
        await served.ping(caller_id=CALLER)
    post = await sold(served)
    await ring(served, post["trackdrive_number"])
    await tell(served, "ended")
    other = await sold(served, caller_id="+12125559999")
    for attempt in range(2):  # nobody is left after the first: the sale is voided
        await ring(served, other["trackdrive_number"], "call-2", attempt=attempt, last="busy")
    for at in range(6):
        await served.ping(caller_id=CALLER, age=at)
    metrics.count_conversion("calls", is_late=True)
    returned = {"json": {"reason": "r"}, "headers": bearer(ADMIN_TOKEN)}
    await served.request("POST", f"/api/v1/sales/{post['sale_id']}/return", **returned)
    # These are counted by the archive, which is a process of its own.
    metrics.count_archived("sales", 1, 1)
    metrics.count_archive_failure("ledger")
    metrics.count_archive_gap("audit")
    metrics.set_archive_behind("sales", 0, 0)
    text = await scrape(served)
    for row in metrics.TABLE:
        assert f"# TYPE {row.name} {row.kind}\n" in text, row.name
        assert f"# HELP {row.name} " in text
        suffix = "_bucket" if row.kind == "histogram" else ""
        labels = "".join(rf"(?=[^}}]*\b{label}=)" for label in row.labels)
        assert re.search(rf"^{row.name}{suffix}(\{{{labels}[^}}]*\}})? [0-9.e+-]+$", text, re.M), row.name


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ('pingpost_pings_total{endpoint="calls",status="success"}', 1),
        ('pingpost_posts_total{endpoint="calls",kind="post",status="success"}', 1),
        ('pingpost_posts_total{endpoint="calls",kind="post_only",status="success"}', 1),
        ('pingpost_calls_total{endpoint="calls",status="routed"}', 1),
        ('pingpost_calls_total{endpoint="",status="unknown_number"}', 1),
        ('pingpost_call_events_total{event="ended",status="taken"}', 1),
        ('pingpost_bids_total{offer="calls"}', 2),
        ('pingpost_bid_amount_total{offer="calls"}', 45),
        ('pingpost_sales_total{offer="calls"}', 2),
        ('pingpost_revenue_total{offer="calls"}', 45),
        ("pingpost_ping_duration_seconds_count", 1),
        ("pingpost_post_duration_seconds_count", 2),
        ("pingpost_route_duration_seconds_count", 2),
    ],
)
async def test_what_is_counted_is_what_happened(serve: Serve, name: str, step: float) -> None:
    served = await serve(TWO)
    before = await value(served, name)
    _, ping = await served.ping(caller_id=CALLER)
    _, post = await served.post(ping_id=ping["buyers"][1]["ping_id"])
    await sold(served, caller_id="+13105551234")
    await ring(served, post["trackdrive_number"])
    await ring(served, "+12025550199", "call-2")
    await tell(served, "ended")
    assert await value(served, name) == before + step


async def test_a_scrape_tells_how_full_everything_is(serve: Serve) -> None:
    served = await serve(catalog(endpoint(), buyer(1, contract(25.00, caps={"day": 9}), concurrency_cap=5)))
    await sold(served)
    await served.ping(caller_id="+13105551234")
    _, status = await served.admin("GET", "status")
    told: dict[str, Any] = {
        'pingpost_buyer_slots{buyer="1"}': 1,
        'pingpost_buyer_holds{buyer="1"}': 1,
        'pingpost_buyer_cap{buyer="1"}': 5,
        'pingpost_contract_sold{contract="1-calls",per="day"}': 1,
        'pingpost_contract_cap{contract="1-calls",per="day"}': 9,
        'pingpost_pool_numbers{pool="pool",state="free"}': 9,
        'pingpost_pool_numbers{pool="pool",state="lent"}': 1,
        f'pingpost_catalog_info{{version="{status["catalog"]}"}}': 1,
        "pingpost_store_up": 1,
    }
    assert {name: await value(served, name) for name in told} == told
