"""The command `pingpost` with an application of a few lines in place of the real one: what is tested with it is the
process around the application. Run as `python -m tests.process.stub_service serve …`."""

import asyncio
import importlib.util
import os
import sys
import types
from pathlib import Path

from aiohttp import web

from service.errors import StoreDown, StoreUnfit
from service.settings import Settings


def create_app(settings: Settings) -> web.Application:
    from service import metrics
    from service.app import draining
    from service.served import snapshot

    app = web.Application()
    flag = draining.attach(app)
    released = asyncio.Event()
    away = Path(os.environ.get("AWAY", settings.var / "nothing"))
    served: list[snapshot.Snapshot] = []

    async def start(_app: web.Application) -> None:
        if "UNFIT" in os.environ:
            raise StoreUnfit("This Redis is 5.0.7; pingpost needs 6.2 or newer.")
        if away.exists():  # noqa: ASYNC240  # for a moment, before anything is served
            raise StoreDown("The connection to Redis was lost.")
        served.append(await snapshot.load_current(settings.var))
        watching = snapshot.watch(settings.var, served[0].catalog.version, take)
        app[WATCH] = asyncio.create_task(watching)

    async def take(fresh: snapshot.Snapshot) -> None:
        served.append(fresh)

    async def pid(_request: web.Request) -> web.Response:
        metrics.count_ping("stub", "success")
        return web.Response(text=str(os.getpid()))

    async def version(_request: web.Request) -> web.Response:
        return web.Response(text=served[-1].catalog.version)

    async def redis(_request: web.Request) -> web.Response:
        return web.Response(text=str(settings.redis_url))

    async def hold(_request: web.Request) -> web.Response:
        await released.wait()
        return web.Response(text="released")

    async def release(_request: web.Request) -> web.Response:
        released.set()
        return web.Response(text="ok")

    async def readyz(_request: web.Request) -> web.Response:
        return web.Response(status=503 if flag.on else 200)

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition())

    for handler in (pid, version, redis, hold, release, readyz, scrape):
        app.router.add_get(f"/{handler.__name__}", handler)
    app.on_startup.append(start)
    return app


WATCH: web.AppKey[asyncio.Task[None]] = web.AppKey("watch")


def main() -> int:
    # In the place of service.app stands a module with our create_app; the files in its folder are found all the same.
    spec = importlib.util.find_spec("service")
    assert spec is not None
    assert spec.origin is not None
    stub = types.ModuleType("service.app")
    stub.__path__ = [str(Path(spec.origin).parent / "app")]
    stub.create_app = create_app  # type: ignore[attr-defined]
    sys.modules["service.app"] = stub
    from service.cli import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
