"""The change feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.model import Case, CaseStatus, Channel, Event, EventType, Reply, ReplyStatus

# Any fixed number: it lets one process at a time give out positions.
PLACING_LOCK = 7_230_442


def record_event(
    db: AsyncSession,
    type_: EventType,
    *,
    actor: str,
    now: datetime,
    channel_id: UUID | None = None,
    case_id: UUID | None = None,
    subject_id: UUID | None = None,
    **detail: Any,
) -> None:
    """Add an event to the caller's transaction."""
    db.add(
        Event(
            type=type_,
            channel_id=channel_id,
            case_id=case_id,
            subject_id=subject_id,
            actor=actor,
            detail=detail,
            happened_at=now,
        )
    )


def record_case_change(
    db: AsyncSession, case: Case, was: CaseStatus, *, actor: str, now: datetime, **detail: Any
) -> None:
    """Add the event that somebody changed a case."""
    record_event(
        db,
        EventType.CASE_CHANGED,
        actor=actor,
        now=now,
        channel_id=case.channel_id,
        case_id=case.id,
        subject_id=case.id,
        status=case.status.value,
        was=was.value,
        **detail,
    )


def record_reply_change(
    db: AsyncSession, reply: Reply, was: ReplyStatus, *, actor: str, now: datetime, **detail: Any
) -> None:
    """Add the event that a reply reached another status."""
    record_event(
        db,
        EventType.REPLY_CHANGED,
        actor=actor,
        now=now,
        channel_id=reply.channel_id,
        case_id=reply.case_id,
        subject_id=reply.id,
        status=reply.status.value,
        was=was.value,
        code=reply.reason_code,
        **detail,
    )


async def place_events(db: AsyncSession) -> int:
    """Give positions to committed events that have none; return how many.

    A position is given only to what is committed, by one process at a time, and an event is
    inserted after its row was locked: so positions have no gaps, and follow the order of commits
    for everything that depends on each other. A reader that stands at a position never misses
    anything behind it.
    """
    free = await db.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), params={"key": PLACING_LOCK})
    if not free:
        return 0
    connection = await db.connection()
    placed = await connection.execute(
        text(
            """
            WITH waiting AS (
                SELECT id, row_number() OVER (ORDER BY id) AS rank
                FROM event WHERE position IS NULL ORDER BY id LIMIT 10000
            ), last AS (SELECT coalesce(max(position), 0) AS position FROM event)
            UPDATE event SET position = last.position + waiting.rank FROM waiting, last WHERE event.id = waiting.id
            """
        )
    )
    return placed.rowcount


async def list_events(
    db: AsyncSession,
    *,
    after: int,
    limit: int,
    brands: Sequence[str] = (),
    channels: Sequence[UUID] = (),
    types: Sequence[EventType] = (),
    case_id: UUID | None = None,
) -> list[Event]:
    """Return placed events behind position `after`, oldest first."""
    query = select(Event).where(col(Event.position) > after).order_by(col(Event.position)).limit(limit)
    if case_id is not None:
        query = query.where(Event.case_id == case_id)
    if types:
        query = query.where(col(Event.type).in_(types))
    if channels:
        query = query.where(col(Event.channel_id).in_(channels))
    if brands:
        query = query.where(col(Event.channel_id).in_(select(Channel.id).where(col(Channel.brand).in_(brands))))
    return list((await db.exec(query)).all())


async def case_history(db: AsyncSession, case: Case) -> list[Event]:
    """Return everything that happened to a case, oldest first: its story."""
    return list((await db.exec(select(Event).where(Event.case_id == case.id).order_by(col(Event.id)))).all())
