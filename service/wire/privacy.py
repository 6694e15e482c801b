"""What operators ask about people: whom to suppress, and whom to forget."""

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from service.model.person import Person
from service.model.values import Complaint, parse_email, parse_phone
from service.wire.body import Sent
from service.wire.parameters import short_text
from service.wire.refusal import Complaints, Refusal

PEOPLE_PER_REQUEST_MAX: Final = 1_000
"""Numbers and addresses together: a body of 64 KiB has room for hardly more."""
NAME_LENGTH_MAX: Final = 100
REASON_LENGTH_MAX: Final = 60
"""Kept with every person, a million times: a word or two."""

_PERSONAL = re.compile(r"@|\d[\d().\s-]{5,}\d")
_SWITCH: Final = {True: True, False: False, "1": True, "0": False, "true": True, "false": False}
"""1 and 0 are True and False to a dict."""


class SuppressionAsk(Struct, frozen=True):
    """`name` is a list of the catalog, "" for the account's own."""

    name: str
    person: Person
    reason: str


class ForgetAsk(Struct, frozen=True):
    person: Person
    suppress: bool


def decode_suppression(params: Sent) -> SuppressionAsk | Refusal:
    """Never raises."""
    complaints: Complaints = {}
    asked = SuppressionAsk(
        name=_text(params, "list", NAME_LENGTH_MAX, complaints),
        person=_person(params, "numbers", "emails", complaints),
        reason=_text(params, "reason", REASON_LENGTH_MAX, complaints),
    )
    if _PERSONAL.search(asked.reason):
        complaints["reason"] = ["reason stands in clear beside a hashed person: it may hold no number and no address."]
    return Refusal("invalid", complaints) if complaints else asked


def decode_forget(params: Sent) -> ForgetAsk | Refusal:
    """Never raises."""
    complaints: Complaints = {}
    person = _person(params, "caller", "email", complaints)
    given = params.get("suppress")
    suppress = _SWITCH.get(given or False) if isinstance(given or False, (bool, int, str)) else None
    if suppress is None:
        complaints["suppress"] = ["suppress must be true or false."]
    return Refusal("invalid", complaints) if complaints else ForgetAsk(person, bool(suppress))


def _person(params: Sent, numbers: str, emails: str, complaints: Complaints) -> Person:
    person = Person(
        numbers=_all(params, numbers, parse_phone, complaints), emails=_all(params, emails, parse_email, complaints)
    )
    if not person.contacts and not complaints:
        complaints[numbers] = [f"{numbers} or {emails} is required. You did not send a value."]
    if len(person.contacts) > PEOPLE_PER_REQUEST_MAX:
        complaints[numbers] = [f"{numbers} and {emails} may name {PEOPLE_PER_REQUEST_MAX} at a time."]
    return person


def _all(
    params: Sent, name: str, parse: Callable[[object], str | Complaint], complaints: Complaints
) -> tuple[str, ...]:
    """One value or a list of them. What is wrong is told by its place: the values are a person's."""
    sent = params.get(name)
    if sent is None or sent == "":
        return ()
    raws = sent if isinstance(sent, list) else [sent]
    found = [parse(raw) for raw in raws]
    wrong = [
        f"{name}[{place}] {one.text}." if len(raws) > 1 else f"{name} {one.text}."
        for place, one in enumerate(found)
        if isinstance(one, Complaint)
    ]
    if wrong:
        complaints[name] = wrong
    return tuple(dict.fromkeys(one for one in found if isinstance(one, str)))


def _text(params: Sent, name: str, length_max: int, complaints: Complaints) -> str:
    raw = params.get(name)
    text = "" if raw is None or raw == "" else short_text(raw, length_max)
    if isinstance(text, Complaint):
        complaints[name] = [f"{name} {text.text}."]
        return ""
    return text
