"""The runner of a worker: aiohttp's, with the lane before it."""

from typing import Any

from aiohttp import web

from service.app.draining import DRAINING
from service.app.lane import Front
from service.app.serving import SERVING


class Runner(web.AppRunner):
    """Its sites listen for the front; aiohttp's server stands behind it and gets what the front hands over."""

    def __init__(self, app: web.Application, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self.front: Front | None = None
        """None before the set-up, and for an application that serves no leads."""

    @property
    def server(self) -> Any:
        """What listening sockets make their protocols with."""
        return self.front or super().server

    async def setup(self) -> None:
        await super().setup()
        serving = self.app.get(SERVING)
        if serving is not None:
            self.front = Front(serving, self.app[DRAINING], super().server)  # type: ignore[arg-type]

    async def shutdown(self) -> None:
        """Called by aiohttp once the sites are closed and before its own connections are."""
        if self.front is not None:
            await self.front.close(self._shutdown_timeout)
        await super().shutdown()
