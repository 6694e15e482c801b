"""To how many buyers an offer sells a lead, and what a contract pays for it.

A lead goes to one buyer alone (`exclusive`) or to several (`shared`). Exclusive and waterfall offers know the first,
multisell the second; hybrid tries the first at its floor, and else does the second.
"""

from typing import Literal

from msgspec import Struct

from service.model.catalog import BidRule, Catalog, Contract, Offer
from service.model.fields import lead_fields

Mode = Literal["exclusive", "shared"]
Detail = dict[str, object]

_MODES: dict[str, tuple[Mode, ...]] = {
    "exclusive": ("exclusive",),
    "waterfall": ("exclusive",),
    "multisell": ("shared",),
    "hybrid": ("exclusive", "shared"),
}


def modes_of(offer: Offer) -> tuple[Mode, ...]:
    """The modes in which an offer sells, in the order in which it tries them."""
    return _MODES[offer.distribution.mode]


def mode_of(winners: int) -> Mode:
    """The mode of a lead that may be sold to so many: several are always at least two."""
    return "shared" if winners > 1 else "exclusive"


def winners_in(offer: Offer, mode: Mode) -> int:
    """Most buyers of one lead."""
    return offer.distribution.winners if mode == "shared" else 1


def floor_in(offer: Offer, mode: Mode) -> int:
    """Micros that a bid must reach; a hybrid sells a lead to one alone only at its own floor."""
    if mode == "exclusive" and offer.distribution.mode == "hybrid":
        return max(offer.floor_micros, offer.distribution.floor_micros)
    return offer.floor_micros


def price_in(priced: Contract | BidRule, mode: Mode) -> int:
    """Micros that a contract pays in a mode, by its own bid or by that of a rule."""
    if mode == "shared" and priced.bid_shared_micros is not None:
        return priced.bid_shared_micros
    return priced.bid_micros


def keeps_out(contract: Contract, offer: Offer, mode: Mode) -> Detail:
    """Why a contract takes no part in a mode; empty where it does.

    A multisell offers nothing but shared leads, so that a bid there is the price of one. A hybrid offers both, and the
    price of a lead alone, two to four times that of a shared one, is never charged for a shared one.
    """
    if contract.sells not in ("both", mode):
        return {"sold": mode, "sells": contract.sells}
    both_wanted = contract.sells == "both" and offer.distribution.mode == "hybrid"
    if mode == "shared" and both_wanted and contract.bid_shared_micros is None:
        return {"sold": mode, "bid_shared": None}
    return {}


class Exclusivity(Struct, frozen=True):
    """An offer that sells nobody again, for so many days, whom it sold to one buyer alone. A person is known by any of
    these fields, whichever source it comes by."""

    offer: str
    days: int
    fields: tuple[str, ...]


def exclusivities_of(catalog: Catalog) -> dict[str, Exclusivity]:
    """By offer; most offers have none."""
    return {
        offer.id: Exclusivity(
            offer.id,
            offer.exclusive_days,
            tuple(field.name for field in lead_fields(offer) if field.type in ("phone", "email")),
        )
        for offer in catalog.offers.values()
        if offer.exclusive_days
    }
