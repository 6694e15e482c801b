"""What the log and the metrics are told of how the archive stands: once when something changes, then now and then."""

import logging
import time
from collections.abc import Callable

from service import metrics
from service.archive.reading import Turn
from service.archive.settings import ArchiveSettings
from service.store.streams import StreamName

_log = logging.getLogger(__name__)


class Trouble:
    """Something that is told when it begins, every `remind_seconds` while it lasts, and when it is over."""

    def __init__(self, remind_seconds: float, clock: Callable[[], float]) -> None:
        self._remind_seconds, self._clock = remind_seconds, clock
        self._since: float | None = None
        self._told_at = 0.0

    def is_there(self, sentence: str, *values: object) -> None:
        now = self._clock()
        if self._since is None:
            self._since = now
        elif now - self._told_at < self._remind_seconds:
            return
        self._told_at = now
        _log.error(sentence, *values)

    @property
    def seconds(self) -> float:
        """For how long it has been there."""
        return 0.0 if self._since is None else self._clock() - self._since

    def is_over(self, sentence: str) -> None:
        if self._since is not None:
            _log.info(sentence + ", after %.1f s", self.seconds)
            self._since = None


class Standing:
    """One for each archive."""

    def __init__(self, limits: ArchiveSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._stands_still = Trouble(limits.remind_seconds, clock)
        self._piles_up = Trouble(limits.remind_seconds, clock)
        self._behind: dict[StreamName, Trouble] = {
            "sales": Trouble(limits.remind_seconds, clock),
            "audit": Trouble(limits.remind_seconds, clock),
        }

    def failed(self, what: str, fault: Exception) -> None:
        metrics.count_archive_failure(what)
        self._stands_still.is_there("the archive stands still and tries again: %s", fault)

    def went_on(self) -> None:
        self._stands_still.is_over("the archive goes on")

    def turned(self, stream: StreamName, turn: Turn) -> None:
        metrics.set_archive_behind(stream, turn.entries, turn.behind_ms / 1000)
        behind = self._behind[stream]
        if turn.behind_ms > self._limits.behind_ms:
            behind.is_there("the archive of %s is %.0f s behind, about %d entries",
                            stream, turn.behind_ms / 1000, turn.entries)  # fmt: skip
        else:
            behind.is_over(f"the archive of {stream} has caught up")
        if stream == "sales":
            self._waiting(turn.length if turn.entries or turn.again else 0)

    def stuck(self, sales: int) -> None:
        """While nothing can be taken: how many sales wait in Redis by now."""
        metrics.set_archive_behind("sales", sales, self._stands_still.seconds)
        self._waiting(sales)

    def _waiting(self, sales: int) -> None:
        if sales > self._limits.sales_waiting_max:
            self._piles_up.is_there("%d sales wait in Redis for the archive, more than %d: its memory fills with them",
                                    sales, self._limits.sales_waiting_max)  # fmt: skip
        else:
            self._piles_up.is_over("the sales that waited in Redis are archived")
