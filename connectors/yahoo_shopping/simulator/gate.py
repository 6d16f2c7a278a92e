"""What every call of the API has to pass before anything is done."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from fastapi import Request

from connectors.yahoo_shopping.simulator.answers import EXPIRED_TOKEN, Refused
from connectors.yahoo_shopping.simulator.auth import AccessToken, TokenDesk
from connectors.yahoo_shopping.simulator.keys import KeyRing
from connectors.yahoo_shopping.simulator.options import Options
from gateway.sdk.testing import SimulatedClock

JAPAN = ZoneInfo("Asia/Tokyo")
REALM = 'Bearer realm="yahooapis.jp"'
SHORT_SESSION = "AccessToken has been expired. This API session is shorter than another API."


class Gate:
    """Checks in the order of the specification's checklist; the order is a guess."""

    def __init__(
        self, seller_id: str, clock: SimulatedClock, options: Options, tokens: TokenDesk, keys: KeyRing
    ) -> None:
        self._seller_id = seller_id
        self._clock = clock
        self._options = options
        self._tokens = tokens
        self._keys = keys
        self._last_start: dict[str, float] = {}
        self._run = 0
        self._shut_out_until = 0.0
        self._counted_day = ""
        self.count_today = 0

    def check(self, request: Request, seller_id: str | None, *, is_known_path: bool) -> dict[str, str]:
        """Return the headers that an accepted call is answered with.

        Raises:
            Refused: with the mall's answer.
        """
        self._check_address(request)
        token = self._check_token(request.headers.get("authorization", ""))
        headers = self._check_signature(request, token)
        if not self._options.is_application_registered:
            raise Refused(403, "This application is not registered.", code="px-04303")
        if not self._options.has_inquiry_right:
            raise Refused(403, "Use of API is not permitted.", code="px-14303")
        if seller_id and seller_id != self._seller_id:
            raise Refused(self._options.foreign_seller_status, "You can not operate this store.", code="px-14304")
        if not is_known_path:
            raise Refused(self._options.unknown_path_status, "The requested API does not exist.", code="px-04400")
        self._check_day()
        self._check_second(f"{request.method} {request.url.path}")
        return headers

    def _check_address(self, request: Request) -> None:
        allowed = self._options.registered_addresses
        address = request.client.host if request.client else ""
        if allowed is not None and address not in allowed:
            raise Refused(403, "Your IP address is not permitted.", code="px-04306")

    def _check_token(self, header: str) -> AccessToken:
        text = header.removeprefix("Bearer ")
        token = self._tokens.find(text) if text != header else None
        if token is None:
            sign = f'{REALM}, error="invalid_token", error_description="invalid token format"' if header else REALM
            message = f"Please provide valid credentials. {sign}"
            raise Refused(401, message, headers={"WWW-Authenticate": sign}, is_always_xml=True)
        if self._clock.now() >= token.expires_at:
            raise Refused(
                401,
                EXPIRED_TOKEN,
                headers={
                    "WWW-Authenticate": f'{REALM}, error="invalid_token", error_description="expired token"',
                    "X-YahooJ-AuthError": "Requested Token is expired.",
                },
                is_always_xml=True,
            )
        if not self._options.has_store_scope:
            sign = f'{REALM}, error="insufficient_scope"'
            raise Refused(403, f"Please provide valid credentials. {sign}", headers={"WWW-Authenticate": sign})
        return token

    def _check_signature(self, request: Request, token: AccessToken) -> dict[str, str]:
        if self._is_signed(request):
            return {"X-SWS-Authorize-Status": "authorized"}
        # The cap counts from the person's authorisation, so a fresh access token does not help.
        unsigned_until = token.grant.authorised_at + timedelta(seconds=self._options.unsigned_life)
        if self._options.is_signature_strict or self._clock.now() >= unsigned_until:
            raise Refused(401, SHORT_SESSION, code="px-04102")
        return {}

    def _is_signed(self, request: Request) -> bool:
        key = self._keys.find(request.headers.get("x-sws-signature-version", ""))
        if key is None or not key.is_active(self._clock.now()):
            return False
        plain = key.decrypt(request.headers.get("x-sws-signature", ""))
        seller_id, _, seconds = (plain or "").rpartition(":")
        if seller_id != self._seller_id or not seconds.isdecimal():
            return False
        return abs(self._clock.now().timestamp() - int(seconds)) <= self._options.signature_skew

    def _check_day(self) -> None:
        day = f"{self._clock.now().astimezone(JAPAN):%Y-%m-%d}"
        if day != self._counted_day:
            self._counted_day, self.count_today = day, 0
        self.count_today += 1
        if self.count_today > self._options.daily_limit:
            raise Refused(403, "Your Request was Forbidden")

    def _check_second(self, url: str) -> None:
        status = self._options.rate_limit_status
        if status is None:
            return
        now = self._clock.now().timestamp()
        is_early = now - self._last_start.get(url, now - 1) < 1
        self._last_start[url] = now
        self._run = self._run + 1 if is_early else 0
        if self._run >= self._options.shut_out_after:
            self._shut_out_until = now + self._options.shut_out_life
        if is_early or now < self._shut_out_until:
            raise Refused(status, "Too many requests.")
