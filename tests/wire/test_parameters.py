"""Our own parameters, each rule by example."""

import pytest

from service import wire
from service.model.fields import PARAMETERS
from service.wire import Decoded, Path
from service.wire.body import EMPTY_TEXT
from service.wire.parameters import READERS
from tests.wire.endpoints import (
    CALLER,
    CALLER_SHA256,
    LISTED_NUMBER,
    PING,
    POOL_NUMBER,
    WHOLE,
    Decoders,
    build,
    complaints,
    taken,
)


@pytest.fixture(scope="module")
def decoders() -> Decoders:
    return build()


def test_parameters_stand_apart_from_the_lead(decoders: Decoders) -> None:
    found = taken(
        decoders["auto"],
        PING
        | {
            "traffic_source_id": " source_abc ",
            "auth_token": "secret",
            "request_id": 42,
            "min_bid": "12.345678",
            "tmax_ms": "250",
            "opt_out": "no",
            "test": 1,
        },
    )
    assert found == Decoded(
        asked="ping",
        lead={"caller_id": CALLER, "zip": "90210"},
        caller_id=CALLER,
        traffic_source_id="source_abc",
        auth_token="secret",
        request_id="42",
        min_bid_micros=12_345_678,
        tmax_ms=250,
        test=True,
    )


@pytest.mark.parametrize(
    ("sent", "asked", "ping_id"),
    [
        ({}, "post_only", ""),
        ({"ping_id": None}, "post_only", ""),
        ({"ping_id": ""}, "post_only", ""),
        ({"ping_id": "p1"}, "post", "p1"),
        ({"ping_id": " p1 "}, "post", "p1"),
        ({"ping_id": "{ping_id}"}, "post", "{ping_id}"),
        ({"ping_id": "x" * 10_000}, "post", "x" * 100),
    ],
)
def test_a_post_without_a_ping_id_sells_by_itself(
    decoders: Decoders, sent: wire.Params, asked: str, ping_id: str
) -> None:
    found = taken(decoders["auto"], WHOLE | sent, "post")
    assert (found.asked, found.ping_id) == (asked, ping_id)


@pytest.mark.parametrize("empty", [EMPTY_TEXT, " ", "\t", 0, 7, False, [], {}])
def test_a_ping_id_that_was_not_filled_in_never_sells_by_itself(decoders: Decoders, empty: object) -> None:
    assert list(complaints(decoders["auto"], {"ping_id": empty}, "post")) == ["ping_id"]


@pytest.mark.parametrize(
    ("sent", "ids"),
    [
        ([1, 2], {1, 2}),
        (["1", 2.0], {1, 2}),
        ("1,2", {1, 2}),
        (" 1 , 2, ", {1, 2}),
        (3, {3}),
        ("3", {3}),
        (None, set()),
    ],
)
@pytest.mark.parametrize("path", ["post", "full"])
def test_buyers_are_named_in_a_list_or_with_commas(decoders: Decoders, path: Path, sent: object, ids: set[int]) -> None:
    assert taken(decoders["bare"], {"buyer_ids": sent}, path).buyer_ids == ids


@pytest.mark.parametrize(
    "sent",
    [[], "", EMPTY_TEXT, " ", ",", "1,x", [None], [[1]], [True], {}, [1.5], -1, 0, list(range(1, 1002)), "9" * 5000],
)
def test_consent_to_nobody_is_not_consent_to_all(decoders: Decoders, sent: object) -> None:
    assert list(complaints(decoders["bare"], {"buyer_ids": sent}, "post")) == ["buyer_ids"]


WRONG: dict[str, list[object]] = {
    "buyer_id": ["x", 1.5, True, -1, 0, "1" * 17, "１", [1], 1e300],
    "min_bid": ["x", -0.01, True, [1], "NaN", "Infinity", 1e30, "9" * 50_000, "1e999999999"],
    "opt_out": ["maybe", 2, 1.0, [], {}],
    "test": ["maybe", -1, [True]],
    "traffic_source_id": ["x" * 101, [1], True, "a\0b"],
    "request_id": ["x" * 201, {}, False, "a\nb"],
    "auth_token": [[], {}, 1, True],
}


