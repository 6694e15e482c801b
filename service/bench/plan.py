"""What a run is asked to do: a plan, and the words that name its mix, its limits and its allowed answers."""

import re
from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from service.settings import SettingWrong

Kind = Literal["ping", "post", "route", "event"]
Loop = Literal["open", "closed"]

KINDS: Final[tuple[Kind, ...]] = ("ping", "post", "route", "event")
REFUSED: Final = "refused"
"""Stands beside the kinds: latencies of answers that were turned away (429, 503) and allowed to be."""
ALL: Final = "all"
"""All kinds together, refused ones not."""
SHARES: Final = ("ping", "post", "call")
"""What a mix is made of. A call is a story of three requests: route, answered, ended."""

HTTP_OF_WORD: Final[dict[str, frozenset[int]]] = {
    "success": frozenset({200}),
    "routed": frozenset({200}),
    "no_matching_buyer": frozenset({200}),
    "ping_expired": frozenset({200}),
    "already_sold": frozenset({200}),
    "buyer_unavailable": frozenset({200}),
    "no_tracking_number": frozenset({200}),
    "buyer_rejected": frozenset({200}),
    "suppressed": frozenset({200}),
    "no_route": frozenset({200, 503}),
    "malformed_body": frozenset({400}),
    "unauthorized": frozenset({401}),
    "forbidden_address": frozenset({403}),
    "forbidden_endpoint": frozenset({403}),
    "unknown_endpoint": frozenset({404}),
    "invalid": frozenset({422}),
    "rate_limited": frozenset({429}),
    "unavailable": frozenset({503}),
}
"""The words of the HTTP contract and the statuses they come under; under another they are unexpected."""

SUCCESSES: Final = frozenset({"success", "routed"})
EXPECTED: Final[dict[Kind, frozenset[str]]] = {
    "ping": frozenset({"success", "no_matching_buyer"}),
    "post": frozenset({"success"}),
    "route": frozenset({"routed"}),
    "event": frozenset({"success"}),
}
"""What needs no `--allow`. That nobody wants a lead is a ping's legitimate end; a post within its hold has only one."""

RATE_MAX: Final = 1_000_000.0
DURATION_S_MAX: Final = 86_400.0
CONNECTIONS_MAX: Final = 10_000
PROCESSES_MAX: Final = 64
SOURCES_MAX: Final = 10_000
REQUESTS_MAX: Final = 100_000_000


class Objective(Struct, frozen=True):
    """One limit of an SLO: the percentile of a kind's latencies (or of `all`) that must not lie above `limit_us`."""

    kind: str
    percentile: float
    limit_us: int


class Slo(Struct, frozen=True):
    """All its objectives must be met. `text` is how it was asked."""

    text: str
    objectives: tuple[Objective, ...]


class Plan(Struct, frozen=True, kw_only=True):
    """One run. `rate` counts arrivals a second (a call is one arrival of three requests); a closed loop has none."""

    url: str
    endpoint: str
    rate: float = 100.0
    duration_s: float = 10.0
    warm_up_s: float = 2.0
    drain_s: float = 10.0
    """How long answers are awaited after the last arrival."""
    mix: dict[str, float]
    sources: int = 1
    source_ids: tuple[str, ...] = ()
    repeat_share: float = 0.0
    connections: int = 256
    processes: int = 1
    cpus: tuple[int, ...] = ()
    seed: int = 1
    loop: Loop = "open"
    requests: int | None = None
    """Of a closed loop: how many are measured, instead of for how long."""
    allow: frozenset[str] = frozenset()
    slo: Slo | None = None
    edge_url: str | None = None
    lag_max_us: int | None = None
    first_number: int = 0
    """How many leads earlier steps of the same search sent; it makes the draws of this one its own."""


