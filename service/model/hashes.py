"""The SHA-256 under which a publisher may send a personal field before its post, and by which marks know a person."""

import hashlib
import re
from typing import Final

from service.model.catalog import Field, Value
from service.model.values.complaint import Complaint

SUFFIX: Final = "_sha256"
# Twice what a digest has: white space around it is nobody's mistake, a document is no digest.
WRITING_LENGTH_MAX: Final = 2 * 64

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII).fullmatch
_NOT_SHA256 = Complaint("is not a SHA-256 of 64 hexadecimal digits")


def can_be_hashed(field: Field) -> bool:
    return field.personal and field.type in ("phone", "email")


def sha256_of(value: Value) -> str:
    """Lower-case hex of a normalised value as a publisher hashes it: a telephone number's digits without the plus, an
    e-mail address in lower case."""
    return hashlib.sha256(_text_of(value).encode()).hexdigest()


def parse_sha256(raw: object) -> str | Complaint:
    """64 lower-case hexadecimal digits, from these in any case."""
    text = raw.strip().lower() if isinstance(raw, str) and len(raw) <= WRITING_LENGTH_MAX else ""
    return text if _SHA256(text) else _NOT_SHA256


def _text_of(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value[:1] == "+" and value[1:].isdigit():
        return value[1:]
    return str(value).lower()
