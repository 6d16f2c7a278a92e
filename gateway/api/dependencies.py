"""What endpoints work with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.runtime import Runtime


def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


async def _session(runtime: Annotated[Runtime, Depends(_runtime)]) -> AsyncIterator[AsyncSession]:
    async with runtime.database.session() as db:
        yield db


Surroundings = Annotated[Runtime, Depends(_runtime)]
Db = Annotated[AsyncSession, Depends(_session)]
