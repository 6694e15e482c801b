"""Invented leads that an endpoint takes: for requests that can be copied from its page and sent as they are."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from service.model.catalog import Catalog, Endpoint, Field, FieldType, Value
from service.model.fields import lead_fields
from service.model.values import Complaint, compile_parser

Body = dict[str, Any]

_USUAL: Final[dict[FieldType, tuple[Value, ...]]] = {
    "text": ("Example", "ex", "x"),
    "phone": ("18005551234", "18005551235", "18005551236", "18005551237"),
    "integer": (35, 0, 1),
    "decimal": (35.5, 0, 1),
    "boolean": (True, False),
    "date": ("1985-06-15",),
    "datetime": ("2026-01-15T14:30:00Z",),
    "state": ("CA", "NY"),
    "zip": ("90210",),
    "email": ("ann@example.com", "bob@example.com", "cleo@example.com", "dan@example.com"),
    "url": ("https://example.com/certificate/0123", "https://example.com/", "http://a.example"),
    "ip": ("203.0.113.7",),
}

# Names and numbers that belong to nobody: 555-01xx is kept free for such use.
_KNOWN_NAMES: Final[dict[str, Value]] = {
    "first_name": "Ann",
    "last_name": "Example",
    "city": "Beverly Hills",
    "address": "1 Example Street",
    "gender": "female",
}
_KNOWN_BY: Final[frozenset[FieldType]] = frozenset({"phone", "email"})
"""Types of fields by which a person is known again."""
SOURCE_ID: Final = "YOUR_SOURCE_ID"
_OWN_NUMBER_BASE: Final = 18665550100
_OWN_NUMBERS_TRIED: Final = 100


def sample_value(field: Field, person: int = 0) -> Value | None:
    """A value that the field takes, written as a publisher would; None where limits leave none that we can think of.

    Persons from 0 on have numbers and addresses of their own, as far as the field allows it.
    """
    parse = compile_parser(field)
    taken = [value for value in _candidates(field) if not isinstance(parse(value), Complaint)]
    if not taken:
        return None
    return taken[person % len(taken)] if field.type in _KNOWN_BY else taken[0]


def _candidates(field: Field) -> Iterator[Value]:
    yield from field.one_of
    if field.name in _KNOWN_NAMES:
        yield _KNOWN_NAMES[field.name]
    yield from _USUAL[field.type]
    for limit in (field.min, field.max):
        if limit is not None:
            yield limit


class Samples:
    """Bodies of one endpoint's requests."""

    def __init__(self, catalog: Catalog, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._fields = lead_fields(catalog.offers[endpoint.offer])
        self._sells_calls = catalog.offers[endpoint.offer].delivery == "call"
        by_caller = self._sells_calls and endpoint.tracking == "caller_number"
        self.own_number = _own_number(catalog, endpoint) if by_caller else None

    def ping(self) -> Body:
        """What the ping needs, and what helps to match: everything but the person."""
        return self._head() | self._values(lambda f: "ping" in f.required_on or self._is_shown(f))

    def post(self, ping_id: str) -> Body:
        """What the ping did not say, and who asks: that is asked at every door."""
        rest = self._values(lambda f: "ping" not in f.required_on and not self._is_shown(f))
        return {"ping_id": ping_id} | self._source() | rest

    def whole(self, person: int) -> Body:
        """A full, or a post without a ping: the whole lead, of another person than the ping's (who is 0), so that
        neither is a repeat of what was sold before."""
        return self._head() | self._values(lambda _: True, person)

    def _source(self) -> Body:
        """A token says it too, so that only strangers must."""
        return {"traffic_source_id": SOURCE_ID} if self.names_source else {}

    @property
    def names_source(self) -> bool:
        """Whether every request must say who asks."""
        return self._endpoint.sources == "listed" and not self._endpoint.auth_required

    def _head(self) -> Body:
        head = self._source()
        if self.own_number:
            head["trackdrive_number"] = self.own_number
        return head

    def _is_shown(self, field: Field) -> bool:
        """In the ping already: all that helps to match. Of the person only the number that will call."""
        return (not field.personal and not field.consent) or (self._sells_calls and field.name == "caller_id")

    def _values(self, wanted: Callable[[Field], bool], person: int = 0) -> Body:
        values = {field.name: sample_value(field, person) for field in self._fields if wanted(field)}
        return {name: value for name, value in values.items() if value is not None}


def _own_number(catalog: Catalog, endpoint: Endpoint) -> str | None:
    listed = [s.number for s in catalog.static_numbers.values() if s.endpoint == endpoint.vanity_uri]
    pooled = {number for pool in catalog.pools.values() for number in pool.numbers}
    invented = (f"+{_OWN_NUMBER_BASE + i}" for i in range(_OWN_NUMBERS_TRIED))
    number = next((n for n in (*listed, *invented) if n not in pooled), None)
    return number.removeprefix("+") if number else None
