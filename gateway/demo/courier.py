"""Carries to the gateway what a simulated mall pushes."""

from __future__ import annotations

import asyncio
import logging

import httpx

from gateway.sdk.testing import Simulator

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.2
PAUSE_WHEN_AWAY_SECONDS = 1.0


# Answers that may change: the channel is not there yet, the sender is too fast, the gateway is in trouble.
PASSING = {401, 403, 404, 408, 425, 429}


async def carry(simulator: Simulator, gateway_url: str) -> None:
    """Deliver what `simulator` pushes, in order, until cancelled; a gateway that does not take it yet gets it later."""
    async with httpx.AsyncClient(base_url=gateway_url, timeout=30) as client:
        while True:
            is_delivered = await _deliver_next(simulator, client)
            await asyncio.sleep(PAUSE_SECONDS if is_delivered else PAUSE_WHEN_AWAY_SECONDS)


async def _deliver_next(simulator: Simulator, client: httpx.AsyncClient) -> bool:
    """Deliver all that waits; False if the gateway does not take something yet, which then waits on."""
    while simulator.pending_webhooks:
        request = next(iter(simulator.pending_webhooks))
        try:
            answer = await client.request(
                request.method,
                request.path,
                params=dict(request.query),
                content=request.body,
                headers=dict(request.headers),
            )
        except httpx.TransportError:
            return False
        if answer.is_server_error or answer.status_code in PASSING:
            return False
        simulator.pending_webhooks.pop(0)
        if answer.is_client_error:
            logger.warning("webhook.refused", extra={"path": request.path, "status": answer.status_code})
    return True
