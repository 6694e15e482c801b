"""The whole service as a process of its own, spoken to over HTTP like anybody would."""

import json
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode

from tests.process.running import Running

EDGE_TOKEN = "edge-token-of-the-tests"
ADMIN_TOKEN = "admin-token-of-the-tests"
TOKENS = {"PINGPOST_EDGE_TOKEN": EDGE_TOKEN, "PINGPOST_ADMIN_TOKEN": ADMIN_TOKEN}


class Said(NamedTuple):
    """An answer: `body` is the JSON object, or {} where the answer is none."""

    status: int
    body: dict[str, Any]
    text: str
    headers: dict[str, str]


class RealService(Running):
    """`pingpost serve` itself. Without other words it serves the small catalog that `Running` writes."""

    module: ClassVar[str] = "service"

    def __init__(self, folder: Path, *flags: str, env: dict[str, str] | None = None) -> None:
        super().__init__(folder, *flags, env=TOKENS | (env or {}))

    # Verbs

    def ping(self, vanity_uri: str, lead: dict[str, Any]) -> Said:
        return self.ask(f"/api/v1/inbound_webhooks/ping/{vanity_uri}", lead)

    def post(self, vanity_uri: str, lead: dict[str, Any]) -> Said:
        return self.ask(f"/api/v1/inbound_webhooks/post/{vanity_uri}", lead)

    def route(self, call: str, tracking_number: str, **more: Any) -> Said:
        asked = {"edge": "edge-1", "call": call, "tracking_number": tracking_number, "attempt": 0, **more}
        return self.ask("/api/v1/calls/route", asked, token=EDGE_TOKEN, form=True)

    def event(self, event: str, call: str, **more: Any) -> Said:
        told = {"event": event, "edge": "edge-1", "call": call, **more}
        return self.ask("/api/v1/calls/events", told, token=EDGE_TOKEN, form=True)

    def admin(self, path: str, *, method: str = "GET") -> Said:
        return self.ask(f"/admin/{path}", method=method, token=ADMIN_TOKEN)

    def use_of(self, buyer_id: int) -> dict[str, Any]:
        """What /admin/status says of a buyer."""
        buyers = self.admin("status").body["buyers"]
        return next(dict(buyer) for buyer in buyers if buyer["buyer_id"] == buyer_id)

    def pool(self, pool_id: str) -> dict[str, Any]:
        pools = self.admin("status").body["pools"]
        return next(dict(pool) for pool in pools if pool["id"] == pool_id)

    def ask(
        self,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        method: str | None = None,
        token: str = "",
        form: bool = False,
        port: int | None = None,
        connection: HTTPConnection | None = None,
    ) -> Said:
        """One request; on a connection of its own where none is given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded" if form else "application/json"
            content = urlencode(body) if form else json.dumps(body)
        line = connection or self.connection(port)
        try:
            line.request(method or ("GET" if body is None else "POST"), path, content, headers)
            answer = line.getresponse()
            text = answer.read().decode()
            known = json.loads(text) if answer.headers.get_content_type() == "application/json" else {}
            return Said(answer.status, known, text, dict(answer.headers))
        finally:
            if connection is None:
                line.close()

    # Its processes

    def children(self, named: str) -> set[int]:
        """Pids of children whose program has this in its command line."""
        pid = self.process.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(child) for child in found if named in _command_line(int(child))}

    def serving(self) -> set[int]:
        """Pids of the workers."""
        return self.children("\0serve\0")

    def embedded_redis(self) -> int:
        (pid,) = self.children("redis-server")
        return pid


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
