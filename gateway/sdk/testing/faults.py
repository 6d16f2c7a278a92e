"""Faults that can be switched on at a simulated mall."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class FaultKind(StrEnum):
    """What goes wrong, seen from the caller."""

    NOT_CONNECTED = "not_connected"  # no connection; in a real server: cut before the request is handled
    CUT_BEFORE = "cut_before"  # the connection is cut before the request is handled
    CUT_AFTER = "cut_after"  # the request is handled, then the connection is cut without an answer
    CUT_MIDWAY = "cut_midway"  # the request is handled, the answer stops in its middle
    ANSWER = "answer"  # `status`, `headers` and `body` instead of handling the request
    ANSWER_AFTER = "answer_after"  # the request is handled, yet answered with `status`, `headers` and `body`
    TIME_OUT = "time_out"  # no answer, the request is not handled
    TIME_OUT_AFTER = "time_out_after"  # no answer, the request is handled
    GARBLE = "garble"  # the request is handled, the answer's body is broken


_IS_HANDLED = {
    FaultKind.CUT_AFTER,
    FaultKind.CUT_MIDWAY,
    FaultKind.ANSWER_AFTER,
    FaultKind.TIME_OUT_AFTER,
    FaultKind.GARBLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: it strikes `times` requests that match, after letting `skip` of them pass.

    `operation` is a part of `"METHOD /path"`; empty strikes every request. `seconds` is how long a
    real server keeps a caller waiting before it cuts.
    """

    kind: FaultKind
    operation: str = ""
    times: int = 1
    skip: int = 0
    status: int = 500
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0


class SimulatedFailureError(Exception):
    """A cut, refused or hanging connection in a simulator that runs in the same process."""

    def __init__(self, kind: FaultKind) -> None:
        super().__init__(kind)
        self.kind = kind


class Faults:
    """The faults that are switched on, and how often each has struck."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.struck: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch `fault` on, behind those that are on already."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Switch everything off."""
        self._waiting.clear()

    def strike(self, operation: str) -> Fault | None:
        """Return the fault that this request meets, and count it."""
        for index, fault in enumerate(self._waiting):
            if fault.operation not in operation:
                continue
            if fault.skip:
                self._waiting[index] = replace(fault, skip=fault.skip - 1)
                return None
            if fault.times > 1:
                self._waiting[index] = replace(fault, times=fault.times - 1)
            else:
                del self._waiting[index]
            self.struck.append(fault)
            return fault
        return None


class FaultMiddleware:
    """Puts the faults between caller and mall. `/_simulator` paths are never struck."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        fault = None
        if scope["type"] == "http" and not path.startswith("/_simulator"):
            fault = self._faults.strike(f"{scope['method']} {path}")
        if fault is None:
            await self._app(scope, receive, send)
            return
        answer: list[Message] = []
        if fault.kind in _IS_HANDLED:
            await self._app(scope, receive, _collector(answer))
        await _strike(fault, answer, scope, send)


def _collector(answer: list[Message]) -> Send:
    async def collect(message: Message) -> None:
        answer.append(message)

    return collect


async def _strike(fault: Fault, answer: list[Message], scope: Scope, send: Send) -> None:
    match fault.kind:
        case FaultKind.ANSWER | FaultKind.ANSWER_AFTER:
            await _send(send, fault.status, list(fault.headers.items()), fault.body)
        case FaultKind.GARBLE:
            body = b"".join(message.get("body", b"") for message in answer)
            damaged = body[: len(body) // 2] + b"\xff{"
            await _send(send, answer[0]["status"], [("content-type", "application/json")], damaged)
        case FaultKind.CUT_MIDWAY:
            body = b"".join(message.get("body", b"") for message in answer)
            length = (b"content-length", str(len(body)).encode())
            await send({**answer[0], "headers": [*_without_length(answer[0]["headers"]), length]})
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await _abort(fault, scope)
        case _:
            await _abort(fault, scope)


def _without_length(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() != b"content-length"]


async def _send(send: Send, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _abort(fault: Fault, scope: Scope) -> None:
    """End the connection: by closing its socket in a real server, by an exception in the same process."""
    abort = scope.get("extensions", {}).get("simulator.abort")
    if abort is None:
        raise SimulatedFailureError(fault.kind)
    if fault.kind in {FaultKind.TIME_OUT, FaultKind.TIME_OUT_AFTER}:
        await asyncio.sleep(fault.seconds)
    abort()
