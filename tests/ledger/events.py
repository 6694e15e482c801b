"""Events of sales as scripts tell them, and any histories of a few sales."""

from typing import Any

from hypothesis import strategies as st

from service.ledger import Told
from service.ledger.applying import EntryRow, NotApplied, SaleRow, apply
from service.model.lead import PingRecord, RecordedBid
from service.model.sales import Decided, SaleEvent, SoldAbout, SoldBid

ABOUT = SoldAbout(endpoint="solar", source_id="source_abc", request_id="r1", catalog="v1", offer="solar")
BIDS = (
    SoldBid(buyer_id=1, contract="1-solar", bid_micros=25_000_000, payout_micros=20_000_000),
    SoldBid(buyer_id=2, contract="2-solar", bid_micros=18_500_000, payout_micros=18_500_000),
    SoldBid(buyer_id=1, contract="1-rest", bid_micros=7_000_001, payout_micros=0),
    SoldBid(buyer_id=3, contract="3-free", bid_micros=0, payout_micros=0),
)


def event(name: Any, sale: str = "d1", position: int | None = None, at_ms: int = 1_000, **more: Any) -> SaleEvent:
    """`sale` is the decision; a position brings its bid along."""
    if position is not None:
        more = {"position": position, "bid": BIDS[position], **more}
    if name in ("posted", "sold"):
        more = {"about": ABOUT, "number": "+18005550100", **more}
    if name != "credited":
        more = {"decision_id": sale, "sale_id": f"s{sale}", **more}
    return SaleEvent(event=name, at_ms=at_ms, **more)


def credit(key: str, amount_micros: int, **more: Any) -> SaleEvent:
    return event("credited", buyer=1, key=key, amount_micros=amount_micros, **more)


_SALES = st.sampled_from(["d1", "d2"])
_POSITIONS = st.integers(0, len(BIDS) - 1)
_ANY = st.one_of(
    st.builds(event, st.sampled_from(["posted", "sold", "moved"]), _SALES, _POSITIONS),
    st.builds(event, st.sampled_from(["voided", "lapsed", "converted", "returned"]), _SALES),
    st.builds(
        lambda sale, call, answered, duration_ms: event(
            "ended", sale, call=call, outcome="x", answered=answered, duration_ms=duration_ms
        ),
        _SALES,
        st.sampled_from(["c1", "c2"]),
        st.booleans(),
        st.integers(0, 3),
    ),
    st.builds(
        lambda key, amount, kind: credit(key, amount, kind=kind),
        st.sampled_from(["k1", "k2"]),
        st.integers(-5, 5),
        st.sampled_from([None, "top_up", "correction"]),
    ),
)
HISTORIES = st.lists(_ANY, max_size=25).map(
    lambda events: [SaleEvent(**{**_fields(one), "at_ms": 1_000 + at}) for at, one in enumerate(events)]
)
"""In any order, also such as no script would tell."""


def _fields(one: SaleEvent) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def told(events: list[SaleEvent], first: int = 1) -> list[Told[SaleEvent]]:
    return [Told(f"{first + at}-0", one.at_ms, {"event": one.event}, one) for at, one in enumerate(events)]


def replay(
    events: list[SaleEvent], sales: dict[str, SaleRow] | None = None
) -> tuple[dict[str, SaleRow], list[EntryRow]]:
    """What the pure function makes of a history, without a database: credits by their key, as the ledger has them."""
    rows, entries = dict(sales or {}), list[EntryRow]()
    for one in events:
        done = apply(one, rows.get(one.sale_id))
        if isinstance(done, NotApplied):
            continue
        if done.sale is not None:
            rows[done.sale.sale_id] = done.sale
        known = {entry.key for entry in entries} if one.event == "credited" else set()
        entries += [entry for entry in done.entries if entry.key not in known]
    return rows, entries


def decided(decision_id: str, kind: Any = "ping", said: Any = (0,), at_ms: int = 1_000, **more: Any) -> Decided:
    """On the first buyers of BIDS, as many as it has words or places for."""
    asked = more.pop("order", ())
    bids = [RecordedBid(one.buyer_id, one.contract, one.bid_micros, one.payout_micros) for one in BIDS]
    record = PingRecord(
        decision_id=decision_id,
        endpoint="solar",
        source_id="source_abc",
        at_ms=at_ms,
        catalog=more.pop("catalog", "v1"),
        lead={},
        bids=bids[: max(len(said), len(asked))],
    )
    if kind == "post":
        more = {"status": "sold", "question": f"p{decision_id}", "position": 0, "order": asked, **more}
    return Decided(at_ms=at_ms, kind=kind, said=said, record=record, record_json="{}", said_csv="", **more)
