"""What Redis keeps of money, read to be compared with the ledger, and brought to what the ledger says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import error as Unreadable
from typing import Final, Literal

from msgspec import Struct

from service.model.catalog import PERS, Per
from service.store.aftermath import RETURNED_MS
from service.store.caps import sold_of
from service.store.line import Command
from service.store.packing import msgpack
from service.store.runner import AskedInWords, Runner
from service.store.streams import BEGINNING

CONTRACTS_PER_READ: Final = 1_000
"""One command's worth: 0.16 ms of Redis."""
SCAN_STEP: Final = 1_000
"""Keys that Redis looks at in one step of a scan: 0.3 to 0.7 ms on average."""

Sold = Mapping[Per, tuple[int, int, int]]
"""Start, sales and their price in micros, by kind of period (see `caps`)."""


class Moment(Struct, frozen=True):
    """What stood in Redis while nothing changed."""

    at_ms: int
    last_id: str
    """Of the newest entry of the sales stream; BEGINNING where it has none."""
    repaired: str
    """When a repair changed something last, ms; "" where none ever did."""
    balances: dict[int, int]
    """Micros by buyer."""
    sold: dict[str, Sold]
    """By contract; not of those that never sold."""


class FoundSale(Struct, frozen=True):
    """A sale as Redis has it; one of several parts is as many of them."""

    sale_id: str
    decision_id: str
    state: str
    position: int


class CapDelta(Struct, frozen=True):
    """What is added to what a contract has sold: start, sales and micros for each kind of period, in their order."""

    contract: str
    added: tuple[tuple[int, int, int], ...]


class CreditChange(Struct, frozen=True):
    """A key of a credit, what it says and what it is to say; "": nothing."""

    key: str
    before: str
    after: str


class Deltas(Struct, frozen=True):
    """One run's worth of differences. `seen` is `Moment.repaired`, or what the run before left."""

    seen: str
    periods_until_ms: int
    balances: Mapping[int, int] = {}
    caps: Sequence[CapDelta] = ()
    credits: Sequence[CreditChange] = ()


class Repaired(Struct, frozen=True):
    """`changed`: another repair came first. `over`: a period has ended. Then nothing was written."""

    status: Literal["repaired", "changed", "over"]
    stamp: str = ""


