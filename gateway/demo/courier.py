"""Carries to the gateway what a simulated mall pushes."""

from __future__ import annotations

import asyncio
import logging

import httpx

from gateway.sdk import WebhookRequest
from gateway.sdk.testing import Simulator

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.2
PAUSE_WHEN_AWAY_SECONDS = 1.0


async def carry(simulator: Simulator, gateway_url: str) -> None:
    """Deliver what `simulator` pushes, in order, until cancelled; a gateway that is away gets it later."""
    async with httpx.AsyncClient(base_url=gateway_url, timeout=30) as client:
        while True:
            try:
                await deliver_pushed(simulator, client)
                await asyncio.sleep(PAUSE_SECONDS)
            except httpx.TransportError:
                await asyncio.sleep(PAUSE_WHEN_AWAY_SECONDS)


async def deliver_pushed(simulator: Simulator, client: httpx.AsyncClient) -> int:
    """Deliver everything that waits and return how much it was.

    A request counts as delivered with any answer but a server's failure, as with senders of webhooks in general.

    Raises:
        httpx.TransportError: the gateway cannot be reached; what is left waits on.
    """
    delivered = 0
    while simulator.pending_webhooks:
        answer = await _deliver(client, next(iter(simulator.pending_webhooks)))
        if answer.is_server_error:
            raise httpx.RemoteProtocolError(f"the gateway answered {answer.status_code}")
        simulator.pending_webhooks.pop(0)
        delivered += 1
        if answer.is_client_error:
            logger.warning("webhook.refused", extra={"path": answer.request.url.path, "status": answer.status_code})
    return delivered


async def _deliver(client: httpx.AsyncClient, request: WebhookRequest) -> httpx.Response:
    return await client.request(
        request.method,
        request.path,
        params=dict(request.query),
        content=request.body,
        headers=dict(request.headers),
    )
