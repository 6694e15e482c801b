"""What the store promises, in plain Python over dictionaries: no expiry, no scripts, one clock in seconds."""

from dataclasses import dataclass, field

from msgspec.structs import replace

from service.model.catalog import Cap, RingPool
from service.model.decline import Decline
from service.model.lead import Bid
from tests.store.world import ENDPOINT, bid

COOLDOWN, NUMBER_HOLD, HOLD, PING_TTL, RING, BEAT = 30, 60, 10, 60, 30, 45
ATTEMPTS_MAX = 5
NUMBERS = ("+18005550100", "+18005550101", "+18005550102")
POOL = RingPool(id="toll_free", numbers=NUMBERS, cooldown_seconds=COOLDOWN)
PLACE = replace(
    ENDPOINT,
    hold_seconds=HOLD,
    number_hold_seconds=NUMBER_HOLD,
    ping_ttl_seconds=PING_TTL,
    ring_seconds=RING - 10,
)
TOTAL = 4
PRICE = 25_000_000
PAID_IN = 3 * PRICE
CAPPED, PREPAID = 0, 1


def _prepaid(one: Bid) -> Bid:
    return replace(one, buyer=replace(one.buyer, balance_required=True))


BIDS: list[Bid] = [bid(1, 2, buffer=50, caps=(Cap("total", TOTAL),)), _prepaid(bid(2, 1)), bid(3, None)]
CAPS = {0: 2, 1: 1, 2: None}
PING_LIMITS = {0: 1, 1: 1, 2: None}


@dataclass
class Sold:
    question: str
    at: int
    """The place in BIDS that has it."""
    order: list[int]
    number: str
    until: int
    state: str = "sold"
    live_call: str = ""
    live_until: int = 0


@dataclass
class Call:
    sale: str = ""
    answers: dict[int, tuple[str, int]] = field(default_factory=dict)
    answered: bool = False
    ended: bool = False


