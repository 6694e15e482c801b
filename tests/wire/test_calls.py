"""What phone switches ask and tell, as leniently as a dialplan needs it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.wire import EventReport, Refusal, RouteQuestion, decode_event, decode_route, params

ROUTE = {"edge": "sbc1", "call": "abc@host", "tracking_number": "18009876543"}
EVENT = {"event": "ended", "edge": "sbc1", "call": "abc@host"}


def test_a_dialplan_asks_with_a_form() -> None:
    sent = params(
        b"edge=sbc1&call=abc%40host&tracking_number=18009876543&caller_id=8005551234&attempt=1&last=no_answer",
        "application/x-www-form-urlencoded",
        "",
    )
    assert isinstance(sent, dict)
    assert decode_route(sent) == RouteQuestion("sbc1", "abc@host", "+18009876543", "+18005551234", 1, "no_answer")


@pytest.mark.parametrize("nobody", ["anonymous", "", None, "Restricted", 0, [], "\0"])
def test_a_caller_without_a_number_is_no_mistake(nobody: object) -> None:
    found = decode_route(ROUTE | {"caller_id": nobody})
    assert found == RouteQuestion("sbc1", "abc@host", "+18009876543", "", 0, "")


def test_a_dialled_text_that_is_no_number_is_an_unknown_number() -> None:
    found = decode_route(ROUTE | {"tracking_number": "sales"})
    assert isinstance(found, RouteQuestion)
    assert found.tracking_number == ""


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"edge": None}, "edge is required. You did not send a value."),
        ({"call": " "}, "call is blank. You sent  ."),
        ({"call": "x" * 201}, "call must be at most 200 characters. You sent " + "x" * 50 + "…."),
        ({"call": ["x"]}, "call must be text. You sent a list."),
        ({"tracking_number": ""}, "tracking_number is required. You did not send a value."),
        ({"tracking_number": {}}, "tracking_number must be text. You sent an object."),
        ({"attempt": -1}, "attempt must be a whole number from 0 to 1000. You sent -1."),
        ({"attempt": True}, "attempt must be a whole number from 0 to 1000. You sent true."),
        ({"last": "bored"}, "last must be one of busy, no_answer, failed, unavailable. You sent bored."),
        ({"last": 1}, "last must be one of busy, no_answer, failed, unavailable. You sent 1."),
    ],
)
def test_a_route_that_cannot_be_told_is_refused(wrong: dict[str, object], sentence: str) -> None:
    [name] = wrong
    assert decode_route(ROUTE | wrong) == Refusal("invalid", {name: [sentence]})


def test_an_end_tells_how_it_ended() -> None:
    sent = EVENT | {"attempt": "2", "outcome": "answered", "duration_ms": "61000"}
    assert decode_event(sent) == EventReport("ended", "sbc1", "abc@host", 2, "answered", 61_000)
    assert decode_event(EVENT | {"event": "Heartbeat"}) == EventReport("heartbeat", "sbc1", "abc@host", None, "", None)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"event": "rang"}, "event must be one of answered, heartbeat, ended. You sent rang."),
        ({"event": None}, "event is required. You did not send a value."),
        ({"duration_ms": "1e99"}, f"duration_ms must be a whole number from 0 to {2**53 - 1}. You sent 1e99."),
        ({"outcome": "x\0"}, "outcome must not hold control characters. You sent x\N{REPLACEMENT CHARACTER}."),
    ],
)
def test_an_event_that_cannot_be_told_is_refused(wrong: dict[str, object], sentence: str) -> None:
    [name] = wrong
    assert decode_event(EVENT | wrong) == Refusal("invalid", {name: [sentence]})


anything = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=30) | st.lists(st.integers())
names = st.sampled_from(["edge", "call", "tracking_number", "caller_id", "attempt", "last", "event", "outcome"])


@given(st.dictionaries(names, anything))
def test_whatever_a_switch_sends_is_read_or_refused(sent: dict[str, object]) -> None:
    assert isinstance(decode_route(sent), (RouteQuestion, Refusal))
    assert isinstance(decode_event(sent), (EventReport, Refusal))
