"""What is sent: pings that differ, posts of own pings, calls of own sales, repeats; on the wire and in the count."""

from collections import Counter
from pathlib import Path

import pytest

from service.bench import BenchFailed, prepare, run
from service.settings import SettingWrong
from tests.bench.known import driven, known_server, plan, seen_by


def of(seen: list[dict[str, str]], path: str) -> list[dict[str, str]]:
    return [one for one in seen if path in one["path"]]


def test_every_post_is_of_an_own_ping_and_no_ping_is_posted_twice() -> None:
    with known_server() as url:
        found = driven(plan(url, mix="ping=60,post=40", rate=300.0))
        posts = of(seen_by(url), "/post/")
    pings_posted = Counter(post["ping_id"].partition("-")[0] for post in posts)
    assert len(posts) > 50
    assert set(pings_posted.values()) == {1}
    assert {len(post["ping_id"].partition("-")[2]) > 0 for post in posts} == {True, False}
    assert found.void is None


def test_a_call_is_routed_answered_and_ended_in_that_order_and_once() -> None:
    with known_server() as url:
        found = driven(plan(url, mix="ping=50,post=30,call=20", rate=300.0))
        steps = of(seen_by(url), "/calls/")
    calls: dict[str, list[str]] = {}
    for step in steps:
        calls.setdefault(step["call"], []).append(step.get("event", "route"))
    assert len(calls) > 20
    assert set(map(tuple, calls.values())) == {("route", "answered", "ended")}
    assert len({step["tracking_number"] for step in steps if "tracking_number" in step}) == len(calls)
    assert found.latency_ms["event"].count == 2 * found.latency_ms["route"].count
    assert found.due == found.arrivals + found.latency_ms["event"].count


def test_calls_go_to_the_address_of_phone_switches_if_it_is_another() -> None:
    with known_server() as url, known_server() as edge_url:
        found = driven(plan(url, mix="ping=50,post=30,call=20", edge_url=edge_url, connections=4))
        asked, asked_at_edge = seen_by(url), seen_by(edge_url)
    assert found.void is None
    assert not of(asked, "/calls/")
    assert asked_at_edge
    assert of(asked_at_edge, "/calls/") == asked_at_edge


def test_callers_differ_and_sources_are_spread() -> None:
    with known_server() as url:
        driven(plan(url, sources=7, processes=2))
        pings = of(seen_by(url), "/ping/")
    assert len({ping["caller_id"] for ping in pings}) == len(pings) > 150
    assert {ping["traffic_source_id"] for ping in pings} == {f"bench-{at}" for at in range(1, 8)}
    assert len({ping["state"] for ping in pings}) > 40


def test_the_asked_share_of_pings_is_repeated() -> None:
    with known_server() as url:
        found = driven(plan(url, repeat_share=0.25, rate=400.0))
    assert 0.1 < found.repeats / found.answered < 0.4
    assert found.void is None


def test_the_same_seed_sends_the_same_leads_and_another_seed_others() -> None:
    sent: list[set[str]] = []
    for seed in (5, 5, 6):
        with known_server() as url:
            driven(plan(url, seed=seed))
            sent.append({ping["caller_id"] for ping in of(seen_by(url), "/ping/")})
    assert sent[0] == sent[1]
    assert not sent[0] & sent[2]


def test_a_lead_that_was_sent_a_moment_ago_voids_the_run() -> None:
    with known_server() as url:
        driven(plan(url, seed=5))
        again = driven(plan(url, seed=5))
    assert again.void is not None
    assert "--seed" in again.void


def test_what_there_is_nothing_to_make_of_becomes_a_ping_and_is_counted() -> None:
    with known_server() as url:
        found = driven(plan(url, mix="ping=5,post=95"))
    assert found.substituted["post"] > 0
    assert found.latency_ms["ping"].count + found.latency_ms["post"].count == found.arrivals
    assert found.void is None


def test_leads_of_a_file_are_sent_as_they_are_with_numbers_put_in(tmp_path: Path) -> None:
    leads = tmp_path / "leads"
    leads.write_text('{"caller_id":"1{number}","plan":"50%"}\n\n{"caller_id":"12125550000"}\n')
    with known_server() as url:
        found = run(prepare(plan(url), leads_file=leads), lambda _seen: None)
        pings = of(seen_by(url), "/ping/")
    assert found.void is None
    numbered = [ping for ping in pings if "plan" in ping]
    assert len({ping["caller_id"] for ping in numbered}) == len(numbered)
    assert {ping["plan"] for ping in numbered} == {"50%"}
    assert {len(ping["caller_id"]) for ping in pings} == {11}


def test_a_file_that_is_no_leads_is_told_with_its_line(tmp_path: Path) -> None:
    leads = tmp_path / "leads"
    leads.write_text('{"caller_id":"1"}\nnonsense\n')
    with pytest.raises(BenchFailed, match=":2 is not a JSON object"):
        prepare(plan("http://127.0.0.1:9"), leads_file=leads)
    with pytest.raises(BenchFailed, match="cannot be read: No such file"):
        prepare(plan("http://127.0.0.1:9"), leads_file=tmp_path / "none")


def test_calls_need_the_token_of_phone_switches() -> None:
    with pytest.raises(SettingWrong, match="PINGPOST_EDGE_TOKEN"):
        prepare(plan("http://127.0.0.1:9", mix="ping=1,post=1,call=1"))
