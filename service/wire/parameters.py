"""The parameters of a lead request that are ours, not the offer's: one reader per name.

A reader takes whatever was sent (never None: null is the same as absent) and gives the value, a `Complaint`, or None
where what was sent stands for nothing.
"""

from collections.abc import Callable
from typing import Final, Literal

from service.model.money import micros_from
from service.model.values import Complaint
from service.wire.body import EmptyText, Sent

Path = Literal["ping", "post", "full"]

SOURCE_ID_LENGTH_MAX: Final = 100
REQUEST_ID_LENGTH_MAX: Final = 200
PING_ID_LENGTH_MAX: Final = 100
"""Ours have at most 39 characters; longer ones are cut, which makes them unknown, not wrong."""
BUYER_IDS_MAX: Final = 1000
WHOLE_MAX: Final = 2**53 - 1
"""The largest whole number that a script of Redis counts exactly."""
TMAX_MS_MAX: Final = 60_000

_YES: Final = frozenset(("1", "true", "yes", "on", "t", "y"))
_NO: Final = frozenset(("0", "false", "no", "off", "f", "n", ""))


def short_text(raw: object, length_max: int) -> str | Complaint:
    """Text without the white space around it, or a number as text."""
    if isinstance(raw, str):
        text = raw
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
        text = str(raw)
    else:
        return Complaint("must be text")
    if len(text) > length_max:
        return Complaint(f"must be at most {length_max} characters")
    text = text.strip()
    return text if text.isprintable() else Complaint("must not hold control characters")


def traffic_source_id(raw: object) -> str | Complaint:
    return short_text(raw, SOURCE_ID_LENGTH_MAX)


def request_id(raw: object) -> str | Complaint:
    return short_text(raw, REQUEST_ID_LENGTH_MAX)


def auth_token(raw: object) -> str | Complaint:
    """Any text: one that is too long or odd is a wrong token, and is told so as every wrong token is."""
    return raw.strip() if isinstance(raw, str) else Complaint("must be text")


def ping_id(raw: object) -> str | Complaint | None:
    """None for JSON's "" (post-only). Empty in a form or query, or blank, is a template that was not filled in: it must
    not sell at a price that nobody quoted."""
    if not isinstance(raw, str):
        return Complaint("must be the text that the ping answered")
    if raw == "" and not isinstance(raw, EmptyText):
        return None
    text = raw.strip()
    return text[:PING_ID_LENGTH_MAX] if text else Complaint("is empty: leave it out to post without a ping")


def whole_number(raw: object) -> int | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, float):
        return int(raw) if abs(raw) <= WHOLE_MAX and raw.is_integer() else None
    if isinstance(raw, int):
        return raw
    if isinstance(raw, str):
        text = raw.strip()
        # 16 digits: what 2^53 has; also keeps int() from very long texts.
        return int(text) if len(text) <= 16 and text.isascii() and text.isdigit() else None
    return None


def buyer_id(raw: object) -> int | Complaint | None:
    if raw == "":
        return None
    number = whole_number(raw)
    return number if number is not None and 1 <= number <= WHOLE_MAX else Complaint("must be a whole number above 0")


def buyer_ids(raw: object) -> frozenset[int] | Complaint:
    """A list, or text with commas. Empty is a mistake: read as "all" it would sell to buyers nobody consented to."""
    parts: list[object]
    if isinstance(raw, str):
        parts = [part for part in raw.split(",", BUYER_IDS_MAX + 1) if part.strip()]
    else:
        parts = raw if isinstance(raw, list) else [raw]
    if not parts:
        return Complaint("must name at least one buyer, or be left out")
    if len(parts) > BUYER_IDS_MAX:
        return Complaint(f"must name at most {BUYER_IDS_MAX} buyers")
    numbers: set[int] = set()
    for part in parts:
        number = whole_number(part)
        if number is None or not 1 <= number <= WHOLE_MAX:
            return Complaint("must be whole numbers above 0")
        numbers.add(number)
    return frozenset(numbers)


def min_bid(raw: object) -> int | Complaint | None:
    """Micros."""
    if raw == "":
        return None
    # 40 characters: no price is longer, and Decimal reads very long texts slowly.
    micros = None if isinstance(raw, str) and len(raw) > 40 else micros_from(raw)
    return micros if micros is not None and micros >= 0 else Complaint("must be a price of 0 or more")


def tmax_ms(raw: object) -> int | Complaint | None:
    if raw == "":
        return None
    number = whole_number(raw)
    if number is None or not 1 <= number <= TMAX_MS_MAX:
        return Complaint(f"must be a whole number of milliseconds from 1 to {TMAX_MS_MAX}")
    return number


def flag(raw: object) -> bool | Complaint:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower() if isinstance(raw, (str, int)) else "?"
    if word in _YES:
        return True
    return False if word in _NO else Complaint("must be true or false")


Reader = Callable[[object], object]

_ALL: Final[dict[str, Reader]] = {
    "traffic_source_id": traffic_source_id,
    "auth_token": auth_token,
    "request_id": request_id,
    "opt_out": flag,
    "test": flag,
}

READERS: Final[dict[Path, dict[str, Reader]]] = {
    "ping": {**_ALL, "min_bid": min_bid, "tmax_ms": tmax_ms},
    "post": {**_ALL, "min_bid": min_bid, "ping_id": ping_id, "buyer_id": buyer_id, "buyer_ids": buyer_ids},
    # A full sells too, so that consent to named buyers binds it as it binds a post.
    "full": {**_ALL, "min_bid": min_bid, "tmax_ms": tmax_ms, "buyer_id": buyer_id, "buyer_ids": buyer_ids},
}
"""Readers by path. `trackdrive_number` is read by the endpoint's decoder, which knows whose numbers are taken."""


def bearer(authorization: str) -> str:
    """The token of an Authorization header, "" where it is none of ours."""
    scheme, _, token = authorization.partition(" ")
    # A header can hold bytes that are no text; they come as surrogates and must not reach a hash.
    return token.strip().encode("utf-8", "replace").decode() if scheme.lower() == "bearer" else ""


def text_or_nothing(params: Sent, name: str) -> str:
    """A text parameter as far as it can be read, "" where it is absent or wrong: for answers to refused requests."""
    raw = params.get(name)
    found = None if raw is None else _ALL[name](raw)
    return found if isinstance(found, str) else ""
