"""Who may use a path that is not the publishers': by port and by token."""

from typing import Final, Literal

from aiohttp import web

from service.app.faults import Handler, nowhere
from service.app.replies import Reply, refuse
from service.app.serving import SERVING
from service.exchange.aftermath import Party
from service.served.doors import same_token
from service.wire import Refusal, bearer

PARTY: Final = web.RequestKey("party", Party)
"""Who asks, on a request that was let in."""


def on_ops_port(handler: Handler) -> Handler:
    """With a port of its own for operations, the path does not exist on the publishers' one."""

    async def guarded(request: web.Request) -> Reply:
        ops_port = request.app[SERVING].settings.ops_port
        if ops_port is None or _local_port(request) == ops_port:
            return await handler(request)
        return await nowhere(request)

    return guarded


def with_token(whose: Literal["edge", "admin"], handler: Handler) -> Handler:
    """Without the token in the settings there is nothing at the path; with a wrong one 401."""

    async def guarded(request: web.Request) -> Reply:
        settings = request.app[SERVING].settings
        expected = settings.edge_token if whose == "edge" else settings.admin_token
        if expected is None:
            return await nowhere(request)
        if not same_token(bearer(request.headers.get("Authorization", "")), expected):
            return refuse(Refusal("unauthorized", ["This path needs its token, as Authorization: Bearer …"]))
        return await handler(request)

    return guarded


def with_party(handler: Handler) -> Handler:
    """For those who bought, and the operator, on the publishers' port: buyers sit elsewhere. Where nobody could have a
    token there is nothing at the path."""

    async def guarded(request: web.Request) -> Reply:
        settings = request.app[SERVING].settings
        if settings.admin_token is None:
            return await nowhere(request)
        if not same_token(bearer(request.headers.get("Authorization", "")), settings.admin_token):
            return refuse(Refusal("unauthorized", ["This path needs its token, as Authorization: Bearer …"]))
        request[PARTY] = Party()
        return await handler(request)

    return guarded


def _local_port(request: web.Request) -> int | None:
    transport = request.transport
    address = transport.get_extra_info("sockname") if transport is not None else None
    return address[1] if isinstance(address, tuple) else None
