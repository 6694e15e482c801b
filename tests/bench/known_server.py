"""A server whose every answer is known: a process of its own, with a sleep, a stall, a limit or a mistake built in.

It speaks just enough of the HTTP contract for a driver: pings, posts and calls, on plain sockets of an event loop.
"""

import asyncio
import itertools
import json
import sys
from collections import Counter
from typing import Any

INSTRUCTIONS = {
    "delivery": "call",
    "auth_required": False,
    "test_mode": False,
    "source_needed": False,
    "fields": [
        {"name": name, "type": kind, "required_on": [], "personal": False, "consent": False, "min": None, "max": None,
         "one_of": [], "max_length": None, "sample": None}
        for name, kind in (("caller_id", "phone"), ("state", "state"), ("zip", "zip"), ("age", "integer"))
    ],
    "requests": [{"path": "ping", "body": {"caller_id": "1", "state": "CA", "zip": "90210"}}],
}  # fmt: skip


class KnownServer:
    """`told`: sleep_s (of each answer), stall_at and stall_s (once, everything stands), per_second (a limit: answers
    leave one after the other at that rate), wrong_at (number of the answer that is wrong, and all after it),
    wrong_body, wrong_http, hang_up_at (number of the request whose connection is closed instead)."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.seen: list[dict[str, Any]] = []
        self.repeats: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._free_at = 0.0
        self._stall_until = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((int(x.split(":")[1]) for x in head.split("\r\n") if x.startswith("Content-Length")), 0)
                body = json.loads(await reader.readexactly(length) or b"{}")
                path = head.split(" ", 2)[1]
                number = 0 if path.startswith(("/posting", "/seen")) else next(self._numbers)
                if number and number == self.told.get("hang_up_at"):
                    break
                if number:
                    await self._take_time(number)
                status, answer = self._answer(path, body, number)
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                writer.write(b"HTTP/1.1 %d Known\r\nContent-Length: %d\r\n\r\n%b" % (status, len(content), content))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _take_time(self, number: int) -> None:
        clock = asyncio.get_running_loop().time
        if number == self.told.get("stall_at"):
            self._stall_until = clock() + self.told["stall_s"]
        if per_second := self.told.get("per_second"):
            self._free_at = max(self._free_at, clock()) + 1 / per_second
            await asyncio.sleep(self._free_at - clock())
        if sleep_s := self.told.get("sleep_s"):
            await asyncio.sleep(sleep_s)
        if (left := self._stall_until - clock()) > 0:
            await asyncio.sleep(left)

    def _answer(self, path: str, body: dict[str, Any], number: int) -> tuple[int, Any]:
        if path.startswith("/posting-instructions/known"):
            return 200, INSTRUCTIONS
        if path == "/seen":
            return 200, self.seen
        self.seen.append({"path": path} | body)
        if number >= self.told.get("wrong_at", 10**9):
            return self.told.get("wrong_http", 200), self.told["wrong_body"].encode()
        done = {"success": True, "status": "success", "decision_id": f"d{number}"}
        if "/ping/" in path:
            bids = [{"buyer_id": at, "name": "B", "bid": 1.5, "ping_id": f"p{number}-{at}"} for at in range(2)]
            key = json.dumps(body, sort_keys=True)
            again = {"repeat": True} if self.repeats[key] else {}
            self.repeats[key] += 1
            ids = {"try_all_buyers_ping_id": f"p{number}", "ping_ids_expiry_in_seconds": 60}
            return 200, done | ids | {"buyers": bids} | again
        if "/post/" in path:
            sold = {"trackdrive_number": f"1800{number:07}", "buyer_id": 1, "buyer_name": "B", "bid": 1.5}
            return 200, done | sold | {"sale_id": f"s{number}", "expires_in_seconds": 60}
        if path.endswith("/calls/route"):
            routed = {"action": "dial", "destination": "+18005550001", "ring_seconds": 20, "max_seconds": 60}
            sale = {"sale_id": "s", "buyer_id": 1, "buyer_name": "B", "bid": 1.5}
            return 200, {"success": True, "status": "routed"} | routed | sale
        if path.endswith("/calls/events"):
            return 200, {"success": True, "status": "success", "taken": "taken"}
        return 404, {"success": False, "status": "unknown_endpoint", "errors": ["no"]}


async def main() -> None:
    server = KnownServer(json.loads(sys.argv[1]))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
