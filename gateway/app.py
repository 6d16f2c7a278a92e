"""The composition root of the API: what is served, and what lives as long as it is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from gateway import registry, worker
from gateway.api import errors, webhooks
from gateway.api.middleware import RequestId
from gateway.api.openapi import TITLE, openapi_document
from gateway.api.routers import ROUTERS
from gateway.runtime import Runtime

logger = logging.getLogger(__name__)


def create_app(runtime: Runtime, *, with_worker: bool = False) -> FastAPI:
    """Return the API over `runtime`; `with_worker` runs a worker in the same process while it is served."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if not with_worker:
            async with worker.opened_queue(runtime.database):
                yield
            return
        app.state.worker = asyncio.create_task(worker.run(runtime, install_signal_handlers=False))
        app.state.worker.add_done_callback(_note_end)
        try:
            yield
        finally:
            app.state.worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await app.state.worker

    app = FastAPI(
        title=TITLE,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.runtime = runtime
    app.state.discovery = registry.discover()
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.state.methods = _methods(app)
    webhooks.mount(app, app.state.discovery)
    app.add_middleware(RequestId)
    app.openapi = openapi_document  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


def _note_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        # The API still answers; /readyz says that nothing is read or sent any more.
        logger.error("worker.stopped", exc_info=task.exception())


def _methods(app: FastAPI) -> dict[str, set[str]]:
    """Return which methods each path has, over all its routes."""
    found: dict[str, set[str]] = {}
    for context in iter_route_contexts(app.routes):
        found.setdefault(context.path_format or context.path or "", set()).update(context.methods or ())
    return found
