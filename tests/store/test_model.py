"""The store against a plain Python model: any order of pings, posts, calls, events and passing time."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from service.store import StoreSettings
from service.store.asks import CallEvent, RouteAsk, SellAsk
from service.store.balances import CreditAsk
from tests.conftest import RedisForTest
from tests.store.plain_model import (
    BIDS,
    CAPPED,
    CAPS,
    NUMBERS,
    PAID_IN,
    PLACE,
    POOL,
    PREPAID,
    PRICE,
    TOTAL,
    PlainModel,
)
from tests.store.world import DATA, hold_ask, open_store, record, sell_ask, travel

ORDERS = st.permutations([0, 1, 2]).flatmap(lambda order: st.integers(1, 3).map(lambda count: order[:count]))
LEADS = st.integers(0, 7).map("d{}".format)
SHARED_LEADS = st.integers(0, 5).map("s{}".format)
CALLS = st.integers(0, 3).map("c{}".format)
BUYERS = {one.buyer.id: one.buyer for one in BIDS}
# The machine may be busy: here it is not the time of an answer that is looked at.
PATIENT = StoreSettings(give_up_ms=6_000, late_margin_ms=1_000)


def live_leases(client: Any, kind: str, buyer_id: int) -> set[tuple[str, float]]:
    seconds, micros = client.time()
    now_ms = seconds * 1000 + micros // 1000
    found = client.zrange(f"{{demo}}:{kind}:{buyer_id}", 0, -1, withscores=True)
    return {(lease, until_ms) for lease, until_ms in found if until_ms > now_ms}


def machine(redis: RedisForTest, terms: str) -> type[RuleBasedStateMachine]:
    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            redis.client.flushall()
            self.model = PlainModel(waits=bool(terms))
            self.orders: dict[str, list[int]] = {}
            self.runner = asyncio.Runner()
            self.store = self.run(open_store(redis.url, PATIENT))
            self.run(self.store.stock([POOL]))
            self.run(self.store.credit(CreditAsk(PREPAID + 1, PAID_IN, "k", "top_up", "wire", "operator")))

        def run(self, work: Any) -> Any:
            return self.runner.run(work)

        def teardown(self) -> None:
            """After everything has run out, nothing is left, whatever happened before."""
            travel(redis.client, 100_000)
            use = self.run(self.store.usage([one.buyer for one in BIDS], [POOL], []))
            assert not any(one.slots or one.holds for one in use.buyers)
            assert use.pools[0].free == len(NUMBERS)
            self.run(self.store.close())
            self.runner.close()

        @rule(lead=LEADS, order=ORDERS)
        def ping(self, lead: str, order: list[int]) -> None:
            if lead in self.orders:
                return
            self.orders[lead] = order
            held = self.run(self.store.hold(hold_ask(lead, [BIDS[at] for at in order], PLACE, terms=terms)))
            said = self.model.ping(lead, order)
            assert list(held.said) == said
            assert held.status == ("held" if 0 in said else "none")

        @precondition(lambda self: self.model.pings)
        @rule(data=st.data(), one=st.booleans())
        def post(self, data: st.DataObject, one: bool) -> None:
            lead = data.draw(st.sampled_from(sorted(self.model.pings)))
            offered = self.model.pings[lead][1]
            order = [data.draw(st.sampled_from(offered))] if one else offered
            self._sell(lead, f"p{lead}-{order[0]}" if one else f"p{lead}", order, needs_ping=True)

        @rule(lead=LEADS, order=ORDERS)
        def post_only(self, lead: str, order: list[int]) -> None:
            if lead not in self.orders:
                self.orders[lead] = order
                self._sell(lead, f"p{lead}", order, needs_ping=False)

        def _sell(self, lead: str, question: str, order: list[int], *, needs_ping: bool) -> None:
            known = self.orders[lead]
            ask = SellAsk(
                record=record(lead, [BIDS[at] for at in known]),
                endpoint=PLACE,
                question=question,
                bids=[BIDS[at] for at in order],
                order=tuple(known.index(at) for at in order),
                needs_ping=needs_ping,
                terms=terms,
                held_buyers=tuple(BIDS[at].buyer.id for at in known),
            )
            sold = self.run(self.store.sell(ask))
            given = sold.sale.number if sold.sale else ""
            status, said = self.model.sell(lead, question, order, needs_ping, given)
            assert (sold.status, list(sold.said)) == (status, said)
            if status in ("sold", "repeat"):
                assert sold.sale is not None
                sale = self.model.sales[lead]
                assert (known[sold.sale.position], sold.sale.number) == (sale.at, sale.number)

        @precondition(lambda self: not self.model.waits)  # what delivers data is sold at its post
        @rule(lead=SHARED_LEADS, order=ORDERS, winners=st.integers(2, 3), one=st.booleans())
        def share(self, lead: str, order: list[int], winners: int, one: bool) -> None:
            known = self.orders.setdefault(lead, order)
            question, only = (f"p{lead}-0", 0) if one else (f"p{lead}", None)
            bids = [BIDS[at] for at in known]
            ask = sell_ask(lead, bids, DATA, question=question, winners=winners, only=only)
            sold = self.run(self.store.sell(ask))
            status, bought = self.model.share(lead, question, known[:1] if one else known, winners)
            told = [known[place] for place in sold.sale.sold_to] if sold.sale else []
            assert (sold.status, told) == (status, bought)
            entries = [fields for _, fields in redis.client.xrange("{demo}:sales") if fields.get("sale") == lead]
            parts = [fields.get("part") for fields in entries]
            assert parts == ([None] * len(bought) if len(bought) < 2 else [str(known.index(at)) for at in bought])

        @precondition(lambda self: self.model.sales)
        @rule(data=st.data(), call=CALLS, attempt=st.integers(0, 5))
        def route(self, data: st.DataObject, call: str, attempt: int) -> None:
            known = self.model.calls.get(call)
            # A call belongs to one number, and so to one sale.
            lead = known.sale if known and known.sale else data.draw(st.sampled_from(sorted(self.model.sales)))
            sale = self.run(self.store.sale(lead))
            bids = [BIDS[at] for at in self.orders[lead]]
            after = sale.order[sale.order.index(sale.position) + 1 :]
            ask = RouteAsk(
                edge="edge-1",
                call=call,
                attempt=attempt,
                last="busy" if attempt else "",
                decision_id=lead,
                sale=sale,
                endpoint=PLACE,
                current=bids[sale.position],
                bids=[bids[position] for position in after],
                positions=after,
            )
            routed = self.run(self.store.route(ask))
            reason, at = self.model.route(lead, call, attempt)
            assert routed.reason == reason.replace("dial", "")
            assert (self.orders[lead][routed.position] if routed.position >= 0 else -1) == at

        @rule(call=CALLS, event=st.sampled_from(["answered", "heartbeat", "ended"]), answered=st.booleans())
        def event(self, call: str, event: Any, answered: bool) -> None:
            outcome = "answered" if answered else "no_answer"
            said = CallEvent(event=event, edge="edge-1", call=call, outcome=outcome)
            taken = self.run(self.store.event(said, BUYERS))
            assert taken.status == self.model.event(call, event, outcome)

        @rule(steps=st.integers(1, 12))
        def time_passes(self, steps: int) -> None:
            travel(redis.client, steps * 5)
            self.model.now += steps * 5

        @invariant()
        def redis_has_what_the_model_has(self) -> None:
            contracts = [one.contract for one in BIDS]
            use = self.run(self.store.usage([one.buyer for one in BIDS], [POOL], contracts, ["auto"]))
            assert [(one.slots, one.holds) for one in use.buyers] == [self.model.use(at) for at in range(3)]
            for at in range(3):
                assert use.buyers[at].contracts[0].pending == self.model.live(self.model.pending[at])
            (cap,) = use.buyers[CAPPED].contracts[0].caps
            assert cap.sold == self.model.counted[CAPPED]
            assert cap.sold + cap.pending <= TOTAL + self.model.late
            balance = use.buyers[PREPAID].balance
            assert balance is not None
            assert balance.balance_micros == self.model.balance
            assert balance.reserved_micros == self.model.live(self.model.pending[PREPAID]) * PRICE
            assert balance.balance_micros - balance.reserved_micros >= -self.model.late * PRICE
            (numbers,) = use.pools
            assert (numbers.free, numbers.lent, numbers.cooling) == self.model.numbers()
            for at, room in CAPS.items():
                assert room is None or use.buyers[at].slots + use.buyers[at].holds <= room
                assert live_leases(redis.client, "slots", at + 1) <= live_leases(redis.client, "leases", at + 1)

    return Machine


@pytest.mark.parametrize("terms", ["", "connected:0"])
def test_the_store_does_what_a_plain_model_does(redis: RedisForTest, terms: str) -> None:
    redis.may_leave("*")
    run_state_machine_as_test(
        machine(redis, terms),
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
