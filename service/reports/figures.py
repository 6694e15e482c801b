"""Every figure of a report, defined once: what it is made of, who may see it, and what it means. The README's table is
made of the same words.

Counts of a sale stand in the period of its post, whenever the sale was made, converted or returned: so each rate
compares the same leads. Money moves on other days; when, is in statements. Pure.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

from msgspec import Struct

from service.model.money import MICROS

Kind = Literal["count", "money", "rate", "ratio"]
Audience = Literal["operator", "buyer", "source"]
Value = int | Decimal | None

RATE_PLACES = Decimal("0.0001")
"""A hundredth of a percent."""
_ALL: frozenset[Audience] = frozenset({"operator", "buyer", "source"})
_NOT_BUYERS: frozenset[Audience] = frozenset({"operator", "source"})
_NOT_SOURCES: frozenset[Audience] = frozenset({"operator", "buyer"})
_OPERATORS: frozenset[Audience] = frozenset({"operator"})


class Figure(Struct, frozen=True):
    """The count `of`, less that of `less`, for each of `per`; None where there is nothing to divide by. `tables` are
    the ledger's that they are counted in: a figure stands only where these can be grouped as asked."""

    name: str
    kind: Kind
    tables: tuple[str, ...]
    audience: frozenset[Audience]
    meaning: str
    of: str = ""
    less: str = ""
    per: str = ""

    def value(self, counts: Mapping[str, int]) -> Value:
        """Of one group. Money in units, exact or rounded half-even to a millionth; rates to four places."""
        whole = counts.get(self.of, 0) - counts.get(self.less, 0)
        if not self.per:
            return units(whole) if self.kind == "money" else whole
        parts = counts.get(self.per, 0)
        if parts == 0:
            return None
        if self.kind == "money":
            return units(int((Decimal(whole) / parts).to_integral_value(ROUND_HALF_EVEN)))
        return (Decimal(whole) / parts).quantize(RATE_PLACES, ROUND_HALF_EVEN)


def units(micros: int) -> Decimal:
    """Micros as a decimal number of units: exact, with at least the two places of a price."""
    exact = Decimal(micros) / MICROS
    return exact if micros % 10_000 else exact.quantize(Decimal("0.01"))


FIGURES: tuple[Figure, ...] = (
    Figure("pings", "count", ("volume",), _NOT_BUYERS, "pings that were decided", of="pings"),
    Figure(
        "pings_offered", "count", ("volume",), _NOT_BUYERS, "of these, answered with a bid or more", of="pings_offered"
    ),
    Figure("posts", "count", ("volume",), _NOT_BUYERS, "posts, post-onlys and fulls that were decided", of="posts"),
    Figure("posts_sold", "count", ("volume",), _NOT_BUYERS, "of these, taken by a buyer", of="posts_sold"),
    Figure(
        "acceptance_rate", "rate", ("volume",), _NOT_BUYERS, "posts_sold / posts", of="posts_sold", per="posts"
    ),
    Figure("post_ping_ratio", "ratio", ("volume",), _NOT_BUYERS, "posts / pings", of="posts", per="pings"),
    Figure(
        "candidates", "count", ("interest",), _NOT_SOURCES,
        "contracts that were candidates, of pings and of posts without one", of="candidates",
    ),
    Figure("bids", "count", ("interest",), _NOT_SOURCES, "of these, it had room and bid", of="bids"),
    Figure(
        "average_bid", "money", ("interest",), _NOT_SOURCES, "what these bids sum to, as the buyer pays it / bids",
        of="bids_micros", per="bids",
    ),
    Figure(
        "sales", "count", ("sales",), _ALL, "sales made, also those returned since; not pending, lapsed or void ones",
        of="sales",
    ),
    Figure(
        "win_rate", "rate", ("interest", "sales"), _NOT_SOURCES,
        "sales / bids",
        of="sales", per="bids",
    ),
    Figure("pending", "count", ("sales",), _ALL, "posts that are no sale yet and may become one", of="pending"),
    Figure("returned", "count", ("sales",), _ALL, "of the sales, returned", of="returned"),
    Figure(
        "no_call", "count", ("sales",), _ALL,
        "posts whose tracking number got no call yet; of one that is on, the end is heard first", of="no_call",
    ),
    Figure(
        "conversions", "count", ("sales",), _ALL, "of the sales, those of which a conversion was heard",
        of="conversions",
    ),
    Figure(
        "conversion_rate", "rate", ("sales",), _ALL, "conversions / sales", of="conversions", per="sales"
    ),
    Figure(
        "revenue", "money", ("sales",), _NOT_SOURCES, "what buyers owe for sales that stand (returned ones do not)",
        of="revenue_micros",
    ),
    Figure("payout", "money", ("sales",), _NOT_BUYERS, "what publishers are owed for the same", of="payout_micros"),
    Figure(
        "margin", "money", ("sales",), _OPERATORS, "revenue - payout", of="revenue_micros", less="payout_micros"
    ),
    Figure(
        "revenue_per_lead", "money", ("sales",), _NOT_SOURCES,
        "revenue / leads sold; a lead that several buyers bought is one", of="revenue_micros", per="leads",
    ),
    Figure(
        "cost_per_lead", "money", ("sales",), _NOT_BUYERS, "payout / leads sold", of="payout_micros", per="leads"
    ),
    Figure("declines", "count", ("declines",), _NOT_SOURCES, "only by reason: how often a contract declined for it",
           of="declines"),
)  # fmt: skip

BY_BUYER = frozenset({"buyer", "contract"})
"""Pings and posts are nobody's before they are sold: by these there is no volume."""


def applicable(audience: Audience, by: frozenset[str], filtered: frozenset[str]) -> tuple[Figure, ...]:
    """The figures of a report by these groups and filters, as far as its reader may see them."""
    seen = [figure for figure in FIGURES if audience in figure.audience]
    if "reason" in by:
        return tuple(figure for figure in seen if figure.name == "declines")
    without = {"declines"} | ({"volume"} if (by | filtered) & BY_BUYER else set())
    return tuple(figure for figure in seen if not without.intersection(figure.tables))
