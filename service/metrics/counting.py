"""Counting: one small function per event, so that no other room knows a metric object.

What every ping counts goes through batches, which `flush` writes out; what is rare is written at once.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from service.metrics import table
from service.metrics.batched import BatchedCounter, BatchedObservations

_MICROS = 1_000_000

_pings = BatchedCounter(table.PINGS)
_posts = BatchedCounter(table.POSTS)
_declines = BatchedCounter(table.DECLINES)
_buyer_declines = BatchedCounter(table.BUYER_DECLINES)
_bids = BatchedCounter(table.BIDS)
_bid_amount = BatchedCounter(table.BID_AMOUNT)
_COUNTERS = (_pings, _posts, _declines, _buyer_declines, _bids, _bid_amount)

_ping_seconds = BatchedObservations(table.PING_SECONDS, table.SECONDS_BUCKETS)
_post_seconds = BatchedObservations(table.POST_SECONDS, table.SECONDS_BUCKETS)
_script_seconds: dict[str, BatchedObservations] = {}

_in_flight: Callable[[], int] = int
_labelled_buyers: dict[int, str] = {}


def flush() -> None:
    """Writes out what was counted since the last time: to be called some times a second, before a scrape, and last."""
    for counter in _COUNTERS:
        counter.flush()
    for observations in (_ping_seconds, _post_seconds, *_script_seconds.values()):
        observations.flush()
    table.IN_FLIGHT.set(_in_flight())


def count_ping(endpoint: str, status: str) -> None:
    _pings.pending[endpoint, status] += 1


def count_post(endpoint: str, kind: Literal["post", "post_only", "full"], status: str) -> None:
    _posts.pending[endpoint, kind, status] += 1


def count_call(endpoint: str, status: str) -> None:
    """`endpoint` is "" where the number leads nowhere; `status` is "routed" or the reason of the rejection."""
    table.CALLS.labels(endpoint, status).inc()


def count_call_event(event: str, status: str) -> None:
    table.CALL_EVENTS.labels(event, status).inc()
    if status == "overrun":
        table.CALLS_OVERRUN.inc()


def count_declines(offer: str, reason: str, count: int = 1) -> None:
    _declines.pending[offer, reason] += count


def buyer_label(buyer_id: int) -> str:
    """The buyer's own label for the first buyers that come, `other` for the rest."""
    label = _labelled_buyers.get(buyer_id)
    if label is None:
        if len(_labelled_buyers) >= table.BUYERS_LABELLED_MAX:
            return table.OTHER
        label = _labelled_buyers[buyer_id] = str(buyer_id)
    return label


def label_buyers(buyer_ids: Iterable[int]) -> None:
    """Gives a catalog's first buyers their labels, and no others: the same ones in every worker."""
    _labelled_buyers.clear()
    for buyer_id in buyer_ids:
        buyer_label(buyer_id)


def count_buyer_decline(buyer_id: int, reason: str) -> None:
    _buyer_declines.pending[buyer_label(buyer_id), reason] += 1


def count_bids(offer: str, count: int, amount_micros: int) -> None:
    _bids.pending[offer,] += count
    _bid_amount.pending[offer,] += amount_micros / _MICROS


def count_sale(offer: str, bid_micros: int, payout_micros: int) -> None:
    table.SALES.labels(offer).inc()
    table.REVENUE.labels(offer).inc(bid_micros / _MICROS)
    table.PAYOUT.labels(offer).inc(payout_micros / _MICROS)


def count_conversion(offer: str, *, is_late: bool) -> None:
    """Of a pending sale; one that is made in time is a sale and nothing else."""
    if is_late:
        table.LATE_CONVERSIONS.labels(offer).inc()


def count_return(offer: str, by: Literal["buyer", "operator"]) -> None:
    table.RETURNS.labels(offer, by).inc()


def count_sale_change(offer: str, change: Literal["moved", "voided"]) -> None:
    table.SALE_CHANGES.labels(offer, change).inc()


def count_rate_limited(scope: str, per: str) -> None:
    table.RATE_LIMITED.labels(scope, per).inc()


def count_late_script() -> None:
    table.LATE_SCRIPTS.inc()


def count_reload_failure() -> None:
    table.RELOAD_FAILURES.inc()


def count_fault() -> None:
    table.FAULTS.inc()


def count_archived(stream: str, entries: int, refused: int) -> None:
    table.ARCHIVED.labels(stream).inc(entries)
    if refused:
        table.ARCHIVE_REFUSED.labels(stream).inc(refused)


def count_archive_failure(what: str) -> None:
    table.ARCHIVE_FAILURES.labels(what).inc()


def count_archive_gap(stream: str) -> None:
    table.ARCHIVE_GAPS.labels(stream).inc()


def set_archive_behind(stream: str, entries: int, seconds: float) -> None:
    table.ARCHIVE_BEHIND.labels(stream).set(entries)
    table.ARCHIVE_BEHIND_SECONDS.labels(stream).set(seconds)


observe_ping: Callable[[float], None] = _ping_seconds.observe
observe_post: Callable[[float], None] = _post_seconds.observe
observe_route: Callable[[float], None] = table.ROUTE_SECONDS.observe
set_loop_lag: Callable[[float], None] = table.LOOP_LAG.set
"""All in seconds."""


def observe_script(script: str, seconds: float) -> None:
    found = _script_seconds.get(script)
    if found is None:
        child = table.SCRIPT_SECONDS.labels(script)
        found = _script_seconds[script] = BatchedObservations(child, table.SECONDS_BUCKETS)
    found.observe(seconds)


def show_in_flight(count: Callable[[], int]) -> None:
    """Whom to ask, at each flush, how many leads are at work in this process."""
    global _in_flight
    _in_flight = count


def set_store(*, up: bool, breaker_open: bool) -> None:
    table.STORE_UP.set(up)
    table.BREAKER_OPEN.set(breaker_open)
