"""Telling people from programs, by a service that can be replaced."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from connectors.storefront.settings import StorefrontSettings
from connectors.storefront.wire import BotVerdict
from gateway.sdk import ChannelContext, ConnectorError, MallClient
from gateway.sdk.guard import GuardedTransport

MAX_TOKEN_CHARS = 2048
# Answers that speak of us or of the service, not of the visitor.
_SERVICE_TROUBLE = {"internal-error", "missing-input-secret", "invalid-input-secret", "bad-request"}


class BotVerdictKind(StrEnum):
    """What a bot check found."""

    PASSED = "passed"  # a person, on our site
    REFUSED = "refused"  # no valid answer of a person
    DOWN = "down"  # the service cannot tell now


class BotCheck(Protocol):
    """A service that judges the token which its script put into the page."""

    async def verify(self, token: str, *, submission_id: str, client_ip: str | None) -> BotVerdictKind:
        """Judge `token` for one submission: another submission cannot use it again, a repetition of this one can."""


class _NoBudget:
    """The bot check is not the shop: a pause that the shop asks for must not close the form."""

    async def take(self, *, interval: timedelta, is_send: bool) -> None:
        pass

    async def pause(self, duration: timedelta) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Turnstile:
    """Cloudflare Turnstile.

    Source: developers.cloudflare.com/turnstile/get-started/server-side-validation, read 2026-11-21.
    """

    settings: StorefrontSettings
    context: ChannelContext

    async def verify(self, token: str, *, submission_id: str, client_ip: str | None) -> BotVerdictKind:
        if not 0 < len(token) <= MAX_TOKEN_CHARS:
            return BotVerdictKind.REFUSED
        secret = self.settings.bot_check_secret.get_secret_value() if self.settings.bot_check_secret else ""
        question = {
            "secret": secret,
            "response": token,
            # The token alone would let one token serve many submissions, a random key none after a crash.
            "idempotency_key": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{submission_id}.{token}")),
        }
        if client_ip and self.settings.bot_check_sends_ip:
            question["remoteip"] = client_ip
        seconds = self.settings.bot_check_timeout.total_seconds()
        transport = GuardedTransport(
            self.context.transport,
            allows_private_addresses=self.context.allows_private_addresses,
            deadline=seconds,
        )
        client = MallClient(
            "",
            replace(self.context, budget=_NoBudget(), transport=transport),
            timeout=httpx.Timeout(seconds),
            read_attempts=2,
            secrets=(secret,),
        )
        try:
            response = await client.repeat("POST", self.settings.bot_check_url, operation="siteverify", json=question)
            verdict = BotVerdict.model_validate_json(response.content)
        except (ConnectorError, ValidationError):
            return BotVerdictKind.DOWN
        finally:
            await client.aclose()
        return self._judge(verdict)

    def _judge(self, verdict: BotVerdict) -> BotVerdictKind:
        if not verdict.success:
            is_trouble = bool(_SERVICE_TROUBLE.intersection(verdict.error_codes))
            return BotVerdictKind.DOWN if is_trouble else BotVerdictKind.REFUSED
        hostnames = self.settings.bot_check_hostnames or tuple(
            urlsplit(origin).hostname or "" for origin in self.settings.form_origins
        )
        is_ours = verdict.hostname in hostnames and verdict.action == self.settings.bot_check_action
        return BotVerdictKind.PASSED if is_ours else BotVerdictKind.REFUSED


BOT_CHECKS: Mapping[str, Callable[[StorefrontSettings, ChannelContext], BotCheck]] = {"turnstile": Turnstile}
"""The services that the setting `bot_check` may name."""
