"""Small catalogs of one offer, built without files."""

from collections.abc import Mapping, Sequence

from service.match import Asked, facts
from service.model.catalog import Account, Buyer, Catalog, Contract, Field, Offer, SuppressionList, Value

OFFER = "leads"
DECISION_ID = "00112233445566778899aabbccddeeff"
NOW_MS = 1_795_003_200_000  # Wednesday, 2026-11-18 12:00 UTC


def contract(number: int, **differing: object) -> Contract:
    """The contract of buyer `number`."""
    told: dict[str, object] = {
        "id": f"c{number}",
        "buyer_id": number,
        "offer": OFFER,
        "bid_micros": 10_000_000,
    }
    return Contract(**told | differing)  # type: ignore[arg-type]


def catalog_of(
    contracts: Sequence[Contract], *, offer: Mapping[str, object] | None = None, lists: Sequence[SuppressionList] = ()
) -> Catalog:
    """One buyer per contract."""
    buyers = {c.buyer_id: Buyer(id=c.buyer_id, name="B", timezone="UTC", contracts=(c,)) for c in contracts}
    told: dict[str, object] = {"id": OFFER, "name": "Leads", "delivery": "call"}
    fields = (Field("caller_id", "phone", personal=True),)
    return Catalog(
        version="test",
        account=Account("a"),
        offers={OFFER: Offer(**told | {"fields": fields} | dict(offer or {}))},  # type: ignore[arg-type]
        endpoints={},
        rate_limiters={},
        pools={},
        static_numbers={},
        sources={},
        buyers=buyers,
        suppression_lists=tuple(lists),
    )


def asked_of(lead: Mapping[str, Value], **differing: object) -> Asked:
    told: dict[str, object] = {"facts": facts(dict(lead), ""), "now_ms": NOW_MS, "decision_id": DECISION_ID}
    return Asked(**told | differing)  # type: ignore[arg-type]
