"""What connectors borrow: request budgets, and the memo of push channels."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from gateway.model.columns import BYTES, UTC_TIME


class RequestBudget(SQLModel, table=True):
    """The request budget of one credential: the time at which the next slot is free, by the database's clock."""

    __tablename__ = "request_budget"

    key: str = Field(primary_key=True)
    free_at: datetime = Field(sa_type=UTC_TIME)


class MemoEntry(SQLModel, table=True):
    """A value that a push channel remembers until it expires; `free_at` makes it a rate bucket instead."""

    __tablename__ = "memo_entry"

    channel_id: UUID = Field(primary_key=True, foreign_key="channel.id")
    key: str = Field(primary_key=True)
    value: bytes = Field(default=b"", sa_type=BYTES, repr=False)
    free_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    expires_at: datetime = Field(sa_type=UTC_TIME, index=True)
