"""Catalogs and leads made of a seed: few fields with few values, so that everything meets everything."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from service.match import Asked, facts
from service.model.catalog import (
    Account,
    BidRule,
    Buyer,
    Catalog,
    Contract,
    Distribution,
    Field,
    Offer,
    Payout,
    Schedule,
    Span,
    SuppressionList,
    Test,
    Value,
    Where,
)

Item = TypeVar("Item")

OFFER = "leads"
TEXTS = ("CA", "NY", "TX", "California", "10001", "90210", "9", "", "2026-01-31")
NUMBERS = (0, 1, 1.0, 2.5, 5, 40, -3)
VALUES: tuple[Value, ...] = (*TEXTS, *NUMBERS, True, False)
FIELDS = ("state", "zip", "area_code", "age", "insured", "company", "traffic_source_id")
NUMBERS_CALLED = ("+12125550000", "+13055550001", "+18005550002", "+442079460003")
PREFIXES = ("C", "Ca", "9", "90", "10", "1000", "2026")
PATTERNS = ("C.*", "[A-Z]{2}", "9.*0", ".*")
ZONES = ("America/New_York", "America/Los_Angeles", "America/Havana", "Australia/Lord_Howe", "UTC")
# Around both changes of the clocks of 2026 in New York, a holiday and the turn of the year.
MOMENTS_MS = (1772953200000, 1793512800000, 1795669200000, 1798779600000)
DAY_MS = 86_400_000
BIDS = (1_000_000, 2_000_000, 2_500_000, 10_000_000, 25_000_000)
PAYOUTS = (
    Payout(),
    Payout(share_millionths=800_000),
    Payout(share_millionths=None, margin_micros=2_000_000),
    Payout(share_millionths=None, fixed_micros=5_000_000),
)


def some(random: Random, items: Sequence[Item], most: int) -> tuple[Item, ...]:
    return tuple(random.choices(items, k=random.randint(1, most)))


def generated_test(random: Random) -> Test:
    field = random.choice(FIELDS)
    match random.choice(("in", "in", "in", "not_in", "eq", "ne", "min", "max", "prefix", "matches", "exists")):
        case "in":
            return Test(field, "in", frozenset(some(random, VALUES, 8)))
        case "not_in":
            return Test(field, "not_in", frozenset(some(random, VALUES, 4)))
        case "eq":
            return Test(field, "eq", random.choice(VALUES))
        case "ne":
            return Test(field, "ne", random.choice(VALUES))
        case "min":
            return Test(field, "min", random.choice(VALUES))
        case "max":
            return Test(field, "max", random.choice(VALUES))
        case "prefix":
            return Test(field, "prefix", some(random, PREFIXES, 3))
        case "matches":
            return Test(field, "matches", random.choice(PATTERNS))
        case _:
            return Test(field, "exists", random.random() < 0.5)


def generated_tests(random: Random, most: int) -> tuple[Test, ...]:
    return tuple(generated_test(random) for _ in range(random.randint(0, most)))


def generated_where(random: Random) -> Where:
    tables = random.choice((0, 0, 0, 1, 2, 3))
    return Where(generated_tests(random, 2), tuple(generated_tests(random, 2) for _ in range(tables)))


def generated_schedule(random: Random) -> Schedule | None:
    if random.random() < 0.6:
        return None
    spans = []
    for _ in range(random.randint(0, 8)):
        start = random.choice((0, 60, 90, 120, 150, 540, 1380))
        spans.append(Span(random.randrange(7), start, start + random.choice((30, 60, 480, 1440))))
    closed = frozenset(random.sample(("2026-03-08", "2026-11-01", "2026-11-26", "2027-01-01"), random.randint(0, 2)))
    return Schedule(random.choice(ZONES), tuple(spans), closed, random.choice((None, None, "US", "US-CA")))


def generated_contract(random: Random, *, contract_id: str, buyer_id: int) -> Contract:
    rules = tuple(
        BidRule(
            random.choice(BIDS),
            generated_where(random),
            generated_schedule(random),
            bid_shared_micros=random.choice((None, *BIDS)),
        )
        for _ in range(random.choice((0, 0, 1, 2, 3)))
    )
    return Contract(
        id=contract_id,
        buyer_id=buyer_id,
        offer=OFFER if random.random() < 0.9 else "others",
        bid_micros=random.choice(BIDS),
        bid_shared_micros=random.choice((None, *BIDS)),
        sells=random.choice(("both",) * 6 + ("exclusive", "shared")),
        tier=random.randint(1, 2),
        weight=random.choice((1, 1, 3, 10)),
        where=generated_where(random),
        schedule=generated_schedule(random),
        bids=rules,
    )


def generated_catalog(random: Random) -> Catalog:
    buyers = {}
    for buyer_id in range(1, random.choice((2, 6, 40))):
        names = [f"{buyer_id}-{n}" for n in range(random.choice((1, 1, 1, 2)))]
        contracts = tuple(generated_contract(random, contract_id=name, buyer_id=buyer_id) for name in names)
        buyers[buyer_id] = Buyer(
            id=buyer_id, name="B", timezone="UTC", paused=random.random() < 0.1, contracts=contracts
        )
    lists = tuple(
        SuppressionList(
            id=f"list-{n}",
            numbers=frozenset(some(random, NUMBERS_CALLED, 2)),
            offers=random.choice((None, None, frozenset({OFFER}), frozenset({"others"}))),
            buyers=random.choice((frozenset({1, 2, 3}), frozenset({3, 99}), None)),
        )
        for n in range(random.choice((0, 1, 2)))
    )
    offer = Offer(
        id=OFFER,
        name="Leads",
        delivery="call",
        rank_by=random.choice(("bid", "tier")),
        distribution=Distribution(
            random.choice(("exclusive", "exclusive", "waterfall", "multisell", "hybrid")),
            floor_micros=random.choice((0, 0, 2_000_000, 2_500_000)),
            winners=3,
        ),
        floor_micros=random.choice((0, 0, 2_000_000)),
        default_buyer=random.choice((None, 1, 2)),
        fields=(Field("caller_id", "phone", personal=random.random() < 0.5),),
    )
    return Catalog(
        version="generated",
        account=Account("a"),
        offers={OFFER: offer, "others": Offer(id="others", name="Others", delivery="call")},
        endpoints={},
        rate_limiters={},
        pools={},
        static_numbers={},
        sources={},
        buyers=buyers,
        suppression_lists=lists,
    )


def generated_asked(random: Random) -> Asked:
    lead: dict[str, Value] = {
        field: random.choice(VALUES) for field in FIELDS if field != "traffic_source_id" and random.random() < 0.7
    }
    if random.random() < 0.7:
        lead["caller_id"] = random.choice(NUMBERS_CALLED)
    return Asked(
        facts=facts(lead, random.choice(("", "CA", "9"))),
        now_ms=random.choice(MOMENTS_MS) + random.randrange(-DAY_MS, DAY_MS),
        decision_id=f"{random.getrandbits(128):032x}",
        payout=random.choice(PAYOUTS),
        allow_loss=random.random() < 0.3,
        min_bid_micros=random.choice((0, 0, 2_000_000, 2_000_001)),
    )
