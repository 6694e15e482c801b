"""A closed-loop load: a few keep-alive connections, each sending its next request when the last one is answered.

It finds a ceiling and the CPU behind a request. It says nothing about latency: who waits for an answer before asking
again never sees a queue.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

TICKS_PER_SECOND = 100
"""Of /proc/<pid>/stat on Linux, whatever the kernel's own is."""


class Load(Struct, frozen=True):
    requests: int
    seconds: float
    cpu_seconds: float
    """Of the process under load, user and system."""

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_micros(self) -> float:
        """CPU microseconds per request."""
        return self.cpu_seconds / self.requests * 1_000_000


class WrongAnswer(Exception):
    """An answer was not the expected one; the run is void."""


async def run(url: str, body_of: Callable[[int], bytes], *, pid: int, requests: int, connections: int = 32) -> Load:
    """Sends `requests` posts with the bodies of 0, 1, 2, … and returns what they cost process `pid`.

    Raises WrongAnswer for the first answer that is not 200 with `"success":true`.
    """
    target = urlsplit(url)
    numbers = iter(range(requests))
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    ).encode()

    async def work() -> None:
        reader, writer = await asyncio.open_connection(target.hostname, target.port)
        for number in numbers:
            body = body_of(number)
            writer.write(b"%s%d\r\n\r\n%s" % (head, len(body), body))
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            content = await reader.readexactly(length)
            if not answer.startswith(b"HTTP/1.1 200") or b'"success":true' not in content:
                raise WrongAnswer(content.decode())
        writer.close()

    cpu_before, before = cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return Load(requests, time.perf_counter() - before, cpu_seconds(pid) - cpu_before)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
