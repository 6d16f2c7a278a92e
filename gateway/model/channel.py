"""A channel: one shop's account on one mall."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from gateway.ids import new_id
from gateway.model.columns import BYTES, JSON, LONG_TEXT, UTC_TIME, one_of


class ChannelState(StrEnum):
    """Whether a channel works."""

    ACTIVE = "active"  # it is read, and replies leave
    PAUSED = "paused"  # a person stopped it, or the mall refused its credentials; the reason says which


class Channel(SQLModel, table=True):
    """One shop's account on one mall: settings, sealed credentials, cursor, health."""

    __tablename__ = "channel"
    __table_args__ = (Index("channel_due", "state", "next_pull_at"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    connector: str
    name: str
    brand: str = ""
    address: str = Field(unique=True)
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    credentials: bytes = Field(default=b"", sa_type=BYTES, repr=False)
    tokens: bytes = Field(default=b"", sa_type=BYTES, repr=False)
    state: ChannelState = Field(default=ChannelState.ACTIVE, sa_type=one_of(ChannelState))
    reason_code: str | None = None
    reason: str | None = Field(default=None, sa_type=LONG_TEXT)
    cursor: str | None = Field(default=None, sa_type=LONG_TEXT)
    pull_interval: int | None = None
    """Seconds between pulls; None takes the gateway's own."""
    next_pull_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    last_pull_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    last_success_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    failures: int = 0
    """Pulls that failed in a row."""
    last_error: str | None = Field(default=None, sa_type=LONG_TEXT)
    credential_expires_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    created_at: datetime = Field(sa_type=UTC_TIME)
    revision: int = 1

    @property
    def is_active(self) -> bool:
        """Whether the channel is read and written."""
        return self.state is ChannelState.ACTIVE

    def pause(self, code: str, reason: str) -> bool:
        """Stop reading and sending; return False if it was stopped already."""
        if self.state is ChannelState.PAUSED:
            return False
        self.state = ChannelState.PAUSED
        self.reason_code = code
        self.reason = reason
        self.revision += 1
        return True

    def resume(self, now: datetime) -> bool:
        """Read and send again, from now on; return False if nothing had stopped it."""
        if self.state is ChannelState.ACTIVE:
            return False
        self.state = ChannelState.ACTIVE
        self.reason_code = self.reason = self.last_error = None
        self.failures = 0
        self.next_pull_at = now
        self.revision += 1
        return True

    def note_success(self, now: datetime, next_pull_at: datetime) -> None:
        """A pull read everything there was."""
        self.last_pull_at = self.last_success_at = now
        self.next_pull_at = next_pull_at
        self.failures = 0
        self.last_error = None

    def note_failure(self, now: datetime, reason: str, wait: timedelta) -> None:
        """A pull failed in a way that may pass; it is tried again after `wait`."""
        self.last_pull_at = now
        self.next_pull_at = now + wait
        self.failures += 1
        self.last_error = reason
