"""Fields of a lead, from what was sent to what is kept, each rule by example."""

import json

import pytest

from service import wire
from service.model.lead import Lead
from service.wire import Path, Refusal
from tests.wire.endpoints import (
    CALLER,
    CALLER_SHA256,
    PING,
    WHOLE,
    Decoders,
    build,
    complaints,
    taken,
)


@pytest.fixture(scope="module")
def decoders() -> Decoders:
    return build()


@pytest.mark.parametrize(
    ("sent", "lead"),
    [
        ({"caller_id": "(800) 555-1234"}, {"caller_id": CALLER}),
        ({"caller_id": 18005551234}, {"caller_id": CALLER}),
        ({"zip": "90210-1234"}, {"zip": "90210"}),
        ({"state": "California"}, {"state": "CA"}),
        ({"age": "42"}, {"age": 42}),
        ({"insured": "yes"}, {"insured": True}),
        ({"insured": False}, {"insured": False}),
        ({"company": "gEICO"}, {"company": "Geico"}),
        ({"carrier": "other"}, {"company": "Other"}),
        ({"carrier": "Other", "company": "Geico"}, {"company": "Geico"}),
        ({"carrier": "Other", "company": ""}, {"company": "Other"}),
        ({"insurer": "Geico", "carrier": "Other"}, {"company": "Geico"}),
        ({"email": "Ann@Example.COM"}, {"email": "ann@example.com"}),
        ({"cert_url": " HTTPS://Cert.example/A "}, {"cert_url": " HTTPS://Cert.example/A "}),
        ({"age": None, "state": "", "first_name": "  "}, {}),
        ({"roof": "flat", "rooms": 5, "pool": True}, {"roof": "flat", "rooms": 5, "pool": True}),
        ({"roof": ["flat"], "house": {"a": 1}, "": "x", "n" * 101: "x"}, {}),
        ({"buyer_id": "x", "ping_id": "", "trackdrive_number": "x"}, {}),
    ],
)  # fmt: skip
def test_fields_are_normalised(decoders: Decoders, sent: wire.Params, lead: Lead) -> None:
    assert taken(decoders["auto"], PING | sent).lead == {"caller_id": CALLER, "zip": "90210"} | lead


def test_what_the_offer_does_not_name_is_dropped_where_it_says_so(decoders: Decoders) -> None:
    sent = PING | {"roof": "flat", "notes": "x" * 5000}
    assert taken(decoders["strict"], sent).lead == {"caller_id": CALLER, "zip": "90210"}


def test_the_caller_is_a_telephone_number_also_where_the_offer_does_not_name_it(decoders: Decoders) -> None:
    assert taken(decoders["bare"], {"caller_id": "800.555.1234"}).caller_id == CALLER
    assert complaints(decoders["bare"], {"caller_id": "12"}) == {"caller_id": ["caller_id is not a telephone number."]}


def test_all_wrong_fields_are_in_one_answer(decoders: Decoders) -> None:
    sent: wire.Params = {
        "age": 200,
        "caller_id": "not a number",
        "company": "Nobody " * 20,
        "first_name": "\0",
        "cert_url": ["https://a.example"],
        "min_bid": "-1",
        "notes": "x" * 2001,
        "roof": "a\0b",
    }
    assert complaints(decoders["auto"], sent) == {
        "age": ["age is above 110. You sent 200."],
        "caller_id": ["caller_id is not a telephone number."],
        "company": [f"company is not one of Geico, Other. You sent {('Nobody ' * 20)[:50]}…."],
        "first_name": ["first_name holds a character that cannot be printed."],
        "cert_url": ["cert_url is not an http or https URL. You sent a list."],
        "min_bid": ["min_bid must be a price of 0 or more. You sent -1."],
        "notes": ["notes must be at most 2000 characters."],
        "roof": ["roof must not hold control characters."],
        "zip": ["zip is required on ping. You did not send a value."],
    }


def test_no_sentence_repeats_what_is_personal(decoders: Decoders) -> None:
    sent = PING | {
        "caller_id": "secret-1",
        "first_name": "secret-2" * 9,
        "email": "secret-3",
        "auth_token": ["secret-4"],
    }
    assert "secret" not in json.dumps(complaints(decoders["auto"], sent | {"caller_id_sha256": "secret-5"}))


