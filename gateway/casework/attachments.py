"""Files that agents upload for their replies, and those that customers sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.casework.caller import Caller, may_see
from gateway.ids import to_public
from gateway.model import Attachment, AttachmentState, Case, Reply
from gateway.model.errors import ConflictError, InvalidError, NotFoundError, Problem
from gateway.runtime import Runtime
from gateway.sdk import Text
from gateway.store import messages

LONGEST_NAME = 120


async def upload(
    db: AsyncSession,
    runtime: Runtime,
    caller: Caller,
    *,
    name: str,
    content: bytes,
    claimed_type: str | None,
    now: datetime,
) -> Attachment:
    """Keep a file for a reply of the same caller.

    Raises:
        InvalidError: it is empty, or larger than GATEWAY_MAX_FILE_BYTES.
    """
    shown = clean_name(name)
    limit = runtime.config.max_file_bytes
    if len(content) > limit:
        _refuse(
            "file_too_large",
            Text(ja=f"{shown} は{limit:,}バイトまでです。", en=f"{shown} may have {limit:,} bytes and has more."),
        )
    if not content:
        _refuse("file_empty", Text(ja=f"{shown} は空です。", en=f"{shown} is empty."))
    stored = await runtime.files.put(content)
    attachment = Attachment(
        name=shown,
        claimed_type=claimed_type,
        content_type=stored.content_type,
        size=stored.size,
        sha256=stored.sha256,
        storage_key=stored.key,
        state=AttachmentState.STORED,
        uploaded_by=caller.ref,
        created_at=now,
    )
    db.add(attachment)
    await db.flush()
    return attachment


async def get_attachment(db: AsyncSession, caller: Caller, attachment_id: UUID) -> Attachment:
    """Return an attachment that the caller may see: of a case within their limits, or their own upload."""
    attachment = await messages.get_attachment(db, attachment_id)
    is_loose = attachment.message_id is None and attachment.reply_id is None
    is_visible = attachment.uploaded_by == caller.ref if is_loose else await may_see(db, caller, attachment.channel_id)
    if not is_visible:
        raise NotFoundError("attachment", to_public("att", attachment_id))
    return attachment


async def read(runtime: Runtime, attachment: Attachment) -> bytes:
    """Return the bytes of an attachment.

    Raises:
        ConflictError: they are not here, or not any more.
    """
    if attachment.state is not AttachmentState.STORED or attachment.storage_key is None:
        raise ConflictError(
            "attachment_not_stored",
            Text(
                ja=f"{attachment.name} はまだ保存されていません。{attachment.reason or ''}",
                en=f"{attachment.name} is not here. {attachment.reason or 'It will be copied from the mall.'}",
            ),
            extra={"state": attachment.state.value},
        )
    try:
        return await runtime.files.get(attachment.storage_key)
    except OSError as error:
        raise ConflictError(
            "attachment_lost",
            Text(
                ja=f"{attachment.name} がファイルの保存場所にありません。",
                en=f"{attachment.name} is missing from the file store.",
            ),
        ) from error


async def find_uploads(db: AsyncSession, caller: Caller, ids: Sequence[UUID]) -> list[Attachment]:
    """Return the caller's own uploads that no reply has yet, locked, in the order of `ids`.

    Raises:
        InvalidError: one of them is not there, is somebody else's, or went out with another reply.
    """
    found: list[Attachment] = []
    problems = []
    for index, attachment_id in enumerate(ids):
        try:
            attachment = await messages.get_attachment(db, attachment_id, for_update=True)
        except NotFoundError:
            attachment = None
        if attachment is not None and _is_usable(attachment, caller) and attachment not in found:
            found.append(attachment)
            continue
        shown = to_public("att", attachment_id)
        message = Text(
            ja=f"{shown} は使えません。ご自身がアップロードした未使用のファイルを指定してください。",
            en=f"{shown} cannot be used; name a file that you uploaded and no reply has yet.",
        )
        problems.append(Problem(code="attachment_not_usable", pointer=f"/attachment_ids/{index}", message=message))
    if problems:
        text = Text(ja="使えない添付ファイルがあります。", en="Some attachments cannot be used.")
        raise InvalidError("attachment_not_usable", text, problems)
    return found


def attach(files: Sequence[Attachment], case: Case, reply: Reply) -> None:
    """Give uploads to a reply; from now on they are seen by whoever sees the case."""
    for file in files:
        file.reply_id, file.channel_id = reply.id, case.channel_id


def clean_name(name: str) -> str:
    """Return the last part of a file's name without characters that mislead or break, at most 120 long."""
    last = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    # Categories C*: control, format (bidirectional overrides) and the like. They make "exe.png" out of "gnp.exe".
    kept = "".join(character for character in last if unicodedata.category(character)[0] != "C").strip(" .")
    stem, dot, suffix = kept.rpartition(".")
    if dot and len(suffix) <= 10:
        return f"{stem[: LONGEST_NAME - len(suffix) - 1]}.{suffix}" if stem else f"file.{suffix}"
    return kept[:LONGEST_NAME] or "file"


def _is_usable(attachment: Attachment, caller: Caller) -> bool:
    return (
        attachment.uploaded_by == caller.ref
        and attachment.state is AttachmentState.STORED
        and attachment.message_id is None
        and attachment.reply_id is None
    )


def _refuse(code: str, message: Text) -> None:
    raise InvalidError(code, message, [Problem(code=code, pointer="/file", message=message)])
