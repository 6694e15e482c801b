"""A ping and its post; and that nothing that is sent breaks the decoder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import wire
from service.wire import Decoded, Decoder, Merged, Path, Refusal
from tests.wire.endpoints import CALLER, CALLER_SHA256, PING, Decoders, build, taken


@pytest.fixture(scope="module")
def decoders() -> Decoders:
    return build()


def merged(decoder: Decoder, ping: wire.Params, post: wire.Params) -> Merged:
    return decoder.merge(taken(decoder, ping).lead, taken(decoder, {"ping_id": "p1"} | post, "post"))


def test_a_post_adds_to_its_ping_and_changes_nothing(decoders: Decoders) -> None:
    found = merged(
        decoders["auto"],
        PING | {"age": 40, "roof": "flat"},
        {"age": 41, "email": "a@b.example", "roof": "x", "zip": "90210"},
    )
    assert found.lead == {"caller_id": CALLER, "zip": "90210", "age": 40, "roof": "flat", "email": "a@b.example"}
    assert found.ignored_changes == ["age", "roof"]
    assert found.changes == {"age": 41, "roof": "x"}
    assert found.complaints == {}


def test_ping_and_post_together_have_what_both_need(decoders: Decoders) -> None:
    found = merged(decoders["auto"], PING, {})
    assert found.complaints == {"email": ["email is required on post. You did not send a value."]}
    hashed = merged(decoders["auto"], {"zip": "1" * 5, "caller_id_sha256": CALLER_SHA256}, {"email": "a@b.example"})
    assert list(hashed.complaints) == ["caller_id"]


def test_a_post_must_match_the_hash_of_its_ping(decoders: Decoders) -> None:
    ping: wire.Params = {"caller_id_sha256": CALLER_SHA256, "zip": "90210"}
    right = merged(decoders["auto"], ping, {"caller_id": "8005551234", "email": "a@b.example"})
    assert (right.complaints, right.lead["caller_id"]) == ({}, CALLER)
    assert "caller_id_sha256" not in right.lead
    wrong = merged(decoders["auto"], ping, {"caller_id": "8005551235", "email": "a@b.example"})
    assert wrong.complaints == {"caller_id": ["caller_id does not match the caller_id_sha256 of the ping."]}


def test_a_hash_after_its_field_decides_nothing(decoders: Decoders) -> None:
    post: wire.Params = {"email": "a@b.example"}
    assert merged(decoders["auto"], PING, post | {"caller_id_sha256": CALLER_SHA256}).ignored_changes == []
    other = merged(decoders["auto"], PING, post | {"caller_id_sha256": "0" * 64})
    assert (other.complaints, other.ignored_changes) == ({}, ["caller_id_sha256"])
    assert other.lead["caller_id"] == CALLER


names = st.sampled_from(
    ["caller_id", "caller_id_sha256", "zip", "state", "age", "insured", "company", "carrier", "email", "cert_url",
     "ping_id", "first_name", "buyer_id", "buyer_ids", "min_bid", "tmax_ms", "opt_out", "test", "request_id",
     "auth_token", "traffic_source_id", "trackdrive_number"]
) | st.text(max_size=5)  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=60)
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)


@given(
    st.dictionaries(names, anything, max_size=8),
    st.sampled_from(["ping", "post", "full"]),
    st.sampled_from(["auto", "strict", "own", "listed"]),
)
def test_whatever_comes_is_decoded_or_refused_in_words(
    decoders: Decoders, params: dict[str, object], path: Path, endpoint: str
) -> None:
    decoder = decoders[endpoint]
    found = decoder.decode(params, path)
    if isinstance(found, Refusal):
        assert isinstance(found.errors, dict)
        assert found.errors
        assert all(sentence.endswith(".") for said in found.errors.values() for sentence in said)
        return
    assert all(isinstance(value, (str, int, float)) for value in found.lead.values())
    again = decoder.decode(dict(found.lead.items()) | {"ping_id": "p1"}, "post")
    assert isinstance(again, Decoded), again
    known = {field.name for field in decoder.fields}
    assert {n: v for n, v in again.lead.items() if n in known} == {n: v for n, v in found.lead.items() if n in known}
    assert decoder.merge(found.lead, again).ignored_changes == []
