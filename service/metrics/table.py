"""The table of metrics: name, labels and meaning of each, and the library's object behind it.

Labels are bounded by the catalog (endpoints, offers, reasons), never by what a client sends. Money is counted in units,
not in micros: a metric is an outermost edge.
"""

from typing import Literal

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from service.metrics.batched import SummedHistogram

BUYERS_LABELLED_MAX = 500
"""Buyers with a label of their own; the rest are summed under `other`, so that a scrape stays small."""
OTHER = "other"
SECONDS_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)

Kind = Literal["counter", "gauge", "histogram"]


class Described(Struct, frozen=True):
    """One row of the table of metrics, for the README and its test. `state`: read at the scrape, not counted."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    state: bool = False


disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles a scrape and tells nothing
REGISTRY = CollectorRegistry()
_described: list[Described] = []


def _counter(name: str, text: str, *labels: str) -> Counter:
    _described.append(Described(f"pingpost_{name}", "counter", labels, text))
    return Counter(f"pingpost_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str) -> SummedHistogram:
    _described.append(Described(f"pingpost_{name}", "histogram", labels, text))
    return SummedHistogram(f"pingpost_{name}", text, labels, registry=REGISTRY, buckets=SECONDS_BUCKETS)


def _gauge(name: str, text: str, mode: Literal["livemin", "livemax", "livesum"], *labels: str) -> Gauge:
    _described.append(Described(f"pingpost_{name}", "gauge", labels, text))
    return Gauge(f"pingpost_{name}", text, labels, registry=REGISTRY, multiprocess_mode=mode)


def _state(name: str, text: str, *labels: str) -> None:
    _described.append(Described(f"pingpost_{name}", "gauge", labels, text, state=True))


PINGS = _counter("pings_total", "Pings answered, by endpoint and the answer's status.", "endpoint", "status")
POSTS = _counter(
    "posts_total",
    "Posts answered, by endpoint, kind (post, post_only, full) and the answer's status.",
    "endpoint",
    "kind",
    "status",
)
CALLS = _counter("calls_total", "Calls asked to be routed, by endpoint and the answer.", "endpoint", "status")
CALL_EVENTS = _counter("call_events_total", "Call events taken, by event and what became of it.", "event", "status")
CALLS_OVERRUN = _counter("calls_overrun_total", "Calls that went on after their slot had lapsed with no room left.")
DECLINES = _counter("declines_total", "Contracts declined, by offer and reason.", "offer", "reason")
BUYER_DECLINES = _counter(
    "buyer_declines_total",
    "Declines that change by the minute (concurrency, caps, duplicate, balance), by buyer and reason; "
    f"buyers beyond the first {BUYERS_LABELLED_MAX} are {OTHER}.",
    "buyer",
    "reason",
)
BIDS = _counter("bids_total", "Bids offered to publishers, by offer.", "offer")
BID_AMOUNT = _counter("bid_amount_total", "Sum of the bids offered, in units of the account's currency.", "offer")
SALES = _counter("sales_total", "Sales made, by offer.", "offer")
LATE_CONVERSIONS = _counter(
    "late_conversions_total", "Sales made after their pending life: they may go beyond a cap or a balance.", "offer"
)
RETURNS = _counter("returns_total", "Sales given back, by offer and by whom (buyer, operator).", "offer", "by")
REVENUE = _counter("revenue_total", "Price of the sales made, in units of the account's currency.", "offer")
PAYOUT = _counter(
    "payout_total", "What was quoted to publishers for the sales made, in units of the account's currency.", "offer"
)
SALE_CHANGES = _counter(
    "sale_changes_total",
    "Sales that a call changed, by offer and change (moved to the next buyer, voided). Sales, revenue and payout count "
    "what was made and are not corrected by these, nor by returns.",
    "offer",
    "change",
)
RATE_LIMITED = _counter("rate_limited_total", "Requests answered 429, by whose limit and window.", "scope", "per")
LATE_SCRIPTS = _counter("store_late_scripts_total", "Scripts that ran too late and therefore wrote nothing.")
RELOAD_FAILURES = _counter(
    "catalog_reload_failures_total", "New catalogs refused for their mistakes, or not taken by a worker."
)
FAULTS = _counter("faults_total", "Answers 500: bugs, each with a trace id in the log.")
PING_SECONDS = _histogram("ping_duration_seconds", "Time from a ping's arrival to its answer.")
POST_SECONDS = _histogram("post_duration_seconds", "Time from a post's or full's arrival to its answer.")
ROUTE_SECONDS = _histogram("route_duration_seconds", "Time from a route question's arrival to its answer.")
SCRIPT_SECONDS = _histogram("script_duration_seconds", "Time a Redis script took as seen from here.", "script")
STORE_UP = _gauge("store_up", "1 while Redis answers every worker, else 0.", "livemin")
BREAKER_OPEN = _gauge("store_breaker_open", "1 while a worker's breaker keeps requests from Redis.", "livemax")
IN_FLIGHT = _gauge("requests_in_flight", "Requests at work now, all workers.", "livesum")
LOOP_LAG = _gauge("event_loop_lag_seconds", "Worst lateness of an event loop in its last second.", "livemax")
ARCHIVED = _counter("archive_entries_total", "Entries that the archive has taken, by stream (sales, audit).", "stream")
ARCHIVE_REFUSED = _counter(
    "archive_refused_total", "Entries that could not be applied and are kept in the ledger's table refused.", "stream"
)
ARCHIVE_FAILURES = _counter("archive_failures_total", "Batches that failed and are tried again, by whom.", "what")
ARCHIVE_GAPS = _counter(
    "archive_gaps_total", "Times that entries were gone from a stream before the archive took them.", "stream"
)
ARCHIVE_BEHIND = _gauge(
    "archive_behind_entries", "Entries that the archive has not taken yet, about, by stream.", "livemax", "stream"
)
ARCHIVE_BEHIND_SECONDS = _gauge(
    "archive_behind_seconds", "Age of the last entry the archive took while there are newer ones.", "livemax", "stream"
)

_state("sales_stream_entries", "Sales that stand in Redis until the archive has taken them.")
_state("buyer_slots", "Slots in use, by buyer.", "buyer")
_state("buyer_holds", "Holds of pings, by buyer.", "buyer")
_state("buyer_cap", "Concurrency cap, by buyer; absent where there is none.", "buyer")
_state("buyer_balance", "What a buyer that needs one can spend, in units of the account's currency.", "buyer")
_state("contract_sold", "Sales counted in the current period, by contract and period.", "contract", "per")
_state("contract_pending", "Posts that are not yet a sale, by contract.", "contract")
_state("contract_cap", "Cap on sales, by contract and period.", "contract", "per")
_state("pool_numbers", "Tracking numbers, by pool and state (free, lent, cooling).", "pool", "state")
_state("catalog_info", "1; the version of the catalog that is served.", "version")
_state("build_info", "1; the version of pingpost.", "version")

TABLE: tuple[Described, ...] = tuple(_described)
STATES = {row.name: row for row in TABLE if row.state}
