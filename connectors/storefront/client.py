"""B3: calls to the shop's callback address."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import timedelta

import httpx

from connectors.storefront.settings import StorefrontSettings
from connectors.storefront.signature import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, is_well_formed_id, sign
from connectors.storefront.wire import CallbackEvent
from gateway.sdk import (
    AuthenticationError,
    ChannelContext,
    ConnectorError,
    MallClient,
    RateLimitedError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from gateway.sdk.guard import GuardedTransport

# What a busy receiver that names no time is given.
DEFAULT_PAUSE = timedelta(seconds=30)
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}", re.ASCII)


class CallbackClient:
    """Posts events to the shop, signed anew for every try, with an id that stays."""

    def __init__(self, settings: StorefrontSettings, context: ChannelContext, url: str) -> None:
        self._settings = settings
        self._context = context
        self._url = url
        seconds = settings.callback_timeout.total_seconds()
        transport = GuardedTransport(
            context.transport,
            ports=settings.callback_ports,
            allows_private_addresses=context.allows_private_addresses,
            deadline=seconds,
        )
        self._http = MallClient(
            "",
            replace(context, transport=transport),
            authorise=self._sign,
            classify=self._classify,
            timeout=httpx.Timeout(seconds, connect=min(seconds, 10.0)),
            secrets=[secret.get_secret_value() for secret in settings.callback_secrets or settings.secrets],
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post_reply(self, event_id: str, event: CallbackEvent) -> httpx.Response:
        """Deliver a reply: one try.

        Raises:
            UnknownOutcomeError: it may have arrived; the same `event_id` may be sent again, since shops drop
                an id that they have seen.
        """
        try:
            return await self._http.send("POST", self._url, operation="reply", **self._request(event_id, event))
        except UnknownOutcomeError as error:
            # A proxy that asks for time gets it, although nobody knows what became of the call.
            if isinstance(error, _BusyError):
                await self._context.budget.pause(error.pause)
            raise

    async def post_event(self, event_id: str, event: CallbackEvent) -> httpx.Response:
        """Deliver what shops may get twice: a status, a test."""
        return await self._http.repeat("POST", self._url, operation=event.type, **self._request(event_id, event))

    def _request(self, event_id: str, event: CallbackEvent) -> dict[str, object]:
        return {
            "content": event.body().encode(),
            "headers": {
                "content-type": "application/json",
                "accept-encoding": "identity",
                ID_HEADER: to_event_id(event_id),
            },
        }

    async def _sign(self, request: httpx.Request) -> None:
        now = self._context.now()
        body = request.content.decode()
        request.headers[TIMESTAMP_HEADER] = str(int(now.timestamp()))
        request.headers[SIGNATURE_HEADER] = sign(self._settings.callback_keys, request.headers[ID_HEADER], now, body)

    def _classify(self, response: httpx.Response, is_send: bool) -> ConnectorError | None:
        """Standard Webhooks 1.0.0: 2xx is success, 3xx is not followed, 410 ends it, 429 502 504 ask for time.

        The body of an answer is never handed on: agents could see what a foreign server wrote.
        """
        status = response.status_code
        evidence = f"HTTP {status}, {_media_type_of(response)}, {len(response.content)} bytes"
        message = f"the shop's callback answered with {status}"
        if status == httpx.codes.GONE:
            return AuthenticationError(
                f"{message}: it takes no more events", code="endpoint_disabled", evidence=evidence
            )
        if status == httpx.codes.UNAUTHORIZED:
            return AuthenticationError(
                f"{message}: it does not accept our signature", code="unauthorised", evidence=evidence
            )
        pause = self._http.retry_after(response, DEFAULT_PAUSE)
        if status in {408, 425, 429}:
            return RateLimitedError(message, retry_after=pause, evidence=evidence)
        if status in {502, 504}:
            if is_send:
                return _BusyError(f"{message}; it may have arrived", pause=pause, evidence=evidence)
            return RateLimitedError(message, retry_after=pause, evidence=evidence)
        if response.is_redirect:
            return RejectedError(
                f"{message}: redirects are not followed, so callback_url must be the final address",
                code="redirected",
                evidence=evidence,
            )
        if status < httpx.codes.INTERNAL_SERVER_ERROR:
            return RejectedError(message, evidence=evidence)
        if is_send:
            return UnknownOutcomeError(f"{message}; it may have arrived", code="server_error", evidence=evidence)
        return RetryableError(message, code="server_error", evidence=evidence)


class _BusyError(UnknownOutcomeError):
    """A proxy in front of the shop asks for time, and the call may have passed it."""

    def __init__(self, message: str, *, pause: timedelta, evidence: str) -> None:
        super().__init__(message, code="server_error", evidence=evidence)
        self.pause = pause


def to_event_id(text: str) -> str:
    """Return an id that fits the protocol, the same for the same text: without a full stop, and not too long."""
    return text if is_well_formed_id(text) else f"evt_{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def _media_type_of(response: httpx.Response) -> str:
    found = _MEDIA_TYPE.match(response.headers.get("content-type", "").lower())
    return found.group() if found else "no type"
