"""How often a ping and its post go to Redis."""

import http.client
import json
from typing import Any

from benchmarks import worlds
from benchmarks.bench import Bench, Measured, Void
from benchmarks.subjects.serving import ready
from benchmarks.worlds import World

TRIPS_ASKED = 200


def trips(bench: Bench, world: World) -> Measured:
    """Round trips to Redis of a ping and of its post: reads that Redis did on its sockets, one request at a time.

    The worker looks at Redis' clock every few seconds, which is why the figures are rounded.
    """
    count = TRIPS_ASKED
    with ready(bench, world) as made:
        connection = http.client.HTTPConnection("127.0.0.1", made.served.port, timeout=10)

        def ask(kind: str, body: bytes) -> dict[str, Any]:
            path = f"/api/v1/inbound_webhooks/{kind}/{worlds.ENDPOINT}"
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            said: dict[str, Any] = json.loads(connection.getresponse().read())
            if said["status"] != "success":
                raise Void(f"a {kind} was answered {said}")
            return said

        at_first = _reads(made.client)
        pings = [ask("ping", worlds.lead(number)) for number in range(count)]
        after_pings = _reads(made.client)
        for ping in pings:
            ask("post", json.dumps({"ping_id": ping["try_all_buyers_ping_id"]}).encode())
        after_posts = _reads(made.client)
        connection.close()
        made.sales = count
    return Measured(
        {
            "trips_per_ping": round((after_pings - at_first - 1) / count, 1),
            "trips_per_post": round((after_posts - after_pings - 1) / count, 1),
        }
    )


def _reads(client: Any) -> int:
    """Reads of Redis from its clients so far; asking for it is one."""
    return int(client.info("stats")["total_reads_processed"])
