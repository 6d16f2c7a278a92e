"""Request budgets and memos that connectors borrow."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.model import IdempotencyKey, MemoEntry
from gateway.sdk.bucket import take_from_bucket

_OPEN_BUDGET = text(
    "INSERT INTO request_budget (key, free_at)"
    " VALUES (:key, coalesce(CAST(:now AS timestamptz), clock_timestamp())) ON CONFLICT DO NOTHING"
)
# A slot that a crash of the server forgets harms nobody, so nobody waits until the disk has it.
_TAKE_SLOT = text(
    """
    WITH present AS (
        SELECT free_at, coalesce(CAST(:now AS timestamptz), clock_timestamp()) AS now,
            set_config('synchronous_commit', 'off', true)
        FROM request_budget WHERE key = :key FOR UPDATE
    )
    UPDATE request_budget SET free_at = CASE
        WHEN present.free_at <= present.now + :at_most
        THEN greatest(present.free_at, present.now) + :interval
        ELSE present.free_at END
    FROM present WHERE key = :key
    RETURNING present.free_at <= present.now + :at_most,
        greatest(present.free_at - present.now, interval '0')
    """
)


async def take_slot(
    db: AsyncSession, key: str, *, interval: timedelta, at_most: timedelta, now: datetime | None
) -> tuple[bool, timedelta]:
    """Reserve the next slot of a request budget.

    Args:
        now: the present time; None takes the database's own clock, the one that all workers share.
    Returns:
        (True, wait) when the slot is ours after `wait`; (False, wait) when the next slot is further
        away than `at_most`, and then nothing is reserved.
    """
    connection = await db.connection()
    values = {"key": key, "interval": interval, "at_most": at_most, "now": now}
    row = (await connection.execute(_TAKE_SLOT, values)).one_or_none()
    if row is None:
        # The first request of this budget: somebody else may be making it at the same moment.
        await connection.execute(_OPEN_BUDGET, {"key": key, "now": now})
        row = (await connection.execute(_TAKE_SLOT, values)).one()
    return bool(row[0]), row[1]


async def pause_budget(db: AsyncSession, key: str, duration: timedelta, *, now: datetime | None) -> None:
    """Hand out no slot of a budget for `duration`; `now` as in `take_slot`."""
    connection = await db.connection()
    await connection.execute(
        text(
            """
            INSERT INTO request_budget (key, free_at)
            VALUES (:key, coalesce(CAST(:now AS timestamptz), clock_timestamp()) + :duration)
            ON CONFLICT (key) DO UPDATE SET free_at = greatest(request_budget.free_at, excluded.free_at)
            """
        ),
        {"key": key, "duration": duration, "now": now},
    )


async def remember(db: AsyncSession, entry: MemoEntry, now: datetime) -> bytes | None:
    """Store a memo unless its key is taken; return None if stored, else the value that is there."""
    put = insert(MemoEntry).values(**entry.model_dump())
    put = put.on_conflict_do_update(
        index_elements=["channel_id", "key"],
        set_={"value": put.excluded.value, "expires_at": put.excluded.expires_at},
        where=col(MemoEntry.expires_at) <= now,
    )
    if (await db.exec(put.returning(col(MemoEntry.key)))).first() is not None:
        return None
    return await recall(db, entry.channel_id, entry.key, now)


async def recall(db: AsyncSession, channel_id: UUID, key: str, now: datetime) -> bytes | None:
    """Return a memo's value that has not expired."""
    query = select(MemoEntry.value).where(
        MemoEntry.channel_id == channel_id, MemoEntry.key == key, col(MemoEntry.expires_at) > now
    )
    return (await db.exec(query)).first()


async def replace(db: AsyncSession, entry: MemoEntry) -> None:
    """Store a memo, whatever was there."""
    put = insert(MemoEntry).values(**entry.model_dump())
    await db.exec(
        put.on_conflict_do_update(
            index_elements=["channel_id", "key"],
            set_={"value": put.excluded.value, "expires_at": put.excluded.expires_at},
        )
    )


async def forget(db: AsyncSession, channel_id: UUID, key: str) -> None:
    """Remove a memo."""
    await db.exec(delete(MemoEntry).where(col(MemoEntry.channel_id) == channel_id, col(MemoEntry.key) == key))


async def take_permit(
    db: AsyncSession, channel_id: UUID, key: str, now: datetime, *, limit: int, per: timedelta
) -> timedelta:
    """Count one use of a token bucket (generic cell rate algorithm); zero means granted, else the wait."""
    bucket = MemoEntry(channel_id=channel_id, key=key, free_at=now, expires_at=now + per)
    await db.exec(insert(MemoEntry).values(**bucket.model_dump()).on_conflict_do_nothing())
    query = select(MemoEntry).where(MemoEntry.channel_id == channel_id, MemoEntry.key == key).with_for_update()
    entry = (await db.exec(query.execution_options(populate_existing=True))).one()
    wait, free_at = take_from_bucket(entry.free_at, now, limit=limit, per=per)
    if not wait:
        entry.free_at, entry.expires_at = free_at, free_at + per
        db.add(entry)
        await db.flush()
    return wait


async def drop_expired(db: AsyncSession, now: datetime) -> None:
    """Remove memos and idempotency keys that have expired."""
    await db.exec(delete(MemoEntry).where(col(MemoEntry.expires_at) <= now))
    await db.exec(delete(IdempotencyKey).where(col(IdempotencyKey.expires_at) <= now))
