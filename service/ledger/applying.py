"""What an event of the sales stream does to a sale and to the accounts. Pure: rows in, rows out.

Each event looks at how the sale stands, so that one which is applied again, or comes too late to matter, changes
nothing. Entries are double entry: the amounts of one key sum to 0, and what is given back are the negatives of what was
taken.
"""

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from service.model.sales import SaleEvent, SoldBid

State = Literal["pending", "sold", "void", "lapsed", "returned"]
Kind = Literal["sale", "move", "void", "return", "top_up", "correction"]


class SaleRow(Struct, frozen=True, kw_only=True):
    """A row of the table of sales, by its columns."""

    sale_id: str
    decision_id: str
    offer: str
    endpoint: str
    source_id: str
    buyer_id: int
    contract: str
    bid_micros: int
    payout_micros: int
    is_default: bool
    mode: str | None
    catalog: str
    request_id: str
    state: State
    posted_at_ms: int
    number: str
    positions: str
    moves: int = 0
    made_at_ms: int | None = None
    made_by: str | None = None
    taken_at_ms: int | None = None
    call: str | None = None
    call_outcome: str | None = None
    call_answered: bool | None = None
    call_duration_ms: int | None = None
    converted_at_ms: int | None = None
    returned_at_ms: int | None = None
    return_reason: str | None = None


class EntryRow(Struct, frozen=True, kw_only=True):
    """A row of the table of entries. Buyer and source stand only in the entries of their own accounts."""

    key: str
    account: str
    at_ms: int
    amount_micros: int
    kind: Kind
    sale_id: str | None = None
    buyer_id: int | None = None
    source_id: str | None = None
    reason: str | None = None


class Applied(Struct, frozen=True):
    """The sale as it stands after the event (None for what is no sale's), and what the event moves."""

    sale: SaleRow | None
    entries: tuple[EntryRow, ...] = ()


class NotApplied(Struct, frozen=True):
    """The event cannot be meant; why, without a value of it."""

    why: str


def apply(event: SaleEvent, sale: SaleRow | None) -> Applied | NotApplied:
    """`sale` is the row of the event's sale, None where there is none yet."""
    if event.event == "credited":
        return _credited(event)
    if event.event in ("posted", "sold") and sale is None:
        return _begun(event)
    if sale is None:
        return NotApplied(f"{event.event}, of a sale that the ledger does not know")
    return _CHANGES[event.event](event, sale)


def _begun(event: SaleEvent) -> Applied | NotApplied:
    bid, about = event.bid, event.about
    if bid is None or about is None or event.position is None or not event.sale_id:
        return NotApplied(f"{event.event} without sale, position, bid or about")
    pending = SaleRow(
        sale_id=event.sale_id,
        decision_id=event.decision_id,
        offer=about.offer,
        endpoint=about.endpoint,
        source_id=about.source_id,
        buyer_id=bid.buyer_id,
        contract=bid.contract,
        bid_micros=bid.bid_micros,
        payout_micros=bid.payout_micros,
        is_default=bid.is_default,
        mode=about.mode,
        catalog=about.catalog,
        request_id=about.request_id,
        state="pending",
        posted_at_ms=event.at_ms,
        number=event.number,
        positions=str(event.position),
    )
    return Applied(pending) if event.event == "posted" else _sold(event, pending)


def _posted(_event: SaleEvent, sale: SaleRow) -> Applied:
    return Applied(sale)


def _sold(event: SaleEvent, sale: SaleRow) -> Applied | NotApplied:
    """Also one that has lapsed: a conversion that is reported late is booked all the same. Not once more to a buyer
    that it has left since."""
    if sale.state not in ("pending", "lapsed"):
        return Applied(sale)
    if event.bid is None or event.position is None:
        return NotApplied("sold without position or bid")
    if str(event.position) in sale.positions.split(",")[:-1]:
        return Applied(sale)
    made_by = event.made or "post"
    made = replace(
        _taken_by(sale, event.bid, event.position),
        state="sold",
        made_at_ms=event.at_ms,
        made_by=made_by,
        taken_at_ms=event.at_ms,
        converted_at_ms=event.at_ms if made_by in ("converted", "reported") else sale.converted_at_ms,
    )
    return Applied(made, _charge(made, f"{sale.sale_id}:sold:{event.position}", "sale", event.at_ms))


def _moved(event: SaleEvent, sale: SaleRow) -> Applied | NotApplied:
    if event.bid is None or event.position is None:
        return NotApplied("moved without position or bid")
    had_it = sale.positions.split(",")
    if sale.state not in ("pending", "sold") or str(event.position) in had_it:
        return Applied(sale)
    moved = replace(_taken_by(sale, event.bid, event.position), moves=sale.moves + 1)
    if sale.state == "pending":
        return Applied(moved)
    key = f"{sale.sale_id}:moved:{event.position}"
    back = _charge(sale, f"{key}:back", "move", event.at_ms, back=True)
    if event.pending:  # it was made with the buyer before, and the next one is still to make it
        return Applied(replace(moved, state="pending", made_at_ms=None, made_by=None, taken_at_ms=None), back)
    moved = replace(moved, taken_at_ms=event.at_ms)
    return Applied(moved, (*back, *_charge(moved, key, "move", event.at_ms)))


