"""What is said of a sale after its post and its call: that it converted, that it is given back."""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from service.model.catalog import Buyer
from service.model.lead import RecordedBid
from service.model.returns import OPERATOR_RETURN_DAYS
from service.store.calendar import periods_csv
from service.store.runner import NEVER_MS, AskedInWords, Runner

DAY_MS: Final = 86_400_000
RETURNED_MS: Final = (OPERATOR_RETURN_DAYS + 1) * DAY_MS
"""Longer than anybody can return a sale, so that none is ever given back twice."""
CONVERTED_MS: Final = 30 * DAY_MS
"""Conversions are many: a month for repeats of one. An older one is noted once more, which moves no money."""

Archived = Literal["", "pending", "lapsed", "sold", "void", "returned"]


class About(Struct, frozen=True):
    """What the sales stream says of a sale beside its bid."""

    endpoint: str
    source_id: str
    request_id: str
    catalog: str
    offer: str


class KnownSale(Struct, frozen=True):
    """A sale as it was read, in Redis or in the ledger."""

    decision_id: str
    part: int | None
    """Its buyer's place in the record where the post sold to several, else None."""
    position: int
    bid: RecordedBid
    number: str
    about: About
    made_at_ms: int
    """0 while it is pending."""
    buyer: Buyer | None = None
    """As the catalog has it now; None: it has left, and its caps count no more."""
    archived: Archived = ""
    """What the ledger says of it; "" where Redis has it still."""

    @property
    def name(self) -> str:
        return self.decision_id if self.part is None else f"{self.decision_id}-{self.part}"


class Converted(Struct, frozen=True):
    """`made`: it was pending, and is a sale by this; `is_late`: it was not pending any more. `noted`: it was made
    before. The other words are why it was neither."""

    status: Literal["made", "noted", "unknown", "changed", "void", "returned"]
    is_repeat: bool = False
    is_late: bool = False


class Refunded(Struct, frozen=True):
    """The words but the first two are why it was not returned."""

    status: Literal["returned", "repeat", "unknown", "changed", "pending", "lapsed", "void"]


async def convert(runner: Runner, sale: KnownSale, by: str) -> Converted:
    keys, bid = runner.keys, sale.bid
    buyer_id = bid.buyer_id
    named = [
        keys.sale(sale.decision_id),
        keys.converted(sale.name),
        keys.sales,
        keys.caps,
        keys.pending(bid.contract_id),
    ]
    named += [keys.reserved(buyer_id), keys.balance(buyer_id)]

    def build(now_ms: int) -> AskedInWords:
        hour = runner.calendar.hour(sale.buyer.timezone, now_ms) if sale.buyer else None
        args = (
            *_known(sale),
            hour.csv if hour else "",
            bid.bid_micros,
            sale.number,
            _bid_json(bid),
            msgspec.json.encode(sale.about),
            by,
            CONVERTED_MS,
        )
        return AskedInWords(named, args, hour.end_ms if hour else NEVER_MS)

    reply = await runner.write("convert", build)
    word = reply[0].decode()
    if word == "repeat":
        return Converted(reply[1].decode(), is_repeat=True)
    return Converted(word, is_late=word == "made" and reply[1] == 1)


async def refund(runner: Runner, sale: KnownSale, reason: str, by: str) -> Refunded:
    keys, bid = runner.keys, sale.bid
    named = [keys.sale(sale.decision_id), keys.returned(sale.name), keys.sales, keys.caps, keys.balance(bid.buyer_id)]
    # What Redis still has knows its periods itself.
    made_in = periods_csv(sale.buyer.timezone, sale.made_at_ms) if sale.buyer and sale.archived else ""
    asked = AskedInWords(named, (*_known(sale), made_in, bid.bid_micros, reason, by, RETURNED_MS))
    reply = await runner.write("refund", lambda now_ms: asked)
    return Refunded(reply[0].decode())


def _known(sale: KnownSale) -> tuple[str | int, ...]:
    """decision, part, position_seen, archived, charges, contract."""
    part = "" if sale.part is None else sale.part
    charges = sale.buyer is not None and sale.buyer.balance_required
    return sale.decision_id, part, sale.position, sale.archived, int(charges), sale.bid.contract_id


def _bid_json(bid: RecordedBid) -> bytes:
    return msgspec.json.encode(
        {
            "buyer_id": bid.buyer_id,
            "contract": bid.contract_id,
            "bid_micros": bid.bid_micros,
            "payout_micros": bid.payout_micros,
            "is_default": bid.is_default,
        }
    )
