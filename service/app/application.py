"""The application of one worker: every path there is, and what stands behind it."""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from service.app import draining, edges, operators, public
from service.app.faults import Handler, answering, nowhere, only
from service.app.guards import on_ops_port, with_token
from service.app.leads import lead_handler
from service.app.serving import SERVING, Serving
from service.settings import Settings
from service.wire.body import BODY_BYTES_MAX

_LEADS: Final = "/api/v1/inbound_webhooks"


def create_app(settings: Settings) -> web.Application:
    """The application; it connects to Redis and loads the compiled catalog when it starts up.

    `settings.redis_url` and `settings.secret` must be set. Start-up raises SnapshotLost, StoreDown or StoreUnfit.
    """
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    draining.attach(app)
    app[SERVING] = Serving(settings)
    app.cleanup_ctx.append(_serve)
    for path, methods in _paths().items():
        app.router.add_route("*", path, only(methods))
    app.router.add_route("*", "/{path:.*}", answering(nowhere))
    return app


async def _serve(app: web.Application) -> AsyncIterator[None]:
    serving = app[SERVING]
    await serving.open()
    yield
    await serving.close()


def _paths() -> dict[str, dict[str, Handler]]:
    """Handlers by path and method."""
    ping, post, full = lead_handler("ping"), lead_handler("post"), lead_handler("full")
    return {
        f"{_LEADS}/ping/{{vanity_uri}}": {"GET": ping, "POST": ping},
        f"{_LEADS}/post/{{vanity_uri}}": {"GET": post, "POST": post},
        f"{_LEADS}/full/{{vanity_uri}}": {"GET": full, "POST": full},
        "/api/v1/calls/route": {"POST": _edge(edges.route)},
        "/api/v1/calls/events": {"POST": _edge(edges.events)},
        "/admin/status": {"GET": _admin(operators.status)},
        "/admin/reload": {"POST": _admin(operators.reload)},
        "/admin/buyers/{id}/pause": {"POST": _admin(operators.pause)},
        "/admin/buyers/{id}/resume": {"POST": _admin(operators.resume)},
        "/admin/decisions/{id}": {"GET": _admin(operators.decision)},
        "/healthz": {"GET": public.healthz},
        "/readyz": {"GET": public.readyz},
        "/metrics": {"GET": on_ops_port(public.metrics_page)},
        "/openapi.json": {"GET": public.openapi_document},
        "/posting-instructions/{vanity_uri}": {"GET": public.instructions_page},
    }


def _edge(handler: Handler) -> Handler:
    return on_ops_port(with_token("edge", handler))


def _admin(handler: Handler) -> Handler:
    return on_ops_port(with_token("admin", handler))
