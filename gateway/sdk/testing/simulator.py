"""A mall in one process: the base that every connector's simulator builds on.

A simulator answers on the wire as its mall does (`app`), and has a second side that tests and demos
use: what customers do (`customer_writes`), what staff do in the mall's own screens (`staff_writes`,
`staff_marks`), what stands in the mall (`thread`), its clock, its faults, its request log.
The module `simulator.py` of a connector names its class as `simulator = …`.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.sdk.inquiry import AuthorRole, MallFlags
from gateway.sdk.page import WebhookRequest
from gateway.sdk.reply import Mark
from gateway.sdk.testing.clock import SimulatedClock
from gateway.sdk.testing.faults import Fault, FaultKind, FaultMiddleware, Faults, SimulatedFailureError


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFile:
    """A file as the mall holds it."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedMessage:
    """A message as the mall holds it."""

    author_role: AuthorRole
    text: str
    sent_at: datetime
    files: tuple[SimulatedFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedThread:
    """A thread as the mall holds it, messages in the order in which they were stored."""

    external_id: str
    messages: tuple[SimulatedMessage, ...]
    flags: MallFlags = field(default_factory=MallFlags)

    @property
    def shop_texts(self) -> list[str]:
        """What the shop has said in this thread: the place to look for missing and doubled replies."""
        return [message.text for message in self.messages if message.author_role is AuthorRole.SHOP]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRequest:
    """One request that reached the mall; `status` is None when the connection was cut."""

    operation: str
    at: datetime
    status: int | None


class Simulator(ABC):
    """Base of the simulated malls."""

    key: ClassVar[str]

    def __init__(self, clock: SimulatedClock | None = None) -> None:
        self.clock = clock or SimulatedClock()
        self.faults = Faults()
        self.requests: list[SimulatedRequest] = []
        self.pending_webhooks: list[WebhookRequest] = []
        """What the mall wants to push to the gateway; the test or the demo delivers it."""

    # The mall's side

    @abstractmethod
    def mall(self) -> ASGIApp:
        """Return the mall's HTTP interface, without faults and control routes."""

    @abstractmethod
    def settings(self, base_url: str, *, address: str = "") -> dict[str, Any]:
        """Return settings, secrets included as plain text, of a channel that works at this simulator.

        `base_url` is where the simulator listens, `address` the channel's public address at the gateway.
        """

    @abstractmethod
    def seed(self) -> None:
        """Fill the mall with the data set of its specification's checklist."""

    # The people's side

    @abstractmethod
    def customer_writes(
        self,
        text: str,
        *,
        thread_id: str | None = None,
        files: Sequence[SimulatedFile] = (),
        order: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """A customer opens a thread, or writes again in `thread_id`; returns the thread's id."""

    def staff_writes(self, thread_id: str, text: str) -> None:
        """The shop's staff answer in the mall's own screen."""
        raise NotImplementedError(f"{self.key} has no screen of its own")

    def staff_marks(self, thread_id: str, mark: Mark) -> None:
        """The shop's staff set a flag in the mall's own screen."""
        raise NotImplementedError(f"{self.key} has no screen of its own")

    @abstractmethod
    def threads(self) -> list[SimulatedThread]:
        """Return every thread."""

    def thread(self, external_id: str) -> SimulatedThread:
        """Return one thread."""
        for thread in self.threads():
            if thread.external_id == external_id:
                return thread
        raise KeyError(external_id)

    # Trouble

    @abstractmethod
    def add_unreadable(self) -> None:
        """Put a record that nobody can understand between the good ones of the next reading."""

    def expire_credentials(self) -> None:
        """Let the channel's credentials end now."""
        raise NotImplementedError(f"{self.key} has credentials that do not expire")

    def renew_credentials(self) -> dict[str, Any]:
        """Issue new credentials and return the settings that change."""
        raise NotImplementedError(f"{self.key} has credentials that do not expire")

    # Ways to reach it

    @property
    def app(self) -> ASGIApp:
        """The mall with faults, request log and the control routes under `/_simulator`."""
        control = _control(self)
        mall = FaultMiddleware(self.mall(), self.faults)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"].startswith("/_simulator"):
                await control(scope, receive, send)
            else:
                await self._logged(mall, scope, receive, send)

        return app

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        """An httpx transport to the simulator in this process."""
        return _InProcessTransport(self.app)

    async def _logged(self, mall: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        status: list[int] = []

        async def watch(message: Any) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
            await send(message)

        at = self.clock.now()
        try:
            await mall(scope, receive, watch)
        finally:
            operation = f"{scope.get('method', '')} {scope.get('path', '')}"
            self.requests.append(SimulatedRequest(operation=operation, at=at, status=status[0] if status else None))


class _InProcessTransport(httpx.AsyncBaseTransport):
    """Calls the app directly and turns its simulated failures into what a socket would show."""

    def __init__(self, app: ASGIApp) -> None:
        self._inner = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except SimulatedFailureError as failure:
            match failure.kind:
                case FaultKind.NOT_CONNECTED:
                    raise httpx.ConnectError("connection refused", request=request) from failure
                case FaultKind.TIME_OUT | FaultKind.TIME_OUT_AFTER:
                    raise httpx.ReadTimeout("no answer", request=request) from failure
                case _:
                    raise httpx.RemoteProtocolError("connection cut", request=request) from failure


class _Say(BaseModel):
    text: str
    thread_id: str | None = None
    order: str | None = None
    files: list[dict[str, str]] = []


class _Move(BaseModel):
    seconds: float


class _Break(BaseModel):
    kind: FaultKind
    operation: str = ""
    times: int = 1
    skip: int = 0
    status: int = 500
    body: str = ""
    headers: dict[str, str] = {}
    seconds: float = 60.0


def _control(simulator: Simulator) -> FastAPI:
    """The people's side over HTTP, for the demo and for simulators in containers."""
    app = FastAPI(title=f"Simulated {simulator.key}", openapi_url=None)

    @app.get("/_simulator/threads")
    async def list_threads() -> list[dict[str, Any]]:
        return [_shown(thread) for thread in simulator.threads()]

    @app.get("/_simulator/threads/{external_id:path}")
    async def get_thread(external_id: str) -> dict[str, Any]:
        try:
            return _shown(simulator.thread(external_id))
        except KeyError:
            raise HTTPException(404, f"the simulated mall has no thread {external_id}") from None

    @app.post("/_simulator/threads", status_code=201)
    async def customer_writes(said: _Say) -> dict[str, str]:
        files = [
            SimulatedFile(
                name=file["name"], content_type=file["content_type"], content=base64.b64decode(file["content"])
            )
            for file in said.files
        ]
        return {
            "external_id": simulator.customer_writes(said.text, thread_id=said.thread_id, files=files, order=said.order)
        }

    @app.get("/_simulator/settings")
    async def get_settings(base_url: str, address: str = "") -> dict[str, Any]:
        return simulator.settings(base_url, address=address)

    @app.post("/_simulator/clock")
    async def move_clock(move: _Move) -> dict[str, datetime]:
        return {"now": simulator.clock.advance(timedelta(seconds=move.seconds))}

    @app.post("/_simulator/faults", status_code=201)
    async def add_fault(broken: _Break) -> dict[str, str]:
        simulator.faults.add(Fault(**{**broken.model_dump(), "body": broken.body.encode()}))
        return {"kind": broken.kind}

    @app.delete("/_simulator/faults", status_code=204)
    async def clear_faults() -> None:
        simulator.faults.clear()

    @app.get("/_simulator/requests")
    async def list_requests() -> list[dict[str, Any]]:
        return [asdict(request) for request in simulator.requests]

    return app


def _shown(thread: SimulatedThread) -> dict[str, Any]:
    return {
        "external_id": thread.external_id,
        "flags": thread.flags.model_dump(),
        "messages": [
            {
                "author_role": message.author_role,
                "text": message.text,
                "sent_at": message.sent_at,
                "files": [{"name": file.name, "size": len(file.content)} for file in message.files],
            }
            for message in thread.messages
        ],
    }
