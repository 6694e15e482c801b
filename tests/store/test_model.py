"""The store against a plain Python model: any order of pings, posts, calls, events and passing time."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from service.store import StoreSettings
from service.store.asks import CallEvent, RouteAsk, SellAsk
from tests.conftest import RedisForTest
from tests.store.plain_model import BIDS, CAPS, NUMBERS, PLACE, POOL, TOTAL, PlainModel
from tests.store.world import hold_ask, open_store, record, travel

ORDERS = st.permutations([0, 1, 2]).flatmap(lambda order: st.integers(1, 3).map(lambda count: order[:count]))
LEADS = st.integers(0, 7).map("d{}".format)
CALLS = st.integers(0, 3).map("c{}".format)
BUYERS = {one.buyer.id: one.buyer for one in BIDS}
# The machine may be busy: here it is not the time of an answer that is looked at.
PATIENT = StoreSettings(give_up_ms=6_000, late_margin_ms=1_000)


def live_leases(client: Any, kind: str, buyer_id: int) -> set[tuple[str, float]]:
    seconds, micros = client.time()
    now_ms = seconds * 1000 + micros // 1000
    found = client.zrange(f"{{demo}}:{kind}:{buyer_id}", 0, -1, withscores=True)
    return {(lease, until_ms) for lease, until_ms in found if until_ms > now_ms}


def machine(redis: RedisForTest) -> type[RuleBasedStateMachine]:
    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            redis.client.flushall()
            self.model = PlainModel()
            self.orders: dict[str, list[int]] = {}
            self.runner = asyncio.Runner()
            self.store = self.run(open_store(redis.url, PATIENT))
            self.run(self.store.stock([POOL]))

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
            held = self.run(self.store.hold(hold_ask(lead, [BIDS[at] for at in order], PLACE)))
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
            use = self.run(self.store.usage([one.buyer for one in BIDS], [POOL], [one.contract for one in BIDS]))
            assert [(one.slots, one.holds) for one in use.buyers] == [self.model.use(at) for at in range(3)]
            assert use.buyers[0].contracts[0].caps[0].sold == self.model.counted[0] <= TOTAL
            (numbers,) = use.pools
            assert (numbers.free, numbers.lent, numbers.cooling) == self.model.numbers()
            for at, cap in CAPS.items():
                assert cap is None or use.buyers[at].slots + use.buyers[at].holds <= cap
                assert live_leases(redis.client, "slots", at + 1) <= live_leases(redis.client, "leases", at + 1)

    return Machine


def test_the_store_does_what_a_plain_model_does(redis: RedisForTest) -> None:
    redis.may_leave("*")
    run_state_machine_as_test(
        machine(redis),
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
