"""Telephone numbers, to E.164."""

import re

from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
)
from phonenumbers import parse as parse_number

from service.model.values.complaint import Complaint
from service.model.values.numbers import whole_number_text

# E.164 allows 15 digits and no common writing of one is longer; phonenumbers is slow on long text.
WRITING_LENGTH_MAX = 64
E164_LENGTH_MAX = 16
REGION = "US"

# phonenumbers costs more than the whole rest of a ping. A North American number in a common writing needs only its
# shape (area code and exchange begin with 2-9); everything else, also a malformed exchange, is left to the library.
_NORTH_AMERICAN = re.compile(
    r"\s*(?:\+?1[\s./-]*)?\(?([2-9]\d\d)\)?[\s./-]*([2-9]\d\d)[\s./-]*(\d{4})\s*", re.ASCII
).fullmatch
_PLAIN = re.compile(r"\+?(1[2-9]\d\d[2-9]\d{6})", re.ASCII).fullmatch

_COMPLAINT = Complaint("is not a telephone number")


def parse_phone(raw: object) -> str | Complaint:
    """Any common writing of a number, with the United States for a number without a country; also a whole number."""
    text = raw if isinstance(raw, str) else whole_number_text(raw)
    if text is None or len(text) > WRITING_LENGTH_MAX:
        return _COMPLAINT
    plain = _PLAIN(text)
    if plain:
        return "+" + plain[1]
    match = _NORTH_AMERICAN(text)
    if match:
        return "+1" + "".join(match.groups())
    return _by_library(text)


def e164(raw: object) -> str | None:
    """The number in E.164, or None where it is not a possible number."""
    number = parse_phone(raw)
    return number if isinstance(number, str) else None


def _by_library(text: str) -> str | Complaint:
    try:
        number = parse_number(text, REGION)
    except NumberParseException:
        return _COMPLAINT
    # Not also IS_POSSIBLE_LOCAL_ONLY: seven digits that lack their area code are nobody's number elsewhere.
    if is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return _COMPLAINT
    normalised = format_number(number, PhoneNumberFormat.E164)
    return normalised if len(normalised) <= E164_LENGTH_MAX else _COMPLAINT
