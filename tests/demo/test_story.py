"""The demo notices when a promise does not hold."""

from __future__ import annotations

import httpx
import pytest

from gateway.demo.malls import Mall
from gateway.demo.promise import BrokenPromiseError
from gateway.demo.screen import Screen
from gateway.demo.story import tell
from gateway.registry import get_connector
from gateway.sdk.testing import Simulator, simulator_for


def mall_of(simulator: Simulator) -> Mall:
    connector = get_connector(simulator.key)
    return Mall(
        key=simulator.key,
        name=connector.name,
        url="http://mall.test",
        address="demo-mall",
        simulator=simulator,
        capabilities=connector.capabilities,
    )


class LyingGateway(httpx.AsyncBaseTransport):
    """A gateway that says `sent` of replies that never leave; or that makes a second reply of a repeated request."""

    def __init__(self, simulator: Simulator, *, repeats: bool) -> None:
        self._simulator = simulator
        self._repeats = repeats
        self._replies = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        threads = self._simulator.threads()
        case = {
            "id": "case_1",
            "external_id": threads[0].external_id,
            "status": "new",
            "is_withdrawn": False,
            "revision": 2,
            "subject": "件名",
            "customer": {"name": None},
            "last_message_at": "2026-11-20T00:00:00Z",
            "actions": [{"action": "reply", "is_allowed": True}],
        }
        match request.method, request.url.path:
            case "POST", "/v1/channels":
                return httpx.Response(201, json={"id": "chan_1", "address": "demo-mall"})
            case "POST", _:
                self._replies += self._repeats
                return httpx.Response(202, json={"id": f"rpl_{self._replies}", "status": "queued"})
            case "GET", "/v1/cases":
                every = [{**case, "external_id": thread.external_id} for thread in threads]
                return httpx.Response(200, json={"items": every, "links": {"next": None}})
            case "GET", path if path.startswith("/v1/cases/"):
                return httpx.Response(200, json=case)
            case _:
                return httpx.Response(200, json={"id": "rpl_0", "status": "sent", "reason": None, "attempts": []})


@pytest.mark.parametrize(
    ("repeats", "complaint"), [(False, "the answer stands 0 times"), (True, "the same Idempotency-Key made a second")]
)
async def test_a_gateway_that_lies_is_caught(repeats: bool, complaint: str) -> None:
    simulator = simulator_for("example")()
    simulator.seed()
    transport = LyingGateway(simulator, repeats=repeats)

    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as api:
        with pytest.raises(BrokenPromiseError, match=complaint):
            await tell([mall_of(simulator)], api, Screen())


async def test_a_refused_call_names_the_call_and_the_answer() -> None:
    simulator = simulator_for("example")()
    transport = httpx.MockTransport(lambda request: httpx.Response(422, json={"code": "invalid_settings"}))

    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as api:
        with pytest.raises(BrokenPromiseError, match=r"POST /v1/channels was answered with 422: .*invalid_settings"):
            await tell([mall_of(simulator)], api, Screen())
