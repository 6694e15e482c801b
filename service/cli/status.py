"""`pingpost status`: what /admin/status of a running service says, as tables."""

import argparse
import json
import os
import ssl
import urllib.error
import urllib.request
from typing import Any

from service import settings
from service.cli.tables import table
from service.errors import PingpostError

ANSWER_SECONDS = 5.0


class NotAnswered(PingpostError):
    """The service does not answer, or not with its status."""


def status(given: argparse.Namespace) -> int:
    # The token of edges is not asked for here: a wrong one is the service's to refuse.
    told = settings.read({name: text for name, text in os.environ.items() if name != "PINGPOST_EDGE_TOKEN"}, {})
    if told.admin_token is None:
        raise NotAnswered("PINGPOST_ADMIN_TOKEN is not set; it must be the one the service was started with.")
    url = (given.url or _own_url(told)).rstrip("/") + "/admin/status"
    if "://" not in url:
        url = f"http://{url}"
    answer = _ask(url, told)
    if given.json:
        print(json.dumps(answer, indent=2))
    else:
        print("\n\n".join(_tables(answer)))
    return 0


def _own_url(told: settings.Settings) -> str:
    scheme = "https" if told.tls_cert else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(told.host, told.host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{told.ops_port or told.port}"


def _ask(url: str, told: settings.Settings) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {told.admin_token}"})
    # Our own certificate is believed when the service runs here with a private one.
    context = ssl.create_default_context(cafile=told.tls_cert) if told.tls_cert else None
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS, context=context) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as refused:
        reasons = {
            401: "the token is not the one the service was started with",
            404: "operators' paths are closed or on another port",
        }
        raise NotAnswered(f"{url} answered {refused.code}: {reasons.get(refused.code, refused.reason)}.") from None
    except (OSError, ValueError) as fault:
        raise NotAnswered(f"{url} does not answer: {getattr(fault, 'reason', fault)}.") from None
    if not isinstance(answer, dict):
        raise NotAnswered(f"{url} is not a pingpost.")
    return answer


def _tables(answer: dict[str, Any]) -> list[str]:
    buyers = [
        (
            b["buyer_id"],
            b["name"],
            "yes" if b.get("paused") else "",
            b["slots"],
            b["holds"],
            b.get("cap"),
            b.get("ping_limit"),
        )
        for b in answer.get("buyers", [])
    ]
    caps = [
        (c["contract"], cap["per"], cap["sold"], cap["pending"], cap["limit"], cap.get("resets_at"))
        for b in answer.get("buyers", [])
        for c in b.get("contracts", [])
        for cap in c.get("caps", [])
    ]
    pools = [(p["id"], p["free"], p["lent"], p["cooling"]) for p in answer.get("pools", [])]
    shown = [f"catalog {answer.get('catalog', 'unknown')}"]
    shown.append(table(("buyer", "name", "paused", "slots", "holds", "cap", "ping limit"), buyers))
    if caps:
        shown.append(table(("contract", "per", "sold", "pending", "limit", "resets at"), caps))
    if pools:
        shown.append(table(("pool", "free", "lent", "cooling"), pools))
    return shown
