"""The worlds that are measured: a catalog whose buyers, caps and numbers are so many that only the exchange is felt,
and leads that it wants. Everything follows from a seed or from counting; nothing is random from run to run.
"""

from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

ACCOUNT = "bench"
"""An account of its own: its keys in Redis are nobody else's, and are wiped after each run."""
ENDPOINT = "bench"
OFFER = "calls"
POOL = "pool"
NUMBERS = 8_000
"""Of the pool: a run of ten seconds lends two or three thousand, of which none comes back while it lasts."""
PLENTY = 1_000_000
"""A cap that nothing here reaches."""
FULL_CAP = 20
"""Cap of a buyer that is to be full: small, so that filling it takes no time."""
HOLD_SECONDS = 2
NUMBER_HOLD_SECONDS = 120
COOLDOWN_SECONDS = 1
RING_SECONDS = 20
PING_TTL_SECONDS = 60
LEADS = 600
"""That differ in more than their caller: `lead` has counted through everything then."""

AREA_CODES = (212, 310, 415, 646, 718, 805, 916, 917)
CALLERS_PER_AREA_CODE = 800_000
FIRST_CALLER = 2_200_000
"""Numbers from 220-0000 up to 299-9999: no N11 among them, which would not be a telephone number."""

FIELDS = (
    ("caller_id", "phone"),
    ("state", "state"),
    ("zip", "zip"),
    ("age", "integer"),
    ("currently_insured", "boolean"),
    ("carrier", "text"),
)
CARRIERS = ("Geico", "Progressive", "State Farm", "Other")
UNLIKE_LEADS = 4_000
"""Leads of which hardly two are wanted by the same contracts at the same prices."""
UNLIKE_SEED = 20
ELSEWHERE = ("TX", "FL", "GA", "OH", "IL", "PA", "MI", "NC", "VA", "WA")


class World(Struct, frozen=True):
    """`wanted` of `contracts` buyers want every lead; the others want leads of other states. One contract a buyer."""

    wanted: int = 5
    contracts: int = 30
    full_percent: int = 0
    """Share of those that want the lead which are at their cap, spread over the ranking."""
    buyers_max: int = 10
    on_record: bool = False
    """With rate limits, caps and dedup, so that a ping asks Redis for everything it can ask for."""
    unlike: bool = False
    """Leads differ in age, zip, carrier and `request_id`, and so do the filters of the contracts beyond those `wanted`:
    each wants a quarter of all leads, at one of ten bids. What is kept for leads alike is of no use then."""
    edition: int = 0
    """Moves one bid by so many cents: another version of the same catalog, for reloads."""

    @property
    def full_buyers(self) -> list[int]:
        """Ids of the buyers that are to be filled, spread over the ranking by a step that meets each place once."""
        step = next(step for step in (61, 59, 53) if self.wanted % step) if self.wanted else 1
        count = round(self.wanted * self.full_percent / 100)
        return sorted((at * step + 17) % self.wanted + 1 for at in range(count)) if self.wanted else []


