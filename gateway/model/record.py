"""A record: the inbox row, a raw payload as received."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from gateway.ids import new_id
from gateway.model.columns import BYTES, LONG_TEXT, UTC_TIME, one_of


class RecordState(StrEnum):
    """How far a record has come."""

    RECEIVED = "received"  # stored, not yet understood
    APPLIED = "applied"  # understood; its messages stand in a case
    QUARANTINED = "quarantined"  # not understood, or held back; waits for a replay, with its reason


class Record(SQLModel, table=True):
    """A raw payload, kept as it came. `version` tells states of one thread apart."""

    __tablename__ = "record"
    __table_args__ = (
        Index("record_thread", "channel_id", "external_id", "id"),
        Index("record_waiting", "channel_id", "id", postgresql_where=text("state <> 'applied'")),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel_id: UUID = Field(foreign_key="channel.id")
    external_id: str
    version: str
    content_type: str
    payload: bytes = Field(sa_type=BYTES, repr=False)
    state: RecordState = Field(default=RecordState.RECEIVED, sa_type=one_of(RecordState))
    reason_code: str | None = None
    reason: str | None = Field(default=None, sa_type=LONG_TEXT)
    pointer: str | None = None
    case_id: UUID | None = Field(default=None, foreign_key="case.id", index=True)
    job_id: UUID | None = None
    received_at: datetime = Field(sa_type=UTC_TIME)
    applied_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