def checked(plan: Plan) -> Plan:
    """The plan itself. Raises SettingWrong for a number outside its bounds or words that do not go together."""
    bounds = (
        ("--rate", plan.rate, 0.01, RATE_MAX),
        ("--duration", plan.duration_s, 0.1, DURATION_S_MAX),
        ("--warm-up", plan.warm_up_s, 0.0, DURATION_S_MAX),
        ("--sources", plan.sources, 1, SOURCES_MAX),
        ("--repeat-share", plan.repeat_share, 0.0, 1.0),
        ("--processes", plan.processes, 1, PROCESSES_MAX),
        ("--connections", plan.connections, plan.processes, CONNECTIONS_MAX),
        ("--requests", plan.requests if plan.requests is not None else 1, 1, REQUESTS_MAX),
        ("--seed", plan.seed, 0, 2**63),
    )
    for flag, value, least, most in bounds:
        if not least <= value <= most:
            raise SettingWrong(f"{flag} must be from {least:g} to {most:g}, not {value:g}.")
    if plan.requests is not None and plan.loop == "open":
        raise SettingWrong("--requests goes with --loop closed; an open loop runs for --duration.")
    for flag, url in (("--url", plan.url), ("--edge-url", plan.edge_url)):
        if url is not None and not _is_base_url(url):
            raise SettingWrong(f"{flag} must be http:// or https:// with host and port and no path, not {url!r}.")
    return plan


def _is_base_url(url: str) -> bool:
    try:
        target = urlsplit(url)
        return target.scheme in ("http", "https") and bool(target.hostname) and target.port != 0 and not target.query
    except ValueError:
        return False


def mix_of(text: str) -> dict[str, float]:
    """`ping=90,post=8,call=2` as shares that sum to 1. Raises SettingWrong."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if name not in SHARES or name in shares or not 0 <= share < float("inf"):
            raise SettingWrong(f"--mix {text!r} is not understood; write ping=90,post=8,call=2.")
        shares[name] = share
    whole = sum(shares.values())
    if not shares.get("ping"):
        raise SettingWrong("--mix needs pings: posts and calls are made of their answers.")
    if shares.get("call") and not shares.get("post"):
        raise SettingWrong("--mix needs posts for its calls: a call takes the sale of a post.")
    return {name: share / whole for name, share in shares.items() if share}


_OBJECTIVE = re.compile(
    r"(?:(?P<kind>[a-z]+)\.)?p(?P<digits>\d{1,6}(?:\.\d{1,4})?)=(?P<limit>\d+(?:\.\d+)?)(?P<unit>us|ms|s)"
)
_US_OF_UNIT = {"us": 1, "ms": 1_000, "s": 1_000_000}


def slo_of(text: str) -> Slo:
    """`p99=100ms`, `ping.p999=0.2s`, several with commas. Raises SettingWrong."""
    objectives: list[Objective] = []
    for part in text.split(","):
        found = _OBJECTIVE.fullmatch(part.strip())
        kind = (found["kind"] or ALL) if found else ""
        if not found or kind not in (*KINDS, ALL):
            raise SettingWrong(f"--slo {text!r} is not understood; write p99=100ms or ping.p99=50ms,post.p999=0.2s.")
        limit_us = round(float(found["limit"]) * _US_OF_UNIT[found["unit"]])
        objectives.append(Objective(kind, _percentile(found["digits"]), limit_us))
    return Slo(text, tuple(objectives))


def _percentile(digits: str) -> float:
    """p50 is 50; p999 is 99.9, as people write it."""
    number = float(digits)
    while number > 100:
        number /= 10
    return number


def allow_of(text: str) -> frozenset[str]:
    """`rate_limited,no_tracking_number`. Raises SettingWrong for a word that no answer has."""
    words = {word.strip() for word in text.split(",") if word.strip()}
    if unknown := sorted(words - HTTP_OF_WORD.keys()):
        raise SettingWrong(f"--allow {', '.join(unknown)} is no status; there are {', '.join(sorted(HTTP_OF_WORD))}.")
    return frozenset(words)
