"""What differs, and by how much. Pure."""

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from service.ledger import KnownCredit, KnownSale, Sums
from service.model.catalog import PERS, Buyer, Per
from service.store.books import CapDelta, CreditChange, FoundSale, Moment

What = Literal["balance", "sales", "revenue", "credit", "sale"]
Starts = Mapping[Per, int]


class Difference(Struct, frozen=True):
    what: What
    key: str
    """The buyer's id, the contract's id, the operator's key of a credit, the sale's id."""
    redis: int | str | None
    ledger: int | str | None
    """Micros of a balance and of revenue, a number of sales, words of the rest; None: it is not there."""
    per: Per | None = None

    @property
    def by(self) -> int | None:
        """How much more Redis has."""
        if isinstance(self.redis, int) and isinstance(self.ledger, int):
            return self.redis - self.ledger
        return None


def of_balances(moment: Moment, sums: Sums) -> list[Difference]:
    return [
        Difference("balance", str(buyer), micros, known)
        for buyer, micros in moment.balances.items()
        if micros != (known := sums.balances.get(buyer, 0))
    ]


def of_caps(moment: Moment, sums: Sums, zones: Mapping[str, Starts], buyers: Mapping[str, Buyer]) -> list[CapDelta]:
    """What is to be added to the contracts that differ. `zones` are in the order in which the ledger was asked for
    them; `buyers` are those of the contracts."""
    sold_in = dict(zip(zones, sums.sold, strict=True))
    found = []
    for contract, buyer in buyers.items():
        known, starts = sold_in[buyer.timezone].get(contract), zones[buyer.timezone]
        added = []
        for per in PERS:
            sold, micros = sold_now(moment, contract, per, starts[per])
            known_sold, known_micros = known[per] if known else (0, 0)
            added.append((starts[per], known_sold - sold, known_micros - micros))
        if any(sold or micros for _, sold, micros in added):
            found.append(CapDelta(contract, tuple(added)))
    return found


def sold_now(moment: Moment, contract: str, per: Per, start_ms: int) -> tuple[int, int]:
    """Sales and revenue that Redis counts in the period that is on."""
    words = moment.sold.get(contract)
    if words is None or words[per][0] != start_ms:
        return 0, 0
    return words[per][1:]


def of_deltas(moment: Moment, deltas: list[CapDelta]) -> Iterator[Difference]:
    for delta in deltas:
        for per, (start_ms, sold, micros) in zip(PERS, delta.added, strict=True):
            now_sold, now_micros = sold_now(moment, delta.contract, per, start_ms)
            if sold:
                yield Difference("sales", delta.contract, now_sold, now_sold + sold, per)
            if micros:
                yield Difference("revenue", delta.contract, now_micros, now_micros + micros, per)


def of_credit(key: str, said: str | None, known: KnownCredit | None) -> CreditChange | None:
    """Redis has a key as `<buyer>:<micros>`; of nothing (0 micros) the ledger has no entry."""
    is_to_say = f"{known.buyer_id}:{known.amount_micros}" if known else ""
    if (said or "") == is_to_say or (known is None and said is not None and said.endswith(":0")):
        return None
    return CreditChange(key, said or "", is_to_say)


def of_change(change: CreditChange) -> Difference:
    return Difference("credit", change.key, change.before or None, change.after or None)


def of_sale(found: FoundSale | None, known: KnownSale | None) -> Difference | None:
    redis, ledger = _stands(found), _stands(known)
    sale = found or known
    return Difference("sale", sale.sale_id, redis, ledger) if sale and redis != ledger else None


def _stands(sale: FoundSale | KnownSale | None) -> str | None:
    return f"{sale.state}, place {sale.position}" if sale else None
