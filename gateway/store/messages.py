"""Messages and attachments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.ids import to_public
from gateway.model import Attachment, AttachmentState, Case, Direction, Message, Reply
from gateway.model.errors import NotFoundError
from gateway.sdk import AuthorRole


async def find_messages(db: AsyncSession, channel_id: UUID, external_ids: Sequence[str]) -> dict[str, Message]:
    """Return the messages that are already known, by the mall's ids."""
    if not external_ids:
        return {}
    query = select(Message).where(Message.channel_id == channel_id, col(Message.external_id).in_(external_ids))
    return {message.external_id: message for message in (await db.exec(query)).all()}


async def get_message(db: AsyncSession, message_id: UUID) -> Message:
    """Return one message."""
    message = await db.get(Message, message_id)
    if message is None:
        raise NotFoundError("message", to_public("msg", message_id))
    return message


async def add_own_message(db: AsyncSession, case: Case, reply: Reply, now: datetime) -> None:
    """Let the case show what was said, without waiting for the echo; the echo will find it by its id or text."""
    if reply.message_id is not None:
        return
    external_id = reply.external_id or f"reply:{to_public('rpl', reply.id)}"
    present = (await find_messages(db, reply.channel_id, [external_id])).get(external_id)
    message = present or Message(
        case_id=case.id,
        channel_id=case.channel_id,
        external_id=external_id,
        direction=Direction.OUTBOUND,
        author_role=AuthorRole.SHOP,
        author_name=reply.author,
        text=reply.text,
        sent_at=reply.sent_at or now,
        received_at=now,
        case_revision=case.revision,
    )
    message.reply_id, reply.message_id = reply.id, message.id
    db.add(message)


async def list_messages(
    db: AsyncSession, case_id: UUID, *, after: tuple[datetime, UUID] | None = None, limit: int | None = None
) -> list[Message]:
    """Return the messages of a case, oldest first; `after` is where the last page ended."""
    query = select(Message).where(Message.case_id == case_id).order_by(col(Message.sent_at), col(Message.id))
    if after is not None:
        query = query.where(tuple_(col(Message.sent_at), col(Message.id)) > after)
    return list((await db.exec(query.limit(limit))).all())


async def inbound_since(db: AsyncSession, case_id: UUID, revision: int) -> list[Message]:
    """Return what came from outside after the case had `revision`."""
    query = select(Message).where(
        Message.case_id == case_id,
        Message.direction == Direction.INBOUND,
        col(Message.case_revision) > revision,
    )
    return list((await db.exec(query.order_by(col(Message.sent_at)))).all())


async def get_attachment(db: AsyncSession, attachment_id: UUID, *, for_update: bool = False) -> Attachment:
    """Return one attachment."""
    query = select(Attachment).where(Attachment.id == attachment_id)
    attachment = (await db.exec(query.with_for_update() if for_update else query)).first()
    if attachment is None:
        raise NotFoundError("attachment", to_public("att", attachment_id))
    return attachment


async def list_attachments(
    db: AsyncSession, *, message_ids: Sequence[UUID] = (), reply_ids: Sequence[UUID] = ()
) -> list[Attachment]:
    """Return the attachments of messages and replies, in the order in which they were added."""
    query = select(Attachment).order_by(col(Attachment.id))
    query = query.where(col(Attachment.message_id).in_(message_ids) | col(Attachment.reply_id).in_(reply_ids))
    return list((await db.exec(query)).all())


async def list_uncopied(db: AsyncSession, older_than: datetime, *, limit: int) -> list[Attachment]:
    """Return attachments that were announced before `older_than` and still wait for their bytes."""
    query = (
        select(Attachment)
        .where(
            Attachment.state == AttachmentState.WAITING,
            col(Attachment.message_id).is_not(None),
            col(Attachment.created_at) < older_than,
        )
        .order_by(col(Attachment.id))
        .limit(limit)
    )
    return list((await db.exec(query)).all())
