"""Whether this worker is about to end: /readyz says so at once, and connections are given back with each answer."""

from aiohttp import web


class Draining:
    """Set once, by the worker, on SIGTERM; read by /readyz and when an answer is prepared."""

    def __init__(self) -> None:
        self.on = False


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
