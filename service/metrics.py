"""Prometheus metrics: what is counted, by which labels, and the text of a scrape.

With several workers prometheus_client keeps one memory-mapped file per process under `PROMETHEUS_MULTIPROC_DIR`; that
variable must stand before this module is imported (the process room sees to it). Without it counts live in memory.

`labels()` costs more than the counting, so every label child is bound once and kept: the dictionaries below are
bounded by the catalog (endpoints, offers, reasons), never by what a client sends. Money is counted in units, not in
micros: a metric is an outermost edge.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
BUYERS_LABELLED_MAX = 500
"""Buyers with a label of their own; the rest are summed under `other`, so that a scrape stays small."""
OTHER = "other"
SECONDS_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_MICROS = 1_000_000

Kind = Literal["counter", "gauge", "histogram"]


class Described(Struct, frozen=True):
    """One row of the table of metrics, for the README and its test. `state`: read at the scrape, not counted."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    state: bool = False


class Sample(Struct, frozen=True):
    """A value of a state metric, read for a scrape: the name with its prefix, the labels in the table's order."""

    name: str
    labels: tuple[str, ...]
    value: float


disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles a scrape and tells nothing
REGISTRY = CollectorRegistry()
_described: list[Described] = []


def _counter(name: str, text: str, *labels: str) -> Counter:
    _described.append(Described(f"pingpost_{name}", "counter", labels, text))
    return Counter(f"pingpost_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str) -> Histogram:
    _described.append(Described(f"pingpost_{name}", "histogram", labels, text))
    return Histogram(f"pingpost_{name}", text, labels, registry=REGISTRY, buckets=SECONDS_BUCKETS)


def _gauge(name: str, text: str, mode: Literal["livemin", "livemax", "livesum"]) -> Gauge:
    _described.append(Described(f"pingpost_{name}", "gauge", (), text))
    return Gauge(f"pingpost_{name}", text, registry=REGISTRY, multiprocess_mode=mode)


def _state(name: str, text: str, *labels: str) -> None:
    _described.append(Described(f"pingpost_{name}", "gauge", labels, text, state=True))


_PINGS = _counter("pings_total", "Pings answered, by endpoint and the answer's status.", "endpoint", "status")
_POSTS = _counter(
    "posts_total",
    "Posts answered, by endpoint, kind (post, post_only, full) and the answer's status.",
    "endpoint",
    "kind",
    "status",
)
_CALLS = _counter("calls_total", "Calls asked to be routed, by endpoint and the answer.", "endpoint", "status")
_CALL_EVENTS = _counter("call_events_total", "Call events taken, by event and what became of it.", "event", "status")
_CALLS_OVERRUN = _counter("calls_overrun_total", "Calls that went on after their slot had lapsed with no room left.")
_DECLINES = _counter("declines_total", "Contracts declined, by offer and reason.", "offer", "reason")
_BUYER_DECLINES = _counter(
    "buyer_declines_total",
    "Declines that change by the minute (concurrency, caps, duplicate), by buyer and reason; "
    f"buyers beyond the first {BUYERS_LABELLED_MAX} are {OTHER}.",
    "buyer",
    "reason",
)
_BIDS = _counter("bids_total", "Bids offered to publishers, by offer.", "offer")
_BID_AMOUNT = _counter("bid_amount_total", "Sum of the bids offered, in units of the account's currency.", "offer")
_SALES = _counter("sales_total", "Sales made, by offer.", "offer")
_REVENUE = _counter("revenue_total", "Price of the sales made, in units of the account's currency.", "offer")
_PAYOUT = _counter(
    "payout_total", "What was quoted to publishers for the sales made, in units of the account's currency.", "offer"
)
_SALE_CHANGES = _counter(
    "sale_changes_total",
    "Sales that a call changed, by offer and change (moved to the next buyer, voided). Sales, revenue and payout count "
    "what posts sold and are not corrected by these.",
    "offer",
    "change",
)
_RATE_LIMITED = _counter("rate_limited_total", "Requests answered 429, by whose limit and window.", "scope", "per")
_LATE_SCRIPTS = _counter("store_late_scripts_total", "Scripts that ran too late and therefore wrote nothing.")
_RELOAD_FAILURES = _counter(
    "catalog_reload_failures_total", "New catalogs refused for their mistakes, or not taken by a worker."
)
_FAULTS = _counter("faults_total", "Answers 500: bugs, each with a trace id in the log.")
_PING_SECONDS = _histogram("ping_duration_seconds", "Time from a ping's arrival to its answer.")
_POST_SECONDS = _histogram("post_duration_seconds", "Time from a post's or full's arrival to its answer.")
_ROUTE_SECONDS = _histogram("route_duration_seconds", "Time from a route question's arrival to its answer.")
_SCRIPT_SECONDS = _histogram("script_duration_seconds", "Time a Redis script took as seen from here.", "script")
_STORE_UP = _gauge("store_up", "1 while Redis answers every worker, else 0.", "livemin")
_BREAKER_OPEN = _gauge("store_breaker_open", "1 while a worker's breaker keeps requests from Redis.", "livemax")
_IN_FLIGHT = _gauge("requests_in_flight", "Requests at work now, all workers.", "livesum")
_LOOP_LAG = _gauge("event_loop_lag_seconds", "Worst lateness of an event loop in its last second.", "livemax")

_state("buyer_slots", "Slots in use, by buyer.", "buyer")
_state("buyer_holds", "Holds of pings, by buyer.", "buyer")
_state("buyer_cap", "Concurrency cap, by buyer; absent where there is none.", "buyer")
_state("contract_sold", "Sales counted in the current period, by contract and period.", "contract", "per")
_state("contract_pending", "Posts that are not yet a sale, by contract.", "contract")
_state("contract_cap", "Cap on sales, by contract and period.", "contract", "per")
_state("pool_numbers", "Tracking numbers, by pool and state (free, lent, cooling).", "pool", "state")
_state("catalog_info", "1; the version of the catalog that is served.", "version")
_state("build_info", "1; the version of pingpost.", "version")

TABLE: tuple[Described, ...] = tuple(_described)
_STATES = {row.name: row for row in TABLE if row.state}

# -- counting: one small function per event, so that no other room knows a metric object

_bound: dict[tuple[str, ...], Callable[[float], None]] = {}


def _inc(metric: Counter, *key: str) -> Callable[[float], None]:
    """The bound `inc` of one label child, made at first use; `key` is a name for the metric, then the labels."""
    found = _bound[key] = metric.labels(*key[1:]).inc
    return found


def count_ping(endpoint: str, status: str) -> None:
    key = ("pings", endpoint, status)
    (_bound.get(key) or _inc(_PINGS, *key))(1)


def count_post(endpoint: str, kind: Literal["post", "post_only", "full"], status: str) -> None:
    key = ("posts", endpoint, kind, status)
    (_bound.get(key) or _inc(_POSTS, *key))(1)


def count_call(endpoint: str, status: str) -> None:
    """`endpoint` is "" where the number leads nowhere; `status` is "routed" or the reason of the rejection."""
    key = ("calls", endpoint, status)
    (_bound.get(key) or _inc(_CALLS, *key))(1)


def count_call_event(event: str, status: str) -> None:
    key = ("call_events", event, status)
    (_bound.get(key) or _inc(_CALL_EVENTS, *key))(1)
    if status == "overrun":
        _CALLS_OVERRUN.inc()


def count_declines(offer: str, reason: str, count: int = 1) -> None:
    key = ("declines", offer, reason)
    (_bound.get(key) or _inc(_DECLINES, *key))(count)


_labelled_buyers: dict[int, str] = {}


def buyer_label(buyer_id: int) -> str:
    """The buyer's own label for the first buyers that come, `other` for the rest."""
    label = _labelled_buyers.get(buyer_id)
    if label is None:
        if len(_labelled_buyers) >= BUYERS_LABELLED_MAX:
            return OTHER
        label = _labelled_buyers[buyer_id] = str(buyer_id)
    return label


def label_buyers(buyer_ids: Iterable[int]) -> None:
    """Gives a catalog's first buyers their labels, and no others: the same ones in every worker."""
    _labelled_buyers.clear()
    for buyer_id in buyer_ids:
        buyer_label(buyer_id)


def count_buyer_decline(buyer_id: int, reason: str) -> None:
    key = ("buyer_declines", buyer_label(buyer_id), reason)
    (_bound.get(key) or _inc(_BUYER_DECLINES, *key))(1)


def count_bids(offer: str, count: int, amount_micros: int) -> None:
    key = ("bids", offer)
    (_bound.get(key) or _inc(_BIDS, *key))(count)
    key = ("bid_amount", offer)
    (_bound.get(key) or _inc(_BID_AMOUNT, *key))(amount_micros / _MICROS)


def count_sale(offer: str, bid_micros: int, payout_micros: int) -> None:
    _SALES.labels(offer).inc()
    _REVENUE.labels(offer).inc(bid_micros / _MICROS)
    _PAYOUT.labels(offer).inc(payout_micros / _MICROS)


def count_sale_change(offer: str, change: Literal["moved", "voided"]) -> None:
    _SALE_CHANGES.labels(offer, change).inc()


def count_rate_limited(scope: str, per: str) -> None:
    _RATE_LIMITED.labels(scope, per).inc()


def count_late_script() -> None:
    _LATE_SCRIPTS.inc()


def count_reload_failure() -> None:
    _RELOAD_FAILURES.inc()


def count_fault() -> None:
    _FAULTS.inc()


observe_ping: Callable[[float], None] = _PING_SECONDS.observe
observe_post: Callable[[float], None] = _POST_SECONDS.observe
observe_route: Callable[[float], None] = _ROUTE_SECONDS.observe
add_in_flight: Callable[[float], None] = _IN_FLIGHT.inc
set_loop_lag: Callable[[float], None] = _LOOP_LAG.set
"""All in seconds; `add_in_flight` takes 1 when a request begins and -1 when it ends."""


def observe_script(script: str, seconds: float) -> None:
    key = ("script", script)
    observe = _bound.get(key)
    if observe is None:
        observe = _bound[key] = _SCRIPT_SECONDS.labels(script).observe
    observe(seconds)


def set_store(*, up: bool, breaker_open: bool) -> None:
    _STORE_UP.set(up)
    _BREAKER_OPEN.set(breaker_open)


# -- the scrape


class _StateCollector:
    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for sample in self._samples:
            row = _STATES[sample.name]
            family = families.get(row.name)
            if family is None:
                family = families[row.name] = GaugeMetricFamily(row.name, row.help, labels=row.labels)
            family.add_metric(sample.labels, sample.value)
        yield from families.values()


def exposition(samples: Iterable[Sample] = ()) -> bytes:
    """The text of a scrape: what all workers counted, and the state samples given. Content type: `CONTENT_TYPE`.

    Raises KeyError for a sample that the table does not name as a state metric.
    """
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    else:
        counted = REGISTRY
    state = CollectorRegistry()
    state.register(_StateCollector(samples))
    return generate_latest(counted) + generate_latest(state)
