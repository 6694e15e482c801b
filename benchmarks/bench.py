"""What every measurement is given, and what it gives back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks import account
from benchmarks.placement import Placement
from benchmarks.results import Figures, redis_figures
from benchmarks.servers import redis_server


class Void(Exception):
    """A run that says nothing: an unexpected answer, a driver that was too slow, or a broken promise."""


class Late(Void):
    """Only something was too slow, as it is at times on a machine that is shared: worth another try."""


class Size(Struct, frozen=True):
    """How much of everything one measurement takes."""

    requests: int
    """Of a closed loop; a tenth of them before it, to warm up."""
    bare_requests: int
    """The same on the bare handler, which is done with them sooner."""
    seconds: float
    """Of an open loop at one rate."""
    overload_seconds: float
    step_seconds: float
    """Of one step of a sweep."""
    calls: int
    """Of the store, in this process."""
    memory_pings: int
    leads_matched: int
    leads_scanned: int
    """By the naive scan, which takes its time."""
    reload_seconds: float
    """Of an open loop beside which a large catalog is taken."""


FULL = Size(
    requests=15_000,
    bare_requests=60_000,
    seconds=5.0,
    overload_seconds=5.0,
    step_seconds=3.0,
    calls=6_000,
    memory_pings=10_000,
    leads_matched=2_000,
    leads_scanned=40,
    reload_seconds=10.0,
)
SMOKE = Size(
    requests=300,
    bare_requests=300,
    seconds=1.0,
    overload_seconds=1.0,
    step_seconds=0.5,
    calls=200,
    memory_pings=500,
    leads_matched=50,
    leads_scanned=10,
    reload_seconds=1.0,
)


class Measured(Struct):
    """Of one run of one subject; see `results.Run`."""

    figures: Figures
    points: list[Figures] = []
    statuses: dict[str, int] = {}
    redis_before: Figures = {}
    redis_after: Figures = {}


class Bench(Struct):
    """One run of the suite, as measurements see it."""

    size: Size
    cores: Placement
    folder: Path
    """For catalogs and leads; gone after the run."""
    redis_url: str | None
    """None: each measurement starts a Redis of its own."""
    ceiling_of: Callable[[str], float]
    """Requests a second that a subject was found to answer at most, so far in this run."""
    sustained: Callable[[], float]
    """Pings a second that sweeps have found to be served in time, so far in this run."""
    is_smoke: bool = False
    serve_flags: tuple[str, ...] = ()
    """Of `pingpost serve`, beside those that a measurement needs."""
    drives: int = 0

    def next_seed(self) -> int:
        """Another one for each load, so that none repeats the callers of one before."""
        self.drives += 1
        return self.drives

    @contextmanager
    def redis(self) -> Iterator[tuple[str, Any]]:
        """An empty account: the URL, and a connection to look with. Wiped at the end.

        Raises AccountInUse where it is not empty.
        """
        if self.redis_url is None:
            with redis_server(self.cores) as url, self._account(url) as client:
                yield url, client
        else:
            with self._account(self.redis_url) as client:
                yield self.redis_url, client

    @contextmanager
    def _account(self, url: str) -> Iterator[Any]:
        client = account.connect(url)
        try:
            account.refuse_unless_empty(client)
            try:
                yield client
            finally:
                account.wipe(client)
        finally:
            client.close()


def redis_state(client: Any) -> Figures:
    return redis_figures(client.info())


class Subject(Struct, frozen=True):
    """One row of the suite. Rows of one group are measured in turn, round by round."""

    id: str
    group: str
    title: str
    measure: Callable[[Bench], Measured]
    seconds: float
    """About so long it takes on two cores: only to estimate what is left."""
    by_steps: bool = False
    """It sees to it by itself that each of its steps is alone on the machine; most are so as a whole."""