@pytest.mark.parametrize(
    ("path", "sent", "missing"),
    [
        ("ping", {}, {"caller_id", "zip"}),
        ("ping", {"caller_id": "", "zip": None}, {"caller_id", "zip"}),
        ("ping", {"caller_id": "  ", "zip": " "}, {"caller_id", "zip"}),
        ("post", {}, {"caller_id", "email"}),
        ("post", {"ping_id": None}, {"caller_id", "email"}),
        ("post", {"ping_id": "p1"}, set()),
        ("full", {}, {"caller_id", "zip", "email"}),
        ("full", {"caller_id_sha256": CALLER_SHA256}, {"caller_id", "zip", "email"}),
        ("ping", {"caller_id_sha256": CALLER_SHA256}, {"zip"}),
        ("post", {"caller_id_sha256": CALLER_SHA256}, {"caller_id", "email"}),
    ],
)
def test_what_must_be_there_depends_on_the_path(
    decoders: Decoders, path: Path, sent: wire.Params, missing: set[str]
) -> None:
    found = decoders["auto"].decode(sent, path)
    errors = found.errors if isinstance(found, Refusal) else {}
    assert errors == {name: [f"{name} is required on {path}. You did not send a value."] for name in missing}


def test_a_personal_field_may_come_as_its_hash_on_a_ping(decoders: Decoders) -> None:
    found = taken(decoders["auto"], {"caller_id_sha256": CALLER_SHA256.upper(), "zip": "90210"})
    assert found.lead == {"caller_id_sha256": CALLER_SHA256, "zip": "90210"}
    assert found.caller_id == ""


@pytest.mark.parametrize("wrong", ["abc", "g" * 64, CALLER_SHA256 + "0", 7, ["x"], "0" * 63 + "\0", "०" * 64])
def test_what_is_no_hash_is_told_so(decoders: Decoders, wrong: object) -> None:
    found = complaints(decoders["auto"], PING | {"email_sha256": wrong})
    assert found == {"email_sha256": ["email_sha256 is not a SHA-256 of 64 hexadecimal digits."]}


def test_a_hash_beside_its_field_must_be_of_that_field(decoders: Decoders) -> None:
    assert "caller_id_sha256" not in taken(decoders["auto"], PING | {"caller_id_sha256": CALLER_SHA256}).lead
    assert complaints(decoders["auto"], PING | {"caller_id_sha256": "0" * 64}) == {
        "caller_id": ["caller_id does not match the caller_id_sha256 that was sent with it."]
    }


def test_only_personal_numbers_and_addresses_have_hashes(decoders: Decoders) -> None:
    """A name like one is a field the offer does not know, and is kept as it is."""
    assert taken(decoders["auto"], PING | {"first_name_sha256": "x", "zip_sha256": "y"}).lead["zip_sha256"] == "y"


def test_a_hash_serves_a_full_where_only_the_ping_needs_the_field(decoders: Decoders) -> None:
    hashed = {"backup_phone_sha256": "0" * 64}
    assert taken(decoders["hashes"], WHOLE | hashed, "full").lead["backup_phone_sha256"] == "0" * 64
    assert list(complaints(decoders["hashes"], WHOLE, "full")) == ["backup_phone"]


@pytest.mark.parametrize("endpoint", ["bare", "strict"])
def test_a_state_is_read_of_every_offer(decoders: Decoders, endpoint: str) -> None:
    assert taken(decoders[endpoint], {"state": "New York", "zip": "10001"}).lead == {"state": "NY", "zip": "10001"}


def test_a_zip_is_read_of_an_offer_that_does_not_name_it(decoders: Decoders) -> None:
    assert taken(decoders["bare"], {"zip": "10001-1234"}).lead == {"zip": "10001"}


def test_a_place_that_the_offer_does_not_name_is_never_wrong(decoders: Decoders) -> None:
    kept: dict[str, object] = {"zip": "SW1A 1AA", "state": "Kent"}
    assert taken(decoders["bare"], kept).lead == kept
    assert taken(decoders["strict"], {"zip": "10001", "state": "Kent"}).lead == {"zip": "10001"}
    assert list(complaints(decoders["strict"], {"zip": "SW1A 1AA"})) == ["zip"]


def test_a_caller_is_a_telephone_number_on_every_offer(decoders: Decoders) -> None:
    assert list(complaints(decoders["strict"], {"zip": "10001", "caller_id": "nobody"})) == ["caller_id"]
    assert taken(decoders["strict"], {"zip": "10001", "caller_id_sha256": CALLER_SHA256}).lead == {
        "zip": "10001",
        "caller_id_sha256": CALLER_SHA256,
    }
