"""Metrics: named by Prometheus' rules, each with a help sentence, bounded in their labels."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service import metrics
from service.metrics import Sample

LIMITS = ("0.0005", "0.001", "0.5", "1.0", "+Inf")


def value(name: str, **labels: str) -> float | None:
    metrics.flush()
    return metrics.REGISTRY.get_sample_value(name, labels)


@pytest.mark.parametrize("row", metrics.TABLE, ids=lambda row: row.name)
def test_a_metric_is_named_by_the_rules_and_explained(row: metrics.Described) -> None:
    assert re.fullmatch(r"pingpost_[a-z]+(_[a-z]+)*", row.name)
    assert (row.kind == "counter") == row.name.endswith("_total")
    assert (row.kind == "histogram") == row.name.endswith("_duration_seconds")
    assert re.fullmatch(r"[A-Z1].+\.", row.help)
    assert not set(row.labels) & {"le", "quantile", "job", "instance"}


def test_names_stand_once_in_the_table() -> None:
    names = [row.name for row in metrics.TABLE]
    assert len(names) == len(set(names))


def test_what_is_counted_can_be_scraped() -> None:
    metrics.count_ping("metrics_test", "success")
    metrics.count_ping("metrics_test", "success")
    metrics.count_post("metrics_test", "full", "no_matching_buyer")
    metrics.count_bids("metrics_test", 3, 75_250_000)
    metrics.count_sale("metrics_test", 25_000_000, 20_500_000)
    metrics.count_declines("metrics_test", "geo", 9_990)
    assert value("pingpost_pings_total", endpoint="metrics_test", status="success") == 2
    assert value("pingpost_posts_total", endpoint="metrics_test", kind="full", status="no_matching_buyer") == 1
    assert value("pingpost_bids_total", offer="metrics_test") == 3
    assert value("pingpost_bid_amount_total", offer="metrics_test") == 75.25
    assert value("pingpost_revenue_total", offer="metrics_test") == 25.0
    assert value("pingpost_payout_total", offer="metrics_test") == 20.5
    assert value("pingpost_declines_total", offer="metrics_test", reason="geo") == 9_990


def test_an_overrun_counts_as_an_event_and_by_itself() -> None:
    before = value("pingpost_calls_overrun_total") or 0
    metrics.count_call_event("heartbeat", "overrun")
    metrics.count_call_event("heartbeat", "taken")
    assert value("pingpost_calls_overrun_total") == before + 1


def test_a_script_of_two_milliseconds_falls_into_its_bucket() -> None:
    metrics.observe_script("metrics_test", 0.0019)
    assert value("pingpost_script_duration_seconds_bucket", script="metrics_test", le="0.001") == 0
    assert value("pingpost_script_duration_seconds_bucket", script="metrics_test", le="0.002") == 1


def test_observations_keep_their_buckets_and_their_sum_over_many_flushes() -> None:
    for seconds in (0.0005, 0.00051, 0.9, 1.0, 7.0):
        metrics.observe_script("metrics_flush", seconds)
        metrics.flush()
    metrics.observe_script("metrics_flush", 0.0001)
    metrics.observe_script("metrics_flush", 7.0)
    buckets = {le: value("pingpost_script_duration_seconds_bucket", script="metrics_flush", le=le) for le in LIMITS}
    assert buckets == {"0.0005": 2, "0.001": 3, "0.5": 3, "1.0": 5, "+Inf": 7}
    assert value("pingpost_script_duration_seconds_count", script="metrics_flush") == 7
    assert value("pingpost_script_duration_seconds_sum", script="metrics_flush") == pytest.approx(15.90111)


def test_buyers_beyond_the_first_five_hundred_share_a_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics.counting, "_labelled_buyers", {})
    metrics.label_buyers(range(1, 502))
    assert metrics.buyer_label(500) == "500"
    assert metrics.buyer_label(501) == metrics.buyer_label(502) == "other"


def test_a_scrape_carries_the_state_it_is_given() -> None:
    text = metrics.exposition(
        [
            Sample("pingpost_buyer_slots", ("14",), 2),
            Sample("pingpost_pool_numbers", ("auto", "free"), 7),
            Sample("pingpost_pool_numbers", ("auto", "lent"), 1),
            Sample("pingpost_buyer_slots", ("15",), 0),
        ]
    ).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert [(s.labels, s.value) for s in families["pingpost_pool_numbers"].samples] == [
        ({"pool": "auto", "state": "free"}, 7.0),
        ({"pool": "auto", "state": "lent"}, 1.0),
    ]
    assert [s.value for s in families["pingpost_buyer_slots"].samples] == [2.0, 0.0]
    assert text.count("# TYPE pingpost_buyer_slots gauge") == 1


def test_a_sample_of_an_unknown_name_is_a_fault() -> None:
    with pytest.raises(KeyError):
        metrics.exposition([Sample("pingpost_pings_total", ("e", "s"), 1)])
