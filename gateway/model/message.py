"""A message: one utterance in a case. A note is internal, and a table of its own."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from gateway.ids import new_id
from gateway.model.columns import JSON, LONG_TEXT, UTC_TIME, one_of
from gateway.sdk import AuthorRole


class Direction(StrEnum):
    """Which way a message goes."""

    INBOUND = "inbound"  # to the shop
    OUTBOUND = "outbound"  # from the shop


class Message(SQLModel, table=True):
    """One utterance. `html` has been sanitised; `reply_id` tells that it is the echo of a reply of ours."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("channel_id", "external_id"),
        Index("message_by_case", "case_id", "sent_at", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    case_id: UUID = Field(foreign_key="case.id")
    channel_id: UUID = Field(foreign_key="channel.id")
    external_id: str
    direction: Direction = Field(sa_type=one_of(Direction))
    author_role: AuthorRole = Field(sa_type=one_of(AuthorRole))
    author_name: str | None = Field(default=None, repr=False)
    text: str = Field(sa_type=LONG_TEXT, repr=False)
    html: str | None = Field(default=None, sa_type=LONG_TEXT, repr=False)
    is_deleted: bool = False
    is_read: bool | None = None
    sent_at: datetime = Field(sa_type=UTC_TIME)
    received_at: datetime = Field(sa_type=UTC_TIME)
    record_id: UUID | None = None
    reply_id: UUID | None = None
    case_revision: int = 0
    """The revision of the case with which this message came: a reply written against an older one is stale."""


class Note(SQLModel, table=True):
    """What the team says to itself about a case; no connector ever sees one."""

    __tablename__ = "note"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    case_id: UUID = Field(foreign_key="case.id", index=True)
    author: str
    text: str = Field(sa_type=LONG_TEXT, repr=False)
    created_at: datetime = Field(sa_type=UTC_TIME)


class AttachmentState(StrEnum):
    """Whether the bytes are here."""

    WAITING = "waiting"  # they will be copied from the mall
    STORED = "stored"  # they are in the file store
    REFUSED = "refused"  # too large or gone; the reason says which, the text of the message is kept


class Attachment(SQLModel, table=True):
    """A file of a message (inbound) or of a reply (outbound). `content_type` is sniffed, `claimed_type` is not."""

    __tablename__ = "attachment"
    __table_args__ = (
        UniqueConstraint("message_id", "external_id"),
        Index("attachment_by_reply", "reply_id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel_id: UUID | None = Field(default=None, foreign_key="channel.id")
    message_id: UUID | None = Field(default=None, foreign_key="message.id")
    reply_id: UUID | None = Field(default=None, foreign_key="reply.id")
    external_id: str | None = None
    name: str
    claimed_type: str | None = None
    content_type: str | None = None
    size: int | None = None
    sha256: str | None = None
    storage_key: str | None = None
    state: AttachmentState = Field(default=AttachmentState.WAITING, sa_type=one_of(AttachmentState))
    reason: str | None = Field(default=None, sa_type=LONG_TEXT)
    attempts: int = 0
    reference: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, repr=False)
    uploaded_by: str | None = None
    created_at: datetime = Field(sa_type=UTC_TIME)
