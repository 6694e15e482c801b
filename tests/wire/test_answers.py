"""Answers as they stand in JSON."""

import json
import typing
from typing import Any

import pytest
from msgspec import UNSET, Struct

from service.store import asks
from service.wire import answers, call_answers
from service.wire.encode import encode


def every(base: type[Any]) -> list[type[Any]]:
    return [base, *(deeper for sub in base.__subclasses__() for deeper in every(sub))]


def test_the_documented_ping_is_answered_as_documented() -> None:
    answer = answers.PingAnswer(
        try_all_buyers_ping_id="xyz789",
        ping_ids_expiry_in_seconds=60,
        decision_id="d",
        buyers=[
            answers.OfferedBuyer(buyer_id=1, name="Buyer A", bid=25.00, ping_id="abc123"),
            answers.OfferedBuyer(buyer_id=2, name="Buyer B", bid=20.00, ping_id="def456"),
        ],
    )
    assert json.loads(encode(answer)) == {
        "success": True,
        "status": "success",
        "try_all_buyers_ping_id": "xyz789",
        "ping_ids_expiry_in_seconds": 60,
        "decision_id": "d",
        "buyers": [
            {"buyer_id": 1, "name": "Buyer A", "bid": 25.00, "ping_id": "abc123"},
            {"buyer_id": 2, "name": "Buyer B", "bid": 20.00, "ping_id": "def456"},
        ],
    }


def test_nobody_wants_it_is_said_as_documented() -> None:
    assert json.loads(encode(answers.NoMatch(decision_id="d", repeat=True))) == {
        "success": False,
        "status": "no_matching_buyer",
        "errors": ["There are no matching buyers."],
        "buyers": [],
        "decision_id": "d",
        "repeat": True,
    }


def test_answers_share_no_list() -> None:
    one, other = answers.NoMatch(), answers.NoMatch()
    one.errors.append("x")
    one.buyers.append(answers.OfferedBuyer(buyer_id=1, name="A", bid=1.0, ping_id="p"))
    assert (other.errors, other.buyers) == (["There are no matching buyers."], [])


@pytest.mark.parametrize("answer", every(answers.Answer), ids=lambda t: t.__name__)
def test_every_answer_begins_with_success_and_status(answer: type[Struct]) -> None:
    assert answer.__struct_fields__[:2] == ("success", "status")


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        ("endpoint", "This endpoint takes at most 5 requests per minute."),
        ("traffic_source", "This traffic source may send at most 5 requests per minute."),
    ],
)
def test_a_rate_limit_says_whose_it_is(scope: answers.Scope, sentence: str) -> None:
    answer = answers.too_many(scope, "minute", 5)
    assert (answer.scope, answer.per, answer.limit, answer.errors) == (scope, "minute", 5, [sentence])


def test_words_of_answers_are_those_of_the_store() -> None:
    """Answers stand beneath the store and cannot take its words from it."""
    assert typing.get_args(answers.Scope) == typing.get_args(asks.Scope)
    assert set(typing.get_args(asks.RouteReason)) <= set(typing.get_args(call_answers.NoRouteReason))
    taken = typing.get_type_hints(call_answers.EventAnswer)["taken"]
    assert set(typing.get_args(taken)) == set(typing.get_args(typing.get_type_hints(asks.EventTaken)["status"]))


@pytest.mark.parametrize("reason", typing.get_args(call_answers.NoRouteReason))
def test_every_reject_tells_the_network_something(reason: call_answers.NoRouteReason) -> None:
    answer = call_answers.no_route(reason)
    assert 400 <= answer.sip < 600
    assert answer.cause > 0
    assert answer.reason == reason


def test_what_is_not_set_is_not_there() -> None:
    answer = answers.PingExpired(decision_id=UNSET, request_id="r")
    assert set(json.loads(encode(answer))) == {"success", "status", "errors", "request_id"}
