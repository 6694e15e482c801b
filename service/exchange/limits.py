"""Which rate limits a request counts under."""

from service.model.catalog import Catalog, Endpoint, RateLimits, Source, Window
from service.store.asks import Limit

NO_LIMITS = RateLimits()

TESTS_PER_MINUTE = 60
"""Test pings and posts an endpoint answers in a minute: enough to integrate against, too few to load the store with."""

_TEST_BUCKET = "test"


def limits_of(catalog: Catalog, endpoint: Endpoint, source: Source) -> tuple[Limit, ...]:
    """The rate limits a request counts under: the endpoint's own first, then its source's, where an entry of the
    endpoint's rate limiter replaces `source_rate_limits`."""
    limiter = catalog.rate_limiters.get(endpoint.rate_limiter or "")
    of_source = endpoint.source_rate_limits
    if limiter is not None:
        of_source = limiter.limits.get(source.id, of_source)
    if endpoint.rate_limits == NO_LIMITS == of_source:
        return ()
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
