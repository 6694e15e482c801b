"""Hashes as publishers send them, and as marks are made of them."""

import hashlib

import pytest

from service.model.catalog import Contract, Value
from service.model.hashes import parse_sha256, sha256_of
from service.model.lead import Lead
from service.model.values import Complaint
from service.store.marks import marks_of


@pytest.mark.parametrize("raw", [None, 1, "ab", "g" * 64, "a" * 63, "a" * 100_000])
def test_what_is_no_digest_is_a_complaint(raw: object) -> None:
    assert parse_sha256(raw) == Complaint("is not a SHA-256 of 64 hexadecimal digits")


def test_a_digest_is_kept_in_lower_case() -> None:
    assert parse_sha256(" " + "AB" * 32) == "ab" * 32


@pytest.mark.parametrize(
    ("value", "hashed"),
    [
        ("+18005551234", b"18005551234"),
        ("ann@example.com", b"ann@example.com"),
        ("Ann@Example.com", b"ann@example.com"),
        ("+plus", b"+plus"),
        (True, b"true"),
        (7, b"7"),
    ],
)
def test_a_value_is_hashed_as_a_publisher_hashes_it(value: Value, hashed: bytes) -> None:
    assert sha256_of(value) == hashlib.sha256(hashed).hexdigest()


def test_a_mark_is_the_same_of_a_field_and_of_its_hash() -> None:
    contract = Contract(
        id="c", buyer_id=1, offer="o", bid_micros=1, dedup_days=30, dedup_on=(("caller_id",), ("email",))
    )
    clear = marks_of(contract, {"caller_id": "+18005551234", "email": "ann@example.com"}, str.upper)
    hashes: Lead = {"caller_id_sha256": sha256_of("+18005551234"), "email_sha256": sha256_of("ann@example.com")}
    assert clear == marks_of(contract, hashes, str.upper)
    assert len(clear) == 2
