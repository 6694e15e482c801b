"""E-mail addresses, URLs and IP addresses."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from service.model.values.complaint import Complaint

EMAIL_LENGTH_MAX = 254  # RFC 5321, a path of 256 octets less its brackets
LOCAL_PART_LENGTH_MAX = 64  # RFC 5321
URL_LENGTH_MAX = 2048
IP_LENGTH_MAX = 45  # an IPv6 address with an IPv4 tail

_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
).fullmatch
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\ud800-\udfff\\<>\"]").search

_NOT_EMAIL = Complaint("is not an e-mail address")
_NOT_URL = Complaint("is not an http or https URL")
_NOT_IP = Complaint("is not an IP address")


def parse_email(raw: object) -> str | Complaint:
    """An address in lower case, the local part too: dedup and hashes must meet whatever case it was typed in."""
    text = raw.strip() if isinstance(raw, str) else ""
    # ASCII first, for lower() maps some letters of other scripts (the Kelvin sign) into it.
    if len(text) > EMAIL_LENGTH_MAX or not text.isascii():
        return _NOT_EMAIL
    text = text.lower()
    return text if text.find("@") <= LOCAL_PART_LENGTH_MAX and _EMAIL(text) else _NOT_EMAIL


def url_parser(length_max: int) -> Callable[[object], str | Complaint]:
    """A parser of http and https URLs up to `length_max` characters; kept as sent but for white space around it."""
    too_long = Complaint(f"is longer than {length_max} characters")

    def parse(raw: object) -> str | Complaint:
        text = raw.strip() if isinstance(raw, str) else ""
        if len(text) > length_max:
            return too_long
        return text if not _NOT_IN_URL(text) and _has_host(text) else _NOT_URL

    return parse


parse_url = url_parser(URL_LENGTH_MAX)


def _has_host(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Reading the port checks it.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def parse_ip(raw: object) -> str | Complaint:
    """An IPv4 or IPv6 address in its canonical writing; a zone ("%eth0") means nothing elsewhere and is refused."""
    text = raw.strip() if isinstance(raw, str) else ""
    if not text or len(text) > IP_LENGTH_MAX or "%" in text:
        return _NOT_IP
    try:
        return str(ip_address(text))
    except ValueError:
        return _NOT_IP