class PlainModel:
    def __init__(self, *, waits: bool = False) -> None:
        """`waits`: a sale is made when its call is answered."""
        self.waits = waits
        self.balance = PAID_IN
        self.pending: dict[int, dict[str, int]] = {0: {}, 1: {}, 2: {}}
        self.late = 0
        self.now = 0
        self.holds: dict[int, dict[str, int]] = {0: {}, 1: {}, 2: {}}
        self.slots: dict[int, dict[str, int]] = {0: {}, 1: {}, 2: {}}
        self.free_at = dict.fromkeys(NUMBERS, -1)
        self.lent: dict[str, str] = {}
        self.counted = {0: 0, 1: 0, 2: 0}
        self.pings: dict[str, tuple[int, list[int]]] = {}
        self.sales: dict[str, Sold] = {}
        self.calls: dict[str, Call] = {}
        self.shared: dict[str, tuple[str, list[int]]] = {}
        """Of data leads: the question, and the places in BIDS of all that bought."""

    # What there is

    def live(self, leases: dict[str, int]) -> int:
        return sum(until > self.now for until in leases.values())

    def use(self, at: int) -> tuple[int, int]:
        return self.live(self.slots[at]), self.live(self.holds[at])

    def has_lease(self, at: int, lead: str) -> bool:
        return any(leases.get(lead, -1) > self.now for leases in (self.holds[at], self.slots[at]))

    def why_not(self, at: int, room: int | None, lead: str = "") -> int:
        if at == PREPAID and self.balance - self.live(self.pending[PREPAID]) * PRICE < PRICE:
            return Decline.BALANCE
        if at == CAPPED and self.counted[CAPPED] + self.live(self.pending[CAPPED]) >= TOTAL:
            return Decline.CAP_TOTAL
        if room is None or (lead and self.has_lease(at, lead)) or sum(self.use(at)) < room:
            return 0
        return Decline.CONCURRENCY

    def numbers(self) -> tuple[int, int, int]:
        free = sum(at <= self.now for at in self.free_at.values())
        lent = sum(at > self.now + COOLDOWN for at in self.free_at.values())
        return free, lent, len(NUMBERS) - free - lent

    # Leads

    def ping(self, lead: str, order: list[int]) -> list[int]:
        said = [self.why_not(at, PING_LIMITS[at]) for at in order]
        offered = [at for at, word in zip(order, said, strict=True) if word == 0]
        for at in offered:
            if CAPS[at] is not None:
                self.holds[at][lead] = self.now + HOLD
        if offered:
            self.pings[lead] = (self.now + PING_TTL, offered)
        return said

    def sell(
        self, lead: str, question: str, order: list[int], needs_ping: bool, given: str
    ) -> tuple[str, list[int | None]]:
        """`given` is the number that was lent: among those that have rested for the same seconds, any is right."""
        if lead in self.sales:
            return ("repeat" if self.sales[lead].question == question else "already_sold"), []
        if needs_ping and self.pings.get(lead, (-1, []))[0] <= self.now:
            return "ping_gone", []
        said: list[int | None] = []
        for at in order:
            said.append(0 if 0 in said else self.why_not(at, CAPS[at], lead))
        winner = said.index(0) if 0 in said else None
        if winner is None:
            return "none", said
        said = said[: winner + 1] + [None] * (len(order) - winner - 1)
        free = sorted((at, number) for number, at in self.free_at.items() if at <= self.now)
        if not free:
            return "no_tracking_number", said
        for leases in self.holds.values():
            leases.pop(lead, None)
        number = given if (free[0][0], given) in free else free[0][1]
        self.free_at[number] = self.now + NUMBER_HOLD + COOLDOWN
        self.lent[number] = lead
        self.slots[order[winner]][lead] = self.now + NUMBER_HOLD
        self.sales[lead] = Sold(question, order[winner], order, number, self.now + NUMBER_HOLD)
        self._take(self.sales[lead], lead)
        return "sold", said

    # Money

    def _take(self, sale: Sold, lead: str) -> None:
        if self.waits:
            sale.state, self.pending[sale.at][lead] = "pending", sale.until
        else:
            self._book(sale)

    def _book(self, sale: Sold) -> None:
        sale.state = "sold"
        self._book_at(sale.at)

    def _book_at(self, at: int) -> None:
        self.counted[at] += 1
        if at == PREPAID:
            self.balance -= PRICE

    def _give_back(self, sale: Sold, lead: str) -> None:
        if sale.state == "pending":
            self.pending[sale.at].pop(lead, None)
            return
        self.counted[sale.at] -= 1
        if sale.at == PREPAID:
            self.balance += PRICE

    def _answered(self, sale: Sold, lead: str) -> None:
        """What is pending is made, also after its pending life."""
        if sale.state == "pending":
            self.late += self.pending[sale.at].pop(lead, -1) <= self.now
            self._book(sale)

    def share(self, lead: str, question: str, order: list[int], winners: int) -> tuple[str, list[int]]:
        """A data lead goes to the first that are below their caps; none of them needs room."""
        if lead in self.shared:
            asked, bought = self.shared[lead]
            return ("repeat" if asked == question else "already_sold"), bought
        able = [at for at in order if self.why_not(at, None) == 0][:winners]
        if not able:
            return "none", []
        for at in able:
            self._book_at(at)
        self.shared[lead] = (question, able)
        return "sold", able

    # Calls

    def route(self, lead: str, name: str, attempt: int) -> tuple[str, int]:
        call, sale = self.calls.setdefault(name, Call()), self.sales[lead]
        if attempt in call.answers:
            return call.answers[attempt]
        if call.answers and max(call.answers) > attempt:
            return call.answers[max(call.answers)]
        call.sale = lead
        call.answers[attempt] = self._route(sale, lead, name, attempt)
        return call.answers[attempt]

    def _route(self, sale: Sold, lead: str, name: str, attempt: int) -> tuple[str, int]:
        is_live = sale.live_call != "" and sale.live_until > self.now
        is_ours = sale.live_call == name
        if self.calls[name].ended:
            if not is_live or is_ours:
                self.slots[sale.at].pop(lead, None)
            return "call_ended", -1
        if sale.state == "void":
            return "no_buyer_left", -1
        if self.lent.get(sale.number) != lead or (not is_ours and sale.until <= self.now):
            return "number_expired", -1
        if is_live and not is_ours:
            return "number_busy", -1
        room = CAPS[sale.at]
        has_slot = self.slots[sale.at].get(lead, -1) > self.now
        if is_ours or not (has_slot or room is None or sum(self.use(sale.at)) < room):
            left = sale.order[sale.order.index(sale.at) + 1 :] if attempt < ATTEMPTS_MAX else []
            following = next((at for at in left if self.why_not(at, CAPS[at], lead) == 0), None)
            self.slots[sale.at].pop(lead, None)
            self._give_back(sale, lead)
            if following is None:
                sale.state, sale.live_call, sale.until = "void", "", self.now
                self._rest(sale, lead)
                return "no_buyer_left", -1
            sale.at, sale.until = following, max(sale.until, self.now + RING)
            self._take(sale, lead)
        self._extend(sale, lead, self.now + RING, has_slot=True)
        sale.live_call = name
        return "", sale.at

    def event(self, name: str, event: str, outcome: str) -> str:
        call = self.calls.get(name)
        if event == "ended":
            return self._ended(self.calls.setdefault(name, Call()), name, outcome)
        if call is None or not call.sale:
            return "unknown"
        sale = self.sales[call.sale]
        if call.ended or sale.live_call != name:
            return "stale"
        room = CAPS[sale.at]
        has_slot = self.has_lease(sale.at, call.sale) or room is None or sum(self.use(sale.at)) < room
        self._answered(sale, call.sale)
        self._extend(sale, call.sale, self.now + BEAT, has_slot=has_slot)
        was_answered, call.answered = call.answered, True
        if not has_slot:
            return "overrun"
        return "repeat" if event == "answered" and was_answered else "taken"

    def _ended(self, call: Call, name: str, outcome: str) -> str:
        if call.ended:
            return "repeat"
        call.ended = True
        if not call.sale:
            return "tombstone"
        sale = self.sales[call.sale]
        if sale.live_call == name:
            self.slots[sale.at].pop(call.sale, None)
            sale.live_call, sale.live_until = "", 0
            if call.answered or outcome == "answered":
                self._answered(sale, call.sale)
                sale.until = self.now
                self._rest(sale, call.sale)
        return "taken"

    def _extend(self, sale: Sold, lead: str, until: int, *, has_slot: bool) -> None:
        if has_slot:
            self.slots[sale.at][lead] = until
        sale.live_until = until
        sale.until = max(sale.until, until)
        if self.pending[sale.at].get(lead, -1) > self.now:
            self.pending[sale.at][lead] = sale.until
        if self.lent.get(sale.number) == lead:
            self.free_at[sale.number] = sale.until + COOLDOWN

    def _rest(self, sale: Sold, lead: str) -> None:
        if self.lent.get(sale.number) == lead:
            del self.lent[sale.number]
            self.free_at[sale.number] = self.now + COOLDOWN
