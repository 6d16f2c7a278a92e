"""One process as a whole gateway: the API with a worker inside."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI

from gateway.app import create_app
from gateway.runtime import Runtime
from tests.api.conftest import Client, MakeToken
from tests.support.engine import Bench


async def readiness(app: FastAPI) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.example") as client:
        response = await client.get("/readyz")
    return response.status_code, {check["name"]: check["is_ready"] for check in response.json()["checks"]}


async def until_sent(client: Client, reply_id: str) -> Any:
    """Ask until the answer has left; the test's own time limit ends a vain wait."""
    while True:
        reply = await client.get(f"/v1/replies/{reply_id}")
        if reply["status"] == "sent":
            return reply


async def test_with_a_worker_inside_an_answer_leaves_by_itself(
    runtime: Runtime, bench: Bench, make_token: MakeToken
) -> None:
    thread = bench.simulator.customer_writes("割れていました。", order="EM-1")
    await bench.pull()
    app = create_app(runtime, with_worker=True)

    async with app.router.lifespan_context(app):
        client = Client(app, await make_token())
        case = (await client.get("/v1/cases"))["items"][0]
        path = f"/v1/cases/{case['id']}/replies"
        accepted = await client.send(path, {"text": "承ります。", "base_revision": case["revision"]})
        sent = await until_sent(client, accepted.json()["id"])
        ready = await readiness(app)
        await client.close()

    assert [attempt["outcome"] for attempt in sent["attempts"]] == ["sent"]
    assert bench.simulator.thread(thread).shop_texts == ["承ります。"]
    assert (ready[0], ready[1]["worker"]) == (200, True)


async def test_a_gateway_whose_worker_has_stopped_says_that_it_is_not_ready(runtime: Runtime) -> None:
    app = create_app(runtime, with_worker=True)

    async with app.router.lifespan_context(app):
        app.state.worker.cancel()
        await asyncio.wait([app.state.worker])
        status, checks = await readiness(app)

    assert status == 503
    assert checks == {"database": True, "schema": True, "connectors": True, "worker": False}


async def test_without_a_worker_the_api_only_leaves_the_work(
    runtime: Runtime, bench: Bench, make_token: MakeToken
) -> None:
    bench.simulator.customer_writes("割れていました。")
    await bench.pull()
    app = create_app(runtime)

    async with app.router.lifespan_context(app):
        client = Client(app, await make_token())
        case = (await client.get("/v1/cases"))["items"][0]
        path = f"/v1/cases/{case['id']}/replies"
        accepted = await client.send(path, {"text": "承ります。", "base_revision": case["revision"]})
        _, checks = await readiness(app)
        await client.close()

    assert accepted.status_code == 202
    assert "worker" not in checks
