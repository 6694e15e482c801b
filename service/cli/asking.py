"""Asking a running service as its operator, with the token that it was started with."""

import json
import os
import ssl
import urllib.error
import urllib.request
from typing import Any

from service import settings
from service.errors import PingpostError

ANSWER_SECONDS = 5.0

REFUSALS = {
    401: "the token is not the one the service was started with",
    404: "operators' paths are closed or on another port",
}

NOTHING_THERE = "There is nothing at this path."
"""What the service says where operators' paths are closed."""


class NotAnswered(PingpostError):
    """The service does not answer, or not with what was asked for."""


def ask(path: str, url: str | None = None, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer of an operators' path (behind the address) as JSON; with a body it is posted. `url` is where the
    service is, None where its settings say it. Raises NotAnswered."""
    # The token of edges is not asked for here: a wrong one is the service's to refuse.
    told = settings.read({name: text for name, text in os.environ.items() if name != "PINGPOST_EDGE_TOKEN"}, {})
    if told.admin_token is None:
        raise NotAnswered("PINGPOST_ADMIN_TOKEN is not set; it must be the one the service was started with.")
    full = (url or _own_url(told)).rstrip("/") + path
    if "://" not in full:
        full = f"http://{full}"
    answer = _answer(full, told, None if body is None else json.dumps(body).encode())
    if not isinstance(answer, dict):
        raise NotAnswered(f"{full} is not a pingpost.")
    return answer


def _own_url(told: settings.Settings) -> str:
    scheme = "https" if told.tls_cert else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(told.host, told.host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{told.ops_port or told.port}"


def _answer(url: str, told: settings.Settings, body: bytes | None) -> Any:
    headers = {"Authorization": f"Bearer {told.admin_token}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    # Our own certificate is believed when the service runs here with a private one.
    context = ssl.create_default_context(cafile=told.tls_cert) if told.tls_cert else None
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS, context=context) as response:
            return json.load(response)
    except urllib.error.HTTPError as refused:
        said = _sentences(refused)
        raise NotAnswered(said or f"{url} answered {refused.code}: {_reason(refused)}.") from None
    except (OSError, ValueError) as fault:
        raise NotAnswered(f"{url} does not answer: {getattr(fault, 'reason', fault)}.") from None


def _reason(refused: urllib.error.HTTPError) -> str:
    return REFUSALS.get(refused.code, refused.reason)


def _sentences(refused: urllib.error.HTTPError) -> str:
    """What the service itself says of a question that it understood; "" where it did not get that far."""
    if refused.code not in (404, 409, 422):
        return ""
    try:
        errors = json.load(refused)["errors"]
    except (OSError, ValueError, TypeError, LookupError):
        return ""
    lists = errors.values() if isinstance(errors, dict) else [errors]
    said = " ".join(str(sentence) for sentences in lists for sentence in sentences)
    return "" if said == NOTHING_THERE else said
