"""Several simulated malls in one process."""

from __future__ import annotations

import httpx

from gateway.sdk.testing import Simulator


class Malls(httpx.AsyncBaseTransport):
    """Routes each request by its host to the simulator that lives there."""

    def __init__(self) -> None:
        self._by_host: dict[str, httpx.AsyncBaseTransport] = {}

    def add(self, simulator: Simulator) -> str:
        """Let `simulator` answer, and return its address."""
        host = f"{simulator.key.replace('_', '-')}-{len(self._by_host) + 1}.test"
        self._by_host[host] = simulator.transport
        return f"http://{host}"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._by_host.get(request.url.host)
        if transport is None:
            raise httpx.ConnectError(f"no simulated mall at {request.url.host}", request=request)
        return await transport.handle_async_request(request)
