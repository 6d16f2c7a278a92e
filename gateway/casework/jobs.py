"""Long work that an agent starts and then looks at."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway import wake
from gateway.casework.caller import Caller, get_channel, may_see
from gateway.ids import to_public
from gateway.model import Channel, Job, JobKind, JobState, Record
from gateway.model.errors import ConflictError, NotFoundError
from gateway.sdk import Text
from gateway.store import jobs, records


async def pull_now(db: AsyncSession, caller: Caller, channel_id: UUID, now: datetime) -> Job:
    """Have a channel read at once; while one such job waits, that one is returned.

    Raises:
        ConflictError: the channel is paused.
    """
    channel = await get_channel(db, caller, channel_id, for_update=True)
    _require_active(channel)
    waiting = await jobs.list_jobs(db, channel_ids=[channel.id], kind=JobKind.PULL, state=JobState.QUEUED, limit=1)
    job = waiting[0] if waiting else await _add(db, caller, channel.id, JobKind.PULL, now)
    await wake.wake_pull(db, channel.id)
    return job


async def replay_channel(
    db: AsyncSession, caller: Caller, channel_id: UUID, now: datetime, *, only_quarantined: bool = True
) -> Job:
    """Have the stored records of a channel applied again."""
    channel = await get_channel(db, caller, channel_id)
    job = await _add(db, caller, channel.id, JobKind.REPLAY, now, only_quarantined=only_quarantined)
    await wake.wake_replay(db, job.id)
    return job


async def replay_record(db: AsyncSession, caller: Caller, record_id: UUID, now: datetime) -> Job:
    """Have one stored record applied again."""
    record = await get_record(db, caller, record_id)
    job = await _add(db, caller, record.channel_id, JobKind.REPLAY, now, record_id=str(record.id))
    await wake.wake_replay(db, job.id)
    return job


async def get_job(db: AsyncSession, caller: Caller, job_id: UUID) -> Job:
    """Return a job that the caller may see."""
    job = await jobs.get_job(db, job_id)
    if not await may_see(db, caller, job.channel_id):
        raise NotFoundError("job", to_public("job", job_id))
    return job


async def get_record(db: AsyncSession, caller: Caller, record_id: UUID) -> Record:
    """Return a record that the caller may see."""
    record = await records.get_record(db, record_id)
    if not await may_see(db, caller, record.channel_id):
        raise NotFoundError("record", to_public("rec", record_id))
    return record


def _require_active(channel: Channel) -> None:
    if not channel.is_active:
        raise ConflictError(
            "channel_paused",
            Text(
                ja=f"チャネルは停止中です: {channel.reason or channel.reason_code}",
                en=f"The channel is paused: {channel.reason or channel.reason_code}",
            ),
        )


async def _add(db: AsyncSession, caller: Caller, channel_id: UUID, kind: JobKind, now: datetime, **counts: Any) -> Job:
    job = Job(kind=kind, channel_id=channel_id, wanted_by=caller.name, counts=counts, created_at=now)
    db.add(job)
    await db.flush()
    return job
