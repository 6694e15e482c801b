"""Whether this worker is about to end: /readyz says so at once, and connections are given back with each answer."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web


class Draining:
    """Set once, by the worker, on SIGTERM; read by /readyz and when an answer is prepared."""

    def __init__(self) -> None:
        self.on = False
        self._bodies_awaited = 0
        self._none_awaited = asyncio.Event()
        self._none_awaited.set()

    @contextmanager
    def awaiting_body(self) -> Iterator[None]:
        """Around reading a body that is still on its way: once aiohttp shuts down, it drops what comes of it."""
        self._bodies_awaited += 1
        self._none_awaited.clear()
        try:
            yield
        finally:
            self._bodies_awaited -= 1
            if not self._bodies_awaited:
                self._none_awaited.set()

    async def all_bodies_here(self) -> None:
        await self._none_awaited.wait()


DRAINING: web.AppKey[Draining] = web.AppKey("draining", Draining)


def attach(app: web.Application) -> Draining:
    """Gives the application its flag, and makes its answers close their connections while the flag is set."""
    flag = app[DRAINING] = Draining()

    async def give_back(_request: web.Request, response: web.StreamResponse) -> None:
        if flag.on:
            # The header too: aiohttp has already decided on it when this is called.
            response.headers["Connection"] = "close"
            response.force_close()

    app.on_response_prepare.append(give_back)
    return flag
