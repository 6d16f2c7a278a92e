"""A storefront at its channel: what its tests share."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from connectors.storefront.connector import CONFIG, SUBMISSIONS, StorefrontConnector
from connectors.storefront.settings import StorefrontSettings
from connectors.storefront.signature import parse_secret
from connectors.storefront.simulator import (
    FIRST_SECRET,
    SECOND_SECRET,
    SHOP_ORIGIN,
    StorefrontSimulator,
)
from gateway.sdk import (
    Inquiry,
    OutboundReply,
    RawRecord,
    Reception,
    StoredRecord,
    Thread,
    WebhookRequest,
    WebhookResponse,
)
from gateway.sdk.testing import (
    MemoryMemo,
    SimulatedClock,
    memory_context,
)

START = datetime(2026, 11, 20, 1, 15, 30, tzinfo=UTC)
BASE_URL = "http://127.0.0.1:9"
ADDRESS = "shop-one"
FAR = timedelta(seconds=301)
KEYS = [parse_secret(FIRST_SECRET), parse_secret(SECOND_SECRET)]
VISITOR = "198.51.100.7"
DOCUMENTED = {400, 401, 403, 405, 409, 413, 415, 422, 429, 503}


class WatchedMemo(MemoryMemo):
    """Counts what is written."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self.written: list[str] = []

    async def remember(self, key: str, value: bytes, *, ttl: timedelta) -> bytes | None:
        self.written.append(key)
        return await super().remember(key, value, ttl=ttl)

    async def replace(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        self.written.append(key)
        await super().replace(key, value, ttl=ttl)


class Recorder(httpx.AsyncBaseTransport):
    """Keeps what would have gone out."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200)


class Shop:
    """One storefront, its channel, and what the gateway would have stored."""

    def __init__(self, **changes: Any) -> None:
        self.clock = SimulatedClock(START)
        self.simulator = StorefrontSimulator(self.clock)
        self.memo = WatchedMemo(self.clock.now)
        self.records: list[RawRecord] = []
        self.quarantined: list[str] = []
        self.settings = {**self.simulator.settings(BASE_URL, address=ADDRESS), **changes}
        context = memory_context(self.clock.now, self.simulator.transport)
        self.context = dataclasses.replace(context, memo=self.memo)
        self.connector = self.connect()

    def connect(self, **changes: Any) -> StorefrontConnector:
        return StorefrontConnector(StorefrontSettings.model_validate({**self.settings, **changes}), self.context)

    async def deliver(self, request: WebhookRequest) -> WebhookResponse:
        """Do what the gateway does with a request."""
        reception = await self.connector.receive(request)
        return await self.store(request, reception)

    async def store(self, request: WebhookRequest, reception: Reception) -> WebhookResponse:
        if reception.response is not None:
            assert reception.records == ()
            return reception.response
        if reception.quarantine_reason:
            self.quarantined.append(reception.quarantine_reason)
        self.records += reception.records
        number = len(self.records)
        stored = [StoredRecord(record_id=f"rec_{number}", case_id=f"case_{number}")]
        return await self.connector.acknowledge(request, reception, stored)

    async def deliver_all(self) -> list[WebhookResponse]:
        waiting = self.simulator.pending_webhooks
        return [await self.deliver(waiting.pop(0)) for _ in range(len(waiting))]

    @property
    def inquiries(self) -> list[Inquiry]:
        return [self.connector.normalise(record) for record in self.records]

    def event(self, external_id: str = "form-000123", **changes: Any) -> dict[str, Any]:
        told = {"external_id": external_id, "body": "サイズ交換について教えてください。", **changes}
        return {"type": "inquiry.created", "timestamp": "2026-11-20T10:15:30+09:00", "data": told}

    # The browser

    def browser(
        self, method: str, route: str, body: bytes = b"", *, ip: str = VISITOR, **headers: str | None
    ) -> WebhookRequest:
        sent: dict[str, str | None] = {"origin": SHOP_ORIGIN}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return WebhookRequest(
            method=method,
            path=route.format(address=ADDRESS),
            route=route,
            body=body,
            headers={name: value for name, value in sent.items() if value is not None},
            params={"address": ADDRESS},
            client_ip=ip,
        )

    async def open_form(self, **headers: str | None) -> str:
        response = await self.deliver(self.browser("GET", CONFIG, b"", ip=VISITOR, **headers))
        assert response.status == 200, response.body
        return str(told(response)["form_token"])

    async def filled(self, **changes: Any) -> dict[str, Any]:
        """Open the form, take ten seconds, pass the bot check."""
        token = await self.open_form()
        self.clock.advance(timedelta(seconds=10))
        return {
            "form_token": token,
            "bot_token": self.simulator.solve_bot_check(),
            "name": "鈴木 一郎",
            "email": "ichiro@example.jp",
            "subject": "再入荷について",
            "body": "このワンピースの再入荷の予定を教えてください。",
            "website": "",
            **changes,
        }

    def submission(self, fields: Mapping[str, Any], **headers: str | None) -> WebhookRequest:
        headers.setdefault("content_type", "application/json")
        return self.browser("POST", SUBMISSIONS, json.dumps(fields).encode(), ip=VISITOR, **headers)

    def multipart(self, fields: Mapping[str, Any], files: Sequence[tuple[str, bytes, str]]) -> WebhookRequest:
        parts = [("files", file) for file in files]
        request = httpx.Request("POST", "http://gateway.invalid/", data=dict(fields), files=parts)
        return self.browser("POST", SUBMISSIONS, request.read(), content_type=request.headers["content-type"])

    # Replies

    def reply(self, external_id: str = "form-000123", text: str = "承ります。", **changes: Any) -> OutboundReply:
        return OutboundReply(
            **{
                "reply_id": "rpl_01jd40b7y2k9",
                "case_id": "case_1",
                "thread": Thread(external_id=external_id),
                "text": text,
                "created_at": self.clock.now(),
                **changes,
            }
        )

    def shop_texts(self, external_id: str = "form-000123") -> list[str]:
        return self.simulator.thread(external_id).shop_texts


def told(response: WebhookResponse) -> Any:
    return json.loads(response.body)


def code(response: WebhookResponse) -> str:
    return str(told(response)["error"]["code"])


def refused_fields(response: WebhookResponse) -> dict[str, str]:
    return {field["path"]: field["code"] for field in told(response)["error"]["fields"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
fuzz = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def expect_documented(answer: WebhookResponse, *, accepted: set[int]) -> None:
    assert answer.status in DOCUMENTED | accepted
    if answer.status in DOCUMENTED:
        error = told(answer)["error"]
        assert set(error) <= {"code", "message", "fields"}
        assert error["message"]
