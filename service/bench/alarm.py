"""A timer that rings to the microsecond.

An event loop's own timers ring on whole milliseconds, which would add up to one to every latency that counts from the
due time. A timerfd has the clock's own resolution; re-arming it is one system call, 1 µs. Where there is none the
loop's timer is used, and the lag that is reported shows it.
"""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final

_CLOCK_MONOTONIC: Final = 1
_TFD_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_TFD_TIMER_ABSTIME: Final = 1
_NS_PER_S: Final = 1_000_000_000


class _Itimerspec(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("interval_s", "interval_ns", "at_s", "at_ns")]


class Alarm:
    """Calls `ring` once after each `set`. Times are of `time.monotonic_ns`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._spec = _Itimerspec()
        self._libc, self._fd = _timerfd()
        self._handle: asyncio.TimerHandle | None = None
        if self._fd is not None:
            loop.add_reader(self._fd, ring)

    def set(self, at_ns: int) -> None:
        """In place of what was set before; at once if the time is over."""
        if self._fd is None:
            if self._handle is not None:
                self._handle.cancel()
            self._handle = self._loop.call_later(max(0, at_ns - time.monotonic_ns()) / _NS_PER_S, self._ring)
            return
        # Setting it again also forgets that it has rung, so that nothing need be read.
        self._spec.at_s, self._spec.at_ns = divmod(at_ns, _NS_PER_S)
        self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(self._spec), None)

    def quiet(self) -> None:
        """Forgets that it has rung, and rings no more; without a `set` or this it would ring again and again."""
        if self._fd is not None:
            self._spec.at_s = self._spec.at_ns = 0  # which disarms it
            self._libc.timerfd_settime(self._fd, 0, ctypes.byref(self._spec), None)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None


def _timerfd() -> tuple[Any, int | None]:
    if not sys.platform.startswith("linux"):
        return None, None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.timerfd_settime.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS)
    return libc, (fd if fd >= 0 else None)
