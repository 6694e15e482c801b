"""Which lines are open now. Schedules are looked at only when one of them is due to change."""

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct

from service.match.hours import is_open, next_moment_ms
from service.match.masks import mask_of
from service.model.catalog import Schedule

DAY_MS = 86_400_000


class Hours(Struct):
    """One schedule and what is known of it: `is_open` from `from_ms` on and until before `until_ms`."""

    schedule: Schedule
    lines: int
    """Lines that are closed when it is: by their contract's hours or their bid rule's."""
    is_open: bool = False
    from_ms: int = 0
    until_ms: int = 0

    def look(self, now_ms: int) -> None:
        if self.from_ms <= now_ms < self.until_ms:
            return
        self.is_open = is_open(self.schedule, now_ms)
        self.from_ms = now_ms
        self.until_ms = next_moment_ms(self.schedule, now_ms)


class Opening(Struct):
    everyone: int
    hours: tuple[Hours, ...]
    open: int = 0
    from_ms: int = 0
    until_ms: int = 0
    """`open` is right from `from_ms` on and until before `until_ms`."""

    def look(self, now_ms: int) -> None:
        """Make `open` right for a moment, which may lie before the last one asked for."""
        if self.from_ms <= now_ms < self.until_ms:
            return
        self.open = self.everyone
        for hours in self.hours:
            hours.look(now_ms)
            if not hours.is_open:
                self.open &= ~hours.lines
        self.from_ms = max((hours.from_ms for hours in self.hours), default=now_ms)
        self.until_ms = min((hours.until_ms for hours in self.hours), default=now_ms + DAY_MS)


def opening_of(scheduled: Iterable[tuple[int, Schedule]], *, everyone: int, width: int) -> Opening:
    """Of lines and the schedules they keep; a line may stand in it twice."""
    lines: defaultdict[Schedule, list[int]] = defaultdict(list)
    for line, schedule in scheduled:
        lines[schedule].append(line)
    hours = tuple(Hours(schedule=schedule, lines=mask_of(own, width)) for schedule, own in lines.items())
    return Opening(everyone=everyone, hours=hours)
