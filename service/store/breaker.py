"""Stops asking a Redis that does not answer: what is refused at once does not queue up."""

from service.errors import StoreDown


class Breaker:
    """Opens after some failures in a row; only a probe closes it."""

    def __init__(self, failures_max: int) -> None:
        self._failures_max = failures_max
        self._failures = 0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._failures_max

    def check(self) -> None:
        """Raises StoreDown while open."""
        if self.is_open:
            raise StoreDown("Redis has not been answering; it is asked again shortly.")

    def failed(self) -> None:
        self._failures += 1

    def worked(self) -> None:
        self._failures = 0
