"""What is measured: latencies in HDR histograms, answers by word, and what was not expected."""

from collections.abc import Iterable
from typing import Final

from hdrh.histogram import HdrHistogram
from msgspec import Struct, field

from service.bench.plan import ALL, REFUSED

LATENCY_US_MAX: Final = 600_000_000
DIGITS: Final = 3
SLICES: Final = 10
"""Equal parts of the measured time, each with percentiles of its own: their spread is what a comparison must exceed."""
UNEXPECTED_KEPT: Final = 5
BODY_CHARACTERS_MAX: Final = 300
UNEXPECTED_MAX: Final = 100
"""A process that has seen so many ends its run: the rest would be the same."""


class Unexpected(Struct, frozen=True):
    """`http` is 0 and `status` "" where no answer came; `body` is cut, and `why` says what is wrong with it."""

    kind: str
    http: int
    status: str
    body: str
    why: str


class Tally(Struct, kw_only=True):
    """Figures of one process, or of all, that can be sent between them. Histograms are of µs, encoded, by slice and
    kind."""

    arrivals: int = 0
    due: int = 0
    sent: int = 0
    answered: int = 0
    unanswered: int = 0
    goodput: int = 0
    refused: int = 0
    repeats: int = 0
    measured_s: float = 0.0
    cpu_s: float = 0.0
    statuses: dict[str, dict[str, int]] = field(default_factory=dict)
    substituted: dict[str, int] = field(default_factory=dict)
    unexpected: list[Unexpected] = field(default_factory=list)
    unexpected_count: int = 0
    slices: list[dict[str, str]] = field(default_factory=list)
    lag: str = ""
    fault: str = ""
    """What ended the run early, "" where nothing did."""
    is_behind: bool = False
    """The service did not come along: the run ended with requests that had no answer."""


def histogram() -> HdrHistogram:
    """Empty; microseconds up to ten minutes, exact to a thousandth."""
    return HdrHistogram(1, LATENCY_US_MAX, DIGITS)


class Figures:
    """Of one process while it runs."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._slices: list[dict[str, HdrHistogram]] = [{} for _ in range(SLICES)]
        self._lag = histogram()
        self.worst_us = 0
        """Since it was last looked at."""

    def record(self, kind: str, latency_us: int, part: int) -> None:
        """`part` counts slices from 0. 1.5 µs."""
        held = self._slices[part]
        if kind not in held:
            held[kind] = histogram()
        held[kind].record_value(min(latency_us, LATENCY_US_MAX))
        self.worst_us = max(self.worst_us, latency_us)

    def record_lag(self, lag_us: int) -> None:
        self._lag.record_value(min(lag_us, LATENCY_US_MAX))

    def count(self, kind: str, word: str) -> None:
        words = self.tally.statuses.setdefault(kind, {})
        words[word] = words.get(word, 0) + 1

    def surprise(self, unexpected: Unexpected) -> None:
        self.tally.unexpected_count += 1
        if len(self.tally.unexpected) < UNEXPECTED_KEPT:
            self.tally.unexpected.append(unexpected)

    def told(self) -> Tally:
        self.tally.slices = [{kind: _text(held) for kind, held in part.items()} for part in self._slices]
        self.tally.lag = _text(self._lag)
        return self.tally


def _text(held: HdrHistogram) -> str:
    encoded: bytes = held.encode()
    return encoded.decode()


def joined(texts: Iterable[str]) -> HdrHistogram:
    """All of them as one."""
    whole = histogram()
    for text in texts:
        whole.decode_and_add(text)
    return whole


def encoded(texts: Iterable[str]) -> str:
    return _text(joined(texts))


def of_kind(tally: Tally, kind: str) -> list[str]:
    """Histograms of one kind over all slices; of ALL those of every kind but REFUSED."""
    return [text for part in tally.slices for text in of_slice(part, kind)]


def of_slice(part: dict[str, str], kind: str) -> list[str]:
    if kind == ALL:
        return [text for name, text in part.items() if name != REFUSED]
    return [part[kind]] if kind in part else []


def merged(tallies: list[Tally]) -> Tally:
    """Those of all processes as one: counts summed, histograms joined."""
    whole = Tally(measured_s=max((tally.measured_s for tally in tallies), default=0.0))
    for name in ("arrivals", "due", "sent", "answered", "unanswered", "goodput", "refused", "repeats", "cpu_s",
                 "unexpected_count"):  # fmt: skip
        setattr(whole, name, sum(getattr(tally, name) for tally in tallies))
    for tally in tallies:
        for kind, words in tally.statuses.items():
            held = whole.statuses.setdefault(kind, {})
            for word, number in words.items():
                held[word] = held.get(word, 0) + number
        for share, number in tally.substituted.items():
            whole.substituted[share] = whole.substituted.get(share, 0) + number
    whole.unexpected = [one for tally in tallies for one in tally.unexpected][:UNEXPECTED_KEPT]
    whole.fault = next((tally.fault for tally in tallies if tally.fault), "")
    whole.is_behind = any(tally.is_behind for tally in tallies)
    for at in range(SLICES):
        parts = [tally.slices[at] for tally in tallies if at < len(tally.slices)]
        kinds = sorted({kind for part in parts for kind in part})
        whole.slices.append({kind: encoded(part[kind] for part in parts if kind in part) for kind in kinds})
    whole.lag = encoded(tally.lag for tally in tallies if tally.lag)
    return whole
