"""What events do to sales and accounts, without a database."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from service.ledger.applying import EntryRow, NotApplied, SaleRow, apply
from service.model.sales import SaleEvent
from tests.ledger.events import BIDS, HISTORIES, credit, event, replay


def balances(entries: list[EntryRow]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for entry in entries:
        found[entry.account] += entry.amount_micros
    return {account: amount for account, amount in found.items() if amount}


def sale_of(*events: SaleEvent) -> tuple[SaleRow, dict[str, int]]:
    sales, entries = replay(list(events))
    (sale,) = sales.values()
    return sale, balances(entries)


@given(HISTORIES, st.data())
def test_the_amounts_of_a_key_sum_to_nothing_after_any_prefix(history: list[SaleEvent], data: st.DataObject) -> None:
    prefix = history[: data.draw(st.integers(0, len(history)))]
    _, entries = replay(prefix)
    sums: Counter[str] = Counter()
    for entry in entries:
        sums[entry.key] += entry.amount_micros
    assert set(sums.values()) <= {0}
    assert len({(entry.key, entry.account) for entry in entries}) == len(entries)


@given(HISTORIES)
def test_accounts_hold_what_the_sales_that_stand_are_worth(history: list[SaleEvent]) -> None:
    sales, entries = replay([one for one in history if one.event != "credited"])
    worth: Counter[str] = Counter()
    for sale in sales.values():
        if sale.state == "sold":
            worth[f"buyer:{sale.buyer_id}"] -= sale.bid_micros
            worth[f"publisher:{sale.source_id}"] += sale.payout_micros
            worth["margin"] += sale.bid_micros - sale.payout_micros
    assert balances(entries) == {account: amount for account, amount in worth.items() if amount}


def as_scripts_tell(history: list[SaleEvent]) -> list[SaleEvent]:
    """Without what no script would tell, for it changes nothing: voided before sold, returned while it is pending."""
    found: list[SaleEvent] = []
    for one in history:
        before, after = replay(found), replay([*found, one])
        if before != after:
            found.append(one)
    return found


@given(HISTORIES.map(as_scripts_tell))
def test_a_history_that_is_told_again_changes_no_money_and_no_state(history: list[SaleEvent]) -> None:
    once, entries = replay(history)
    twice, more = replay(history, once)
    assert twice == once
    assert [entry for entry in more if not entry.key.startswith("credit:")] == []
    assert len(entries) == len({(entry.key, entry.account) for entry in entries})


@given(HISTORIES)
def test_an_event_that_is_told_twice_in_a_row_does_nothing_the_second_time(history: list[SaleEvent]) -> None:
    sales: dict[str, SaleRow] = {}
    for one in history:
        done = apply(one, sales.get(one.sale_id))
        if isinstance(done, NotApplied) or done.sale is None:
            continue
        sales[one.sale_id] = done.sale
        again = apply(one, done.sale)
        assert not isinstance(again, NotApplied)
        assert (again.sale, again.entries) == (done.sale, ())


def test_a_sale_charges_the_buyer_owes_the_publisher_and_leaves_the_margin() -> None:
    sale, money = sale_of(event("sold", position=0))
    assert money == {"buyer:1": -25_000_000, "publisher:source_abc": 20_000_000, "margin": 5_000_000}
    assert (sale.state, sale.made_by, sale.made_at_ms, sale.posted_at_ms) == ("sold", "post", 1_000, 1_000)


def test_money_moves_when_a_pending_sale_is_made_and_not_before() -> None:
    pending, money = sale_of(event("posted", position=0))
    assert (pending.state, money) == ("pending", {})
    made, money = sale_of(event("posted", position=0), event("sold", position=0, at_ms=9_000, made="converted"))
    assert money["buyer:1"] == -25_000_000
    assert (made.posted_at_ms, made.made_at_ms, made.made_by, made.converted_at_ms) == (
        1_000,
        9_000,
        "converted",
        9_000,
    )


def test_a_sale_that_moved_charges_the_last_buyer_alone() -> None:
    sale, money = sale_of(event("sold", position=0), event("moved", position=1), event("moved", position=2))
    assert money == {"buyer:1": -7_000_001, "margin": 7_000_001}
    assert (sale.contract, sale.moves, sale.positions) == ("1-rest", 2, "0,1,2")


def test_a_pending_sale_that_moves_is_charged_to_nobody_until_it_is_made() -> None:
    moved = (event("posted", position=0), event("moved", position=1))
    assert sale_of(*moved)[1] == {}
    sale, money = sale_of(*moved, event("sold", position=1))
    assert money == {"buyer:2": -18_500_000, "publisher:source_abc": 18_500_000}
    assert sale.positions == "0,1"


def test_what_is_voided_or_returned_is_owed_by_nobody() -> None:
    for ending, state in (("voided", "void"), ("returned", "returned")):
        sale, money = sale_of(event("sold", position=0), event(ending, reason="wrong number"))
        assert (sale.state, money) == (state, {})
    assert sale.return_reason == "wrong number"


def test_what_was_voided_is_never_charged_afterwards() -> None:
    _, money = sale_of(event("posted", position=0), event("voided"), event("sold", position=0))
    assert money == {}


def test_what_lapsed_is_charged_where_its_conversion_is_reported_late() -> None:
    late = (event("posted", position=0), event("lapsed"), event("sold", position=0, at_ms=9_000, made="reported"))
    sale, money = sale_of(*late)
    assert (sale.state, sale.taken_at_ms, money["buyer:1"]) == ("sold", 9_000, -25_000_000)


def test_a_sale_that_was_made_and_moves_waits_for_its_next_buyer_and_charges_nobody() -> None:
    moved = (event("posted", position=0), event("sold", position=0), event("moved", position=1, pending=True))
    sale, money = sale_of(*moved)
    assert (sale.state, sale.buyer_id, sale.made_at_ms, sale.taken_at_ms, money) == ("pending", 2, None, None, {})
    assert sale_of(*moved, event("lapsed"))[1] == {}
    assert sale_of(*moved, event("sold", position=0))[1] == {}, "not once more to the buyer that it has left"
    sale, money = sale_of(*moved, event("sold", position=1, at_ms=9_000))
    assert (sale.taken_at_ms, money["buyer:2"]) == (9_000, -18_500_000)


def test_it_is_known_when_a_sale_s_buyer_was_counted() -> None:
    assert sale_of(event("posted", position=0))[0].taken_at_ms is None
    sale, _ = sale_of(event("sold", position=0, at_ms=1), event("moved", position=1, at_ms=2))
    assert (sale.made_at_ms, sale.taken_at_ms) == (1, 2)


def test_of_several_calls_an_answered_one_stands_and_then_the_longest() -> None:
    calls = [
        event("ended", call="c1", outcome="busy", duration_ms=90),
        event("ended", call="c2", outcome="answered", answered=True, duration_ms=10),
        event("ended", call="c3", outcome="answered", answered=True, duration_ms=20),
        event("ended", call="c4", outcome="busy", duration_ms=99),
    ]
    sale, _ = sale_of(event("sold", position=0), *calls)
    assert (sale.call, sale.call_answered, sale.call_duration_ms) == ("c3", True, 20)


def test_how_long_a_call_was_is_not_known_where_the_switch_did_not_say() -> None:
    silent = event("ended", call="c1", outcome="answered", answered=True, duration_ms=-1)
    sale, _ = sale_of(event("sold", position=0), silent)
    assert (sale.call, sale.call_duration_ms) == ("c1", None)
    sale, _ = sale_of(event("sold", position=0), silent, event("ended", call="a", answered=True, duration_ms=0))
    assert (sale.call, sale.call_duration_ms) == ("a", 0)


def test_a_top_up_comes_from_cash_and_a_correction_from_corrections() -> None:
    _, entries = replay([credit("a", 100), credit("b", -30), credit("c", -5, kind="top_up"), credit("a", 999)])
    assert balances(entries) == {"buyer:1": 65, "cash": -95, "corrections": 30}


def test_an_event_of_a_sale_that_nobody_knows_or_that_lacks_something_is_not_applied() -> None:
    known, _ = sale_of(event("posted", position=0))
    for one in (event("moved", position=1), event("voided"), event("sold"), credit("", 5)):
        assert isinstance(apply(one, None), NotApplied)
    for one in (event("moved"), event("sold")):
        assert isinstance(apply(one, known), NotApplied)


def test_a_free_sale_leaves_no_entry() -> None:
    assert BIDS[3].bid_micros == 0
    sale, money = sale_of(event("sold", position=3))
    assert (sale.state, money) == ("sold", {})
