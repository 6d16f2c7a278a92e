"""Marks on their way to the malls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.model import MarkState, ThreadMark
from gateway.sdk import Mark

_OPPOSITE = {Mark.COMPLETED: Mark.REOPENED, Mark.REOPENED: Mark.COMPLETED}


async def want(db: AsyncSession, mark: ThreadMark) -> None:
    """Queue a mark; an older wish for the same flag that still waits is replaced."""
    for flag in {mark.mark, _OPPOSITE.get(mark.mark, mark.mark)}:
        await withdraw(db, mark.case_id, flag, mark.wanted_at)
    db.add(mark)


async def withdraw(db: AsyncSession, case_id: UUID, mark: Mark, now: datetime) -> None:
    """Take back wishes for a flag that still wait."""
    await db.exec(
        update(ThreadMark)
        .where(
            col(ThreadMark.case_id) == case_id,
            col(ThreadMark.state) == MarkState.QUEUED,
            col(ThreadMark.mark) == mark,
        )
        .values(state=MarkState.SUPERSEDED, done_at=now)
    )


async def list_due(db: AsyncSession, channel_id: UUID, now: datetime, *, limit: int) -> list[ThreadMark]:
    """Return the oldest waiting marks of a channel that are of one kind, locked."""
    waiting = (
        select(ThreadMark)
        .where(ThreadMark.channel_id == channel_id, ThreadMark.state == MarkState.QUEUED, col(ThreadMark.due_at) <= now)
        .order_by(col(ThreadMark.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = list((await db.exec(waiting)).all())
    return [mark for mark in found if mark.mark is found[0].mark]


async def channels_with_due(db: AsyncSession, now: datetime) -> list[UUID]:
    """Return channels that have marks to write."""
    query = select(ThreadMark.channel_id).where(ThreadMark.state == MarkState.QUEUED, col(ThreadMark.due_at) <= now)
    return list((await db.exec(query.distinct())).all())


async def get_marks(db: AsyncSession, ids: Sequence[UUID]) -> list[ThreadMark]:
    """Return marks by id, locked."""
    query = select(ThreadMark).where(col(ThreadMark.id).in_(ids)).order_by(col(ThreadMark.id)).with_for_update()
    return list((await db.exec(query.execution_options(populate_existing=True))).all())


async def list_marks(
    db: AsyncSession, case_id: UUID, *, after: UUID | None = None, limit: int | None = None
) -> list[ThreadMark]:
    """Return the marks of a case, oldest first."""
    query = select(ThreadMark).where(ThreadMark.case_id == case_id).order_by(col(ThreadMark.id)).limit(limit)
    return list((await db.exec(query if after is None else query.where(col(ThreadMark.id) > after))).all())
