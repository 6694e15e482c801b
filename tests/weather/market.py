"""What the storm is sailed through with: a small market in which balances and caps run out on the way."""

from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from service.model.catalog import Per
from tests.app.catalogs import buyer, contract, endpoint, field, source, table

ACCOUNT: Final = "storm"
SOURCE: Final = "abc"
PREPAID, CAPPED, BY_REVENUE, OPEN = 1, 2, 3, 4
"""The buyers, from the dearest: pays from a balance, has caps on counts, has one on revenue, takes all the rest."""
OFFERS: Final = ("calls", "leads")
"""Of calls, and of data; endpoints have the same names."""
PRICES: Final = {PREPAID: 25_000_000, CAPPED: 20_000_000, BY_REVENUE: 15_000_000, OPEN: 10_000_000}
"""In micros; the same on both offers."""
SHARE_PERCENT: Final = 80
"""Of a price that the publisher is paid: so each sale has a margin too."""
LAST_NUMBER: Final = "+18005559999"
PARTS: Final = 12
"""A capped contract may buy this part of all leads: it is full long before they are all posted."""


class Limit(NamedTuple):
    """A cap of each contract of a buyer."""

    buyer_id: int
    per: Per
    counts: Literal["sales", "micros"]
    most: int


def limits_of(leads: int) -> list[Limit]:
    most = max(leads // PARTS, 1)
    return [
        Limit(CAPPED, "hour", "sales", most),
        Limit(CAPPED, "total", "sales", most + most // 2),
        Limit(BY_REVENUE, "day", "micros", most * PRICES[BY_REVENUE]),
    ]


def contract_id(buyer_id: int, offer: str) -> str:
    return f"{buyer_id}-{offer}"


def write_catalog(folder: Path, leads: int) -> None:
    folder.mkdir(parents=True)
    (folder / "catalog.toml").write_text(_catalog(limits_of(leads)))


def _catalog(limits: list[Limit]) -> str:
    pool = table("[ring_pools]", id="pool", ranges=[f"+18005550000..{LAST_NUMBER}"], cooldown_seconds=0)
    offers = [
        table("[offers]", id=offer, name=offer, delivery=delivery) + field("caller_id", "phone")
        for offer, delivery in zip(OFFERS, ("call", "data"), strict=True)
    ]
    # Numbers come back soon, so that there are always enough; a sale's answer is repeated for longer.
    places = [endpoint("calls", number_hold_seconds=5), endpoint("leads", offer="leads")]
    share = source(SOURCE, payout={"share_percent": SHARE_PERCENT})
    buyers = [
        buyer(buyer_id, *_contracts(buyer_id, price / 1e6, limits), balance_required=buyer_id == PREPAID)
        for buyer_id, price in PRICES.items()
    ]
    return "\n".join((table("account", id=ACCOUNT), *offers, pool, *places, share, *buyers))


def _contracts(buyer_id: int, price: float, limits: list[Limit]) -> list[str]:
    caps: dict[str, Any] = {}
    for limit in limits:
        if limit.buyer_id == buyer_id:
            is_count = limit.counts == "sales"
            caps[limit.per if is_count else f"revenue_{limit.per}"] = limit.most if is_count else limit.most / 1e6
    told = {"caps": caps} if caps else {}
    return [contract(price, offer=offer, id=contract_id(buyer_id, offer), **told) for offer in OFFERS]
