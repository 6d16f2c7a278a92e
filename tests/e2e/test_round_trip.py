"""A customer asks at a mall, an agent answers by REST, the customer reads it: every connector, real sockets throughout.

The gateway is the program that users start (`gateway serve`), on a database of its own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from gateway.sdk import AnyConnector
from gateway.sdk.discovery import discover
from gateway.sdk.testing import SimulatedFile, Simulator, serving
from gateway.sdk.testing.packages import simulator_for
from tests.support.gateway_process import running_gateway
from tests.support.processes import until

CONNECTORS = sorted(discover().connectors.items())
PNG = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452000000010000000108060000001f15c489") + bytes(40)


@pytest.fixture(scope="module")
def gateway(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with running_gateway(server_url, tmp_path_factory.mktemp("home"), name="e2e") as client:
        yield client


@pytest.fixture(params=[pytest.param(connector, id=key) for key, connector in CONNECTORS])
def connector(request: pytest.FixtureRequest) -> type[AnyConnector]:
    found: type[AnyConnector] = request.param
    return found


class _Shop:
    """A channel at a simulated mall, seen from outside: the mall's people on one side, REST on the other."""

    def __init__(self, gateway: httpx.Client, simulator: Simulator, channel: dict[str, Any]) -> None:
        self.gateway = gateway
        self.simulator = simulator
        self.channel = channel

    async def call(self, method: str, path: str, **request: Any) -> Any:
        """Call the REST API from a thread of its own, since the mall answers in this one."""
        response = await asyncio.to_thread(self.gateway.request, method, path, **request)
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def push(self) -> None:
        """The mall pushes what it has to say to the gateway's public address."""
        waiting, self.simulator.pending_webhooks = self.simulator.pending_webhooks, []
        for one in waiting:
            headers = {name: value for name, value in one.headers.items() if name != "content-length"}
            response = await asyncio.to_thread(
                httpx.request,
                one.method,
                f"{self.gateway.base_url}{one.path}".replace("//intake", "/intake"),
                headers=headers,
                content=one.body,
                params=dict(one.query),
            )
            assert response.is_success, response.text

    async def case_of(self, thread: str) -> dict[str, Any]:
        """Wait until the thread is a case."""
        await self.push()
        found: list[dict[str, Any]] = []

        async def is_there() -> bool:
            listed = await self.call(
                "GET", "/v1/cases", params={"channel_id": self.channel["id"], "external_id": thread}
            )
            found[:] = listed["items"]
            if not found and self.channel["webhook_paths"] == []:
                await self.call("POST", f"/v1/channels/{self.channel['id']}/pull")
            return bool(found)

        await until(is_there, within=60)
        return found[0]

    async def settled(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Wait until nothing more will happen to a reply."""
        last = [reply]

        async def is_settled() -> bool:
            last[0] = await self.call("GET", f"/v1/replies/{reply['id']}")
            return last[0]["status"] not in {"queued", "sending", "unknown"}

        try:
            await until(is_settled, within=40)
        except AssertionError as error:
            raise AssertionError(f"the reply is not settled: {last[0]}") from error
        return last[0]


@pytest.fixture
async def shop(connector: type[AnyConnector], gateway: httpx.Client) -> AsyncIterator[_Shop]:
    simulator = simulator_for(connector)()
    async with serving(simulator.app) as address:
        name = f"{connector.key.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
        settings = simulator.settings(address, address=name)
        body = {"connector": connector.key, "name": connector.name.ja, "settings": settings, "address": name}
        response = await asyncio.to_thread(gateway.post, "/v1/channels", json=body)
        assert response.status_code == 201, response.text
        yield _Shop(gateway, simulator, response.json())
        await asyncio.to_thread(gateway.post, f"/v1/channels/{response.json()['id']}/pause", json={})


async def test_a_question_becomes_a_case_and_its_answer_stands_in_the_mall(
    shop: _Shop, connector: type[AnyConnector]
) -> None:
    if not connector.capabilities.can_reply:
        pytest.skip(f"{connector.key} cannot reply")
    photo = SimulatedFile(name="写真.png", content_type="image/png", content=PNG)
    files = [photo] if connector.capabilities.can_download else []
    thread = shop.simulator.customer_writes("サイズを交換できますか？🎁", files=files)

    case = await shop.case_of(thread)
    messages = await shop.call("GET", f"/v1/cases/{case['id']}/messages")
    reply = await shop.call(
        "POST",
        f"/v1/cases/{case['id']}/replies",
        json={"text": "はい、交換を承ります。", "base_revision": case["revision"]},
        headers={"idempotency-key": str(uuid.uuid4())},
    )
    sent = await shop.settled(reply)

    assert [m["text"] for m in messages["items"]] == ["サイズを交換できますか？🎁"]
    assert sent["status"] == "sent"
    assert shop.simulator.thread(thread).shop_texts == ["はい、交換を承ります。"]
    if files:
        await _downloads(shop, case, PNG)


async def _downloads(shop: _Shop, case: dict[str, Any], expected: bytes) -> None:
    async def is_copied() -> bool:
        listed = await shop.call("GET", f"/v1/cases/{case['id']}/messages")
        return all(file["state"] == "stored" for message in listed["items"] for file in message["attachments"])

    await until(is_copied)
    listed = await shop.call("GET", f"/v1/cases/{case['id']}/messages")
    (file,) = listed["items"][0]["attachments"]
    content = await asyncio.to_thread(shop.gateway.get, f"/v1/attachments/{file['id']}/content")
    assert content.content == expected
    assert file["sha256"]


async def test_an_answer_with_a_file_stands_in_the_mall_with_its_file(
    shop: _Shop, connector: type[AnyConnector]
) -> None:
    limits = connector.capabilities.reply
    if limits is None or not limits.max_attachments:
        pytest.skip(f"{connector.key} takes no files in replies")
    thread = shop.simulator.customer_writes("写真はありますか？", order="1001")
    case = await shop.case_of(thread)

    uploaded = await shop.call("POST", "/v1/attachments", files={"file": ("photo.png", PNG, "image/png")})
    reply = await shop.call(
        "POST",
        f"/v1/cases/{case['id']}/replies",
        json={"text": "こちらです。", "base_revision": case["revision"], "attachment_ids": [uploaded["id"]]},
        headers={"idempotency-key": str(uuid.uuid4())},
    )
    sent = await shop.settled(reply)

    assert sent["status"] == "sent", base64.b64encode(json.dumps(sent).encode())
    (message,) = [m for m in shop.simulator.thread(thread).messages if m.text == "こちらです。"]
    assert [file.content for file in message.files] == [PNG]


def test_the_gateway_leaves_nothing_open_in_its_database(
    gateway: httpx.Client, server_url: str, tmp_path: Path
) -> None:
    gateway.get("/readyz")

    with psycopg.connect(server_url) as connection:
        idle = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'e2e_%' AND state = 'idle in transaction'"
        ).fetchone()
    assert idle == (0,)
