"""What the processes of a run say to each other over their pipes."""

from msgspec import Struct

from service.bench.leads import Leads
from service.bench.plan import Plan
from service.bench.requests import Target


class Order(Struct, frozen=True):
    """The work of process `index` of `plan.processes`."""

    plan: Plan
    leads: Leads
    target: Target
    index: int
    run_id: str


class Ready(Struct, frozen=True):
    """All connections are open."""


class Start(Struct, frozen=True):
    """The first arrival is due after `at_ns` of `time.monotonic_ns`, which all processes of a machine share."""

    at_ns: int


class Stop(Struct, frozen=True):
    """End now, with what there is."""


class Progress(Struct, frozen=True):
    """`answered` and `unexpected` since the start, `worst_us` since the last message."""

    answered: int
    on_way: int
    waiting: int
    worst_us: int
    unexpected: int


class Failed(Struct, frozen=True):
    """It could not begin; one sentence."""

    why: str
