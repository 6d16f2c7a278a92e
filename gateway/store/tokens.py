"""Tokens of API callers, and idempotency keys."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.model import IdempotencyKey, Token


async def find_token(db: AsyncSession, hash_: bytes) -> Token | None:
    """Return the token with this hash."""
    return (await db.exec(select(Token).where(Token.hash == hash_))).first()


async def find_token_by_prefix(db: AsyncSession, prefix: str) -> Token | None:
    """Return the token that people know by this prefix."""
    return (await db.exec(select(Token).where(Token.prefix == prefix))).first()


async def list_tokens(db: AsyncSession) -> list[Token]:
    """Return all tokens, oldest first."""
    return list((await db.exec(select(Token).order_by(col(Token.id)))).all())


async def note_use(db: AsyncSession, token_id: UUID, now: datetime) -> None:
    """Write down when a token was last used."""
    await db.exec(update(Token).where(col(Token.id) == token_id).values(last_used_at=now))


async def claim_key(db: AsyncSession, entry: IdempotencyKey, *, stale_before: datetime) -> IdempotencyKey | None:
    """Take an idempotency key; return None if it is ours now, else what stands there.

    A key that expired, or whose request began before `stale_before` and never answered, is taken over.
    """
    for _ in range(2):
        claimed = (
            insert(IdempotencyKey)
            .values(**entry.model_dump())
            .on_conflict_do_nothing(index_elements=["token_id", "key"])
            .returning(col(IdempotencyKey.key))
        )
        if (await db.exec(claimed)).first() is not None:
            return None
        query = select(IdempotencyKey).where(IdempotencyKey.token_id == entry.token_id, IdempotencyKey.key == entry.key)
        present = (await db.exec(query.with_for_update().execution_options(populate_existing=True))).first()
        if present is None:
            continue
        is_dead = present.expires_at <= entry.created_at or (
            present.status is None and present.created_at < stale_before
        )
        if not is_dead:
            return present
        await db.delete(present)
        await db.flush()
    return None


async def release_key(db: AsyncSession, claimed: IdempotencyKey) -> None:
    """Give a key back whose request changed nothing, unless somebody has taken it over since."""
    await db.exec(
        delete(IdempotencyKey).where(
            col(IdempotencyKey.token_id) == claimed.token_id,
            col(IdempotencyKey.key) == claimed.key,
            col(IdempotencyKey.created_at) == claimed.created_at,
            col(IdempotencyKey.status).is_(None),
        )
    )


async def answer_key(
    db: AsyncSession, claimed: IdempotencyKey, *, status: int, headers: dict[str, str], body: bytes
) -> bool:
    """Keep the answer to a keyed request; False if somebody took the key over since, and then nothing may happen."""
    kept = (
        update(IdempotencyKey)
        .where(
            col(IdempotencyKey.token_id) == claimed.token_id,
            col(IdempotencyKey.key) == claimed.key,
            col(IdempotencyKey.created_at) == claimed.created_at,
            col(IdempotencyKey.status).is_(None),
        )
        .values(status=status, headers=headers, body=body)
    )
    return (await db.exec(kept.returning(col(IdempotencyKey.key)))).first() is not None
