"""An event: one entry of the change feed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, text
from sqlmodel import Field, SQLModel

from gateway.model.columns import BIG, JSON, UTC_TIME, one_of


class EventType(StrEnum):
    """What happened; clients must accept values that they do not know."""

    CASE_OPENED = "case.opened"  # a thread was seen for the first time
    CASE_CHANGED = "case.changed"  # status, facts or flags of a case
    MESSAGE_RECEIVED = "message.received"  # somebody wrote in a case
    NOTE_ADDED = "note.added"  # the team wrote to itself
    REPLY_CHANGED = "reply.changed"  # a reply reached another status
    MARK_CHANGED = "mark.changed"  # a flag was wanted, written or refused
    CHANNEL_CHANGED = "channel.changed"  # a channel was added, changed, paused or resumed
    RECORD_QUARANTINED = "record.quarantined"  # a record could not be understood
    ATTACHMENT_CHANGED = "attachment.changed"  # a file was copied or refused


class Event(SQLModel, table=True):
    """One change. `position` is given after the commit, without gaps and in the order of commits."""

    __tablename__ = "event"
    __table_args__ = (
        Index("event_unplaced", "id", postgresql_where=text("position is null")),
        Index("event_by_case", "case_id", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    position: int | None = Field(default=None, sa_type=BIG, unique=True)
    type: EventType = Field(sa_type=one_of(EventType))
    channel_id: UUID | None = None
    case_id: UUID | None = None
    subject_id: UUID | None = None
    """What changed: the message, reply, note, record, mark or attachment."""
    actor: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """Statuses and codes; never personal data."""
    happened_at: datetime = Field(sa_type=UTC_TIME)
