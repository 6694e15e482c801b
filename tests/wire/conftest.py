"""An offer with a field of every kind that is read in a way of its own, and endpoints of both tracking modes."""

import pytest

from service import wire
from service.model.catalog import Account, Catalog, Endpoint, Field, Offer, RingPool, StaticNumber

POOL_NUMBER = "+18009876543"
LISTED_NUMBER = "+18665550150"

FIELDS = (
    Field("caller_id", "phone", ("ping", "post"), personal=True),
    Field("zip", "zip", ("ping",)),
    Field("state", "state"),
    Field("age", "integer", min=16, max=110),
    Field("insured", "boolean"),
    Field("company", "text", one_of=("Geico", "Other"), aliases=("carrier", "insurer")),
    Field("first_name", "text", personal=True, max_length=20),
    Field("email", "email", ("post",), personal=True),
    Field("backup_phone", "phone", ("ping",), personal=True),
    Field("cert_url", "url", consent=True),
)
OFFERS = {
    "auto": Offer("auto", "Auto", "call", fields=tuple(f for f in FIELDS if f.name != "backup_phone")),
    "hashes": Offer("hashes", "With hashes", "call", fields=FIELDS),
    "strict": Offer(
        "strict", "Keeps nothing else", "data", extra_fields="drop", fields=(Field("zip", "zip", ("ping",)),)
    ),
    "bare": Offer("bare", "No fields", "call"),
}
ENDPOINTS = {
    "auto": Endpoint("auto", "auto", ring_pool="pool"),
    "hashes": Endpoint("hashes", "hashes", ring_pool="pool"),
    "strict": Endpoint("strict", "strict"),
    "own": Endpoint("own", "bare", tracking="caller_number"),
    "listed": Endpoint("listed", "bare", tracking="caller_number"),
    "bare": Endpoint("bare", "bare", ring_pool="pool"),
}


@pytest.fixture(scope="session")
def decoders() -> dict[str, wire.Decoder]:
    return wire.build_decoders(
        Catalog(
            version="v",
            account=Account("test"),
            offers=OFFERS,
            endpoints=ENDPOINTS,
            rate_limiters={},
            pools={"pool": RingPool("pool", (POOL_NUMBER,))},
            static_numbers={LISTED_NUMBER: StaticNumber(LISTED_NUMBER, "listed", "source_abc")},
            sources={},
            buyers={},
            suppression_lists=(),
        )
    )
