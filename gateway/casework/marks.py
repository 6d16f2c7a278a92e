"""Flags that an agent wants to have written to a mall."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway import wake
from gateway.casework.actions import limits_of
from gateway.casework.caller import Caller, get_case
from gateway.model import Case, EventType, MarkState, ThreadMark
from gateway.model.errors import ConflictError
from gateway.runtime import Runtime
from gateway.sdk import Mark, Text
from gateway.store import channels, marks
from gateway.store.events import record_event


async def want_mark(
    db: AsyncSession, runtime: Runtime, caller: Caller, case_id: UUID, mark: Mark, now: datetime
) -> ThreadMark:
    """Queue a flag of the case's thread.

    Raises:
        ConflictError: the channel cannot write this flag.
    """
    case = await get_case(db, caller, case_id, for_update=True)
    channel = await channels.get_channel(db, case.channel_id)
    limits = await limits_of(runtime, channel)
    if isinstance(limits, Text) or mark not in limits.marks:
        raise ConflictError(
            "mark_not_possible",
            limits
            if isinstance(limits, Text)
            else Text(
                ja=f"このチャネルはモールに {mark.value} を伝えられません。",
                en=f"This channel cannot tell its mall {mark.value}.",
            ),
        )
    return await queue_mark(db, caller, case, mark, now)


async def queue_mark(db: AsyncSession, caller: Caller, case: Case, mark: Mark, now: datetime) -> ThreadMark:
    """Queue a flag that the channel is known to be able to write."""
    wanted = ThreadMark(
        channel_id=case.channel_id, case_id=case.id, mark=mark, wanted_by=caller.name, wanted_at=now, due_at=now
    )
    await marks.want(db, wanted)
    await db.flush()
    record_event(
        db,
        EventType.MARK_CHANGED,
        actor=caller.name,
        now=now,
        channel_id=case.channel_id,
        case_id=case.id,
        subject_id=wanted.id,
        mark=mark.value,
        state=MarkState.QUEUED.value,
    )
    await wake.wake_marks(db, case.channel_id)
    return wanted
