"""A request on its way."""

from msgspec import Struct

from service.bench.leads import Lead
from service.bench.plan import Kind


class Asked(Struct, gc=False):
    """`due_ns` is when it ought to leave, on `time.monotonic_ns`; its latency counts from there. `call` and `event` are
    of steps of a call; `is_repeat`: sent a second time on purpose."""

    kind: Kind
    due_ns: int
    request: bytes
    lead: Lead | None = None
    number: int = 0
    is_repeat: bool = False
    call: str = ""
    event: str = ""
