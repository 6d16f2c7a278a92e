"""Tokens of API callers."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.casework.caller import Caller
from gateway.ids import parse_id, to_public
from gateway.model import Scope, Token
from gateway.model.errors import InvalidError, NotFoundError, Problem
from gateway.sdk import Text
from gateway.store import channels, tokens

START = "mdg_"
# The start that people see: enough to recognise a token by, far too little to guess the rest.
PREFIX_CHARS = len(START) + 8
# The time of last use is for people; writing it at every call would cost a commit each.
USE_GRAIN = timedelta(minutes=1)


async def create(
    db: AsyncSession,
    *,
    name: str,
    scopes: Sequence[Scope],
    now: datetime,
    brands: Sequence[str] = (),
    channel_ids: Sequence[UUID] = (),
    expires_at: datetime | None = None,
) -> tuple[Token, str]:
    """Add a token; return it with its secret, which nobody can read again.

    Raises:
        InvalidError: no scope, an end in the past, or no name. NotFoundError: a channel does not exist.
    """
    problems = []
    if not name.strip():
        problems.append(
            Problem(code="empty", pointer="/name", message=Text(ja="名前が空です。", en="The name is empty."))
        )
    if not scopes:
        message = Text(ja="権限を1つ以上指定してください。", en="A token needs at least one scope.")
        problems.append(Problem(code="empty", pointer="/scopes", message=message))
    if expires_at is not None and expires_at <= now:
        message = Text(ja="有効期限が過去です。", en="The end lies in the past.")
        problems.append(Problem(code="in_the_past", pointer="/expires_at", message=message))
    if problems:
        text = Text(ja="トークンの指定が正しくありません。", en="The token is not valid as described.")
        raise InvalidError("invalid_token_wish", text, problems)
    for channel_id in channel_ids:
        await channels.get_channel(db, channel_id)
    secret = START + secrets.token_urlsafe(32)
    token = Token(
        name=name.strip(),
        prefix=secret[:PREFIX_CHARS],
        hash=_hash(secret),
        scopes=sorted({scope.value for scope in scopes}),
        brands=list(brands),
        channels=[to_public("chan", channel_id) for channel_id in channel_ids],
        created_at=now,
        expires_at=expires_at,
    )
    db.add(token)
    await db.flush()
    return token, secret


async def revoke(db: AsyncSession, prefix: str, now: datetime) -> Token:
    """End a token that people know by its visible start; ending it again changes nothing."""
    token = await tokens.find_token_by_prefix(db, prefix[:PREFIX_CHARS])
    if token is None:
        raise NotFoundError("token", prefix[:PREFIX_CHARS])
    if token.revoked_at is None:
        token.revoked_at = now
        db.add(token)
        await db.flush()
    return token


async def verify(db: AsyncSession, secret: str, now: datetime) -> Caller | None:
    """Return who holds `secret`, or None; the comparison takes the same time whatever is wrong."""
    token = await tokens.find_token_by_prefix(db, secret[:PREFIX_CHARS])
    expected = token.hash if token is not None else bytes(hashlib.sha256().digest_size)
    is_same = hmac.compare_digest(expected, _hash(secret))
    if token is None or not is_same or not token.is_valid(now):
        return None
    if token.last_used_at is None or now - token.last_used_at >= USE_GRAIN:
        await tokens.note_use(db, token.id, now)
    return Caller(
        name=token.name,
        token_id=token.id,
        scopes=frozenset(Scope(scope) for scope in token.scopes if scope in set(Scope)),
        brands=tuple(token.brands),
        channels=tuple(parse_id("chan", channel) for channel in token.channels),
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