@pytest.mark.parametrize(("name", "wrong"), [(name, wrong) for name, values in WRONG.items() for wrong in values])
def test_these_parameters_are_wrong(decoders: Decoders, name: str, wrong: object) -> None:
    found = complaints(decoders["bare"], {name: wrong, "ping_id": "p1"}, "post")
    assert list(found) == [name]
    assert len(found[name][0]) < 200


@pytest.mark.parametrize("wrong", ["0", -1, 60_001, 1.5, "x"])
def test_a_deadline_is_a_number_of_milliseconds(decoders: Decoders, wrong: object) -> None:
    assert list(complaints(decoders["bare"], {"tmax_ms": wrong})) == ["tmax_ms"]


@pytest.mark.parametrize("path", ["ping", "full"])
def test_a_parameter_is_not_read_where_it_means_nothing(decoders: Decoders, path: Path) -> None:
    nowhere: dict[str, dict[str, object]] = {"ping": {"ping_id": 7, "buyer_id": "x"}, "full": {"ping_id": 7}}
    assert taken(decoders["bare"], nowhere[path], path).lead == {}


def test_the_tokens_of_body_and_header(decoders: Decoders) -> None:
    for params, token, expected in (({}, "h", "h"), ({"auth_token": "b"}, "h", "b"), ({"auth_token": ""}, "h", "h")):
        found = decoders["bare"].decode(params, "ping", token=token)
        assert isinstance(found, Decoded)
        assert found.auth_token == expected


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", ""), ("abc", ""), ("", ""), ("Bearer \udcff", "?")],
)
def test_a_bearer_token_is_taken_from_its_header(header: str, token: str) -> None:
    assert wire.bearer(header) == token


@pytest.mark.parametrize(("params", "sec_gpc"), [({"opt_out": "1"}, False), ({}, True), ({"opt_out": False}, True)])
def test_of_somebody_who_opted_out_nothing_goes_on(decoders: Decoders, params: wire.Params, sec_gpc: bool) -> None:
    """Not even what else must be there is asked for."""
    sent = params | {"caller_id": "18005551234", "request_id": "r1"}
    found = decoders["auto"].decode(sent, "ping", sec_gpc=sec_gpc)
    assert found == Decoded(asked="ping", lead={}, request_id="r1", opt_out=True)


def test_tracking_by_caller_needs_both_numbers(decoders: Decoders) -> None:
    for path in ("ping", "full", "post"):
        assert set(complaints(decoders["own"], {}, path)) == {"caller_id", "trackdrive_number"}
    hashed = {"caller_id_sha256": CALLER_SHA256, "trackdrive_number": "866 555 0199"}
    assert set(complaints(decoders["own"], hashed)) == {"caller_id"}
    assert taken(decoders["own"], {"ping_id": "p1"}, "post").own_number == ""


@pytest.mark.parametrize(
    ("endpoint", "sent", "number", "error"),
    [
        ("own", "(866) 555-0199", "+18665550199", ""),
        ("own", POOL_NUMBER, "", "is one of our own tracking numbers. You sent +18009876543."),
        ("own", "12", "", "is not a telephone number. You sent 12."),
        ("own", [], "", "is not a telephone number. You sent a list."),
        ("listed", LISTED_NUMBER, LISTED_NUMBER, ""),
        ("listed", "8665550199", "", "is not one of the numbers of this endpoint. You sent 8665550199."),
        ("bare", "12", "", ""),
        ("bare", "8665550199", "", ""),
    ],
)
def test_whose_numbers_are_taken(decoders: Decoders, endpoint: str, sent: object, number: str, error: str) -> None:
    params = {"caller_id": CALLER, "trackdrive_number": sent}
    if error:
        assert complaints(decoders[endpoint], params) == {"trackdrive_number": [f"trackdrive_number {error}"]}
    else:
        assert taken(decoders[endpoint], params).own_number == number


def test_every_parameter_has_a_reader_and_is_no_field() -> None:
    """The publisher's own number is read by the endpoint's decoder."""
    assert {name for readers in READERS.values() for name in readers} | {"trackdrive_number"} == PARAMETERS
