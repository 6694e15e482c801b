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
        if is_on_ops_port(request):
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


def is_on_ops_port(request: web.Request) -> bool:
    """Whether operators are served where this request came in."""
    ops_port = request.app[SERVING].settings.ops_port
    return ops_port is None or _local_port(request) == ops_port


def with_party(handler: Handler) -> Handler:
    """For those who bought, and the operator, on the publishers' port: buyers sit elsewhere. Where nobody could have a
    token there is nothing at the path."""

    async def guarded(request: web.Request) -> Reply:
        serving = request.app[SERVING]
        token = bearer(request.headers.get("Authorization", ""))
        buyer = serving.snapshot.doors.buyer_of_token(token)
        if buyer is None and serving.settings.admin_token is None and not serving.snapshot.doors.know_buyers:
            return await nowhere(request)
        if buyer is None and not same_token(token, serving.settings.admin_token):
            return refuse(Refusal("unauthorized", ["This path needs its token, as Authorization: Bearer …"]))
        request[PARTY] = Party(buyer.id if buyer else None)
        return await handler(request)

    return guarded


def _local_port(request: web.Request) -> int | None:
    transport = request.transport
    address = transport.get_extra_info("sockname") if transport is not None else None
    return address[1] if isinstance(address, tuple) else None
