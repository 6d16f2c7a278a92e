"""Whose turn it is: the schedule wakes what is due, and what somebody who died has left behind."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import col, select

from gateway import queue, wake
from gateway.model import Job, JobState, ReplyStatus
from gateway.runtime import Runtime
from gateway.store import channels, lending, marks, messages, replies
from gateway.store.events import place_events

MOST_AT_ONCE = 500
# What is due wakes by its own job; only what is late by so much has lost its job.
GRACE = timedelta(seconds=30)
# A copy is announced with its job; one that still waits after so long has lost it, or failed before.
COPY_GRACE = timedelta(minutes=5)
JOB_LOST_AFTER = timedelta(hours=1)


async def tick(runtime: Runtime) -> int:
    """Wake everything that is due; return how many channels are to be read.

    Any number of workers may do this at the same time: each channel is claimed by one of them.
    """
    woken = await due_channels(runtime)
    await rescue(runtime)
    await clean_up(runtime)
    return woken


async def due_channels(runtime: Runtime) -> int:
    """Have channels read whose turn it is."""
    now = runtime.clock()
    async with runtime.database.session() as db:
        # If the job is lost the channel comes up again by itself: the pull sets its own, nearer time.
        due = await channels.claim_due(
            db, now, again_after=max(runtime.config.pull_interval, runtime.config.pull_slice), limit=MOST_AT_ONCE
        )
        for channel_id in due:
            await wake.wake_pull(db, channel_id)
        await db.commit()
    return len(due)


async def rescue(runtime: Runtime) -> None:
    """Wake replies, marks and copies whose jobs were lost, and retake the jobs of dead workers."""
    now = runtime.clock()
    await retake_stalled(runtime)
    async with runtime.database.session() as db:
        for reply in await replies.list_overdue(db, ReplyStatus.SENDING, now, limit=MOST_AT_ONCE):
            await wake.rescue_reply(db, reply)
        for reply in await replies.list_overdue(db, ReplyStatus.QUEUED, now - GRACE, limit=MOST_AT_ONCE):
            await wake.rescue_reply(db, reply)
        for reply in await replies.list_overdue(db, ReplyStatus.UNKNOWN, now - GRACE, limit=MOST_AT_ONCE):
            await wake.rescue_reply(db, reply)
        for channel_id in await marks.channels_with_due(db, now):
            await wake.wake_marks(db, channel_id)
        uncopied = await messages.list_uncopied(db, now - COPY_GRACE, limit=MOST_AT_ONCE)
        await wake.wake_copies(db, [attachment.id for attachment in uncopied])
        await db.commit()


async def retake_stalled(runtime: Runtime) -> None:
    """Give the jobs of workers that fell silent to others."""
    stalled = await queue.app.job_manager.get_stalled_jobs(
        seconds_since_heartbeat=runtime.config.stalled_after.total_seconds()
    )
    for job in stalled:
        await queue.app.job_manager.retry_job(job)


async def clean_up(runtime: Runtime) -> None:
    """Give positions to new events, drop what has expired, and close jobs that nobody works on any more."""
    now = runtime.clock()
    async with runtime.database.session() as db:
        await place_events(db)
        await lending.drop_expired(db, now)
        lost = select(Job).where(
            col(Job.state).in_([JobState.QUEUED, JobState.RUNNING]), col(Job.created_at) < now - JOB_LOST_AFTER
        )
        for job in (await db.exec(lost.with_for_update(skip_locked=True))).all():
            job.finish(now, code="lost", reason="the worker ended before the job did; start it again")
            db.add(job)
        await db.commit()
