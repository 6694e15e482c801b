"""Which rate limits a request counts under."""

from service.model.catalog import Catalog, Endpoint, RateLimits, Source, Window
from service.served.snapshot import Snapshot
from service.store.asks import Limit

TESTS_PER_MINUTE = 60
"""Test pings and posts an endpoint answers in a minute: enough to integrate against, too few to load the store with."""

_TEST_BUCKET = "test"


def limits_of(snapshot: Snapshot, endpoint: Endpoint, source: Source) -> tuple[Limit, ...]:
    """The rate limits a request counts under: the endpoint's own first, then its source's, where an entry of the
    endpoint's rate limiter replaces `source_rate_limits`. The same ones for the same source, so that the store can pack
    them once a minute."""
    found: tuple[Limit, ...] | None = snapshot.limits.get((endpoint.vanity_uri, source.id))
    if found is None:
        found = snapshot.limits[endpoint.vanity_uri, source.id] = _worked_out(snapshot.catalog, endpoint, source)
    return found


def _worked_out(catalog: Catalog, endpoint: Endpoint, source: Source) -> tuple[Limit, ...]:
    limiter = catalog.rate_limiters.get(endpoint.rate_limiter or "")
    of_source = endpoint.source_rate_limits
    if limiter is not None:
        of_source = limiter.limits.get(source.id, of_source)
    own = [Limit("endpoint", "", per, limit) for per, limit in _windows(endpoint.rate_limits)]
    return (*own, *(Limit("traffic_source", source.id, per, limit) for per, limit in _windows(of_source)))


TEST_LIMITS = (Limit("endpoint", _TEST_BUCKET, "minute", TESTS_PER_MINUTE),)


def _windows(limits: RateLimits) -> list[tuple[Window, int]]:
    pairs: list[tuple[Window, int | None]] = [
        ("minute", limits.per_minute),
        ("hour", limits.per_hour),
        ("day", limits.per_day),
    ]
    return [(per, limit) for per, limit in pairs if limit is not None]
