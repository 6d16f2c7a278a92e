"""Replies: the outbox, and its attempts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.ids import to_public
from gateway.model import BLOCKING, Attempt, Case, Reply, ReplyStatus
from gateway.model.errors import NotFoundError
from gateway.store import cases


async def get_reply(db: AsyncSession, reply_id: UUID, *, for_update: bool = False) -> Reply:
    """Return a reply, locked until the end of the transaction if `for_update`."""
    query = select(Reply).where(Reply.id == reply_id).execution_options(populate_existing=for_update)
    reply = (await db.exec(query.with_for_update() if for_update else query)).first()
    if reply is None:
        raise NotFoundError("reply", to_public("rpl", reply_id))
    return reply


async def lock_with_case(db: AsyncSession, reply_id: UUID) -> tuple[Case, Reply]:
    """Lock a reply and its case, always the case first, as everybody does who needs both."""
    peek = await get_reply(db, reply_id)
    case = await cases.get_case(db, peek.case_id, for_update=True)
    return case, await get_reply(db, reply_id, for_update=True)


async def next_position(db: AsyncSession, case_id: UUID) -> int:
    """Return the position of a new reply; the caller holds the case's lock."""
    last = await db.scalar(select(func.max(Reply.position)).where(Reply.case_id == case_id))
    return (last or 0) + 1


async def find_blocker(db: AsyncSession, reply: Reply) -> Reply | None:
    """Return an earlier reply of the same case that has to settle first."""
    query = select(Reply).where(
        Reply.case_id == reply.case_id, col(Reply.position) < reply.position, col(Reply.status).in_(BLOCKING)
    )
    return (await db.exec(query.order_by(col(Reply.position)).limit(1))).first()


async def find_next(db: AsyncSession, case_id: UUID) -> Reply | None:
    """Return the queued reply of a case whose turn it is, if no earlier one is unsettled."""
    query = select(Reply).where(Reply.case_id == case_id, col(Reply.status).in_(BLOCKING))
    first = (await db.exec(query.order_by(col(Reply.position)).limit(1))).first()
    return first if first is not None and first.status is ReplyStatus.QUEUED else None


async def list_unconfirmed(db: AsyncSession, case_ids: Sequence[UUID]) -> list[Reply]:
    """Return the replies of cases that may have left and whose id at the mall is unknown, oldest first, locked."""
    if not case_ids:
        return []
    query = (
        select(Reply)
        .where(
            col(Reply.case_id).in_(case_ids),
            col(Reply.first_sending_at).is_not(None),
            col(Reply.external_id).is_(None),
            col(Reply.status).not_in({ReplyStatus.CANCELLED, ReplyStatus.REJECTED, ReplyStatus.DRAFT}),
        )
        .order_by(col(Reply.case_id), col(Reply.position))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list((await db.exec(query)).all())


async def list_replies(
    db: AsyncSession,
    *,
    channel_ids: Sequence[UUID] | None = None,
    case_id: UUID | None = None,
    statuses: Sequence[ReplyStatus] = (),
    before: UUID | None = None,
    limit: int | None = None,
) -> list[Reply]:
    """Return replies, newest first."""
    query = select(Reply).order_by(col(Reply.id).desc()).limit(limit)
    if channel_ids is not None:
        query = query.where(col(Reply.channel_id).in_(channel_ids))
    if case_id is not None:
        query = query.where(Reply.case_id == case_id)
    if statuses:
        query = query.where(col(Reply.status).in_(statuses))
    if before is not None:
        query = query.where(col(Reply.id) < before)
    return list((await db.exec(query)).all())


async def list_overdue(db: AsyncSession, status: ReplyStatus, due_before: datetime, *, limit: int) -> list[Reply]:
    """Return replies in `status` that somebody should have looked at before `due_before`."""
    query = (
        select(Reply)
        .where(Reply.status == status, col(Reply.due_at) < due_before)
        .order_by(col(Reply.due_at))
        .limit(limit)
    )
    return list((await db.exec(query)).all())


async def list_attempts(db: AsyncSession, reply_ids: Sequence[UUID]) -> list[Attempt]:
    """Return the attempts of replies, oldest first."""
    query = select(Attempt).where(col(Attempt.reply_id).in_(reply_ids)).order_by(col(Attempt.id))
    return list((await db.exec(query)).all())


async def get_attempt(db: AsyncSession, reply_id: UUID, number: int) -> Attempt:
    """Return the attempt with this fencing number."""
    return (await db.exec(select(Attempt).where(Attempt.reply_id == reply_id, Attempt.number == number))).one()
