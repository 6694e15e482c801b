"""What phone switches ask and tell. A dialplan can write little more than a form, so reading is lenient: what cannot be
a telephone number is nobody's number, not a mistake."""

from typing import Final, Literal, get_args

from msgspec import Struct

from service.model.values import e164
from service.wire.body import Sent
from service.wire.parameters import WHOLE_MAX
from service.wire.reading import Reading
from service.wire.refusal import Refusal

Last = Literal["busy", "no_answer", "failed", "unavailable"]
EventName = Literal["answered", "heartbeat", "ended"]

EDGE_LENGTH_MAX: Final = 100
CALL_LENGTH_MAX: Final = 200
"""A SIP Call-ID has two random parts and a host; 200 characters hold every one that we have seen."""
OUTCOME_LENGTH_MAX: Final = 100
ATTEMPT_MAX: Final = 1000
"""Far above the 5 attempts that are made: a switch that counts on gets its answer in words."""


class RouteQuestion(Struct, frozen=True):
    """Numbers are E.164, "" for what is no number. `last`: how the attempt before ended, "" at the first."""

    edge: str
    call: str
    tracking_number: str
    caller_id: str
    attempt: int
    last: Last | Literal[""]


class EventReport(Struct, frozen=True):
    """`attempt` is None where the switch did not say; `outcome` and `duration_ms` come with `ended`."""

    event: EventName
    edge: str
    call: str
    attempt: int | None
    outcome: str
    duration_ms: int | None


def decode_route(params: Sent) -> RouteQuestion | Refusal:
    """`invalid` where the call cannot be told or `tracking_number` is missing. Never raises."""
    reader = Reading(params)
    question = RouteQuestion(
        edge=reader.text("edge", EDGE_LENGTH_MAX),
        call=reader.text("call", CALL_LENGTH_MAX),
        tracking_number=e164(reader.text("tracking_number", CALL_LENGTH_MAX)) or "",
        caller_id=e164(params.get("caller_id")) or "",
        attempt=reader.number("attempt", ATTEMPT_MAX) or 0,
        last=reader.one_of("last", get_args(Last), needed=False),
    )
    return Refusal("invalid", reader.complaints) if reader.complaints else question


def decode_event(params: Sent) -> EventReport | Refusal:
    """`invalid` where event or call cannot be told. Never raises."""
    reader = Reading(params)
    report = EventReport(
        event=reader.one_of("event", get_args(EventName), needed=True),
        edge=reader.text("edge", EDGE_LENGTH_MAX),
        call=reader.text("call", CALL_LENGTH_MAX),
        attempt=reader.number("attempt", ATTEMPT_MAX),
        outcome=reader.text("outcome", OUTCOME_LENGTH_MAX, needed=False),
        duration_ms=reader.number("duration_ms", WHOLE_MAX),
    )
    return Refusal("invalid", reader.complaints) if reader.complaints else report