class Books:
    """Every verb raises StoreDown."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._keys = runner.keys

    async def moment(self, buyers: Sequence[int], contracts: Sequence[str]) -> Moment | None:
        """Balances of buyers and what contracts have sold; None where something changed while they were read. Each
        change of them has an entry in the stream of sales, or is a repair, which leaves its stamp."""
        keys = self._keys
        stamps: list[Command] = [("XREVRANGE", keys.sales, "+", "-", "COUNT", 1), ("GET", keys.repaired)]
        parts = [contracts[at : at + CONTRACTS_PER_READ] for at in range(0, len(contracts), CONTRACTS_PER_READ)]
        asked: list[Command] = [("GET", keys.balance(buyer)) for buyer in buyers]
        caps: list[Command] = [("HMGET", keys.caps, *part) for part in parts]
        found = await self._runner.read([*stamps, *asked, *caps, *stamps, ("TIME",)])
        (seconds, micros), after, before = found[-1], found[-3:-1], found[:2]
        if before != after:
            return None
        values = (value for part in found[2 + len(asked) : -3] for value in part)
        return Moment(
            at_ms=int(seconds) * 1000 + int(micros) // 1000,
            last_id=_id_of(before[0]),
            repaired=(before[1] or b"").decode(),
            balances={buyer: int(value or 0) for buyer, value in zip(buyers, found[2:], strict=False)},
            sold={one: _sold(value) for one, value in zip(contracts, values, strict=True) if value},
        )

    async def last_id(self) -> str:
        """Of the newest entry of the sales stream."""
        (last,) = await self._runner.read([("XREVRANGE", self._keys.sales, "+", "-", "COUNT", 1)])
        return _id_of(last)

    async def stamp(self) -> str:
        """When a repair changed something last, ms; "" where none ever did."""
        (said,) = await self._runner.read([("GET", self._keys.repaired)])
        return (said or b"").decode()

    async def scan_sales(self, cursor: int) -> tuple[int, list[FoundSale]]:
        """Some of the sales, and the cursor of the next step; 0 begins and ends it. A sale may come twice."""
        prefix = self._keys.sale("")
        ((after, names),) = await self._runner.read([("SCAN", cursor, "MATCH", prefix + b"*", "COUNT", SCAN_STEP)])
        return int(after), await self.sales([name.removeprefix(prefix).decode() for name in names])

    async def sales(self, decision_ids: Sequence[str]) -> list[FoundSale]:
        """Those of these decisions that are there."""
        named = [("HMGET", self._keys.sale(one), "state", "position", "parts") for one in decision_ids]
        plain = dict(zip(decision_ids, await self._runner.read(named) if named else (), strict=True))
        parts = [(one, part.decode()) for one, found in plain.items() for part in (found[2] or b"").split(b",") if part]
        asked = [("HGET", self._keys.sale(one), f"state:{part}") for one, part in parts]
        states = await self._runner.read(asked) if asked else ()
        found = [
            FoundSale(f"s{one}", one, state.decode(), int(position))
            for one, (state, position, several) in plain.items()
            if state and position and not several
        ]
        return found + [
            FoundSale(f"s{one}-{part}", one, state.decode(), int(part))
            for (one, part), state in zip(parts, states, strict=True)
            if state
        ]

    async def scan_credits(self, cursor: int) -> tuple[int, dict[str, str]]:
        """Some of the keys of credits and what they say (buyer and micros), and the cursor of the next step."""
        ((after, flat),) = await self._runner.read([("HSCAN", self._keys.credits, cursor, "COUNT", SCAN_STEP)])
        words = [word.decode(errors="replace") for word in flat]
        return int(after), dict(zip(words[::2], words[1::2], strict=True))

    async def credits(self, keys: Sequence[str]) -> dict[str, str]:
        """Those of these keys that are there."""
        if not keys:
            return {}
        (found,) = await self._runner.read([("HMGET", self._keys.credits, *keys)])
        return {key: said.decode(errors="replace") for key, said in zip(keys, found, strict=True) if said is not None}

    async def repair(self, deltas: Deltas) -> Repaired:
        keys = self._keys
        named = [keys.repaired, keys.caps, keys.credits, *(keys.balance(buyer) for buyer in deltas.balances)]
        caps = [[one.contract, *one.added] for one in deltas.caps]
        credits = [[one.key, one.before, one.after] for one in deltas.credits]
        asked = AskedInWords(
            named,
            [deltas.seen, deltas.periods_until_ms, *map(msgpack, (list(deltas.balances.values()), caps, credits))],
        )
        reply = await self._runner.write("repair", lambda now_ms: asked)
        return Repaired(reply[0].decode(), *(word.decode() for word in reply[1:]))

    async def mark_returned(self, sales: Iterable[tuple[str, int]]) -> None:
        """Sales, as the publisher knows them, and when they were returned: that is known again for as long as it would
        be."""
        now_ms = self._runner.clock.now_ms()
        left = [(sale_id, returned_at_ms + RETURNED_MS - now_ms) for sale_id, returned_at_ms in sales]
        marks = [
            ("SET", self._keys.returned(sale_id.removeprefix("s")), "1", "PX", ms, "NX")
            for sale_id, ms in left
            if ms > 0
        ]
        if marks:
            await self._runner.read(marks)

    def periods(self, zone: str, at_ms: int) -> tuple[dict[Per, int], int]:
        """Starts of the periods of a moment in a zone, and when the first of them ends."""
        hour = self._runner.calendar.hour(zone, at_ms)
        return {per: period.start_ms for per, period in hour.periods.items()}, hour.end_ms


def in_runs(
    per_run: int, balances: Mapping[int, int], caps: Sequence[CapDelta]
) -> Iterator[tuple[dict[int, int], list[CapDelta]]]:
    """Parts of differences, none larger than one run of the script should take."""
    owed = list(balances.items())
    for at in range(0, max(len(owed), len(caps), 1), per_run):
        yield dict(owed[at : at + per_run]), list(caps[at : at + per_run])


def _id_of(last: Sequence[tuple[bytes, object]]) -> str:
    return last[0][0].decode() if last else BEGINNING


def _sold(value: bytes) -> Sold:
    try:
        return sold_of(value)
    except (ValueError, Unreadable):  # no script of ours writes another length; it counts nothing
        return dict.fromkeys(PERS, (0, 0, 0))
