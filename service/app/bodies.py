"""Reading a request's body, which may come slowly, or never."""

import asyncio
from typing import Final

from aiohttp import web

from service.app.draining import DRAINING

BODY_SECONDS_MAX: Final = 10.0
"""64 KiB come in this time over any line that can carry a call; what is slower only holds on to its connection."""


async def body_of(request: web.Request) -> bytes:
    """The whole body.

    Raises web.HTTPRequestEntityTooLarge where it is too long, web.HTTPRequestTimeout where it does not come in time,
    web.HTTPServiceUnavailable where that may be our own doing, for this worker is about to end.
    """
    if request.content.is_eof():  # nearly always: head and body came in one segment, and a timer would be for nothing
        return await request.read()
    try:
        with request.app[DRAINING].awaiting_body():
            async with asyncio.timeout(BODY_SECONDS_MAX):
                return await request.read()
    except TimeoutError:
        raise web.HTTPServiceUnavailable if request.app[DRAINING].on else web.HTTPRequestTimeout from None