def write_catalog(folder: Path, world: World) -> Path:
    """Writes the catalog's one file into the folder, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalog.toml").write_text(catalog_text(world))
    return folder


def catalog_text(world: World) -> str:
    fields = "\n".join(f'  [[offers.fields]]\n  name = "{name}"\n  type = "{kind}"' for name, kind in FIELDS)
    limits = f"{{ per_minute = {PLENTY}, per_day = {PLENTY} }}"
    limited = f"\nrate_limits = {limits}\nsource_rate_limits = {limits}" if world.on_record else ""
    tables = [
        f'[account]\nid = "{ACCOUNT}"',
        f'[[offers]]\nid = "{OFFER}"\nname = "Calls"\ndelivery = "call"\n{fields}',
        f'[[ring_pools]]\nid = "{POOL}"\nranges = ["+18002000000..+1800{2_000_000 + NUMBERS - 1}"]\n'
        f"cooldown_seconds = {COOLDOWN_SECONDS}",
        f'[[endpoints]]\nvanity_uri = "{ENDPOINT}"\noffer = "{OFFER}"\nring_pool = "{POOL}"\n'
        f"buyers_max = {world.buyers_max}\nhold_seconds = {HOLD_SECONDS}\nping_ttl_seconds = {PING_TTL_SECONDS}\n"
        f"number_hold_seconds = {NUMBER_HOLD_SECONDS}\nring_seconds = {RING_SECONDS}{limited}",
    ]
    full = frozenset(world.full_buyers)
    tables += (_buyer(at, world, full) for at in range(world.contracts))
    return "\n\n".join(tables) + "\n"


def _buyer(at: int, world: World, full: frozenset[int]) -> str:
    """Buyer number `at`: the wanting ones come first. Ages differ, so that no two contracts share all their filters."""
    if world.unlike and at >= world.wanted:
        return _particular_buyer(at + 1)
    buyer_id = at + 1
    state = '"CA", "NY"' if at < world.wanted else f'"{ELSEWHERE[at % len(ELSEWHERE)]}"'
    extra = f"\n  dedup_days = 30\n  caps = {{ day = {PLENTY}, total = {PLENTY} }}" if world.on_record else ""
    cents = 2000 + at % 997 + (world.edition if at == 0 else 0)
    return (
        f'[[buyers]]\nid = {buyer_id}\nname = "Buyer {at}"\ndestination = "+18005550001"\n'
        f"concurrency_cap = {FULL_CAP if buyer_id in full else PLENTY}\n"
        f'  [[buyers.contracts]]\n  id = "{buyer_id}-calls"\n  offer = "{OFFER}"\n  bid = {cents / 100}\n'
        f"  where = {{ state = [{state}], age = {{ min = {18 + at % 12} }} }}{extra}"
    )


def _particular_buyer(buyer_id: int) -> str:
    """One that wants half of all zips and half of all ages, others than the next one, and pays more than those that
    want everything."""
    chance = Random(f"{UNLIKE_SEED} {buyer_id}")
    zips = ", ".join(f'"{digit}"' for digit in sorted(chance.sample("0123456789", 5)))
    youngest = chance.randrange(30, 50)
    return (
        f'[[buyers]]\nid = {buyer_id}\nname = "Buyer {buyer_id}"\ndestination = "+18005550001"\n'
        f"concurrency_cap = {PLENTY}\n"
        f'  [[buyers.contracts]]\n  id = "{buyer_id}-calls"\n  offer = "{OFFER}"\n'
        f"  bid = {40 + chance.randrange(10)}\n"
        f"  where = {{ zip = {{ prefix = [{zips}] }}, age = {{ min = {youngest}, max = {youngest + 20} }} }}"
    )


def lead(number: int) -> bytes:
    """The body of a ping by a caller of its own, so that none is a repeat."""
    area_code = AREA_CODES[number // CALLERS_PER_AREA_CODE % len(AREA_CODES)]
    state, zip_code = (("CA", "90210"), ("NY", "10001"))[number % 2]
    return (
        b'{"caller_id":"1%d%d","traffic_source_id":"source_%d","state":"%s","zip":"%s","age":%d,'
        b'"currently_insured":%s,"carrier":"Geico"}'
        % (
            area_code,
            FIRST_CALLER + number % CALLERS_PER_AREA_CODE,
            number % 50,
            state.encode(),
            zip_code.encode(),
            30 + number % 40,
            (b"true", b"false")[number % 3 == 0],
        )
    )


def _unlike_leads() -> list[dict[str, Any]]:
    chance = Random(UNLIKE_SEED)
    return [
        {
            "traffic_source_id": f"source_{chance.randrange(50)}",
            "request_id": "lead-{number}",
            "state": chance.choice(("CA", "NY")),
            "zip": f"{chance.randrange(100_000):05}",
            "age": chance.randrange(30, 70),
            "currently_insured": chance.random() < 0.5,
            "carrier": chance.choice(CARRIERS),
        }
        for _ in range(UNLIKE_LEADS)
    ]


def write_leads(path: Path, *, unlike: bool = False) -> Path:
    """A file of bodies for `pingpost bench --leads`, which puts a number of its own into each caller it sends."""
    bodies = _unlike_leads() if unlike else [msgspec.json.decode(lead(at)) for at in range(LEADS)]
    path.write_bytes(b"".join(msgspec.json.encode(body | {"caller_id": "1{number}"}) + b"\n" for body in bodies))
    return path
