"""What an endpoint takes, as it says itself: its posting instructions, read over HTTP."""

import http.client
import ssl
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from service.errors import PingpostError

ANSWER_SECONDS: Final = 5.0
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024


class BenchFailed(PingpostError):
    """The run cannot be made; the text is one clear sentence."""


class AskedField(Struct, frozen=True):
    """One contact field: its limits, and a value that it takes (None where none could be thought of)."""

    name: str
    type: str
    required_on: tuple[str, ...]
    personal: bool
    consent: bool
    min: Any
    max: Any
    one_of: tuple[Any, ...]
    max_length: int | None
    sample: Any


class SampleRequest(Struct, frozen=True):
    path: str
    body: dict[str, Any]


class Instructions(Struct, frozen=True):
    """The parts of the document that leads are made from."""

    delivery: str
    auth_required: bool
    test_mode: bool
    source_needed: bool
    fields: tuple[AskedField, ...]
    requests: tuple[SampleRequest, ...]


def ask_instructions(url: str, endpoint: str, token: str) -> Instructions:
    """Of a service at `url`; `token` is "" where there is none. Raises BenchFailed."""
    asked = f"{url.rstrip('/')}/posting-instructions/{quote(endpoint, safe='')}.json"
    request = urllib.request.Request(asked, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return msgspec.json.decode(answer.read(ANSWER_BYTES_MAX), type=Instructions)
    except urllib.error.HTTPError as refused:
        refused.close()
        raise BenchFailed(_why(refused.code, asked, endpoint)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, ssl.SSLError, http.client.HTTPException) as fault:
        raise BenchFailed(f"{asked} is not the posting instructions of a pingpost: {fault}.") from None
    except OSError as fault:
        raise BenchFailed(f"{url} does not answer: {getattr(fault, 'reason', fault)}.") from None


def _why(code: int, asked: str, endpoint: str) -> str:
    if code == 401:
        return f"{endpoint!r} shows its instructions to a token only: set PINGPOST_BENCH_TOKEN, or give --leads."
    if code == 404:
        return f"There is no endpoint {endpoint!r} at this service, or it is no pingpost: {asked} answered 404."
    return f"{asked} answered {code}."
