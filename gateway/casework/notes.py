"""What the team says to itself about a case."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.casework.caller import Caller, get_case
from gateway.model import EventType, Note
from gateway.store.events import record_event


async def add(
    db: AsyncSession, caller: Caller, case_id: UUID, text: str, now: datetime, *, author: str | None = None
) -> Note:
    """Add a note; no connector ever sees it."""
    case = await get_case(db, caller, case_id)
    note = Note(case_id=case.id, author=author or caller.name, text=text, created_at=now)
    db.add(note)
    await db.flush()
    record_event(
        db,
        EventType.NOTE_ADDED,
        actor=caller.name,
        now=now,
        channel_id=case.channel_id,
        case_id=case.id,
        subject_id=note.id,
    )
    return note
