"""How much room a buyer has: the arithmetic of the cap buffer."""

from service.model.catalog import Buyer, Endpoint


def buffer_percent(buyer: Buyer, endpoint: Endpoint) -> int:
    """The buyer's own buffer over its endpoint's."""
    own = buyer.concurrency_cap_buffer_percent
    return endpoint.concurrency_cap_buffer_percent if own is None else own


def ping_limit(cap: int, percent: int) -> int:
    """Live leases up to which pings are offered a buyer: floor(C * (100 - B) / 100), at least 1 where C is."""
    return max(cap * (100 - percent) // 100, min(cap, 1))
