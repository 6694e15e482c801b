"""Whatever is sent is answered: in JSON, with `success` and `status`, and never as a fault of ours."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.app.catalogs import buyer, call_offer, catalog, contract, endpoint, field
from tests.app.conftest import Serve
from tests.app.served import CALLER, Served, lead_path

TYPES = ["text", "phone", "integer", "decimal", "boolean", "date", "datetime", "state", "zip", "email", "url", "ip"]
WIDE = catalog(
    endpoint(concurrency_cap_buffer_percent=20),
    buyer(1, contract(25.00, dedup_days=3, where={"a_integer": {"max": 64}, "a_state": {"not_in": ["TX"]}})),
    buyer(2, contract(20.00, caps={"day": 50}, where={"a_text": {"ne": "x"}, "zip": {"exists": False}})),
    offer=call_offer(
        field("caller_id", "phone", personal=True),
        *(field(f"a_{type}", type, aliases=[f"the_{type}"]) for type in TYPES),
    ),
)
PARAMETERS = ["caller_id", "traffic_source_id", "ping_id", "buyer_id", "buyer_ids", "trackdrive_number", "auth_token"]
PARAMETERS += ["request_id", "min_bid", "tmax_ms", "opt_out", "test", "caller_id_sha256", "zip", "state", "area_code"]
NAMES = st.sampled_from([*PARAMETERS, *(f"a_{type}" for type in TYPES), *(f"the_{type}" for type in TYPES)])
LIKELY = st.sampled_from(
    [CALLER, "90210", "CA", 40, "40", 1.5, "", " ", "0", "true", "2026-02-30", "a@b.example", "\x00", "p" + "0" * 32]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | LIKELY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES | st.text(), LIKELY | JSON, max_size=8)


async def assert_answered(served: Served, verb: str, **how: object) -> None:
    http, said, headers = await served.request("POST", lead_path(verb, "calls"), **how)
    assert http in (200, 400, 401, 413, 415, 422), said
    assert isinstance(said["success"], bool)
    assert isinstance(said["status"], str)
    assert said["success"] is (said["status"] == "success")
    assert headers["Cache-Control"] == "no-store"


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(WIDE)


@pytest.mark.parametrize("verb", ["ping", "post", "full"])
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=OBJECTS)
async def test_any_object_is_answered(served: Served, verb: str, sent: dict[str, object]) -> None:
    await assert_answered(served, verb, data=json.dumps(sent), headers={"Content-Type": "application/json"})


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    verb=st.sampled_from(["ping", "post", "full"]),
    body=st.binary(max_size=200) | st.text(max_size=200).map(str.encode),
    type=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", "x", ""]),
)
async def test_any_bytes_are_answered(served: Served, verb: str, body: bytes, type: str) -> None:
    await assert_answered(served, verb, data=body, headers={"Content-Type": type})
