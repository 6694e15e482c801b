"""Every answer is checked as it arrives: what is expected, what is allowed, what voids."""

import json
from typing import Any

import pytest

from service.bench.answers import Judge
from service.bench.plan import Kind
from tests.bench.known import driven, known_server, plan

PING: dict[str, Any] = {
    "success": True,
    "status": "success",
    "decision_id": "d",
    "try_all_buyers_ping_id": "p",
    "ping_ids_expiry_in_seconds": 60,
    "buyers": [{"buyer_id": 1, "name": "B", "bid": 1.5, "ping_id": "p-0"}],
}
NOBODY = {"success": False, "status": "no_matching_buyer", "errors": ["none"], "buyers": []}
LIMITED = {"success": False, "status": "rate_limited", "errors": ["slower"]}


def complaint(kind: Kind, http: int, body: dict[str, Any], *allowed: str) -> str:
    return Judge(frozenset(allowed)).judge(kind, http, json.dumps(body).encode()).complaint


def test_bids_and_nobody_who_wants_it_are_both_expected_of_a_ping() -> None:
    assert complaint("ping", 200, PING) == ""
    assert complaint("ping", 200, NOBODY) == ""


@pytest.mark.parametrize(
    ("http", "changed"),
    [
        (500, {}),
        (200, {"success": False}),
        (200, {"decision_id": ""}),
        (200, {"try_all_buyers_ping_id": None}),
        (200, {"buyers": []}),
        (200, {"buyers": [{"buyer_id": 1, "name": "B", "bid": 1.5, "ping_id": ""}]}),
        (200, {"status": "sucess"}),
    ],
)
def test_a_success_that_is_not_whole_is_unexpected(http: int, changed: dict[str, Any]) -> None:
    assert complaint("ping", http, PING | changed) != ""


def test_a_word_under_another_status_is_unexpected_though_it_is_allowed() -> None:
    assert complaint("ping", 429, LIMITED, "rate_limited") == ""
    assert complaint("ping", 200, LIMITED, "rate_limited") != ""
    assert complaint("ping", 429, LIMITED) == "not expected"


def test_what_is_no_json_is_unexpected() -> None:
    for body in (b"", b"<html>", b'{"success":true', b"[]", b"\xff"):
        assert Judge(frozenset()).judge("ping", 200, body).complaint != ""


def test_one_wrong_answer_voids_the_run_and_is_shown() -> None:
    with known_server(wrong_at=150, wrong_body="x" * 1000, wrong_http=200) as url:
        run = driven(plan(url, slo="p99=10s"))
    assert run.void is not None
    assert run.unexpected[0].http == 200
    assert run.unexpected[0].body == "x" * 300
    assert len(run.unexpected) <= 5
    assert run.slo is not None
    assert not run.slo.met


def test_a_run_whose_every_answer_is_wrong_ends_early() -> None:
    with known_server(wrong_at=1, wrong_body=json.dumps(NOBODY), wrong_http=500) as url:
        run = driven(plan(url, rate=500.0, duration_s=60.0))
    assert run.void is not None
    assert run.unexpected[0].status == "no_matching_buyer"
    assert run.measured_s < 30


def test_allowed_refusals_have_a_histogram_of_their_own() -> None:
    with known_server(wrong_at=150, wrong_body=json.dumps(LIMITED), wrong_http=429) as url:
        run = driven(plan(url, allow=frozenset({"rate_limited"})))
    assert run.void is None
    assert run.latency_ms["refused"].count == run.refused == run.statuses["ping"]["rate_limited"] > 0
    assert run.latency_ms["all"].count == run.goodput == run.answered - run.refused


def test_a_connection_that_is_lost_under_a_request_voids_the_run() -> None:
    with known_server(hang_up_at=100) as url:
        run = driven(plan(url))
    assert run.void == "A connection failed: a connection was lost under a ping: closed by the service."
    assert 0 < run.answered < 100
