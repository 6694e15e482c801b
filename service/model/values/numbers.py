"""Integers, decimals and booleans."""

import math
import re

from service.model.values.complaint import Complaint

# What Redis, SQL and JSON readers in every language keep exactly.
INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1
# Longer text is no number anybody meant, and int() grows quadratic with it.
NUMBER_LENGTH_MAX = 40

_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?", re.ASCII).fullmatch
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII).fullmatch

_NOT_WHOLE = Complaint("is not a whole number")
_NOT_DECIMAL = Complaint("is not a number")
_NOT_BOOLEAN = Complaint("is not true or false")

_BOOLEANS = {
    "true": True, "t": True, "yes": True, "y": True, "on": True, "1": True,
    "false": False, "f": False, "no": False, "n": False, "off": False, "0": False,
}  # fmt: skip


def parse_integer(raw: object) -> int | Complaint:
    """A whole number of 64 bits, as a number (42, 42.0) or as text ("42")."""
    if isinstance(raw, bool):
        return _NOT_WHOLE
    if isinstance(raw, str):
        match = _WHOLE(raw.strip()) if len(raw) <= NUMBER_LENGTH_MAX else None
        if not match:
            return _NOT_WHOLE
        raw = int(match[1])
    elif isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    return raw if isinstance(raw, int) and INTEGER_MIN <= raw <= INTEGER_MAX else _NOT_WHOLE


def parse_decimal(raw: object) -> float | Complaint:
    """A finite number, as a number or as text."""
    if isinstance(raw, bool):
        return _NOT_DECIMAL
    if isinstance(raw, str):
        text = raw.strip() if len(raw) <= NUMBER_LENGTH_MAX else ""
        if not _DECIMAL(text):
            return _NOT_DECIMAL
        raw = float(text)
    elif isinstance(raw, int):
        raw = float(raw) if INTEGER_MIN <= raw <= INTEGER_MAX else math.inf
    # Adding zero turns -0.0 into 0.0: one number, one writing.
    return raw + 0.0 if isinstance(raw, float) and math.isfinite(raw) else _NOT_DECIMAL


def parse_boolean(raw: object) -> bool | Complaint:
    """True or false, 1 or 0, yes or no, t or f, on or off, in any case."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        return _BOOLEANS.get(raw.strip().lower(), _NOT_BOOLEAN) if len(raw) <= NUMBER_LENGTH_MAX else _NOT_BOOLEAN
    if isinstance(raw, (int, float)) and raw in (0, 1):
        return raw == 1
    return _NOT_BOOLEAN


def whole_number_text(raw: object) -> str | None:
    """The digits of a whole number that is not negative, for types whose text is often sent as a number."""
    number = None if isinstance(raw, str) else parse_integer(raw)
    return str(number) if isinstance(number, int) and number >= 0 else None
