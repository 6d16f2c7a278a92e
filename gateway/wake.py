"""The names of the engine's jobs, and how to leave one in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway import queue
from gateway.model import Reply, ReplyStatus
from gateway.queue import Queue
from gateway.store import replies

PULL = "pull"
DELIVER = "deliver"
SETTLE = "settle"
WRITE_MARKS = "write_marks"
COPY_FILE = "copy_file"
REPLAY = "replay"


async def wake_pull(db: AsyncSession, channel_id: UUID) -> bool:
    """Have a channel read; it is queued at most once, also for those who wait for it with a job row."""
    return await queue.defer(
        db,
        PULL,
        queue=Queue.PULL,
        lock=f"pull:{channel_id}",
        queueing_lock=f"pull:{channel_id}",
        channel_id=str(channel_id),
    )


async def wake_delivery(db: AsyncSession, reply: Reply, at: datetime | None = None) -> bool:
    """Have a reply sent, not before `at`; replies of one case are sent one after another."""
    return await queue.defer(db, DELIVER, queue=Queue.SEND, lock=f"case:{reply.case_id}", at=at, reply_id=str(reply.id))


async def wake_next(db: AsyncSession, case_id: UUID) -> None:
    """Have the next queued reply of a case sent, now that an earlier one has settled."""
    following = await replies.find_next(db, case_id)
    if following is not None:
        await wake_delivery(db, following, following.due_at)


async def wake_settling(db: AsyncSession, reply: Reply, at: datetime | None = None) -> bool:
    """Have the outcome of a reply settled, not before `at`."""
    return await queue.defer(db, SETTLE, queue=Queue.SETTLE, lock=f"settle:{reply.id}", at=at, reply_id=str(reply.id))


async def rescue_reply(db: AsyncSession, reply: Reply) -> bool:
    """Wake a reply whose own job is lost; a wake-up that waits already is enough."""
    task, work = (SETTLE, Queue.SETTLE) if reply.status is ReplyStatus.UNKNOWN else (DELIVER, Queue.SEND)
    return await queue.defer(
        db,
        task,
        queue=work,
        lock=f"settle:{reply.id}" if task == SETTLE else f"case:{reply.case_id}",
        queueing_lock=f"rescue:{reply.id}",
        reply_id=str(reply.id),
    )


async def wake_marks(db: AsyncSession, channel_id: UUID, at: datetime | None = None) -> bool:
    """Have the waiting marks of a channel written."""
    return await queue.defer(
        db,
        WRITE_MARKS,
        queue=Queue.MARK,
        lock=f"marks:{channel_id}",
        queueing_lock=f"marks:{channel_id}",
        at=at,
        channel_id=str(channel_id),
    )


async def wake_copies(db: AsyncSession, attachment_ids: Sequence[UUID]) -> None:
    """Have the bytes of attachments copied."""
    waiting = {f"file:{id_}": {"attachment_id": str(id_)} for id_ in attachment_ids}
    await queue.defer_all(db, COPY_FILE, queue=Queue.FILE, waiting=waiting)


async def wake_replay(db: AsyncSession, job_id: UUID) -> bool:
    """Have stored records applied again."""
    return await queue.defer(db, REPLAY, queue=Queue.UPKEEP, job_id=str(job_id))
