"""Counting in plain numbers, written to prometheus_client's values some times a second.

Its values for several processes live in memory-mapped files: adding to one costs 1.5 to 2 µs and a system call, and a
ping adds to a dozen. A dictionary costs a tenth of that. What was counted since the last `flush` is lost when a worker
is killed.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from prometheus_client import Counter, Histogram

Labels = tuple[str, ...]


class BatchedCounter:
    """A counter; `pending[labels] += amount` counts. Labels come from the catalog, never from a client."""

    def __init__(self, counter: Counter) -> None:
        self.pending: defaultdict[Labels, float] = defaultdict(float)
        self._counter = counter
        self._children: dict[Labels, Counter] = {}

    def flush(self) -> None:
        pending, self.pending = self.pending, defaultdict(float)
        for labels, amount in pending.items():
            child = self._children.get(labels)
            if child is None:
                # `labels()` costs more than the counting, so every child is bound once and kept.
                child = self._children[labels] = self._counter.labels(*labels) if labels else self._counter
            child.inc(amount)


class SummedHistogram(Histogram):
    """A histogram that takes many observations at once, already sorted into its buckets."""

    def add(self, counts: Sequence[int], total: float) -> None:
        """`counts` has one number per bucket, the last for what is above all bounds; `total` is their sum."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class BatchedObservations:
    """Observations of one histogram child."""

    def __init__(self, histogram: SummedHistogram, bounds: Sequence[float]) -> None:
        self._histogram = histogram
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds

    def flush(self) -> None:
        if any(self._counts):
            self._histogram.add(self._counts, self._total)
            self._counts = [0] * len(self._counts)
            self._total = 0.0
