"""What an operator should know of a catalog that is right all the same."""

from collections.abc import Iterator

from service.model.catalog import Catalog, Contract, Endpoint, Offer
from service.model.money import units_of


def notices_on(catalog: Catalog) -> tuple[str, ...]:
    """Sentences: keys that are kept and not yet acted on, and contracts that can hardly be meant."""
    notices = [notice for offer in catalog.offers.values() for notice in _on_offer(offer)]
    notices += [notice for endpoint in catalog.endpoints.values() for notice in _on_endpoint(endpoint)]
    for buyer in catalog.buyers.values():
        for contract in buyer.contracts:
            notices.extend(_on_contract(contract, catalog.offers[contract.offer]))
    return tuple(notices)


def _on_offer(offer: Offer) -> Iterator[str]:
    if offer.distribution.mode != "exclusive":
        yield f"offer {offer.id}: distribution {offer.distribution.mode} is kept, but leads are sold exclusively yet"


def _on_endpoint(endpoint: Endpoint) -> Iterator[str]:
    hold, life = endpoint.hold_seconds, endpoint.ping_ttl_seconds
    if hold > life:
        yield f"endpoint {endpoint.vanity_uri}: hold_seconds {hold} ends with ping_ttl_seconds {life}"


def _on_contract(contract: Contract, offer: Offer) -> Iterator[str]:
    highest_micros = max(contract.bid_micros, *(rule.bid_micros for rule in contract.bids), 0)
    if contract.bid_micros == 0:
        yield f"contract {contract.id}: bids 0.00"
    elif highest_micros < offer.floor_micros:
        bid, floor = units_of(highest_micros), units_of(offer.floor_micros)
        yield f"contract {contract.id}: bids {bid:.2f} at most, below the floor {floor:.2f} of offer {offer.id}"
    for cap in contract.revenue_caps:
        if cap.limit_micros < contract.bid_micros:
            limit, bid = units_of(cap.limit_micros), units_of(contract.bid_micros)
            yield f"contract {contract.id}: bids {bid:.2f}, above its revenue_{cap.per} {limit:.2f}: never buys at that"
    if contract.dedup_on and not contract.dedup_days:
        yield f"contract {contract.id}: dedup_on does nothing without dedup_days"