def _voided(event: SaleEvent, sale: SaleRow) -> Applied:
    if sale.state not in ("pending", "sold"):
        return Applied(sale)
    return Applied(replace(sale, state="void"), _given_back(event, sale, "void"))


def _lapsed(_event: SaleEvent, sale: SaleRow) -> Applied:
    return Applied(replace(sale, state="lapsed") if sale.state == "pending" else sale)


def _ended(event: SaleEvent, sale: SaleRow) -> Applied:
    """Of several calls the one that counts stands: an answered one, then the longest. A switch need not say how long
    one was: -1 in the stream."""
    weight = (event.answered, event.duration_ms, event.call)
    stands = (bool(sale.call_answered), -1 if sale.call_duration_ms is None else sale.call_duration_ms, sale.call or "")
    if sale.call is not None and weight <= stands:
        return Applied(sale)
    return Applied(
        replace(
            sale,
            call=event.call,
            call_outcome=event.outcome,
            call_answered=event.answered,
            call_duration_ms=None if event.duration_ms < 0 else event.duration_ms,
        )
    )


def _converted(event: SaleEvent, sale: SaleRow) -> Applied:
    return Applied(sale if sale.converted_at_ms is not None else replace(sale, converted_at_ms=event.at_ms))


def _returned(event: SaleEvent, sale: SaleRow) -> Applied:
    if sale.state != "sold":
        return Applied(sale)
    returned = replace(sale, state="returned", returned_at_ms=event.at_ms, return_reason=event.reason)
    return Applied(returned, _given_back(event, sale, "return"))


_CHANGES: dict[str, Callable[[SaleEvent, SaleRow], Applied | NotApplied]] = {
    "posted": _posted,
    "sold": _sold,
    "moved": _moved,
    "voided": _voided,
    "lapsed": _lapsed,
    "ended": _ended,
    "converted": _converted,
    "returned": _returned,
}


def _taken_by(sale: SaleRow, bid: SoldBid, position: int) -> SaleRow:
    had_it = sale.positions.split(",")
    return replace(
        sale,
        buyer_id=bid.buyer_id,
        contract=bid.contract,
        bid_micros=bid.bid_micros,
        payout_micros=bid.payout_micros,
        is_default=bid.is_default,
        positions=sale.positions if str(position) == had_it[-1] else f"{sale.positions},{position}",
    )


def _given_back(event: SaleEvent, sale: SaleRow, kind: Kind) -> tuple[EntryRow, ...]:
    """Of a pending sale nothing: nothing was charged."""
    if sale.state != "sold":
        return ()
    key = f"{sale.sale_id}:{event.event}:{sale.positions.rpartition(',')[2]}"
    return _charge(sale, key, kind, event.at_ms, back=True, reason=event.reason or None)


def _charge(
    sale: SaleRow, key: str, kind: Kind, at_ms: int, *, back: bool = False, reason: str | None = None
) -> tuple[EntryRow, ...]:
    """The buyer is charged, the publisher is owed, the margin is the rest; or all of that back. Nothing of 0."""
    sign = -1 if back else 1
    about: dict[str, Any] = {"key": key, "at_ms": at_ms, "kind": kind, "sale_id": sale.sale_id, "reason": reason}
    bid, payout = sale.bid_micros * sign, sale.payout_micros * sign
    rows = (
        EntryRow(account=f"buyer:{sale.buyer_id}", amount_micros=-bid, buyer_id=sale.buyer_id, **about),
        EntryRow(account=f"publisher:{sale.source_id}", amount_micros=payout, source_id=sale.source_id, **about),
        EntryRow(account="margin", amount_micros=bid - payout, **about),
    )
    return tuple(row for row in rows if row.amount_micros)


def _credited(event: SaleEvent) -> Applied | NotApplied:
    """Money from outside has `cash` as its other side, a correction has `corrections`. Of an event that does not say
    which it is, what is given is a top-up, and what is taken a correction."""
    if event.buyer is None or not event.key:
        return NotApplied("credited without buyer or key")
    kind = event.kind or ("top_up" if event.amount_micros > 0 else "correction")
    about: dict[str, Any] = {
        "key": f"credit:{event.key}",
        "at_ms": event.at_ms,
        "kind": kind,
        "reason": event.reason or None,
    }
    other_side = "cash" if kind == "top_up" else "corrections"
    rows = (
        EntryRow(account=f"buyer:{event.buyer}", amount_micros=event.amount_micros, buyer_id=event.buyer, **about),
        EntryRow(account=other_side, amount_micros=-event.amount_micros, **about),
    )
    return Applied(None, tuple(row for row in rows if row.amount_micros))
