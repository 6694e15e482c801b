"""From what a publisher sends, or an operator writes, to a normalised value: one pure parser per field type.

A parser takes anything at all and answers with a `Value` or a `Complaint`; it never raises. Normalised again, a value
stays as it is. The writings of each type are those of its parser's docstring.
"""

from collections.abc import Callable

from service.model.catalog import Field, FieldType, Value
from service.model.values.complaint import Complaint
from service.model.values.network import parse_email, parse_ip, parse_url, url_parser
from service.model.values.numbers import parse_boolean, parse_decimal, parse_integer
from service.model.values.phone import e164, parse_phone
from service.model.values.places import parse_area_code, parse_state, parse_zip
from service.model.values.texts import parse_text, text_parser
from service.model.values.times import parse_date, parse_datetime

__all__ = [
    "Complaint",
    "Parser",
    "compile_parser",
    "e164",
    "parse_area_code",
    "parse_email",
    "parse_phone",
    "parse_state",
    "parse_type",
    "parse_zip",
]

Parser = Callable[[object], Value | Complaint]

CHOICES_SHOWN_MAX = 10

_PARSERS: dict[FieldType, Parser] = {
    "text": parse_text,
    "phone": parse_phone,
    "integer": parse_integer,
    "decimal": parse_decimal,
    "boolean": parse_boolean,
    "date": parse_date,
    "datetime": parse_datetime,
    "state": parse_state,
    "zip": parse_zip,
    "email": parse_email,
    "url": parse_url,
    "ip": parse_ip,
}


def parse_type(type: FieldType, raw: object) -> Value | Complaint:
    """The normalised value of a type, without any field's limits."""
    return _PARSERS[type](raw)


def compile_parser(field: Field) -> Parser:
    """The field's parser, specialised once: a field without limits costs what its type costs."""
    parser = _PARSERS[field.type]
    if field.type == "text":
        parser = text_parser(field.max_length)
    elif field.type == "url":
        parser = url_parser(field.max_length)
    if field.min is not None or field.max is not None:
        parser = _within(parser, field.min, field.max)
    if field.one_of:
        parser = _one_of(parser, field.one_of)
    return parser


def _within(parser: Parser, low: Value | None, high: Value | None) -> Parser:
    def within(raw: object) -> Value | Complaint:
        value = parser(raw)
        if isinstance(value, Complaint):
            return value
        # The catalog holds limits to the field's own type, so both sides compare.
        if low is not None and value < low:  # type: ignore[operator]
            return Complaint(f"is below {low}")
        if high is not None and value > high:  # type: ignore[operator]
            return Complaint(f"is above {high}")
        return value

    return within


def _one_of(parser: Parser, choices: tuple[Value, ...]) -> Parser:
    by_key = {_key(choice): choice for choice in choices}
    shown = ", ".join(str(choice) for choice in choices[:CHOICES_SHOWN_MAX])
    more = len(choices) - CHOICES_SHOWN_MAX
    complaint = Complaint(f"is not one of {shown}" + (f" and {more} more" if more > 0 else ""))

    def one_of(raw: object) -> Value | Complaint:
        value = parser(raw)
        return value if isinstance(value, Complaint) else by_key.get(_key(value), complaint)

    return one_of


def _key(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value
