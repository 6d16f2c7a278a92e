"""Access tokens of one store account: kept with the channel, renewed early and only once.

Stored beside the tokens is a digest of the settings they stem from. When a person authorises anew and enters
the new refresh token, or the same text with a new date, the digest differs and older tokens are not used again.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property

import httpx
from pydantic import BaseModel, Field, ValidationError

from connectors.yahoo_shopping import advice
from connectors.yahoo_shopping.refusal import parse_refusal
from connectors.yahoo_shopping.settings import YahooShoppingSettings
from gateway.sdk import AuthenticationError, ChannelContext, ConnectorError, MallClient, RetryableError

# Two channels' worth of settings may race for a moment while a person replaces them; more is a mistake.
MAX_RACES = 3


class TokenAnswer(BaseModel):
    """The token endpoint's answer to a refresh; `expires_in` is in seconds, sometimes in quotes."""

    access_token: str = Field(min_length=1, repr=False)
    expires_in: int = Field(gt=0, le=10**8)
    refresh_token: str | None = Field(default=None, repr=False)


class AccessTokens:
    """Lends an access token that is good now."""

    def __init__(self, settings: YahooShoppingSettings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context
        self._held: Mapping[str, str] = {}

    @cached_property
    def _http(self) -> MallClient:
        # Only when it is needed: most instances find a token that is still good.
        return MallClient(
            self._settings.auth_base_url,
            self._context,
            classify=_classify,
            secrets=(
                self._settings.client_secret.get_secret_value(),
                self._settings.refresh_token.get_secret_value(),
                self._credentials(),
            ),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        if "_http" in vars(self):
            await self._http.aclose()

    async def current(self) -> Mapping[str, str]:
        """Return tokens that are good for some minutes, renewing them if needed.

        Raises:
            AuthenticationError: a person has to authorise again, or the application's secret is wrong.
        """
        if not self._is_good(self._held):
            self._held = await self._settled(await self._context.tokens.load())
        return self._held

    async def renewed(self, refused: Mapping[str, str]) -> Mapping[str, str]:
        """Return other tokens than `refused`, which the mall no longer takes, however good they look."""
        self._held = await self._settled(await self._context.tokens.renew(refused, self._refresh))
        return self._held

    async def _settled(self, tokens: Mapping[str, str]) -> Mapping[str, str]:
        for _ in range(MAX_RACES):
            if self._is_good(tokens):
                return tokens
            tokens = await self._context.tokens.renew(tokens, self._refresh)
        if self._is_good(tokens):
            return tokens
        raise RetryableError("other workers keep storing tokens of other settings", code="tokens_contended")

    def _is_good(self, tokens: Mapping[str, str]) -> bool:
        if tokens.get("origin") != self._origin() or not tokens.get("access_token"):
            return False
        try:
            renew_at = datetime.fromisoformat(tokens.get("renew_at", ""))
        except ValueError:
            return False
        return self._context.now() < renew_at

    def _origin(self) -> str:
        secret = self._settings.refresh_token.get_secret_value()
        return hashlib.sha256(f"{self._settings.authorised_at.timestamp()}\n{secret}".encode()).hexdigest()

    async def _refresh(self, saved: Mapping[str, str]) -> Mapping[str, str]:
        is_ours = saved.get("origin") == self._origin()
        refresh_token = (is_ours and saved.get("refresh_token")) or self._settings.refresh_token.get_secret_value()
        asked_at = self._context.now()
        response = await self._http.repeat(
            "POST",
            "/yconnect/v2/token",
            operation="token",
            headers={"Authorization": f"Basic {self._credentials()}"},
            data={"grant_type": "refresh_token", "refresh_token": refresh_token},
        )
        answer = _parse_answer(response)
        life = timedelta(seconds=answer.expires_in)
        return {
            "origin": self._origin(),
            "access_token": answer.access_token,
            "refresh_token": answer.refresh_token or refresh_token,
            "expires_at": (asked_at + life).isoformat(),
            # A token that lives shorter than the margin would be renewed for ever.
            "renew_at": (asked_at + life - min(self._settings.refresh_early, life / 2)).isoformat(),
        }

    def _credentials(self) -> str:
        pair = f"{self._settings.client_id}:{self._settings.client_secret.get_secret_value()}"
        return base64.b64encode(pair.encode()).decode()


def _parse_answer(response: httpx.Response) -> TokenAnswer:
    try:
        return TokenAnswer.model_validate_json(response.content)
    except ValidationError:
        # No evidence and no cause: the body may hold a token.
        raise RetryableError(
            "the token endpoint's answer cannot be read", code="unreadable_answer", status=response.status_code
        ) from None


def _classify(response: httpx.Response, is_send: bool) -> ConnectorError | None:  # noqa: ARG001 - nothing is sent here
    if response.status_code in {408, 425, 429} or not 400 <= response.status_code < 500:
        return None
    # Decide by `error` alone: the other members vary.
    code = parse_refusal(response.content).code
    known = advice.BY_CODE.get(code)
    message = advice.both(known) if known else f"The token endpoint refused the refresh: {code or 'no reason'}"
    return AuthenticationError(message, code=code or "token_refused")
