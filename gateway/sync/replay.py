"""Stored records applied again, after a mapping was mended."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from gateway.model import Record
from gateway.runtime import Runtime
from gateway.store import channels, jobs, records
from gateway.sync.inbound import Applied, apply

BATCH = 200


async def replay_records(
    runtime: Runtime,
    channel_id: UUID,
    *,
    only_quarantined: bool = True,
    record_id: UUID | None = None,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> Applied:
    """Apply stored records of a channel again, oldest first; safe to stop and to repeat.

    What is still unreadable stays in quarantine, with its newest reason.
    """
    total = Applied()
    async with runtime.database.session() as db:
        channel = await channels.get_channel(db, channel_id)
    async with runtime.connector(channel) as connector:
        after: UUID | None = None
        while batch := await _next(runtime, channel_id, after, only_quarantined, record_id):
            applied = await apply(runtime, connector, channel_id, batch)
            total.records += len(batch)
            total.messages += applied.messages
            total.quarantined += applied.quarantined
            on_progress(len(batch))
            if record_id is not None:
                break
            after = batch[-1].id
    return total


async def _next(
    runtime: Runtime, channel_id: UUID, after: UUID | None, only_quarantined: bool, record_id: UUID | None
) -> list[Record]:
    async with runtime.database.session() as db:
        if record_id is not None:
            return [await records.get_record(db, record_id)]
        return await records.list_for_replay(
            db, channel_id, after=after, limit=BATCH, only_quarantined=only_quarantined
        )


async def run_replay_job(runtime: Runtime, job_id: UUID) -> None:
    """Replay what a job row asks for, and keep the row up to date."""
    async with runtime.database.session() as db:
        job = await jobs.get_job(db, job_id)
        job.start(runtime.clock())
        db.add(job)
        await db.commit()
    if job.channel_id is None:
        return
    wanted = job.counts.get("record_id")
    applied = await replay_records(
        runtime,
        job.channel_id,
        only_quarantined=job.counts.get("only_quarantined", True),
        record_id=UUID(wanted) if wanted else None,
    )
    async with runtime.database.session() as db:
        job = await jobs.get_job(db, job_id)
        job.counts = {
            **job.counts,
            "records": applied.records,
            "messages": applied.messages,
            "quarantined": applied.quarantined,
        }
        job.finish(runtime.clock())
        db.add(job)
        await db.commit()
