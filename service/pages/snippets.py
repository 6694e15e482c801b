"""Requests to copy: for a shell and for Python."""

import json
import shlex
from typing import Any, Final

from msgspec import Struct

TOKEN: Final = "YOUR_TOKEN"

_LINE_LENGTH_MAX: Final = 72
"""A body that is longer is written over several lines, one name on each."""

_PYTHON: Final = """\
import requests

PING_URL = {ping_url}
POST_URL = {post_url}

lead = {ping}
rest = {post}

session = requests.Session(){auth}
ping = session.post(PING_URL, json=lead, timeout=5).json()
if not ping["success"]:
    raise SystemExit(ping)

for buyer in ping["buyers"]:
    print(buyer["name"], buyer["bid"])

ping_id = ping["try_all_buyers_ping_id"]
post = session.post(POST_URL, json={{"ping_id": ping_id, **rest}}, timeout=5).json()
print({sold} if post["success"] else post)
"""


class Conversation(Struct, frozen=True):
    """A ping and a post. `post` is without its ping_id: that is the ping's to say."""

    ping_url: str
    post_url: str
    ping: dict[str, Any]
    post: dict[str, Any]
    auth: bool
    sells_calls: bool


def curl(url: str, body: dict[str, Any], *, auth: bool) -> str:
    lines = [f"curl -X POST {shlex.quote(url)}", "  -H 'Content-Type: application/json'"]
    if auth:
        lines.append(f"  -H 'Authorization: Bearer {TOKEN}'")
    text = json.dumps(body, ensure_ascii=False)
    if len(text) > _LINE_LENGTH_MAX:
        text = json.dumps(body, ensure_ascii=False, indent=2)
    lines.append(f"  -d {shlex.quote(text)}")
    return " \\\n".join(lines)


def python(said: Conversation) -> str:
    """A whole program: a ping, and a post that tries its buyers in order."""
    return _PYTHON.format(
        auth=f'\nsession.headers["Authorization"] = "Bearer {TOKEN}"' if said.auth else "",
        ping_url=_literal(said.ping_url),
        post_url=_literal(said.post_url),
        ping=_table(said.ping),
        post=_table(said.post),
        sold='post["trackdrive_number"]' if said.sells_calls else 'post["sales"]',
    )


def _table(body: dict[str, Any]) -> str:
    rows = "".join(f"    {_literal(name)}: {_literal(value)},\n" for name, value in body.items())
    return f"{{\n{rows}}}" if rows else "{}"


def _literal(value: object) -> str:
    # JSON's writing of a text is Python's too, and double quotes are what people expect to see.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
