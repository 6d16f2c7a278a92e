"""Jobs that people can look at."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.ids import to_public
from gateway.model import Job, JobKind, JobState
from gateway.model.errors import NotFoundError


async def get_job(db: AsyncSession, job_id: UUID) -> Job:
    """Return one job."""
    job = await db.get(Job, job_id)
    if job is None:
        raise NotFoundError("job", to_public("job", job_id))
    return job


async def list_jobs(
    db: AsyncSession,
    *,
    channel_ids: Sequence[UUID] | None = None,
    kind: JobKind | None = None,
    state: JobState | None = None,
    before: UUID | None = None,
    limit: int,
) -> list[Job]:
    """Return jobs, newest first; `channel_ids` None means of all channels."""
    query = select(Job).order_by(col(Job.id).desc()).limit(limit)
    if channel_ids is not None:
        query = query.where(col(Job.channel_id).in_(channel_ids))
    if kind is not None:
        query = query.where(Job.kind == kind)
    if state is not None:
        query = query.where(Job.state == state)
    if before is not None:
        query = query.where(col(Job.id) < before)
    return list((await db.exec(query)).all())
