"""The simulated mall: its wire side, and what its people do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.yahoo_shopping.simulator.auth import TokenDesk
from connectors.yahoo_shopping.simulator.gate import Gate
from connectors.yahoo_shopping.simulator.keys import KeyRing
from connectors.yahoo_shopping.simulator.operations import Operations
from connectors.yahoo_shopping.simulator.options import Options
from connectors.yahoo_shopping.simulator.seed import plant
from connectors.yahoo_shopping.simulator.topics import TalkMessage, Topic, Topics
from gateway.sdk import AuthorRole, MallFlags, Mark
from gateway.sdk.testing import SimulatedClock, SimulatedFile, SimulatedMessage, SimulatedThread, Simulator

ORDER_CATEGORY, ITEM_CATEGORY = 28, 1
ROLES = {"user": AuthorRole.CUSTOMER, "seller": AuthorRole.SHOP}


class YahooShoppingSimulator(Simulator):
    """One store account `hidamari-zakka` at Yahoo! Shopping."""

    key = "yahoo_shopping"
    seller_id = "hidamari-zakka"

    def __init__(self, clock: SimulatedClock | None = None) -> None:
        super().__init__(clock)
        self.options = Options()
        self.keys = KeyRing(self.clock.now())
        self.tokens = TokenDesk(self.clock, self.options)
        self.topics = Topics(self.options)
        self.gate = Gate(self.seller_id, self.clock, self.options, self.tokens, self.keys)
        self._customers = 100

    # The mall's side

    def mall(self) -> ASGIApp:
        app = FastAPI(openapi_url=None)
        self.tokens.add_routes(app)
        Operations(self.gate, self.topics, self.clock, self.options).add_routes(app)
        return _Dated(app, self.clock)

    def settings(self, base_url: str, *, address: str = "") -> dict[str, Any]:
        return {
            "seller_id": self.seller_id,
            "client_id": self.tokens.client_id,
            "client_secret": self.tokens.client_secret,
            "refresh_token": self.tokens.grant.refresh_token,
            "authorised_at": self.tokens.grant.authorised_at.isoformat(),
            **self.key_settings(),
            "api_base_url": base_url,
            "auth_base_url": base_url,
            # The simulated mall does not count seconds unless it is told to.
            "request_interval": 0 if self.options.rate_limit_status is None else 1.1,
        }

    def key_settings(self) -> dict[str, Any]:
        """Return the settings that belong to the newest public key."""
        key = self.keys.newest
        return {
            "public_key": key.public_pem,
            "public_key_version": key.version,
            "public_key_issued_at": key.issued_at.isoformat(),
        }

    def seed(self) -> None:
        plant(self.topics, int(self.clock.now().timestamp()), self.seller_id)

    # The people's side

    def customer_writes(
        self,
        text: str,
        *,
        thread_id: str | None = None,
        files: Sequence[SimulatedFile] = (),
        order: str | None = None,
        at: datetime | None = None,
    ) -> str:
        posted_at = int((at or self.clock.now()).timestamp())
        topic = self.topics.all[thread_id] if thread_id else self._open(text, order)
        kept = [
            self.topics.keep_file(topic, "user", file.name, file.content_type, file.content, posted_at)
            for file in files
        ]
        self.topics.post(topic, "user", text, posted_at, files=kept)
        return topic.topic_id

    def customer_reads(self, thread_id: str) -> None:
        """The customer reads what the store wrote."""
        topic = self.topics.all[thread_id]
        topic.is_user_unread = False
        topic.user_last_read = int(self.clock.now().timestamp())

    def staff_writes(self, thread_id: str, text: str) -> None:
        self.topics.post(self.topics.all[thread_id], "seller", text, int(self.clock.now().timestamp()))

    def staff_marks(self, thread_id: str, mark: Mark) -> None:
        topic = self.topics.all[thread_id]
        match mark:
            case Mark.READ:
                topic.is_unread = False
                topic.seller_last_read = int(self.clock.now().timestamp())
            case Mark.COMPLETED:
                topic.condition = topic.condition or 5
            case Mark.PRIVATE:
                topic.is_private = True
            case Mark.REOPENED:
                raise NotImplementedError("a completed topic stays completed")

    def threads(self) -> list[SimulatedThread]:
        return [_thread(topic) for topic in self.topics.all.values() if not topic.is_broken]

    # Trouble

    def add_unreadable(self) -> None:
        topic = self._open("読めない問い合わせ", None)
        self.topics.post(topic, "user", "読めない問い合わせ", int(self.clock.now().timestamp()))
        topic.is_broken = True

    def expire_credentials(self) -> None:
        self.tokens.withdraw()

    def renew_credentials(self) -> dict[str, Any]:
        grant = self.tokens.authorise()
        return {"refresh_token": grant.refresh_token, "authorised_at": grant.authorised_at.isoformat()}

    def _open(self, text: str, order: str | None) -> Topic:
        self._customers += 1
        return self.topics.open(
            title=text.partition("\n")[0][:30],
            qa_type="order" if order else "item",
            category=ORDER_CATEGORY if order else ITEM_CATEGORY,
            customer=self._customers,
            order_id=order,
            item_code=None if order else f"{self.seller_id}_mug-blue",
        )


def _thread(topic: Topic) -> SimulatedThread:
    return SimulatedThread(
        external_id=topic.topic_id,
        messages=tuple(_message(message) for message in topic.messages),
        flags=MallFlags(is_read=not topic.is_unread, is_completed=topic.is_completed, is_private=topic.is_private),
    )


def _message(message: TalkMessage) -> SimulatedMessage:
    return SimulatedMessage(
        author_role=ROLES[message.poster],
        text=message.body,
        sent_at=datetime.fromtimestamp(message.posted_at, UTC),
        files=tuple(
            SimulatedFile(name=file.name, content_type=file.content_type, content=file.content)
            for file in message.files
        ),
    )


class _Dated:
    """Tells the mall's time with every answer, as web servers do."""

    def __init__(self, app: ASGIApp, clock: SimulatedClock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = self._clock.now()
                message["headers"] = [*message["headers"], (b"date", format_datetime(now, usegmt=True).encode())]
            await send(message)

        await self._app(scope, receive, send_dated)
