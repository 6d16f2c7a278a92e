"""A mark: a flag of a thread on its way to the mall."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from gateway.ids import new_id
from gateway.model.columns import LONG_TEXT, UTC_TIME, one_of
from gateway.sdk import Mark


class MarkState(StrEnum):
    """How far a mark has come."""

    QUEUED = "queued"  # waits for its batch, or for the next try
    DONE = "done"  # the mall has the flag
    FAILED = "failed"  # the mall refused it; the reason says why
    SUPERSEDED = "superseded"  # a later wish for the same thread replaced it


class ThreadMark(SQLModel, table=True):
    """One wish to write a flag of one thread."""

    __tablename__ = "thread_mark"
    __table_args__ = (
        Index("thread_mark_waiting", "channel_id", "mark", "id", postgresql_where=text("state = 'queued'")),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel_id: UUID = Field(foreign_key="channel.id")
    case_id: UUID = Field(foreign_key="case.id", index=True)
    mark: Mark = Field(sa_type=one_of(Mark))
    state: MarkState = Field(default=MarkState.QUEUED, sa_type=one_of(MarkState))
    attempts: int = 0
    reason: str | None = Field(default=None, sa_type=LONG_TEXT)
    wanted_by: str
    wanted_at: datetime = Field(sa_type=UTC_TIME)
    due_at: datetime = Field(sa_type=UTC_TIME)
    done_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
