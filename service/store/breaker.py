"""Stops asking a Redis that does not answer: what is refused at once does not queue up."""

import logging

from service import metrics
from service.errors import StoreDown

_log = logging.getLogger(__name__)


class Breaker:
    """Opens after some failures in a row; only a probe closes it."""

    def __init__(self, failures_max: int) -> None:
        self._failures_max = failures_max
        self._failures = 0
        self.show()

    @property
    def is_open(self) -> bool:
        return self._failures >= self._failures_max

    def check(self) -> None:
        """Raises StoreDown while open."""
        if self.is_open:
            raise StoreDown("Redis has not been answering; it is asked again shortly.")

    def failed(self) -> None:
        self._failures += 1
        if self._failures == self._failures_max:
            _log.warning("Redis does not answer: it is not asked again until it does, and all answers are 503.")
        metrics.set_store(up=False, breaker_open=self.is_open)

    def worked(self) -> None:
        if self._failures:
            if self.is_open:
                _log.info("Redis answers again.")
            self._failures = 0
            self.show()

    def show(self) -> None:
        """Puts the state into the metrics."""
        metrics.set_store(up=not self._failures, breaker_open=self.is_open)
