"""What an operator should know of a catalog that is right all the same."""

from collections.abc import Iterator

from service.model.catalog import BidRule, Catalog, Contract, Endpoint, Offer
from service.model.distribution import keeps_out, modes_of, price_in
from service.model.money import units_of


def notices_on(catalog: Catalog) -> tuple[str, ...]:
    """Sentences: keys that are kept and not yet acted on, and what can hardly be meant."""
    notices = [notice for offer in catalog.offers.values() for notice in _on_offer(offer)]
    notices += [notice for endpoint in catalog.endpoints.values() for notice in _on_endpoint(endpoint)]
    for buyer in catalog.buyers.values():
        for contract in buyer.contracts:
            offer = catalog.offers[contract.offer]
            notices += [f"contract {contract.id}: {notice}" for notice in _on_contract(contract, offer)]
            notices += [f"contract {contract.id}: {notice}" for notice in _on_sharing(contract, offer)]
    return tuple(notices)


def _on_offer(offer: Offer) -> Iterator[str]:
    if offer.exclusive_days and "exclusive" not in modes_of(offer):
        yield f"offer {offer.id}: exclusive_days does nothing, for no lead is sold to one buyer alone"
    distribution = offer.distribution
    if distribution.mode == "hybrid" and distribution.floor_micros < offer.floor_micros:
        low, floor = units_of(distribution.floor_micros), units_of(offer.floor_micros)
        yield f"offer {offer.id}: the floor {low:.2f} of its distribution is below its own floor {floor:.2f}"


def _on_endpoint(endpoint: Endpoint) -> Iterator[str]:
    hold, life = endpoint.hold_seconds, endpoint.ping_ttl_seconds
    if hold > life:
        yield f"endpoint {endpoint.vanity_uri}: hold_seconds {hold} ends with ping_ttl_seconds {life}"


def _on_contract(contract: Contract, offer: Offer) -> Iterator[str]:
    priced: list[Contract | BidRule] = [contract, *contract.bids]
    prices = [price_in(one, mode) for one in priced for mode in modes_of(offer)]
    if contract.bid_micros == 0:
        yield "bids 0.00"
    elif max(prices) < offer.floor_micros:
        bid, floor = units_of(max(prices)), units_of(offer.floor_micros)
        yield f"bids {bid:.2f} at most, below the floor {floor:.2f} of offer {offer.id}"
    for cap in contract.revenue_caps:
        if cap.limit_micros < contract.bid_micros:
            limit, bid = units_of(cap.limit_micros), units_of(contract.bid_micros)
            yield f"bids {bid:.2f}, above its revenue_{cap.per} {limit:.2f}: never buys at that"
    if contract.dedup_on and not contract.dedup_days:
        yield "dedup_on does nothing without dedup_days"


def _on_sharing(contract: Contract, offer: Offer) -> Iterator[str]:
    modes, kind = modes_of(offer), offer.distribution.mode
    if all(keeps_out(contract, offer, mode) for mode in modes):
        yield f"buys nothing, for sells is {contract.sells}, and offer {offer.id} is {kind}"
    elif any("bid_shared" in keeps_out(contract, offer, mode) for mode in modes):
        yield f"has no bid_shared, and so buys no shared lead of offer {offer.id}"
    if contract.bid_shared_micros is None:
        return
    if "shared" not in modes:
        yield f"bid_shared does nothing, for offer {offer.id} is {kind}"
        return
    priced: list[Contract | BidRule] = [contract, *contract.bids]
    for at, one in enumerate(priced):
        if (shared := price_in(one, "shared")) > one.bid_micros:
            where = f" in bids[{at - 1}]" if at else ""
            yield f"bid_shared {units_of(shared):.2f} is above bid {units_of(one.bid_micros):.2f}{where}"
    for at, rule in enumerate(contract.bids):
        if kind == "multisell" and rule.bid_shared_micros == contract.bid_shared_micros:
            yield f"bids[{at}] changes nothing, for offer {offer.id} sells at bid_shared"
