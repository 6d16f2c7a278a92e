"""Answers of agents: checked, submitted, taken back, tried again, settled by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway import wake
from gateway.casework import attachments
from gateway.casework.actions import outbound
from gateway.casework.caller import Caller, get_case, may_see
from gateway.ids import new_id, to_public
from gateway.model import Attachment, Case, CaseStatus, Outcome, Reply, ReplyStatus
from gateway.model.errors import ConflictError, InvalidError, NotFoundError, Problem, StaleError
from gateway.runtime import Runtime
from gateway.sdk import OutboundFile, Text, Violation, fingerprint
from gateway.store import channels, messages, replies
from gateway.store.events import record_case_change, record_reply_change

_NO_REPLY = Text(ja="このチャネルでは返信できません。", en="This channel cannot reply.")
_RETRIED = Text(ja="担当者が再送を指示しました。", en="An agent asked to send it again.")
_ABSENT = Text(
    ja="担当者が未着を確認しました。もう一度送信します。", en="An agent saw that it did not arrive; it is sent again."
)
_GIVEN_UP = Text(
    ja="担当者が未着を確認し、送信を取りやめました。", en="An agent saw that it did not arrive and gave it up."
)


class Resolution(StrEnum):
    """What a person found out about a reply in doubt, and what is to happen."""

    SENT = "sent"  # it stands in the mall's thread
    SEND_AGAIN = "send_again"  # it does not; send it
    GIVE_UP = "give_up"  # it does not; leave it


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An answer as the agent wrote it, against `base_revision` of the case. The customer may see `author_name`."""

    text: str
    base_revision: int
    attachment_ids: Sequence[UUID] = ()
    author_name: str | None = None


async def check(
    db: AsyncSession, runtime: Runtime, caller: Caller, case_id: UUID, text: str, attachment_ids: Sequence[UUID] = ()
) -> list[Problem]:
    """Return what the mall would refuse, warnings included, with the code that runs before sending, too."""
    case = await get_case(db, caller, case_id)
    files = await attachments.find_uploads(db, caller, attachment_ids)
    return [_to_problem(v) for v in await _violations(db, runtime, case, text, files, author_name=None)]


async def submit(
    db: AsyncSession, runtime: Runtime, caller: Caller, case_id: UUID, draft: Draft, now: datetime
) -> Reply:
    """Accept an answer: the reply, its queue entry and the change of the case are one commit.

    Raises:
        StaleError: the customer has written since; `extra["messages"]` is what. ConflictError: the channel cannot
            reply. InvalidError: the answer breaks rules, with the place and a fix for each.
    """
    case = await get_case(db, caller, case_id, for_update=True)
    _require_known_revision(case, draft.base_revision)
    unseen = await messages.inbound_since(db, case.id, draft.base_revision)
    if unseen:
        raise StaleError(case.revision, extra={"messages": unseen})
    files = await attachments.find_uploads(db, caller, draft.attachment_ids)
    violations = await _violations(db, runtime, case, draft.text, files, author_name=draft.author_name)
    _require_no(violations)
    reply = Reply(
        id=new_id(),
        case_id=case.id,
        channel_id=case.channel_id,
        position=await replies.next_position(db, case.id),
        text=draft.text,
        fingerprint=fingerprint(draft.text),
        author=draft.author_name or "",
        base_revision=draft.base_revision,
        created_at=now,
        updated_at=now,
    )
    reply.submit(now)
    db.add(reply)
    await db.flush()
    attachments.attach(files, case, reply)
    was = case.status
    if case.status is CaseStatus.NEW:
        case.status = CaseStatus.OPEN
    case.touch(now)
    db.add_all([case, *files])
    await db.flush()
    if case.status is not was:
        record_case_change(db, case, was, actor=caller.name, now=now)
    record_reply_change(db, reply, ReplyStatus.DRAFT, actor=caller.name, now=now)
    await wake.wake_delivery(db, reply)
    return reply


async def cancel(db: AsyncSession, caller: Caller, reply_id: UUID, now: datetime) -> Reply:
    """Take a reply back that waits and of which nothing can have left.

    Raises:
        ConflictError: it is too late.
    """
    case, reply = await _lock(db, caller, reply_id)
    if reply.status is not ReplyStatus.QUEUED:
        _refuse(reply, Text(ja="送信待ちの返信だけを取り消せます。", en="Only a reply that waits can be taken back."))
    attempts = await replies.list_attempts(db, [reply.id])
    if any(attempt.outcome is not Outcome.NOT_SENT for attempt in attempts):
        text = Text(
            ja="以前の送信がお客様に届いている可能性があるため、取り消せません。",
            en="An earlier attempt may have reached the customer, so it cannot be taken back.",
        )
        raise ConflictError("may_have_left", text, extra={"status": reply.status.value})
    was = reply.status
    reply.cancel(now)
    await _settle(db, caller, case, reply, was, now)
    return reply


