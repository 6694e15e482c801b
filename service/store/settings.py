"""The store's limits, each with its reason; the process may override them."""

from msgspec import Struct

REDIS_VERSION_MIN = (6, 2)
"""The oldest that all of this is tested on."""


class StoreSettings(Struct, frozen=True):
    give_up_ms: int = 200
    """When a waiter raises StoreDown: with 50 ms left to answer within 250. All trips of one answer share it."""
    late_margin_ms: int = 50
    """So long before that a script answers `late` and writes nothing: covers what the clocks may differ by, and the way
    back. So who was told 503 has taken nothing."""
    connect_ms: int = 1_000
    """For a connection made at start; a later one must fit into the time of its caller."""
    questions_max: int = 4_096
    """Waiting for Redis at a time, per worker: more than it answers within `give_up_ms`."""
    audit_records_max: int = 200_000
    sale_keep_ms: int = 86_400_000
    """Repeats of a post are answered for 24 hours."""
    open_ping_ms: int = 5_000
    """Life of a ping between two of its trips: if the worker dies there, its copies need not wait for long."""
    tombstone_ms: int = 3_600_000
    """How late a route may come after its call's end."""
    breaker_failures: int = 3
    probe_ms: int = 250
    probe_max_ms: int = 600
    """Pauses between tries of a Redis that is away double up to this; see `backing_off`."""
    clock_refresh_ms: int = 5_000
