"""A job: long work that people can look at. The engine's own queue rows are something else."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from gateway.ids import new_id
from gateway.model.columns import JSON, LONG_TEXT, UTC_TIME, one_of


class JobKind(StrEnum):
    """What a job does."""

    PULL = "pull"  # reads one channel
    REPLAY = "replay"  # applies stored records again


class JobState(StrEnum):
    """How far a job has come."""

    QUEUED = "queued"  # waits for a worker
    RUNNING = "running"  # a worker is at it
    SUCCEEDED = "succeeded"  # done
    FAILED = "failed"  # stopped, with a reason


class Job(SQLModel, table=True):
    """One run of long work; `counts` says how much of what was done."""

    __tablename__ = "job"
    __table_args__ = (Index("job_by_channel", "channel_id", "id"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: JobKind = Field(sa_type=one_of(JobKind))
    channel_id: UUID | None = Field(default=None, foreign_key="channel.id")
    state: JobState = Field(default=JobState.QUEUED, sa_type=one_of(JobState))
    wanted_by: str
    counts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    reason_code: str | None = None
    reason: str | None = Field(default=None, sa_type=LONG_TEXT)
    created_at: datetime = Field(sa_type=UTC_TIME)
    started_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    finished_at: datetime | None = Field(default=None, sa_type=UTC_TIME)

    def start(self, now: datetime) -> None:
        """A worker begins."""
        self.state = JobState.RUNNING
        self.started_at = now

    def finish(self, now: datetime, *, code: str | None = None, reason: str | None = None) -> None:
        """The work ended; a `code` means that it failed."""
        self.state = JobState.FAILED if code else JobState.SUCCEEDED
        self.reason_code, self.reason = code, reason
        self.finished_at = now
