"""A simulator behind a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_transports: dict[tuple[str, int], asyncio.Transport] = {}


class _CuttableProtocol(H11Protocol):
    """Remembers each connection's transport, so that a fault can close it like a cut line does."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        _transports[transport.get_extra_info("peername")[:2]] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        _transports.pop(self.transport.get_extra_info("peername")[:2], None)
        super().connection_lost(exc)


class _WithAbort:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("client"):
            transport = _transports.get(tuple(scope["client"]))
            if transport is not None:
                scope.setdefault("extensions", {})["simulator.abort"] = transport.abort
        await self._app(scope, receive, send)


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        # The process that runs the simulator handles signals, not the simulator.
        yield


def simulator_server(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> uvicorn.Server:
    """Return a server for `app` that does not touch the process's signals; port 0 takes a free one."""
    config = uvicorn.Config(
        _WithAbort(app), host=host, port=port, http=_CuttableProtocol, log_level="critical", lifespan="off", ws="none"
    )
    return _QuietServer(config)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve `app` while the block runs and yield its address, such as `http://127.0.0.1:40123`.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    # Bound here, since a server that cannot bind would end the whole process.
    listening = socket.create_server((host, port))
    # asyncio sets this only on sockets that name their protocol; without it each answer waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = simulator_server(app, host=host, port=port)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await _until(lambda: server.started or task.done())
        if task.done():
            await task
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task


async def _until(is_true: Callable[[], bool]) -> None:
    while not is_true():  # noqa: ASYNC110 - uvicorn tells its start by a flag alone
        await asyncio.sleep(0.005)
