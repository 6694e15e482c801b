"""What a report is asked for: parameters to a question, or everything that is wrong with them. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import get_args
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from service.ledger.totals import Group, Only
from service.reports.figures import Audience
from service.reports.spans import CUTS, PERIODS, Cut, Span, last_days, moment_of, named_period
from service.wire import Complaints

SPAN_DAYS_MAX = 400
"""A year and a month to compare it with."""
DAYS_DEFAULT = 7
TEXT_LENGTH_MAX = 100
"""As long as an id may be."""
GROUPS: tuple[Group, ...] = get_args(Group)
BY: tuple[str, ...] = (*CUTS, *GROUPS)
PARAMETERS = ("period", "from", "to", "days", "by", "endpoint", "source", "buyer", "contract")
_DAY_MS = 86_400_000
_WHOLE = re.compile(r"[0-9]{1,16}", re.ASCII)


class Viewer(Struct, frozen=True):
    """Who asks. `buyer_id` and `source_id` are set for a buyer and a traffic source."""

    audience: Audience
    buyer_id: int | None = None
    source_id: str | None = None
    contracts: frozenset[str] = frozenset()
    """Of a buyer: its own."""


OPERATOR = Viewer("operator")


class Question(Struct, frozen=True):
    """A report that may be made. Rows are by `cut` of time, if any, and then by `groups`."""

    span: Span
    zone: ZoneInfo
    cut: Cut | None
    groups: tuple[Group, ...]
    only: Only
    audience: Audience = "operator"

    @property
    def by(self) -> tuple[str, ...]:
        """Names of what its rows are by."""
        return (*([self.cut] if self.cut else []), *self.groups)


def read(params: Mapping[str, str], now_ms: int, zone: ZoneInfo) -> Question | Complaints:
    """The question of these parameters (empty ones count as absent), as an operator may ask it; else all that is wrong,
    sentences by parameter."""
    told = {name: text.strip() for name, text in params.items() if text.strip()}
    wrong: Complaints = {}
    for name in told:
        if name not in PARAMETERS:
            wrong[name] = [f"{name[:TEXT_LENGTH_MAX]} is not a parameter; there are {', '.join(PARAMETERS)}."]
        elif len(told[name]) > TEXT_LENGTH_MAX:
            wrong[name] = [f"{name} must be at most {TEXT_LENGTH_MAX} characters."]
        elif not told[name].isprintable():
            wrong[name] = [f"{name} must not hold control characters."]
    told = {name: text for name, text in told.items() if name not in wrong}
    span = _span(told, now_ms, zone, wrong)
    cut, groups = _by(told.get("by", ""), wrong)
    only = Only(
        endpoint=told.get("endpoint"),
        source_id=told.get("source"),
        buyer_id=_buyer(told.get("buyer"), wrong),
        contract=told.get("contract"),
    )
    if wrong or span is None:
        return wrong
    return Question(span=span, zone=zone, cut=cut, groups=groups, only=only)


def narrowed(question: Question, viewer: Viewer) -> Question | str:
    """The question as its asker may have it answered: a buyer of its own contracts, a source of its own traffic. Else
    the sentence that refuses it."""
    only = question.only
    if viewer.audience == "buyer":
        if only.buyer_id not in (None, viewer.buyer_id) or only.source_id is not None:
            return "A buyer's token reports on its own contracts only."
        if only.contract is not None and only.contract not in viewer.contracts:
            return "A buyer's token reports on its own contracts only."
        if "source" in question.groups:
            return "A buyer's token reports by no traffic source."
        return replace(question, only=replace(only, buyer_id=viewer.buyer_id), audience="buyer")
    if viewer.audience == "source":
        if only.source_id not in (None, viewer.source_id) or only.buyer_id is not None or only.contract is not None:
            return "A traffic source's token reports on its own traffic only."
        if {"buyer", "contract", "reason"}.intersection(question.groups):
            return "A traffic source's token reports by no buyer, contract or reason."
        return replace(question, only=replace(only, source_id=viewer.source_id), audience="source")
    return question


# -- parameters


def _span(told: Mapping[str, str], now_ms: int, zone: ZoneInfo, wrong: Complaints) -> Span | None:
    given = [name for name in ("period", "days", "from") if name in told]
    if len(given) > 1 or (given and given[0] != "from" and "to" in told):
        both = [*given, *(["to"] if "to" in told else [])]
        wrong[both[-1]] = [f"{' and '.join(both)} do not go together: give a period, days, or from and to."]
        return None
    if "to" in told and "from" not in told:
        wrong["from"] = ["from is missing, with a to."]
        return None
    span = _READERS[given[0]](told, now_ms, zone, wrong) if given else last_days(DAYS_DEFAULT, now_ms, zone)
    if span is None:
        return None
    name = given[0] if given else "days"
    if span.to_ms <= span.from_ms:
        wrong["to"] = ["to must be after from."]
        return None
    if span.to_ms - span.from_ms > (SPAN_DAYS_MAX + 1) * _DAY_MS:
        wrong[name] = [f"{name} must not ask for more than {SPAN_DAYS_MAX} days."]
        return None
    return span


def _period(told: Mapping[str, str], now_ms: int, zone: ZoneInfo, wrong: Complaints) -> Span | None:
    span = named_period(told["period"], now_ms, zone)
    if span is None:
        wrong["period"] = [f"period must be one of {', '.join(PERIODS)}, a month (2026-11) or a day (2026-11-21)."]
    return span


def _days(told: Mapping[str, str], now_ms: int, zone: ZoneInfo, wrong: Complaints) -> Span | None:
    text = told["days"]
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= SPAN_DAYS_MAX:
        wrong["days"] = [f"days must be a whole number from 1 to {SPAN_DAYS_MAX}."]
        return None
    return last_days(int(text), now_ms, zone)


def _from_to(told: Mapping[str, str], now_ms: int, zone: ZoneInfo, wrong: Complaints) -> Span | None:
    ends = {"from": moment_of(told["from"], zone, is_end=False), "to": now_ms}
    if "to" in told:
        ends["to"] = moment_of(told["to"], zone, is_end=True)
    for name, at_ms in ends.items():
        if at_ms is None:
            wrong[name] = [f"{name} must be a date (2026-11-21) or a time (2026-11-21T09:30, or with an offset)."]
    from_ms, to_ms = ends["from"], ends["to"]
    return None if from_ms is None or to_ms is None else Span(from_ms, to_ms)


_READERS: dict[str, Callable[[Mapping[str, str], int, ZoneInfo, Complaints], Span | None]] = {
    "period": _period,
    "days": _days,
    "from": _from_to,
}


def _by(text: str, wrong: Complaints) -> tuple[Cut | None, tuple[Group, ...]]:
    words = [word.strip() for word in text.split(",")] if text else []
    unknown = [word for word in words if word not in BY]
    cuts = [word for word in words if word in CUTS]
    if unknown:
        wrong["by"] = [f"by must be of {', '.join(BY)}, with commas between."]
    elif len(cuts) > 1:
        wrong["by"] = [f"by can have one of {', '.join(CUTS)}, not {' and '.join(cuts)}."]
    elif len(set(words)) < len(words):
        wrong["by"] = ["by names a word twice."]
    return cuts[0] if cuts else None, tuple(group for group in GROUPS if group in words)


def _buyer(text: str | None, wrong: Complaints) -> int | None:
    if text is None or _WHOLE.fullmatch(text):
        return None if text is None else int(text)
    wrong["buyer"] = ["buyer must be the id of a buyer: a whole number."]
    return None
