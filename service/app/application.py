"""The application of one worker: every path there is, and what stands behind it."""

from collections.abc import AsyncIterator

from aiohttp import web

from service.app import balances, draining, edges, forgetting, operators, public, reports, sales, suppressions
from service.app.faults import Handler, answering, nowhere, only
from service.app.guards import on_ops_port, with_party, with_token
from service.app.heads import LEADS
from service.app.leads import lead_handler
from service.app.serving import SERVING, Serving
from service.settings import Settings
from service.wire.body import BODY_BYTES_MAX


def create_app(settings: Settings) -> web.Application:
    """The application; it connects to Redis and loads the compiled catalog when it starts up.

    `settings.redis_url` and `settings.secret` must be set. Start-up raises SnapshotLost, StoreDown or StoreUnfit.
    """
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    draining.attach(app)
    app[SERVING] = Serving(settings)
    app.cleanup_ctx.append(_serve)
    for path, handler in _paths().items():
        app.router.add_route("*", path, answering(handler))
    app.router.add_route("*", "/{path:.*}", answering(nowhere))
    return app


async def _serve(app: web.Application) -> AsyncIterator[None]:
    serving = app[SERVING]
    await serving.open()
    yield
    await serving.close()


def _paths() -> dict[str, Handler]:
    """Handlers by path. Guards stand before the methods: where a path does not exist, no method of it does."""
    ping, post, full = lead_handler("ping"), lead_handler("post"), lead_handler("full")
    return {
        f"{LEADS}/ping/{{vanity_uri}}": only(GET=ping, POST=ping),
        f"{LEADS}/post/{{vanity_uri}}": only(GET=post, POST=post),
        f"{LEADS}/full/{{vanity_uri}}": only(GET=full, POST=full),
        "/api/v1/calls/route": _edge(only(POST=edges.route)),
        "/api/v1/calls/events": _edge(only(POST=edges.events)),
        "/admin/status": _admin(only(GET=operators.status)),
        "/admin/reload": _admin(only(POST=operators.reload)),
        "/admin/buyers/{id}/pause": _admin(only(POST=operators.pause)),
        "/admin/buyers/{id}/resume": _admin(only(POST=operators.resume)),
        "/admin/buyers/{id}/balance": _admin(only(GET=balances.show, POST=balances.credit)),
        "/admin/decisions/{id}": _admin(only(GET=operators.decision)),
        "/reports/figures": only(GET=reports.figures),
        "/reports/leads": only(GET=reports.leads),
        "/reports/statements/{buyer_id}/{month}": only(GET=reports.statement),
        "/api/v1/sales/{sale_id}/conversion": with_party(only(POST=sales.conversion)),
        "/api/v1/sales/{sale_id}/return": with_party(only(POST=sales.give_back)),
        "/admin/suppressions": _admin(only(GET=suppressions.show, POST=suppressions.add, DELETE=suppressions.remove)),
        "/admin/forget": _admin(only(POST=forgetting.forget_person)),
        "/admin/suppressions/find": _admin(only(POST=suppressions.find)),
        "/healthz": only(GET=public.healthz),
        "/readyz": only(GET=public.readyz),
        "/metrics": on_ops_port(only(GET=public.metrics_page)),
        "/openapi.json": only(GET=public.openapi_document),
        "/posting-instructions/{vanity_uri}": only(GET=public.instructions_page),
    }


def _edge(handler: Handler) -> Handler:
    return on_ops_port(with_token("edge", handler))


def _admin(handler: Handler) -> Handler:
    return on_ops_port(with_token("admin", handler))
