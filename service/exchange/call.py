"""The story of a call: which sale a tracking number leads to, whom to dial, and when the slot is free again."""

from msgspec import Struct

from service import metrics
from service.exchange.post import positions_to_try, sell_found, sellable
from service.model.catalog import Contract, Endpoint
from service.model.lead import Bid
from service.model.money import units_of
from service.served.snapshot import Snapshot
from service.store import Store
from service.store.asks import CallEvent, EventTaken, RouteAsk, Routed, Sale
from service.wire import ids
from service.wire.call_answers import NoRoute, NoRouteReason, RouteAnswer, no_route
from service.wire.calls import RouteQuestion


class Routing(Struct, frozen=True):
    """The answer to an edge, and the endpoint it is counted under ("" where the number leads nowhere)."""

    answer: RouteAnswer | NoRoute
    endpoint: str = ""


async def route(store: Store, snapshot: Snapshot, asked: RouteQuestion) -> Routing:
    """Where a call goes: to the buyer of its number's sale, or to the next one after a failed attempt.

    The same (edge, call, attempt) gets the very same answer. Raises StoreDown.
    """
    sale = await _sale_behind(store, snapshot, asked)
    if not isinstance(sale, Sale):
        return Routing(no_route(sale))
    endpoint = _endpoint_of(snapshot, sale)
    after = sale.order[sale.order.index(sale.position) + 1 :]
    bids, positions = sellable(snapshot, sale.record, after)
    routed = await store.route(
        RouteAsk(
            edge=asked.edge,
            call=asked.call,
            attempt=asked.attempt,
            last=asked.last,
            decision_id=sale.record.decision_id,
            sale=sale,
            endpoint=endpoint,
            current=_current(snapshot, sale),
            bids=bids,
            positions=positions,
            caller_matches=not endpoint.caller_must_match or asked.caller_id == sale.record.lead.get("caller_id"),
        )
    )
    _count_change(endpoint, sale, routed)
    if routed.reason:
        return Routing(no_route(routed.reason), endpoint.vanity_uri)
    return Routing(_dial(snapshot, endpoint, routed.sale or sale, routed.position), endpoint.vanity_uri)


async def event(store: Store, snapshot: Snapshot, said: CallEvent) -> EventTaken:
    """Takes an event of a call; events may come late, twice, in any order, or never. Raises StoreDown."""
    taken = await store.event(said, snapshot.catalog.buyers)
    if taken.made is not None:
        endpoint = snapshot.catalog.endpoints.get(taken.endpoint)
        offer = endpoint.offer if endpoint else metrics.OTHER
        metrics.count_sale(offer, taken.made.bid_micros, taken.made.payout_micros)
        metrics.count_conversion(offer, is_late=taken.is_late)
    return taken


async def _sale_behind(store: Store, snapshot: Snapshot, asked: RouteQuestion) -> Sale | NoRouteReason:
    """The sale a call belongs to. A call that comes on a publisher's own number after a ping alone is sold now."""
    found = await store.find_call(
        edge=asked.edge,
        call=asked.call,
        number=asked.tracking_number,
        caller_id=asked.caller_id,
        pools=tuple(snapshot.catalog.pools.values()),
        own_number_known=asked.tracking_number in snapshot.catalog.static_numbers,
    )
    if found.sale_of:
        return await store.sale(found.sale_of) or "number_expired"
    if found.ping_of:
        return await _sell_ping(store, snapshot, found.ping_of)
    return "number_expired" if found.known else "unknown_number"


async def _sell_ping(store: Store, snapshot: Snapshot, decision_id: str) -> Sale | NoRouteReason:
    """Sells a ping's lead as its try-all id would have, at its quotes."""
    found, sale = await store.posted(decision_id)
    if sale is not None:
        return sale
    if found is None or found.record.endpoint not in snapshot.catalog.endpoints:
        return "number_expired"
    order = positions_to_try(found, frozenset(), None)
    sold = await sell_found(store, snapshot, found, order, posted_id=ids.ping_id(decision_id))
    if sold.sale is not None:
        return sold.sale
    return "no_buyer_left" if sold.status == "none" else "number_expired"


def _endpoint_of(snapshot: Snapshot, sale: Sale) -> Endpoint:
    """The sale's endpoint. One that has left the catalog since still has its calls routed, in the usual times."""
    name = sale.record.endpoint
    gone = Endpoint(name, offer="", tracking="ring_pool" if sale.pool else "caller_number", ring_pool=sale.pool or None)
    return snapshot.catalog.endpoints.get(name, gone)


def _current(snapshot: Snapshot, sale: Sale) -> Bid | None:
    """The bid that the sale was made on: its buyer has bought and is dialled, paused or changed since; None where the
    catalog no longer knows whom to dial."""
    quoted = sale.record.bids[sale.position]
    buyer = snapshot.catalog.buyers.get(quoted.buyer_id)
    if buyer is None or buyer.destination is None:
        return None
    contract = Contract(quoted.contract_id, quoted.buyer_id, offer="", bid_micros=quoted.bid_micros)
    return Bid(contract, buyer, quoted.bid_micros, quoted.payout_micros, quoted.is_default)


def _count_change(endpoint: Endpoint, before: Sale, routed: Routed) -> None:
    """Counts a sale that this question moved or voided; a repeated question finds it so already."""
    after = routed.sale
    if after is None or before.state == "void":
        return
    if after.state == "void":
        metrics.count_sale_change(endpoint.offer, "voided")
    elif after.position != before.position:
        metrics.count_sale_change(endpoint.offer, "moved")


def _dial(snapshot: Snapshot, endpoint: Endpoint, sale: Sale, position: int) -> RouteAnswer | NoRoute:
    quoted = sale.record.bids[position]
    buyer = snapshot.catalog.buyers.get(quoted.buyer_id)
    if buyer is None or buyer.destination is None:
        return no_route("no_buyer_left")
    return RouteAnswer(
        destination=buyer.destination,
        ring_seconds=endpoint.ring_seconds,
        max_seconds=endpoint.max_call_seconds,
        sale_id=ids.sale_id(sale.record.decision_id),
        buyer_id=buyer.id,
        buyer_name=buyer.name,
        bid=units_of(quoted.payout_micros),
    )
