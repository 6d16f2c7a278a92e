"""Tokens that travel through a browser: ours for an opened form, the shop's for a signed-in customer."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

# A shop's clock may be this much ahead of ours.
CLOCK_SKEW = timedelta(seconds=60)
IDENTITY_LIFETIME = timedelta(minutes=10)


class FormClaims(BaseModel):
    """What an opened form proves: which form, on which site, when, and that it is this one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form_key: str
    origin: str
    issued_at: AwareDatetime
    nonce: str


class _IdentityClaims(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    aud: str
    sub: str = Field(min_length=1, max_length=128)
    iat: int = Field(strict=True, ge=0, le=10**11)
    exp: int = Field(strict=True, ge=0, le=10**11)


def new_form_token(server_secret: bytes, *, form_key: str, origin: str, now: datetime) -> str:
    """Return a token for a form that is opened now."""
    claims = FormClaims(form_key=form_key, origin=origin, issued_at=now, nonce=secrets.token_urlsafe(16))
    payload = _encode(claims.model_dump_json().encode())
    return f"{payload}.{_encode(_form_digest(server_secret, payload))}"


def read_form_token(server_secret: bytes, token: str) -> FormClaims | None:
    """Return the claims of a token that we made, None for any other text."""
    payload, _, digest = token.partition(".")
    claimed = _decode(digest)
    # Re-encoding refuses the other spellings that base64 has for the same bytes.
    if claimed is None or _encode(claimed) != digest:
        return None
    if not hmac.compare_digest(_form_digest(server_secret, payload), claimed):
        return None
    try:
        return FormClaims.model_validate_json(_decode(payload) or b"")
    except ValidationError:
        return None


def new_identity_token(key: bytes, *, form_key: str, customer_ref: str, now: datetime) -> str:
    """Return what a shop's page embeds for a signed-in customer: a JSON Web Token, HS256."""
    issued = int(now.astimezone(UTC).timestamp())
    claims = {
        "aud": form_key,
        "sub": customer_ref,
        "iat": issued,
        "exp": issued + int(IDENTITY_LIFETIME.total_seconds()),
    }
    signed = ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{signed}.{_encode(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def read_identity_token(keys: Sequence[bytes], token: str, *, form_key: str, now: datetime) -> str | None:
    """Return the customer reference that the shop vouches for, None if the token is not worth it.

    Only HS256 is known, whatever else the header may ask for, and no token is valid for more than ten minutes.
    """
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        return None
    header, payload, signature = (_decode(part) for part in parts)
    if header is None or payload is None or signature is None or not _is_hs256(header):
        return None
    signed = f"{parts[0]}.{parts[1]}".encode()
    digests = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    if not any([hmac.compare_digest(digest, signature) for digest in digests]):  # noqa: C419 - compare all
        return None
    try:
        claims = _IdentityClaims.model_validate_json(payload)
    except ValidationError:
        return None
    seconds = now.timestamp()
    lifetime = claims.exp - claims.iat
    is_current = claims.iat - CLOCK_SKEW.total_seconds() <= seconds < claims.exp
    is_short = 0 < lifetime <= IDENTITY_LIFETIME.total_seconds()
    return claims.sub if is_current and is_short and claims.aud == form_key else None


def _is_hs256(header: bytes) -> bool:
    try:
        parsed: Any = json.loads(header)
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and parsed.get("alg") == "HS256" and "crit" not in parsed


def _form_digest(server_secret: bytes, payload: str) -> bytes:
    # The purpose is part of what is signed, so that no other token of this server fits.
    return hmac.new(server_secret, b"form_token." + payload.encode(), hashlib.sha256).digest()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
