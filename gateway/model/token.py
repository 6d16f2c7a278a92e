"""Tokens of API callers, and the answers that idempotency keys replay."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, String
from sqlmodel import Field, SQLModel

from gateway.ids import new_id
from gateway.model.columns import BYTES, JSON, UTC_TIME


class Scope(StrEnum):
    """What a token allows."""

    CASES_READ = "cases:read"  # cases, messages, notes, attachments, replies, events
    CASES_WRITE = "cases:write"  # change cases, write notes, set marks
    REPLIES_WRITE = "replies:write"  # send and cancel replies: this reaches customers
    CHANNELS_READ = "channels:read"  # channels, connectors, jobs
    CHANNELS_WRITE = "channels:write"  # add, change, pause and read channels now
    RECORDS_READ = "records:read"  # raw records and the quarantine
    RECORDS_WRITE = "records:write"  # replay records


class Token(SQLModel, table=True):
    """A bearer token: only its hash is kept; empty `brands` or `channels` mean no limit."""

    __tablename__ = "token"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str
    prefix: str
    """The visible start, by which people recognise it."""
    hash: bytes = Field(sa_type=BYTES, unique=True, repr=False)
    scopes: list[str] = Field(sa_type=ARRAY(String()))
    brands: list[str] = Field(default_factory=list, sa_type=ARRAY(String()))
    channels: list[str] = Field(default_factory=list, sa_type=ARRAY(String()))
    created_at: datetime = Field(sa_type=UTC_TIME)
    expires_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    revoked_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    last_used_at: datetime | None = Field(default=None, sa_type=UTC_TIME)

    def is_valid(self, now: datetime) -> bool:
        """Whether the token opens anything at `now`."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class IdempotencyKey(SQLModel, table=True):
    """One keyed request: while it runs there is no `status`, afterwards the answer is replayed."""

    __tablename__ = "idempotency_key"

    token_id: UUID = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_hash: bytes = Field(sa_type=BYTES)
    status: int | None = None
    headers: dict[str, str] | None = Field(default=None, sa_type=JSON)
    body: bytes | None = Field(default=None, sa_type=BYTES, repr=False)
    created_at: datetime = Field(sa_type=UTC_TIME)
    expires_at: datetime = Field(sa_type=UTC_TIME, index=True)