async def retry(db: AsyncSession, caller: Caller, reply_id: UUID, now: datetime) -> Reply:
    """Send a failed reply after all.

    Raises:
        ConflictError: it has not failed.
    """
    case, reply = await _lock(db, caller, reply_id)
    if reply.status is not ReplyStatus.FAILED:
        _refuse(reply, Text(ja="失敗した返信だけを再送できます。", en="Only a failed reply can be sent again."))
    was = reply.status
    reply.requeue(now, "retried", _RETRIED)
    await _send_again(db, caller, case, reply, was, now)
    return reply


async def resolve(db: AsyncSession, caller: Caller, reply_id: UUID, resolution: Resolution, now: datetime) -> Reply:
    """Settle a reply in doubt by what a person has seen in the mall's thread.

    Raises:
        ConflictError: it does not need a person.
    """
    case, reply = await _lock(db, caller, reply_id)
    if reply.status is not ReplyStatus.NEEDS_PERSON:
        text = Text(ja="担当者の確認を待つ返信だけを解決できます。", en="Only a reply that needs a person is resolved.")
        _refuse(reply, text)
    was = reply.status
    match resolution:
        case Resolution.SEND_AGAIN:
            reply.requeue(now, "resolved_absent", _ABSENT)
            await _send_again(db, caller, case, reply, was, now)
            return reply
        case Resolution.GIVE_UP:
            reply.fail(now, "resolved_absent", _GIVEN_UP)
            case.note_not_sent(now)
        case Resolution.SENT:
            attempts = await replies.list_attempts(db, [reply.id])
            sent_at = attempts[-1].started_at if attempts else now
            reply.confirm(now, sent_at=sent_at, external_id=None)
            await messages.add_own_message(db, case, reply, now)
            case.note_sent(sent_at, now)
    await _settle(db, caller, case, reply, was, now, resolution=resolution.value)
    return reply


async def get_reply(db: AsyncSession, caller: Caller, reply_id: UUID) -> Reply:
    """Return a reply that the caller may see."""
    reply = await replies.get_reply(db, reply_id)
    if not await may_see(db, caller, reply.channel_id):
        raise NotFoundError("reply", to_public("rpl", reply_id))
    return reply


async def _lock(db: AsyncSession, caller: Caller, reply_id: UUID) -> tuple[Case, Reply]:
    await get_reply(db, caller, reply_id)
    return await replies.lock_with_case(db, reply_id)


async def _violations(
    db: AsyncSession, runtime: Runtime, case: Case, text: str, files: Sequence[Attachment], *, author_name: str | None
) -> list[Violation]:
    channel = await channels.get_channel(db, case.channel_id)
    shown = [OutboundFile(name=file.name, content_type=file.content_type or "", size=file.size or 0) for file in files]
    async with runtime.connector(channel) as connector:
        if connector.limits.reply is None:
            raise ConflictError("no_reply", connector.limits.no_reply_reason or _NO_REPLY)
        return connector.check(outbound(case, text, shown, now=runtime.clock(), author_name=author_name))


def _require_known_revision(case: Case, base_revision: int) -> None:
    if base_revision > case.revision:
        message = Text(
            ja=f"この案件の版は {case.revision} までです。", en=f"The case has come to revision {case.revision} only."
        )
        problem = Problem(code="revision_unknown", pointer="/base_revision", message=message)
        raise InvalidError("revision_unknown", message, [problem])


def _require_no(violations: Sequence[Violation]) -> None:
    problems = [_to_problem(violation) for violation in violations if not violation.is_warning]
    if problems:
        text = Text(ja="この返信はモールに受け付けられません。", en="The mall would refuse this reply.")
        raise InvalidError("reply_breaks_rules", text, problems)


def _to_problem(violation: Violation) -> Problem:
    # Connectors speak of files, callers of the attachments that they named.
    pointer = violation.pointer.replace("/files", "/attachment_ids", 1)
    extra = {
        name: value
        for name, value in (("start", violation.start), ("end", violation.end), ("fix", violation.fix))
        if value is not None
    }
    return Problem(
        code=violation.code,
        pointer=pointer,
        message=violation.message,
        extra={**extra, "is_warning": violation.is_warning},
    )


async def _send_again(
    db: AsyncSession, caller: Caller, case: Case, reply: Reply, was: ReplyStatus, now: datetime
) -> None:
    case.touch(now)
    db.add_all([case, reply])
    await db.flush()
    record_reply_change(db, reply, was, actor=caller.name, now=now)
    await wake.wake_delivery(db, reply)


async def _settle(
    db: AsyncSession, caller: Caller, case: Case, reply: Reply, was: ReplyStatus, now: datetime, **detail: str
) -> None:
    if case.updated_at != now:
        case.touch(now)
    db.add_all([case, reply])
    await db.flush()
    record_reply_change(db, reply, was, actor=caller.name, now=now, **detail)
    await wake.wake_next(db, case.id)


def _refuse(reply: Reply, text: Text) -> None:
    raise ConflictError("reply_state", text, extra={"status": reply.status.value})
