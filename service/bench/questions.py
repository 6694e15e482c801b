"""What is asked next: the mix, and what earlier answers gave to post and to call."""

from collections import deque
from random import Random
from typing import Final

from msgspec import Struct

from service.bench.answers import CallSold, EventTaken, PingTold, Routed, Told
from service.bench.asked import Asked
from service.bench.leads import Lead, Leads
from service.bench.plan import Plan
from service.bench.requests import Target, event_request, request, route_request

STOCK_MAX: Final = 1000
"""Pings to post and sales to call that are kept; the newest are used first, so that their holds are alive."""
LIFE_LEFT_NS_MIN: Final = 1_000_000_000
"""A ping id with less left to live is not posted, nor is such a ping repeated: it might be over on arrival."""
_NS_PER_S: Final = 1_000_000_000


class _Answered(Struct, gc=False):
    """A ping that may be posted or repeated until `until_ns`."""

    ping_id: str
    until_ns: int
    lead: Lead
    number: int


class _Sale(Struct, gc=False):
    tracking_number: str
    until_ns: int
    caller: str


class Questions:
    """Of one process, whose leads are each `processes`-th from `index` on. `run_id` keeps its calls from others'."""

    def __init__(self, plan: Plan, leads: Leads, target: Target, *, index: int, run_id: str) -> None:
        self._leads = leads
        self._target = target
        self._draw = Random(f"questions {plan.seed} {plan.first_number} {index}")
        self._post_below = plan.mix.get("post", 0.0)
        self._call_below = self._post_below + plan.mix.get("call", 0.0)
        self._repeat_share = plan.repeat_share
        self._serial, self._step = index, plan.processes
        self._run_id = f"{run_id}-{index}"
        self._pings: deque[_Answered] = deque(maxlen=STOCK_MAX)
        self._recent: deque[_Answered] = deque(maxlen=STOCK_MAX)
        self._sales: deque[_Sale] = deque(maxlen=STOCK_MAX)
        self._calls = 0
        self.substituted = {"post": 0, "call": 0}
        """Arrivals that were to be something else and became pings, because nothing was there to post or call."""

    def next(self, due_ns: int) -> Asked:
        """The request of an arrival."""
        chance = self._draw.random()
        if chance < self._post_below:
            return self._post(due_ns) or self._instead("post", due_ns)
        if chance < self._call_below:
            return self._call(due_ns) or self._instead("call", due_ns)
        return self._ping(due_ns)

    def learn(self, asked: Asked, told: Told, now_ns: int) -> Asked | None:
        """Takes what a success brings; the next step where `asked` was one of a call."""
        if type(told) is PingTold:
            self._learn_ping(asked, told, now_ns)
        elif type(told) is CallSold and asked.lead is not None and self._call_below > self._post_below:
            until_ns = now_ns + told.expires_in_seconds * _NS_PER_S - LIFE_LEFT_NS_MIN
            caller = (asked.lead.caller % ((asked.number,) * asked.lead.caller_slots)).decode()
            self._sales.append(_Sale(told.trackdrive_number, until_ns, caller))
        elif type(told) is Routed:
            return self._event(asked.call, "answered", now_ns)
        elif type(told) is EventTaken and asked.event == "answered":
            return self._event(asked.call, "ended", now_ns)
        return None

    def may_repeat(self, asked: Asked) -> bool:
        """Whether `"repeat": true` is no surprise."""
        return asked.is_repeat or (asked.kind == "ping" and asked.lead is not None and not asked.lead.slots)

    def _learn_ping(self, asked: Asked, told: PingTold, now_ns: int) -> None:
        if asked.lead is None or asked.is_repeat:
            return  # each ping is posted once, and its first answer has put it in the stock
        until_ns = now_ns + told.ping_ids_expiry_in_seconds * _NS_PER_S - LIFE_LEFT_NS_MIN
        # Publishers do both: take the best bid, or leave the order to the exchange.
        ping_id = told.buyers[0].ping_id if asked.number & 1 else told.try_all_buyers_ping_id
        answered = _Answered(ping_id, until_ns, asked.lead, asked.number)
        if self._post_below and not told.repeat:
            self._pings.append(answered)
        if self._repeat_share:
            self._recent.append(answered)

    def _ping(self, due_ns: int) -> Asked:
        if self._repeat_share and self._recent and self._draw.random() < self._repeat_share:
            again = self._recent[int(self._draw.random() * len(self._recent))]
            if again.until_ns > due_ns:
                return Asked("ping", due_ns, again.lead.ping(again.number), again.lead, again.number, True)
        lead, number = self._leads.pick(self._serial)
        self._serial += self._step
        return Asked("ping", due_ns, lead.template % ((number,) * lead.slots), lead, number)

    def _instead(self, share: str, due_ns: int) -> Asked:
        self.substituted[share] += 1
        return self._ping(due_ns)

    def _post(self, due_ns: int) -> Asked | None:
        if not self._pings:
            return None
        ping = self._pings.pop()
        if ping.until_ns <= due_ns:
            self._pings.clear()  # the newest is over: all are
            return None
        rest = ping.lead.rest % ((ping.number,) * ping.lead.rest_slots)
        body = b'{"ping_id":"%b"%b' % (ping.ping_id.encode(), rest)
        return Asked("post", due_ns, request(self._target.post_head, body), ping.lead, ping.number)

    def _call(self, due_ns: int) -> Asked | None:
        if not self._sales:
            return None
        sale = self._sales.pop()
        if sale.until_ns <= due_ns:
            self._sales.clear()
            return None
        self._calls += 1
        call = f"{self._run_id}-{self._calls}"
        asked = route_request(self._target.route_head, call, sale.tracking_number, sale.caller)
        return Asked("route", due_ns, asked, call=call)

    def _event(self, call: str, event: str, now_ns: int) -> Asked:
        asked = event_request(self._target.event_head, call, event)
        return Asked("event", now_ns, asked, call=call, event=event)
