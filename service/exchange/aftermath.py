"""The story of a sale after its post and its call: a conversion that is reported, a sale that is given back."""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import UNSET, Struct

from service import metrics
from service.errors import StoreDown
from service.model.money import units_of
from service.model.returns import OPERATOR_RETURN_DAYS
from service.served.snapshot import Snapshot
from service.store import Store
from service.store.aftermath import About, KnownSale
from service.store.asks import Sale
from service.wire import Refusal, SaleId, sale_id
from service.wire.sale_answers import ConversionAnswer, ReturnAnswer

REREADS_MAX: Final = 3
"""How often a sale that a call moved while it was read is read again."""
DAY_MS: Final = 86_400_000

FromLedger = Callable[[SaleId], Awaitable[KnownSale | None]]
"""A sale that Redis has no more, as the ledger knows it; raises StoreDown where the ledger is away."""


class Party(Struct, frozen=True):
    """Who speaks of a sale: the operator, or the buyer of this id."""

    buyer_id: int | None = None

    @property
    def name(self) -> str:
        return "operator" if self.buyer_id is None else f"buyer:{self.buyer_id}"


async def convert(
    store: Store, snapshot: Snapshot, named: SaleId, party: Party, from_ledger: FromLedger | None = None
) -> ConversionAnswer | Refusal:
    """Makes a pending sale, or notes the conversion of one that is made. Raises StoreDown."""
    for _ in range(REREADS_MAX):
        sale = await _known(store, snapshot, named, party, from_ledger)
        if sale is None:
            return _unknown(from_ledger)
        converted = await store.convert(sale, party.name)
        if converted.status == "unknown":
            return _unknown(from_ledger)
        if converted.status in ("void", "returned"):
            return Refusal("conflict", [f"This sale is {converted.status}: nobody owes anything for it."])
        if converted.status == "changed":
            continue
        if converted.status == "made" and not converted.is_repeat:
            metrics.count_sale(sale.about.offer, sale.bid.bid_micros, sale.bid.payout_micros)
            metrics.count_conversion(sale.about.offer, is_late=converted.is_late)
        return ConversionAnswer(
            sale_id=sale_id(named.decision_id, named.part),
            taken="made" if converted.status == "made" else "noted",
            late=converted.is_late or UNSET,
            repeat=converted.is_repeat or UNSET,
        )
    raise StoreDown("The sale kept moving while its conversion was taken.")


async def give_back(
    store: Store,
    snapshot: Snapshot,
    named: SaleId,
    party: Party,
    reason: str,
    from_ledger: FromLedger | None = None,
) -> ReturnAnswer | Refusal:
    """Returns a sale that was made: nothing is owed for it. Raises StoreDown."""
    for _ in range(REREADS_MAX):
        sale = await _known(store, snapshot, named, party, from_ledger)
        if sale is None:
            return _unknown(from_ledger)
        days = _days_left_open(snapshot, sale, party)
        # Without days not even one that is pending as it was read: it may be made before the script comes to it.
        if days == 0 or (sale.made_at_ms and store.now_ms() > sale.made_at_ms + days * DAY_MS):
            return Refusal("conflict", [_too_late(party, days)])
        refunded = await store.refund(sale, reason, party.name)
        if refunded.status == "unknown":
            return _unknown(from_ledger)
        if refunded.status in ("pending", "lapsed", "void"):
            return Refusal("conflict", [f"This sale is {refunded.status}: there is nothing to give back."])
        if refunded.status == "changed":
            continue
        if refunded.status == "returned":
            metrics.count_return(sale.about.offer, "operator" if party.buyer_id is None else "buyer")
        return ReturnAnswer(
            sale_id=sale_id(named.decision_id, named.part),
            credit=units_of(sale.bid.bid_micros),
            repeat=refunded.status == "repeat" or UNSET,
        )
    raise StoreDown("The sale kept moving while it was returned.")


async def _known(
    store: Store, snapshot: Snapshot, named: SaleId, party: Party, from_ledger: FromLedger | None
) -> KnownSale | None:
    """The sale of that id, unless it is another buyer's: then there is none for who asks."""
    found = await store.sale(named.decision_id)
    if found is not None:
        sale = _from_redis(snapshot, found, named)
    else:
        sale = await from_ledger(named) if from_ledger else None
    return sale if sale is not None and party.buyer_id in (None, sale.bid.buyer_id) else None


def _from_redis(snapshot: Snapshot, sale: Sale, named: SaleId) -> KnownSale | None:
    record, position = sale.record, sale.position if named.part is None else named.part
    if position >= len(record.bids):
        return None
    bid = record.bids[position]
    endpoint = snapshot.catalog.endpoints.get(record.endpoint)
    about = About(
        record.endpoint, record.source_id, record.request_id, record.catalog, endpoint.offer if endpoint else ""
    )
    return KnownSale(
        decision_id=named.decision_id,
        part=named.part,
        position=position,
        bid=bid,
        number=sale.number,
        about=about,
        made_at_ms=sale.made_at_ms,
        buyer=snapshot.catalog.buyers.get(bid.buyer_id),
    )


def _days_left_open(snapshot: Snapshot, sale: KnownSale, party: Party) -> int:
    """A contract that has left the catalog lets nobody but the operator return what it bought."""
    if party.buyer_id is None:
        return OPERATOR_RETURN_DAYS
    _, contract = snapshot.contracts.get(sale.bid.contract_id, (None, None))
    return contract.return_days if contract else 0


def _too_late(party: Party, days: int) -> str:
    if days == 0:
        return "Sales of this contract cannot be returned by their buyer."
    who = "An operator" if party.buyer_id is None else "The buyer"
    return f"{who} can return a sale within {days} days; they are over."


def _unknown(from_ledger: FromLedger | None) -> Refusal:
    sentence = "There is no sale of this id"
    if from_ledger is None:
        sentence += " in Redis, which keeps them for a day; older ones need the ledger, which is not asked here"
    return Refusal("not_found", [f"{sentence}."])
