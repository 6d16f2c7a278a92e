"""Whether the process lives, and whether it can work. No token is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response, status
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import text

from gateway import migrations
from gateway.api import schemas
from gateway.api.dependencies import Surroundings
from gateway.registry import Discovery
from gateway.runtime import Runtime

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="get_liveness", summary="Whether the process answers")
async def get_liveness() -> schemas.Liveness:
    """The process answers; a supervisor restarts it when it does not."""
    return schemas.Liveness(status="alive")


@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="Whether the gateway can work",
    responses={503: {"model": schemas.Readiness, "description": "Something that it needs is missing."}},
)
async def get_readiness(request: Request, runtime: Surroundings, response: Response) -> schemas.Readiness:
    """What the gateway needs, and for what is missing the reason."""
    checks = [
        await _check("database", runtime, _database),
        await _check("schema", runtime, _schema),
    ]
    found: Discovery = request.app.state.discovery
    reason = None if found.connectors else "no connector was found"
    checks.append(schemas.ReadinessCheck(name="connectors", is_ready=reason is None, reason=reason))
    worker: asyncio.Task[None] | None = getattr(request.app.state, "worker", None)
    if worker is not None:
        reason = "the worker inside this process has stopped" if worker.done() else None
        checks.append(schemas.ReadinessCheck(name="worker", is_ready=reason is None, reason=reason))
    is_ready = all(check.is_ready for check in checks)
    if not is_ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return schemas.Readiness(is_ready=is_ready, checks=checks)


async def _check(
    name: str, runtime: Runtime, look: Callable[[Runtime], Awaitable[str | None]]
) -> schemas.ReadinessCheck:
    try:
        reason = await look(runtime)
    except (SQLAlchemyError, OSError) as error:
        # The class says enough; the message may hold an address with a password.
        reason = f"it does not answer ({type(error).__name__})"
    return schemas.ReadinessCheck(name=name, is_ready=reason is None, reason=reason)


async def _database(runtime: Runtime) -> str | None:
    async with runtime.database.session() as db:
        await db.exec(text("SELECT 1"))  # type: ignore[call-overload]  # SQLModel types exec for its own selects
    return None


async def _schema(runtime: Runtime) -> str | None:
    is_current = await asyncio.to_thread(migrations.is_current, runtime.database.conninfo)
    return None if is_current else "the database has another version's schema; run `gateway db upgrade`"
