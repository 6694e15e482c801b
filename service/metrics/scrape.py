"""The text of a scrape."""

import os
from collections.abc import Iterable, Iterator

from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from service.metrics.counting import flush
from service.metrics.table import REGISTRY, STATES

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Sample(Struct, frozen=True):
    """A value of a state metric, read for a scrape: the name with its prefix, the labels in the table's order."""

    name: str
    labels: tuple[str, ...]
    value: float


class _StateCollector:
    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for sample in self._samples:
            row = STATES[sample.name]
            family = families.get(row.name)
            if family is None:
                family = families[row.name] = GaugeMetricFamily(row.name, row.help, labels=row.labels)
            family.add_metric(sample.labels, sample.value)
        yield from families.values()


def exposition(samples: Iterable[Sample] = ()) -> bytes:
    """The text of a scrape: what all workers counted, and the state samples given. Content type: `CONTENT_TYPE`.

    Raises KeyError for a sample that the table does not name as a state metric.
    """
    flush()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    else:
        counted = REGISTRY
    state = CollectorRegistry()
    state.register(_StateCollector(samples))
    return generate_latest(counted) + generate_latest(state)
