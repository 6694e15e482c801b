"""Who wants a lead, for how much, and why not: pure and in memory.

`build` makes an offer's `Index` when the catalog is loaded; `Index.rank` answers a lead with a `Ranking`; `explain`
gives the verdict on every contract by the slower path, `explain_in_slices` a part at a time. `facts` and the
payout functions prepare what is `Asked`.
"""

from service.match.asked import Asked, Facts, facts
from service.match.index import Index, build
from service.match.payouts import payout_for, payout_of
from service.match.people import People
from service.match.places import warm
from service.match.ranking import Ranking
from service.match.verdicts import Verdict, explain, explain_in_slices, in_rank_order

__all__ = [
    "Asked",
    "Facts",
    "Index",
    "People",
    "Ranking",
    "Verdict",
    "build",
    "explain",
    "explain_in_slices",
    "facts",
    "in_rank_order",
    "payout_for",
    "payout_of",
    "warm",
]
