"""HTTP to a mall: timeouts, retries of reads, the request budget, the error table, redaction.

One table decides what a failed call means (source: the exception tree of httpx, read 2026-11-21):

    transport failure                                    repeatable call      send
    ConnectError ConnectTimeout PoolTimeout ProxyError   RetryableError       RetryableError   nothing was sent
    UnsupportedProtocol LocalProtocolError               RetryableError       RetryableError   nothing was sent
    everything else (read, write, close, broken answer)  RetryableError       UnknownOutcomeError
    status 401                                           AuthenticationError  AuthenticationError
    status 425 429                                       RateLimitedError     RateLimitedError
    status 408                                           RateLimitedError     UnknownOutcomeError
    other 3xx 4xx                                        RejectedError        RejectedError
    status 5xx                                           RetryableError       UnknownOutcomeError
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import tenacity

from gateway.sdk.context import ChannelContext
from gateway.sdk.errors import (
    AuthenticationError,
    ConnectorError,
    RateLimitedError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from gateway.sdk.trust import trusted_authorities

NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
DEFAULT_TIMEOUT = httpx.Timeout(30.0, connect=10.0, pool=10.0)
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
EVIDENCE_CHARS = 300
DEFAULT_RETRY_AFTER = timedelta(seconds=10)
MAX_RETRY_AFTER = timedelta(hours=24)
# A wait longer than this is left to the engine, which frees the worker meanwhile.
MAX_INLINE_WAIT = timedelta(seconds=15)

Classify = Callable[[httpx.Response, bool], ConnectorError | None]
"""A mall's own reading of an error answer: (response, is_send) to an error, or None for the table above."""


