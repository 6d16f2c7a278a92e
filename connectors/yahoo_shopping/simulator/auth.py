"""The authorisation host (YConnect v2): codes, access tokens and refresh tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response

from connectors.yahoo_shopping.simulator.answers import json_answer
from connectors.yahoo_shopping.simulator.options import Options
from gateway.sdk.testing import SimulatedClock

CODE_LIFE = timedelta(seconds=600)
ACCESS_TOKEN_LIFE = timedelta(seconds=3600)
REFRESH_TOKEN_LIFE = timedelta(days=28)


@dataclass(slots=True)
class Grant:
    """What one person allowed once; every token of it ends with it."""

    refresh_token: str
    authorised_at: datetime
    is_withdrawn: bool = False

    def is_good(self, now: datetime) -> bool:
        """Whether refreshing still works."""
        return not self.is_withdrawn and now < self.authorised_at + REFRESH_TOKEN_LIFE


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token's grant and end."""

    grant: Grant
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Code:
    redirect_uri: str
    created_at: datetime
    challenge: str
    method: str


class TokenDesk:
    """Issues tokens to one application for one store account."""

    client_id = "dj00aiZpPXNhbXBsZUFwcElk"
    client_secret = "invented-client-secret-0001"
    redirect_uris = ("https://gateway.example.jp/oauth/yahoo/callback",)

    def __init__(self, clock: SimulatedClock, options: Options) -> None:
        self._clock = clock
        self._options = options
        self._codes: dict[str, _Code] = {}
        self._access_tokens: dict[str, AccessToken] = {}
        self._issued = 0
        self.refreshes = 0
        self.grant = self.authorise()

    # What people do

    def authorise(self) -> Grant:
        """Let a person authorise the application now; older refresh tokens stay good until their own end."""
        is_again = hasattr(self, "grant")
        text = self.grant.refresh_token if is_again and self._options.reuses_refresh_token_text else self._text("hzR1")
        self.grant = Grant(text, self._clock.now())
        return self.grant

    def withdraw(self) -> None:
        """Change the password: refresh and access tokens end at once."""
        self.grant.is_withdrawn = True
        self.expire_access_tokens()

    def expire_access_tokens(self) -> None:
        """Let every access token end now, as if its hour were over."""
        now = self._clock.now()
        self._access_tokens = {
            text: AccessToken(token.grant, min(token.expires_at, now)) for text, token in self._access_tokens.items()
        }

    def find(self, access_token: str) -> AccessToken | None:
        """Return what the mall knows about an access token, ended or not."""
        return self._access_tokens.get(access_token)

    # What programs do

    def add_routes(self, app: FastAPI) -> None:
        """Serve the two addresses."""
        app.add_api_route("/yconnect/v2/authorization", self._authorization, methods=["GET"])
        app.add_api_route("/yconnect/v2/token", self._token, methods=["POST"])

    async def _authorization(self, request: Request) -> Response:
        query = request.query_params
        redirect_uri = query.get("redirect_uri", "")
        if query.get("client_id") != self.client_id or redirect_uri not in self.redirect_uris:
            return Response("client_id or redirect_uri is not registered", 400)
        answer = {"state": query["state"]} if "state" in query else {}
        if query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            answer["error"] = "invalid_request"
        elif self._options.person_refuses:
            answer["error"] = "access_denied"
        else:
            code = self._text("kR")
            challenge = query.get("code_challenge", "")
            method = query.get("code_challenge_method", "plain")
            self._codes[code] = _Code(redirect_uri, self._clock.now(), challenge, method)
            answer = {"code": code, **answer}
        return Response(status_code=302, headers={"Location": f"{redirect_uri}?{urlencode(answer)}"})

    async def _token(self, request: Request) -> Response:
        async with request.form() as sent:
            form = {name: value for name, value in sent.items() if isinstance(value, str)}
        if not self._is_client(request.headers.get("authorization", ""), form):
            return _error(self._options.wrong_client_status, "invalid_client")
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(form)
            case "refresh_token":
                return self._refresh(form.get("refresh_token", ""))
        return _error(400, "unsupported_grant_type")

    def _is_client(self, header: str, form: dict[str, str]) -> bool:
        pair = f"{form.get('client_id', '')}:{form.get('client_secret', '')}"
        if header.startswith("Basic "):
            try:
                pair = base64.b64decode(header.removeprefix("Basic "), validate=True).decode()
            except (ValueError, binascii.Error):
                return False
        return pair == f"{self.client_id}:{self.client_secret}"

    def _redeem(self, form: dict[str, str]) -> Response:
        code = self._codes.pop(form.get("code", ""), None)
        if (
            code is None
            or self._clock.now() >= code.created_at + CODE_LIFE
            or form.get("redirect_uri") != code.redirect_uri
            or not _is_verified(code, form.get("code_verifier", ""))
        ):
            return _error(400, "invalid_grant")
        grant = self.authorise()
        return json_answer({**self._access_token(grant), "refresh_token": grant.refresh_token, "id_token": "invented"})

    def _refresh(self, refresh_token: str) -> Response:
        grant = self.grant
        if refresh_token != grant.refresh_token or not grant.is_good(self._clock.now()):
            return _error(self._options.dead_refresh_token_status, "invalid_grant")
        self.refreshes += 1
        answer = self._access_token(grant)
        if self._options.rotates_refresh_token:
            grant.refresh_token = self._text("hzR1")
            answer["refresh_token"] = grant.refresh_token
        return json_answer(answer)

    def _access_token(self, grant: Grant) -> dict[str, str | int]:
        text = self._text("hzA1")
        self._access_tokens[text] = AccessToken(grant, self._clock.now() + ACCESS_TOKEN_LIFE)
        life = int(ACCESS_TOKEN_LIFE.total_seconds())
        return {"access_token": text, "token_type": "Bearer", "expires_in": life}

    def _text(self, prefix: str) -> str:
        self._issued += 1
        return f"{prefix}.invented-{self._issued:04d}"


def _is_verified(code: _Code, verifier: str) -> bool:
    if not code.challenge:
        return True
    if code.method == "S256":
        verifier = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return verifier == code.challenge


def _error(status: int, error: str) -> Response:
    # Only `error` means something; the other two may hold anything.
    return json_answer({"error": error, "error_description": f"{error} (invented text)", "error_code": 9999}, status)
