"""The API in this process, over a real database, with the example mall behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from connectors.example.simulator import ExampleSimulator
from gateway.app import create_app
from gateway.casework import tokens
from gateway.model import Scope
from gateway.runtime import Runtime
from gateway.sdk.testing import SimulatedClock
from tests.support.engine import Bench
from tests.support.malls import Malls

MakeToken = Callable[..., Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a test looks at first."""

    status: int
    json: Any
    headers: httpx.Headers


class Client:
    """A caller with a token; every call has a new Idempotency-Key unless it names one."""

    def __init__(self, app: FastAPI, secret: str) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://gateway.example",
            headers={"Authorization": f"Bearer {secret}", "Accept-Language": "en"},
        )
        self._serial = 0

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        return await self.http.request(method, path, **request)

    async def get(self, path: str, **request: Any) -> Any:
        """Return the body of an answer that must be 200."""
        response = await self.http.get(path, **request)
        assert response.status_code == 200, response.text
        return response.json()

    async def send(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """Post JSON with a new Idempotency-Key."""
        self._serial += 1
        return await self.http.post(path, json=body, headers={"Idempotency-Key": f"key-{self._serial}", **headers})

    async def patch(self, path: str, body: Any, etag: str) -> httpx.Response:
        """Patch with the media type of a merge patch and the ETag that was read."""
        return await self.http.patch(
            path, json=body, headers={"If-Match": etag, "Content-Type": "application/merge-patch+json"}
        )

    async def close(self) -> None:
        await self.http.aclose()


@pytest.fixture
def app(runtime: Runtime) -> FastAPI:
    return create_app(runtime)


@pytest.fixture
def make_token(runtime: Runtime) -> MakeToken:
    """Make a token and return its secret; all scopes and no limits unless said otherwise."""

    async def make(
        scopes: Iterable[Scope] = Scope, brands: Iterable[str] = (), channel_ids: Iterable[UUID] = (), **options: Any
    ) -> str:
        async with runtime.database.session() as db:
            _, secret = await tokens.create(
                db,
                name=options.pop("name", "console"),
                scopes=list(scopes),
                now=runtime.clock(),
                brands=tuple(brands),
                channel_ids=tuple(channel_ids),
                **options,
            )
            await db.commit()
        return secret

    return make


@pytest.fixture
async def open_client(app: FastAPI, make_token: MakeToken) -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """Return callers with tokens of their own."""
    opened: list[Client] = []

    async def open_(**limits: Any) -> Client:
        client = Client(app, await make_token(**limits))
        opened.append(client)
        return client

    yield open_
    for client in opened:
        await client.close()


@pytest.fixture
async def client(open_client: Callable[..., Awaitable[Client]]) -> Client:
    """A caller who may do everything."""
    return await open_client()


@pytest.fixture
async def bench(runtime: Runtime, clock: SimulatedClock, malls: Malls) -> Bench:
    """A channel at the example market."""
    return await Bench.open(runtime, clock, ExampleSimulator(clock), malls)
