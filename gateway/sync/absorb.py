"""Inquiries become cases: many in one transaction, each message once, our own replies recognised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import nh3
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway import wake
from gateway.ids import new_id
from gateway.model import (
    Attachment,
    AttachmentState,
    Case,
    Direction,
    Event,
    EventType,
    Message,
    Record,
    RecordState,
    Reply,
    ReplyStatus,
)
from gateway.sdk import AuthorRole, Inquiry, fingerprint
from gateway.sdk import Message as Utterance
from gateway.store import cases, messages, records, replies
from gateway.store.rows import insert_rows

ACTOR = "engine"
# Clocks of mall and gateway differ; an echo may seem to be a little older than the attempt that made it.
CLOCK_SKEW = timedelta(minutes=10)


@dataclass(slots=True)
class _Batch:
    """One batch of inquiries of one channel: what is known already, and the rows that it makes."""

    db: AsyncSession
    now: datetime
    held: dict[str, Case]
    known: dict[str, Message]
    waiting: defaultdict[UUID, list[Reply]]
    opened: list[Case] = field(default_factory=list)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    settled: list[Reply] = field(default_factory=list)

    def add_event(self, type_: EventType, case: Case, subject_id: UUID | None = None, **detail: Any) -> None:
        self.events.append(
            {
                "type": type_,
                "channel_id": case.channel_id,
                "case_id": case.id,
                "subject_id": subject_id,
                "actor": ACTOR,
                "detail": detail,
                "happened_at": self.now,
            }
        )


async def absorb(db: AsyncSession, channel_id: UUID, readable: Sequence[tuple[Record, Inquiry]], now: datetime) -> int:
    """Bring normalised records into their cases; return how many messages were new.

    Absorbing the same inquiry twice changes nothing. Messages are joined by the mall's ids alone.
    """
    held = await cases.lock_threads(db, channel_id, [inquiry.external_id for _, inquiry in readable])
    known = await messages.find_messages(
        db, channel_id, [message.external_id for _, inquiry in readable for message in inquiry.messages]
    )
    waiting: defaultdict[UUID, list[Reply]] = defaultdict(list)
    for reply in await replies.list_unconfirmed(db, [case.id for case in held.values()]):
        waiting[reply.case_id].append(reply)
    batch = _Batch(db=db, now=now, held=held, known=known, waiting=waiting)
    for record, inquiry in readable:
        await _absorb_one(batch, channel_id, record, inquiry)
    await _write(batch)
    await cases.add_references(db, [(held[inquiry.external_id].id, inquiry) for _, inquiry in readable])
    await records.mark_applied(db, {record.id: held[inquiry.external_id].id for record, inquiry in readable}, now)
    await wake.wake_copies(db, [row["id"] for row in batch.attachments])
    for reply in batch.settled:
        await wake.wake_next(db, reply.case_id)
    return len(batch.messages)


async def _absorb_one(batch: _Batch, channel_id: UUID, record: Record, inquiry: Inquiry) -> None:
    case = batch.held.get(inquiry.external_id)
    is_first = case is None
    if case is None:
        case = batch.held[inquiry.external_id] = Case.open_for(channel_id, inquiry, batch.now)
        batch.opened.append(case)
    fresh = []
    for message in inquiry.messages:
        if message.external_id in batch.messages:
            continue
        present = batch.known.get(message.external_id)
        if present is None:
            fresh.append(message)
        else:
            _follow(batch, case, present, message)
    echoes = _recognise(batch, case, fresh)
    unheard = [message for message in fresh if message.external_id not in echoes]
    status = case.status
    if case.absorb(inquiry, unheard, batch.now, is_first=is_first):
        type_ = EventType.CASE_OPENED if is_first else EventType.CASE_CHANGED
        batch.add_event(type_, case, status=case.status.value, was=None if is_first else status.value)
    for message in fresh:
        await _add_message(batch, case, record, message, echoes.get(message.external_id))
    record.state, record.case_id, record.applied_at = RecordState.APPLIED, case.id, batch.now
    record.reason_code = record.reason = record.pointer = None


def _follow(batch: _Batch, case: Case, present: Message, message: Utterance) -> None:
    """Follow the mall: it has deleted a message that we hold, or the other side has read it."""
    if (present.is_deleted, present.is_read) == (message.is_deleted, message.is_read):
        return
    present.is_read = message.is_read
    if message.is_deleted and not present.is_deleted:
        present.is_deleted, present.text, present.html = True, "", None
    batch.db.add(present)
    case.touch(batch.now)
    batch.add_event(EventType.CASE_CHANGED, case, present.id, is_deleted=present.is_deleted, is_read=present.is_read)


def _recognise(batch: _Batch, case: Case, fresh: Sequence[Utterance]) -> dict[str, Reply]:
    """Match the shop's new messages to replies of ours that have left or may have left.

    The text's fingerprint decides, not before the first attempt; each reply is matched once, the oldest first. A match
    settles a doubtful reply as sent.
    """
    echoes: dict[str, Reply] = {}
    waiting = batch.waiting[case.id]
    for message in sorted(fresh, key=lambda message: (message.sent_at, message.external_id)):
        if message.author_role is not AuthorRole.SHOP or message.is_deleted:
            continue
        reply = next((reply for reply in waiting if _is_echo(reply, message)), None)
        if reply is not None:
            waiting.remove(reply)
            echoes[message.external_id] = reply
    return echoes


def _is_echo(reply: Reply, message: Utterance) -> bool:
    started = reply.first_sending_at
    return (
        started is not None
        and message.sent_at >= started - CLOCK_SKEW
        and reply.fingerprint == fingerprint(message.text)
    )


async def _add_message(batch: _Batch, case: Case, record: Record, message: Utterance, reply: Reply | None) -> None:
    if reply is not None and reply.message_id is not None:
        # The mall confirmed the reply without telling its id: the message stands here already, now it gets its name.
        present = await messages.get_message(batch.db, reply.message_id)
        present.external_id, present.sent_at, present.is_read = message.external_id, message.sent_at, message.is_read
        present.record_id = record.id
        reply.external_id = message.external_id
        batch.db.add_all([present, reply])
        return
    row = _message_row(case, record, message, batch.now)
    batch.messages[message.external_id] = row
    batch.attachments += [
        {
            "id": new_id(),
            "channel_id": case.channel_id,
            "message_id": row["id"],
            "external_id": attachment.external_id,
            "name": attachment.name,
            "claimed_type": attachment.content_type,
            "size": attachment.size,
            "state": AttachmentState.WAITING,
            "attempts": 0,
            "reference": attachment.model_dump(mode="json"),
            "created_at": batch.now,
        }
        for attachment in message.attachments
    ]
    if reply is None:
        if message.author_role.is_inbound:
            batch.add_event(EventType.MESSAGE_RECEIVED, case, row["id"], author_role=message.author_role.value)
        return
    row["reply_id"] = reply.id
    reply.message_id, reply.external_id = row["id"], message.external_id
    if reply.status in {ReplyStatus.UNKNOWN, ReplyStatus.NEEDS_PERSON, ReplyStatus.QUEUED, ReplyStatus.FAILED}:
        reply.confirm(batch.now, sent_at=message.sent_at, external_id=message.external_id)
        case.note_sent(message.sent_at, batch.now)
        batch.settled.append(reply)
        batch.add_event(EventType.REPLY_CHANGED, case, reply.id, status=reply.status.value, by="echo")
    batch.db.add(reply)


def _message_row(case: Case, record: Record, message: Utterance, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "case_id": case.id,
        "channel_id": case.channel_id,
        "external_id": message.external_id,
        "direction": Direction.INBOUND if message.author_role.is_inbound else Direction.OUTBOUND,
        "author_role": message.author_role,
        "author_name": message.author_name,
        "text": message.text,
        # Nobody ever sees what a customer put into HTML before it went through here.
        "html": nh3.clean(message.html) if message.html else None,
        "is_deleted": message.is_deleted,
        "is_read": message.is_read,
        "sent_at": message.sent_at,
        "received_at": now,
        "record_id": record.id,
        "reply_id": None,
        "case_revision": case.revision,
    }


async def _write(batch: _Batch) -> None:
    """Write each table once; cases that were opened come first, since everything else points at them."""
    await insert_rows(batch.db, Case, [case.model_dump() for case in batch.opened])
    await batch.db.flush()
    await insert_rows(batch.db, Message, list(batch.messages.values()))
    await insert_rows(batch.db, Attachment, batch.attachments)
    await insert_rows(batch.db, Event, batch.events)
