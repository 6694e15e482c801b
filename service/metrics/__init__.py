"""Prometheus metrics: what is counted, by which labels, and the text of a scrape.

With several workers prometheus_client keeps one memory-mapped file per process under `PROMETHEUS_MULTIPROC_DIR`; that
variable must stand before this room is imported (the process room sees to it). Without it counts live in memory.
"""

from service.metrics.counting import (
    buyer_label,
    count_bids,
    count_buyer_decline,
    count_call,
    count_call_event,
    count_declines,
    count_fault,
    count_late_script,
    count_ping,
    count_post,
    count_rate_limited,
    count_reload_failure,
    count_sale,
    count_sale_change,
    flush,
    label_buyers,
    observe_ping,
    observe_post,
    observe_route,
    observe_script,
    set_loop_lag,
    set_store,
    show_in_flight,
)
from service.metrics.scrape import CONTENT_TYPE, Sample, exposition
from service.metrics.table import BUYERS_LABELLED_MAX, OTHER, REGISTRY, TABLE, Described

__all__ = [
    "BUYERS_LABELLED_MAX",
    "CONTENT_TYPE",
    "OTHER",
    "REGISTRY",
    "TABLE",
    "Described",
    "Sample",
    "buyer_label",
    "count_bids",
    "count_buyer_decline",
    "count_call",
    "count_call_event",
    "count_declines",
    "count_fault",
    "count_late_script",
    "count_ping",
    "count_post",
    "count_rate_limited",
    "count_reload_failure",
    "count_sale",
    "count_sale_change",
    "exposition",
    "flush",
    "label_buyers",
    "observe_ping",
    "observe_post",
    "observe_route",
    "observe_script",
    "set_loop_lag",
    "set_store",
    "show_in_flight",
]
