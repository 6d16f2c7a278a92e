"""Attachments are copied when they are seen: malls keep them for a while only."""

from __future__ import annotations

from uuid import UUID

from gateway.model import AttachmentState, EventType
from gateway.runtime import Runtime
from gateway.sdk import Attachment as Announced
from gateway.sdk import AuthenticationError, ConnectorError, RejectedError
from gateway.store import channels, messages
from gateway.store.events import record_event
from gateway.sync.inbound import note_failure

ACTOR = "engine"
MOST_ATTEMPTS = 8


async def copy_file(runtime: Runtime, attachment_id: UUID) -> AttachmentState:
    """Copy the bytes of an inbound attachment into the file store; what is refused keeps its reason."""
    async with runtime.database.session() as db:
        attachment = await messages.get_attachment(db, attachment_id)
        if attachment.state is not AttachmentState.WAITING or attachment.channel_id is None:
            return attachment.state
        channel = await channels.get_channel(db, attachment.channel_id)
    announced = Announced.model_validate(attachment.reference)
    limit = runtime.config.max_file_bytes
    if announced.size is not None and announced.size > limit:
        return await _note(runtime, attachment_id, reason=_too_large(announced.name, announced.size, limit))
    if not channel.is_active:
        return attachment.state
    try:
        async with runtime.connector(channel) as connector:
            file = await connector.download(announced, max_bytes=limit)
        stored = await runtime.files.put(file.content)
    except RejectedError as error:
        return await _note(runtime, attachment_id, reason=f"{announced.name}: {error.message}")
    except AuthenticationError as error:
        await note_failure(runtime, channel.id, error)
        return attachment.state
    except (ConnectorError, OSError) as error:
        return await _note(runtime, attachment_id, reason=f"{announced.name}: {error}", is_final=False)
    return await _note(
        runtime,
        attachment_id,
        storage_key=stored.key,
        sha256=stored.sha256,
        size=stored.size,
        content_type=stored.content_type,
    )


def _too_large(name: str, size: int, limit: int) -> str:
    return f"{name} has {size:,} bytes; GATEWAY_MAX_FILE_BYTES allows {limit:,}"


async def _note(
    runtime: Runtime, attachment_id: UUID, *, reason: str | None = None, is_final: bool = True, **stored: str | int
) -> AttachmentState:
    now = runtime.clock()
    async with runtime.database.session() as db:
        attachment = await messages.get_attachment(db, attachment_id, for_update=True)
        attachment.attempts += 1
        attachment.reason = reason
        if stored:
            attachment.state = AttachmentState.STORED
            attachment.sqlmodel_update(stored)
        elif is_final or attachment.attempts >= MOST_ATTEMPTS:
            attachment.state = AttachmentState.REFUSED
        db.add(attachment)
        if attachment.state is not AttachmentState.WAITING and attachment.message_id is not None:
            message = await messages.get_message(db, attachment.message_id)
            record_event(
                db,
                EventType.ATTACHMENT_CHANGED,
                actor=ACTOR,
                now=now,
                channel_id=attachment.channel_id,
                case_id=message.case_id,
                subject_id=attachment.id,
                state=attachment.state.value,
            )
        await db.commit()
        return attachment.state