class _WithoutQueries(logging.Filter):
    """httpx logs the address of each request, and a query may hold a key or a person's name."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(one.copy_with(query=None) if isinstance(one, httpx.URL) else one for one in record.args)
        return True


logging.getLogger("httpx").addFilter(_WithoutQueries())


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    operation: str
    is_send: bool
    max_bytes: int


class MallClient:
    """The only way a connector talks to its mall.

    Args:
        base_url: the address that paths are relative to.
        context: lends the budget, the clock and, for simulators, the transport.
        authorise: adds credentials to a request, called for every try, since they may be refreshed
            in between.
        classify: the mall's own reading of error answers, asked before the table.
        request_interval: least time between two request starts of this credential.
        read_attempts: how often a repeatable call is tried.
        secrets: texts that must never leave in an error or a log line.
    """

    def __init__(
        self,
        base_url: str,
        context: ChannelContext,
        *,
        authorise: Callable[[httpx.Request], Awaitable[None]] | None = None,
        classify: Classify | None = None,
        request_interval: timedelta = timedelta(),
        read_attempts: int = 3,
        timeout: httpx.Timeout = DEFAULT_TIMEOUT,
        secrets: Sequence[str] = (),
    ) -> None:
        self._context = context
        self._authorise = authorise
        self._classify = classify
        self._interval = request_interval
        self._read_attempts = read_attempts
        # An address or a header is sent without the blanks around it, and quoted so in errors.
        self._secrets = tuple({form for secret in secrets for form in (secret, secret.strip()) if form})
        self._http = httpx.AsyncClient(
            base_url=base_url,
            transport=context.transport,
            timeout=timeout,
            follow_redirects=False,
            trust_env=context.transport is None,
            verify=trusted_authorities(trust_env=context.transport is None),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(
        self, path: str, *, operation: str, max_bytes: int = MAX_RESPONSE_BYTES, **request: Any
    ) -> httpx.Response:
        """Read; tried again on transport failures, 429 and 5xx. `request` goes to httpx as it is."""
        return await self._repeat(_Call("GET", path, operation, False, max_bytes), request)

    async def repeat(self, method: str, path: str, *, operation: str, **request: Any) -> httpx.Response:
        """Make a write that the mall documents as safe to repeat (flags, token refresh, unused uploads)."""
        return await self._repeat(_Call(method, path, operation, False, MAX_RESPONSE_BYTES), request)

    async def send(self, method: str, path: str, *, operation: str, **request: Any) -> httpx.Response:
        """Make a call that can reach a customer: exactly one try, and honest about its outcome."""
        return await self._try(_Call(method, path, operation, True, MAX_RESPONSE_BYTES), request)

    def redact(self, text: str) -> str:
        """Return `text` without any of the client's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def unreadable(self, response: httpx.Response, *, is_send: bool) -> ConnectorError:
        """Return the error for an answer of 2xx whose body is not what the mall documents."""
        message = f"{response.request.method} {response.request.url.path}: the answer cannot be read"
        kind = UnknownOutcomeError if is_send else RetryableError
        return kind(message, code="unreadable_answer", status=response.status_code, evidence=self._evidence(response))

    async def _repeat(self, call: _Call, request: Mapping[str, Any]) -> httpx.Response:
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._read_attempts),
            wait=self._wait,
            retry=tenacity.retry_if_exception(self._may_try_again),
            sleep=self._context.sleep,
            reraise=True,
        )
        return await retrying(self._try, call, request)

    def _may_try_again(self, error: BaseException) -> bool:
        if isinstance(error, RateLimitedError):
            return error.retry_after <= MAX_INLINE_WAIT
        return isinstance(error, RetryableError)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimitedError):
            return error.retry_after.total_seconds()
        return float(2 ** (state.attempt_number - 1))

    async def _try(self, call: _Call, request: Mapping[str, Any]) -> httpx.Response:
        await self._context.budget.take(interval=self._interval, is_send=call.is_send)
        try:
            response = await self._exchange(call, request)
        except httpx.RequestError as error:
            raise self._translate(error, call) from error
        if response.is_success:
            return response
        failure = self._judge(response, call.is_send)
        if isinstance(failure, RateLimitedError):
            await self._context.budget.pause(failure.retry_after)
        raise failure

    async def _exchange(self, call: _Call, request: Mapping[str, Any]) -> httpx.Response:
        outgoing = await self._outgoing(call, request)
        response = await self._http.send(outgoing, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > call.max_bytes:
                    raise self._too_large(call)
        finally:
            await response.aclose()
        # The decoded body is handed on as a complete response, so that callers may use .json() and .content.
        # Headers go on as bytes, since a mall may put anything into them.
        dropped = {b"content-encoding", b"content-length"}
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in dropped]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=outgoing)

    async def _outgoing(self, call: _Call, request: Mapping[str, Any]) -> httpx.Request:
        try:
            outgoing = self._http.build_request(call.method, call.path, **request)
        except httpx.InvalidURL as error:
            message = f"{call.operation}: {self.redact(str(error))}; check the address in the settings and the ids"
            raise RejectedError(message, code="invalid_address") from None
        if self._authorise:
            await self._authorise(outgoing)
        return outgoing

    def _too_large(self, call: _Call) -> ConnectorError:
        message = f"{call.method} {call.operation}: the answer is larger than {call.max_bytes:,} bytes"
        kind = UnknownOutcomeError if call.is_send else RejectedError
        return kind(message, code="answer_too_large")

    def _translate(self, error: httpx.RequestError, call: _Call) -> ConnectorError:
        what = f"{call.operation}: {type(error).__name__}: {self.redact(str(error))[:EVIDENCE_CHARS]}"
        if isinstance(error, NOTHING_SENT):
            return RetryableError(f"{what}; nothing was sent", code="not_connected")
        if call.is_send:
            return UnknownOutcomeError(f"{what}; it may have arrived", code="connection_lost")
        return RetryableError(what, code="connection_lost")

    def _judge(self, response: httpx.Response, is_send: bool) -> ConnectorError:
        own = self._classify(response, is_send) if self._classify else None
        if own is not None:
            own.evidence = own.evidence or self._evidence(response)
            own.status = own.status or response.status_code
            return own
        status = response.status_code
        message = f"{response.request.method} {response.request.url.path} was answered with {status}"
        details: dict[str, Any] = {"status": status, "evidence": self._evidence(response)}
        if status == httpx.codes.UNAUTHORIZED:
            return AuthenticationError(message, code="unauthorised", **details)
        # A gateway in front of the mall may give up waiting (408) after the mall has begun.
        is_timeout = status == httpx.codes.REQUEST_TIMEOUT
        if status in {425, 429} or (is_timeout and not is_send):
            return RateLimitedError(message, retry_after=self.retry_after(response), **details)
        if status < 500 and not is_timeout:
            return RejectedError(message, **details)
        if is_send:
            return UnknownOutcomeError(f"{message}; it may have arrived", code="server_error", **details)
        return RetryableError(message, code="server_error", **details)

    def retry_after(self, response: httpx.Response, default: timedelta = DEFAULT_RETRY_AFTER) -> timedelta:
        """Return the wait that the answer's `Retry-After` asks for, at most a day; `default` without one."""
        value = response.headers.get("retry-after", "").strip()
        if value.isdecimal():
            wait = timedelta(seconds=min(int(value[:9]), 10**6))
        else:
            try:
                until = parsedate_to_datetime(value)
            except ValueError:
                return default
            if until.tzinfo is None:
                until = until.replace(tzinfo=UTC)
            wait = until - self._now()
        return min(max(wait, timedelta()), MAX_RETRY_AFTER)

    def _now(self) -> datetime:
        return self._context.now()

    def _evidence(self, response: httpx.Response) -> str:
        # A token may be younger than `secrets`; it stands in the request that carried it.
        token = response.request.headers.get("authorization", "").rpartition(" ")[2]
        text = response.text.replace(token, "***") if token else response.text
        return self.redact(text)[:EVIDENCE_CHARS]
