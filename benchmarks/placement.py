"""Which process runs on which core. The server under test has one for itself; Redis and whoever asks share another
where there are only two, so that a ceiling is the server's own."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

_CPUCLOCK_SCHED = 2
"""Of Linux' clock ids: the time that a process was scheduled for, in ns; /proc counts it in ticks of 10 ms."""


class Placement(Struct, frozen=True):
    """A core for each."""

    server: int
    redis: int
    driver: int

    @property
    def is_shared(self) -> bool:
        """Whether Redis and the driver take each other's time."""
        return self.redis == self.driver


def placement() -> Placement:
    """By the cores that this process may use."""
    cores = sorted(os.sched_getaffinity(0))
    server, driver = cores[0], cores[1 % len(cores)]
    return Placement(server=server, driver=driver, redis=cores[2] if len(cores) > 2 else driver)


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """This process, on one core until the block ends: for what is measured in it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """User and system time of a living process so far, of all its threads, without its children."""
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


def memory_mib(pid: int) -> float:
    """What a living process has in memory, shared pages too."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
