"""Redis' clock as this worker knows it: the offset to the monotonic clock, learned from TIME."""

import time

SLOW_MS = 50
"""Half of it is the error of a good answer: well within the time between a late script and its waiter's end."""

JUMP_MS = 1_000
"""Clocks that run apart come nowhere near it between two looks."""


def monotonic_ms() -> float:
    return time.monotonic() * 1000


class RedisClock:
    def __init__(self) -> None:
        # Until the first TIME the machine's own clock is the best guess.
        self._offset_ms = time.time() * 1000 - monotonic_ms()
        self._known = False

    def now_ms(self) -> int:
        return self.at(monotonic_ms())

    def at(self, moment_ms: float) -> int:
        """Redis' time at a moment of the monotonic clock."""
        return int(moment_ms + self._offset_ms)

    def learn(self, redis_ms: float, sent_ms: float, received_ms: float) -> None:
        """Takes a TIME's answer. One that was slow on its way is left where a better one is known, and else read so
        that this clock is rather behind: then a script is refused too early, never after its waiter gave up."""
        is_slow = received_ms - sent_ms > SLOW_MS
        if is_slow and self._known:
            return
        self._offset_ms = redis_ms - (received_ms if is_slow else (sent_ms + received_ms) / 2)
        self._known = not is_slow

    def is_behind(self, redis_ms: float) -> bool:
        """Whether Redis' time was set forward since it was learned: an answer that was slow tells an earlier time."""
        return redis_ms - self.now_ms() > JUMP_MS

    @property
    def is_known(self) -> bool:
        return self._known

    def forget(self) -> None:
        """After Redis was away it may be another machine."""
        self._known = False
