"""The bare handler: aiohttp on uvloop, one dynamic route, the body decoded, an answer of a ping's size. What the
exchange is compared to; it decides nothing.

With a Redis it asks it a script of one line before each answer, by the exchange's own channel: the latency that is left
of a ping when all that it is for is taken away.
"""

import asyncio
import sys

import msgspec
import uvloop
from aiohttp import web

from benchmarks.one_line import Ask, channel_to


def answer_of(buyers: int) -> bytes:
    """A ping's answer with so many bids, as long as a real one."""
    decision_id = "0123456789abcdef" * 2
    return msgspec.json.encode(
        {
            "success": True,
            "status": "success",
            "decision_id": decision_id,
            "try_all_buyers_ping_id": f"p{decision_id}",
            "ping_ids_expiry_in_seconds": 60,
            "buyers": [
                {"buyer_id": at, "name": f"Buyer {at}", "bid": 25.0, "ping_id": f"p{decision_id}-{at}"}
                for at in range(buyers)
            ],
        }
    )


async def _nothing(word: bytes) -> bytes:
    return word


async def serve(port: int, buyers: int, redis_url: str) -> None:
    answer = answer_of(buyers)
    decode = msgspec.json.Decoder(dict[str, object]).decode
    ask: Ask = channel_to(redis_url)[1] if redis_url else _nothing

    async def ping(request: web.Request) -> web.Response:
        decode(await request.read())
        await ask(b"word")
        return web.Response(body=answer, content_type="application/json")

    app = web.Application()
    app.router.add_post("/api/v1/inbound_webhooks/ping/{vanity_uri}", ping)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        port, buyers, redis_url = sys.argv[1:]
        runner.run(serve(int(port), int(buyers), redis_url))
