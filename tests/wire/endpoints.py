"""An offer with a field of every kind that is read in a way of its own, and endpoints of both tracking modes.

With what tests ask of their decoders.
"""

import hashlib

from service import wire
from service.model.catalog import Account, Catalog, Endpoint, Field, Offer, RingPool, StaticNumber
from service.wire import Decoded, Decoder, Path, Refusal
from service.wire.body import Sent

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

Decoders = dict[str, Decoder]

CALLER = "+18005551234"
CALLER_SHA256 = hashlib.sha256(b"18005551234").hexdigest()
PING: wire.Params = {"caller_id": "18005551234", "zip": "90210"}
WHOLE: wire.Params = PING | {"email": "Ann@Example.com"}


def taken(decoder: Decoder, params: Sent, path: Path = "ping") -> Decoded:
    found = decoder.decode(params, path)
    assert isinstance(found, Decoded), found
    return found


def complaints(decoder: Decoder, params: Sent, path: Path = "ping") -> dict[str, list[str]]:
    found = decoder.decode(params, path)
    assert isinstance(found, Refusal), found
    assert found.status == "invalid"
    assert isinstance(found.errors, dict)
    return found.errors


def build() -> Decoders:
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
