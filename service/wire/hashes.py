"""The SHA-256 under which a publisher may send a personal field before its post."""

import hashlib
import re
from typing import Final

from service.model.catalog import Field
from service.model.values import Complaint

SUFFIX: Final = "_sha256"
_HEX: Final = re.compile(r"[0-9a-f]{64}")


def can_be_hashed(field: Field) -> bool:
    return field.personal and field.type in ("phone", "email")


def sha256_of(value: str) -> str:
    """Lower-case hex of a normalised telephone number (its digits, no "+") or e-mail address."""
    return hashlib.sha256(value.removeprefix("+").encode()).hexdigest()


def parse_sha256(raw: object) -> str | Complaint:
    text = raw.strip().lower() if isinstance(raw, str) and len(raw) <= 80 else ""
    return text if _HEX.fullmatch(text) else Complaint("must be a SHA-256 written as 64 hexadecimal digits")
