"""A channel at a simulated mall, read and answered as the gateway does it, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from gateway.sdk.connector import AnyConnector
from gateway.sdk.errors import MappingError
from gateway.sdk.fingerprint import fingerprint
from gateway.sdk.inquiry import Inquiry, Message
from gateway.sdk.page import Page, RawRecord, StoredRecord, WebhookRequest, WebhookResponse
from gateway.sdk.reply import OutboundFile, OutboundReply, Receipt, Thread
from gateway.sdk.testing.clock import SimulatedClock
from gateway.sdk.testing.memory import MemoryBudget, memory_context
from gateway.sdk.testing.simulator import SimulatedFile, Simulator

START = datetime(2026, 11, 18, 1, 23, 45, tzinfo=UTC)
# A number, not a name: a connector that guards against calls into private networks may want to resolve it.
BASE_URL = "http://127.0.0.1:9"
ADDRESS = "chan-address-1"
MAX_PAGES = 2000


class SwitchableTransport(httpx.AsyncBaseTransport):
    """A transport that a test can exchange under a living connector."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.inner.handle_async_request(request)


class Rig:
    """One channel: the connector, its mall, and what a gateway would have stored so far."""

    def __init__(self, connector_type: type[AnyConnector], simulator_type: type[Simulator]) -> None:
        self.clock = SimulatedClock(START)
        self.simulator = simulator_type(self.clock)
        self.settings = self.simulator.settings(BASE_URL, address=ADDRESS)
        self.transport = SwitchableTransport(self.simulator.transport)
        self.context = memory_context(self.clock.now, self.transport)
        self.connector_type = connector_type
        self.connector = self._connect()
        self.cursor: str | None = None
        self.inquiries: dict[str, Inquiry] = {}
        self.unreadable: list[RawRecord] = []
        self._messages: dict[str, dict[str, Message]] = {}
        self._versions: dict[str, str] = {}
        self._cases: dict[str, str] = {}
        self._replies = 0

    def _connect(self) -> AnyConnector:
        return self.connector_type(self.connector_type.settings_type.model_validate(self.settings), self.context)

    async def aclose(self) -> None:
        await self.connector.aclose()

    async def change_settings(self, changes: dict[str, Any]) -> None:
        """Bind the connector anew, as after an operator's change; tokens and cursor stay."""
        await self.connector.aclose()
        self.settings = {**self.settings, **changes}
        self.connector = self._connect()

    # What the gateway holds

    @property
    def secrets(self) -> list[str]:
        """Every credential of the channel, as plain text."""
        return _secrets_of(self.connector.settings)

    @property
    def budget(self) -> MemoryBudget:
        assert isinstance(self.context.budget, MemoryBudget)
        return self.context.budget

    def messages(self, external_id: str) -> list[Message]:
        """Return all messages of a thread that were ever read, in the order of their first reading."""
        return list(self._messages.get(external_id, {}).values())

    def texts(self, external_id: str) -> list[str]:
        return [message.text for message in self.messages(external_id)]

    def has_text(self, external_id: str, text: str) -> bool:
        return fingerprint(text) in {fingerprint(one) for one in self.texts(external_id)}

    def copies(self, external_id: str, text: str) -> int:
        """How often the shop has said `text` in the thread, as the mall holds it."""
        said = self.simulator.thread(external_id).shop_texts
        return sum(fingerprint(one) == fingerprint(text) for one in said)

    # Reading

    async def read(self) -> list[Page]:
        """Read until nothing is left for now: pages by pulling, and what the mall has pushed."""
        pages = []
        while self.connector.limits.can_pull:
            page = await self.connector.fetch(self.cursor)
            for record in page.records:
                await self.keep(record)
            self.cursor = page.cursor
            pages.append(page)
            if not page.has_more:
                break
            assert len(pages) < MAX_PAGES, f"reading does not come to an end: {MAX_PAGES} pages and has_more is true"
        await self.deliver_pushed()
        return pages

    async def read_after(self, duration: timedelta) -> list[Page]:
        """Let time pass at the mall, then read; what the mall pushes arrives before the time passes."""
        await self.deliver_pushed()
        self.clock.advance(duration)
        return await self.read()

    async def deliver_pushed(self) -> None:
        """Hand over everything that the mall has pushed so far."""
        while self.simulator.pending_webhooks:
            await self.deliver(self.simulator.pending_webhooks.pop(0))

    async def deliver(self, request: WebhookRequest) -> WebhookResponse:
        """Hand a webhook request to the connector, keep its records, return the answer."""
        reception = await self.connector.receive(request)
        if reception.response is not None:
            assert not reception.records, "a final answer stores nothing"
            return reception.response
        stored = []
        for number, record in enumerate(reception.records):
            inquiry = None if reception.quarantine_reason else await self.keep(record)
            case_id = self._case_id(inquiry.external_id) if inquiry else None
            stored.append(StoredRecord(record_id=f"rec_{number:026d}", case_id=case_id))
        return await self.connector.acknowledge(request, reception, stored)

    async def keep(self, record: RawRecord) -> Inquiry | None:
        """Store a record unless it is known, complete and normalise it."""
        identity = record.external_id or record.digest
        if self._versions.get(identity) == record.version:
            return self.inquiries.get(identity)
        self._versions[identity] = record.version
        if record.is_headline:
            whole = await self.connector.complete(record)
            assert whole.external_id == record.external_id, "`complete` keeps the headline's external_id"
            assert whole.version == record.version, "`complete` keeps the headline's version"
            record = whole
        try:
            inquiry = self.connector.normalise(record)
        except MappingError:
            self.unreadable.append(record)
            return None
        assert record.external_id in {None, inquiry.external_id}, "record and inquiry name the same thread"
        self.inquiries[inquiry.external_id] = inquiry
        known = self._messages.setdefault(inquiry.external_id, {})
        known.update({message.external_id: message for message in inquiry.messages})
        return inquiry

    def _case_id(self, external_id: str) -> str:
        return self._cases.setdefault(external_id, f"case_{len(self._cases):026d}")

    # Writing

    async def opened_thread(self, text: str, *, files: Sequence[SimulatedFile] = ()) -> str:
        """Let a customer open a thread and read it; returns its id."""
        external_id = self.simulator.customer_writes(text, files=files)
        await self.read_after(timedelta(hours=1))
        assert external_id in self.inquiries, "a new thread is found within an hour"
        return external_id

    def reply(self, external_id: str, text: str, files: Sequence[OutboundFile] = ()) -> OutboundReply:
        """Return a reply to a thread that was read before."""
        inquiry = self.inquiries[external_id]
        inbound = [message.sent_at for message in self.messages(external_id) if message.author_role.is_inbound]
        self._replies += 1
        return OutboundReply(
            reply_id=f"rpl_{self._replies:026d}",
            case_id=self._case_id(external_id),
            thread=Thread(
                external_id=external_id,
                context=inquiry.context,
                flags=inquiry.flags,
                opened_at=inquiry.opened_at,
                last_inbound_at=max(inbound, default=None),
            ),
            text=text,
            created_at=self.clock.now(),
            files=tuple(files),
        )

    async def answer(self, external_id: str, text: str, files: Sequence[OutboundFile] = ()) -> Receipt:
        """Send a reply to a thread that was read before."""
        return await self.connector.send(self.reply(external_id, text, files))


def _secrets_of(value: Any) -> list[str]:
    match value:
        case SecretStr():
            return [value.get_secret_value()]
        case dict():
            return [secret for one in value.values() for secret in _secrets_of(one)]
        case list() | tuple() | set() | frozenset():
            return [secret for one in value for secret in _secrets_of(one)]
        case _ if hasattr(value, "__dict__"):
            return _secrets_of(vars(value))
        case _:
            return []
