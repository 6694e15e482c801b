"""What an operator is told of somebody who was forgotten, in words that name nobody."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from service.ledger import Receipt
from service.model.catalog import Catalog
from service.model.person import Person
from service.store.erasing import Eraser
from service.wire.privacy_answers import BuyerTold, ForgetAnswer, SaleTold

KINDS = {
    "ping": "open pings",
    "test": "test pings",
    "shield": "shields of pings",
    "sale": "records of sales",
    "request": "request ids",
    "fields": "shields of posts",
    "caller": "callers' pointers",
    "bought": "dedup marks",
    "exclusive": "marks of exclusive sales",
    "audit": "entries of the audit",
    "decisions": "decisions of the ledger",
    "refused": "refused entries of the ledger",
}
"""What was erased, by what it was."""


def answer_of(
    catalog: Catalog,
    person: Person,
    eraser: Eraser,
    receipts: Sequence[Receipt],
    counts: Mapping[str, int],
    kept: list[str],
    *,
    suppressed: bool,
) -> ForgetAnswer:
    listed = [one.id for one in catalog.suppression_lists if one.numbers & set(person.numbers)]
    if listed:
        kept = [
            *kept,
            f"Their number stands in the catalog's own files, on the suppression list(s) {', '.join(listed)}.",
        ]
    return ForgetAnswer(
        known=any(counts.values()),
        erased={words: counts[kind] for kind, words in KINDS.items() if counts.get(kind)},
        buyers=_buyers(catalog, eraser, receipts),
        suppressed=suppressed,
        kept=kept,
    )


def _buyers(catalog: Catalog, eraser: Eraser, receipts: Sequence[Receipt]) -> list[BuyerTold]:
    """By the ledger, and by what Redis knew of sales that the ledger does not have."""
    sold: dict[int, list[SaleTold]] = {}
    for one in receipts:
        sold.setdefault(one.buyer_id, []).append(_sale(one.sale_id, one.contract, one.at_ms, one.state))
    known = {(one.decision_id, one.buyer_id) for one in receipts}
    for fresh in sorted(eraser.receipts, key=lambda one: (one.at_ms, one.decision_id)):
        if (fresh.decision_id, fresh.buyer_id) not in known:
            told = _sale(f"s{fresh.decision_id}", fresh.contract, fresh.at_ms, "sold")
            sold.setdefault(fresh.buyer_id, []).append(told)
    return [BuyerTold(buyer_id=id, name=_name(catalog, id), sales=sales) for id, sales in sorted(sold.items())]


def _name(catalog: Catalog, buyer_id: int) -> str:
    buyer = catalog.buyers.get(buyer_id)
    return buyer.name if buyer else f"Buyer {buyer_id}"


def _sale(sale_id: str, contract: str, at_ms: int, state: str) -> SaleTold:
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
    return SaleTold(sale_id=sale_id, contract=contract, sold_at=at, state=state)
