"""What a worker keeps of requests: nothing."""

import asyncio
import gc
import json

from service.match.ranking import Ranking
from tests.app.catalogs import buyer, catalog, contract, endpoint
from tests.app.conftest import Serve
from tests.app.served import CALLER, lead_path

REQUESTS = 100
BODY = json.dumps({"caller_id": CALLER}).encode()
HEADERS = ("Host: here", "Content-Type: application/json", f"Content-Length: {len(BODY)}")
PING = "\r\n".join((f"POST {lead_path('ping', 'calls')} HTTP/1.1", *HEADERS, "", "")).encode() + BODY


async def test_a_request_leaves_nothing_to_the_garbage_collector(serve: Serve) -> None:
    """Those in flight while a catalog is loaded are frozen out of its sight: it would never come back for them."""
    served = await serve(catalog(endpoint(), *(buyer(number, contract(25.00)) for number in range(1, 61))))
    # No client of aiohttp's, whose own leavings would be counted too.
    reader, writer = await asyncio.open_connection(served.client.host, served.client.port)

    async def ask() -> None:
        writer.write(PING)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        assert json.loads(await reader.readexactly(int(length.partition(b":")[2])))["success"] is True

    await ask()
    gc.collect()
    gc.disable()
    try:
        for _ in range(REQUESTS):
            await ask()
        # A ranking that is left half-way, as these are, is the nearest to a cycle that a request comes.
        assert not any(isinstance(kept, Ranking) for kept in gc.get_objects())
        assert gc.collect() < REQUESTS
    finally:
        gc.enable()
        writer.close()
