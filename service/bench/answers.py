"""Every answer judged as it arrives: status, word, shape, ids.

The shapes are written anew from the HTTP contract and not taken from the types that the service encodes, so that a
mistake there does not excuse itself here. Judging a ping's answer of five bids costs 2.6 µs.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from service.bench.plan import EXPECTED, HTTP_OF_WORD, KINDS, SUCCESSES, Kind

Id = Annotated[str, Meta(min_length=1)]


class Bid(Struct, gc=False):
    buyer_id: int
    name: str
    bid: float
    ping_id: Id


class PingTold(Struct, gc=False):
    success: bool
    status: Literal["success"]
    decision_id: Id
    try_all_buyers_ping_id: Id
    ping_ids_expiry_in_seconds: int
    buyers: Annotated[list[Bid], Meta(min_length=1)]
    repeat: bool = False


class CallSold(Struct, gc=False):
    success: bool
    status: Literal["success"]
    decision_id: Id
    trackdrive_number: Id
    buyer_id: int
    buyer_name: str
    bid: float
    sale_id: Id
    expires_in_seconds: int
    repeat: bool = False


class Sold(Struct, gc=False):
    buyer_id: int
    bid: float
    sale_id: Id


class DataSold(Struct, gc=False):
    success: bool
    status: Literal["success"]
    decision_id: Id
    mode: Literal["exclusive", "shared"]
    sales: Annotated[list[Sold], Meta(min_length=1)]
    total_bid: float
    repeat: bool = False


class Routed(Struct, gc=False):
    success: bool
    status: Literal["routed"]
    action: Literal["dial"]
    destination: Id
    ring_seconds: int
    max_seconds: int
    sale_id: Id
    buyer_id: int


class EventTaken(Struct, gc=False):
    success: bool
    status: Literal["success"]
    taken: Literal["taken"]


class _Other(Struct):
    """Any answer that is no success: one word, and why."""

    success: bool
    status: str
    errors: list[str] | dict[str, list[str]] | None = None
    reason: str | None = None


Told = PingTold | CallSold | DataSold | Routed | EventTaken

_SHAPES: Final[dict[Kind, tuple[type[Told], ...]]] = {
    "ping": (PingTold,),
    "post": (CallSold, DataSold),
    "route": (Routed,),
    "event": (EventTaken,),
}
_DECODERS: Final[dict[Kind, tuple[Any, ...]]] = {
    kind: tuple(msgspec.json.Decoder(shape).decode for shape in shapes) for kind, shapes in _SHAPES.items()
}
_DECODE_OTHER: Final = msgspec.json.Decoder(_Other).decode
NO_WORD: Final = "?"
REFUSING: Final = frozenset({429, 503})


class Judged(Struct, gc=False):
    """`word` is the answer's status, NO_WORD where it has none. `told` is a success, typed; None for any other answer.
    `refused`: turned away, as the run allows. `complaint` says what was not expected, "" where all is well."""

    word: str
    told: Told | None = None
    refused: bool = False
    complaint: str = ""


class Judge:
    def __init__(self, allow: frozenset[str]) -> None:
        self._expected = {kind: EXPECTED[kind] | allow for kind in KINDS}

    def judge(self, kind: Kind, http: int, body: bytes) -> Judged:
        """Never raises."""
        fault = ""
        for decode in _DECODERS[kind]:
            try:
                told = decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
                fault = fault or str(wrong)
                continue
            if http != 200 or told.success is not True:
                return Judged(told.status, complaint=f"a success under HTTP {http} with success {told.success}")
            return Judged(told.status, told)
        return self._other(kind, http, body, fault)

    def _other(self, kind: Kind, http: int, body: bytes, fault: str) -> Judged:
        try:
            told = _DECODE_OTHER(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            return Judged(NO_WORD, complaint=f"no answer of the contract: {wrong}")
        word = told.status
        if word in SUCCESSES:
            return Judged(word, complaint=f"a success of another shape: {fault}")
        if http not in HTTP_OF_WORD.get(word, ()) or told.success:
            return Judged(word, complaint=f"under HTTP {http} with success {told.success}".lower())
        if not told.errors and not told.reason:
            return Judged(word, complaint="neither errors nor a reason")
        if word not in self._expected[kind]:
            return Judged(word, complaint="not expected")
        return Judged(word, refused=http in REFUSING)
