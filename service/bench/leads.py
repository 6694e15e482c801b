"""Leads ready to be sent: HTTP requests prepared as templates, so that a ping costs the driver one formatting."""

import math
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from msgspec import Struct

from service.bench.instructions import AskedField, BenchFailed, Instructions
from service.bench.invented import NUMBER, value_of
from service.bench.places import PLACES
from service.bench.plan import Plan
from service.bench.requests import Target, request_template
from service.settings import SettingWrong

VARIANTS: Final = 512
"""Leads that differ in more than their number; ten for each state, some 300 KB."""
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
_ASKER: Final = ("traffic_source_id", "auth_token")
"""What says who asks, and stands in a post as in its ping."""
NUMBERS: Final = 8_000_000
"""Seven digits whose first is 2 to 9. Leads further apart than this share a number; at 15,000 a second nine minutes
lie between them, and no ping lives so long."""
_STEP: Final = 4_999_999
"""Prime to NUMBERS, so that its multiples pass through all of them without looking like a row."""


class Lead(Struct, frozen=True):
    """A ping's request as a template with `slots` places for its number; always the same where there is none.

    `rest` is what its post adds to `{"ping_id":"…"`, as a template with `rest_slots`; `caller` is who calls, as a
    template with `caller_slots`, empty where the lead has none.
    """

    template: bytes
    slots: int
    area: int
    rest: bytes
    rest_slots: int
    caller: bytes
    caller_slots: int

    def ping(self, number: int) -> bytes:
        return self.template % ((number,) * self.slots)


class Leads(Struct, frozen=True):
    """All leads of a run, and the place in the row of numbers where this seed begins."""

    variants: tuple[Lead, ...]
    offset: int

    def pick(self, serial: int) -> tuple[Lead, int]:
        """The lead that comes `serial`-th and its number, ten digits."""
        lead = self.variants[serial % len(self.variants)]
        return lead, lead.area + 2_000_000 + (self.offset + serial * _STEP) % NUMBERS

    def after(self, sent: int) -> "Leads":
        """The same, without those that were sent already."""
        return Leads(self.variants, (self.offset + sent * _STEP) % NUMBERS)


def invented_leads(plan: Plan, said: Instructions, target: Target) -> Leads:
    """Leads that the endpoint takes, over all states and the plan's sources. Raises BenchFailed, SettingWrong."""
    _refuse_what_cannot_be_measured(plan, said, target)
    sources: tuple[str | None, ...] = source_ids(plan)
    if said.auth_required:
        sources = (None,)  # the token names the source, and another id would be refused
    draw = Random(f"leads {plan.seed}")
    shown = next((set(request.body) for request in said.requests if request.path == "ping"), set())
    own_number = next((r.body.get("trackdrive_number") for r in said.requests if r.path == "ping"), None)
    count = len(sources) * math.ceil(VARIANTS / len(sources))
    variants: list[Lead] = []
    for at in range(count):
        place = PLACES[at % len(PLACES)]
        values = {field.name: _needed(field, value_of(field, place, draw)) for field in said.fields}
        values = {name: value for name, value in values.items() if value is not None}
        head: dict[str, Any] = {"traffic_source_id": sources[at % len(sources)]} if sources[0] is not None else {}
        first = head | ({"trackdrive_number": own_number} if own_number else {})
        # Repeats are known by the caller, so that every ping brings one, also where none is asked for.
        first |= {name: value for name, value in values.items() if name in shown or name == "caller_id"}
        rest = head | {name: value for name, value in values.items() if name not in first}
        variants.append(_lead(target, first, rest, area=place.area_code))
    return Leads(tuple(variants), _offset(plan))


def leads_of_file(plan: Plan, path: Path, target: Target) -> Leads:
    """Bodies of pings, one JSON object a line, sent in turn again and again. Raises BenchFailed.

    `{number}` within a text stands for ten digits of the lead's own; a line without one is a repeat when its turn comes
    again. A line without `traffic_source_id` gets one of the plan's, unless a token names the source.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BenchFailed(f"{path} is larger than {FILE_BYTES_MAX // 1024 // 1024} MiB.")
        lines = path.read_bytes().splitlines()
    except OSError as fault:
        raise BenchFailed(f"{path} cannot be read: {fault.strerror}.") from None
    sources = source_ids(plan)
    variants: list[Lead] = []
    for at, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            body = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise BenchFailed(f"{path}:{at} is not a JSON object: {fault}.") from None
        if not target.token:
            body.setdefault("traffic_source_id", sources[len(variants) % len(sources)])
        asker: dict[str, Any] = {name: body[name] for name in _ASKER if name in body}
        variants.append(_lead(target, body, asker, area=PLACES[at % len(PLACES)].area_code))
    if not variants:
        raise BenchFailed(f"{path} has no leads.")
    return Leads(tuple(variants), _offset(plan))


def source_ids(plan: Plan) -> tuple[str, ...]:
    return plan.source_ids or tuple(f"bench-{at + 1}" for at in range(plan.sources))


def _refuse_what_cannot_be_measured(plan: Plan, said: Instructions, target: Target) -> None:
    if said.test_mode:
        raise BenchFailed(
            f"{plan.endpoint} is in test mode: it explains, at most 60 times a minute, and sells nothing."
        )
    if said.auth_required and not target.token:
        raise BenchFailed(f"{plan.endpoint} wants a token: set PINGPOST_BENCH_TOKEN to one of a traffic source.")
    if said.source_needed and not plan.source_ids:
        raise SettingWrong(f"{plan.endpoint} takes only sources that its catalog lists: name some by --source-ids.")
    if plan.mix.get("call") and said.delivery != "call":
        raise SettingWrong(f"{plan.endpoint} delivers data: leave call out of --mix.")


def _needed(field: AskedField, value: Any) -> Any:
    if value is None and field.required_on:
        raise BenchFailed(f"No value can be thought of for the field {field.name}: give leads by --leads.")
    return value


def _lead(target: Target, first: dict[str, Any], rest: dict[str, Any], *, area: str) -> Lead:
    template, slots = request_template(target.ping_head, _encoded(first))
    # Joined behind the ping id: `{"a":1}` becomes `,"a":1}`.
    inner = _encoded(rest)[1:]
    caller = first.get("caller_id", rest.get("caller_id", ""))
    filled, caller_slots = _filled(caller.encode() if isinstance(caller, str) else b"")
    rest_filled, rest_slots = _filled(inner if inner == b"}" else b"," + inner)
    return Lead(template, slots, int(area) * 10_000_000, rest_filled, rest_slots, filled, caller_slots)


def _encoded(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode(body)


def _filled(text: bytes) -> tuple[bytes, int]:
    slot = NUMBER.encode()
    return text.replace(b"%", b"%%").replace(slot, b"%d"), text.count(slot)


def _offset(plan: Plan) -> int:
    return Random(f"numbers {plan.seed}").randrange(NUMBERS)
