"""Text."""

import re
from collections.abc import Callable

from service.model.values.complaint import Complaint
from service.model.values.numbers import parse_decimal

TEXT_LENGTH_MAX = 200

# Tab and line ends may stand in an address; anything else below a space, and half a surrogate pair, cannot be stored
# or shown by every reader.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]").search

_NOT_TEXT = Complaint("is not text")
_EMPTY = Complaint("is empty")


def text_parser(length_max: int) -> Callable[[object], str | Complaint]:
    """A parser of text up to `length_max` characters, without the white space around it; numbers become text."""
    too_long = Complaint(f"is longer than {length_max} characters")

    def parse(raw: object) -> str | Complaint:
        text = raw if isinstance(raw, str) else _number_text(raw)
        if text is None:
            return _NOT_TEXT
        if _UNPRINTABLE(text):
            return Complaint("holds a character that cannot be printed")
        text = text.strip()
        if not text:
            return _EMPTY
        return text if len(text) <= length_max else too_long

    return parse


parse_text = text_parser(TEXT_LENGTH_MAX)


def _number_text(raw: object) -> str | None:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw) if raw.bit_length() <= 64 else None
    number = parse_decimal(raw)
    return None if isinstance(number, Complaint) else format(number, "g" if number.is_integer() else "")
