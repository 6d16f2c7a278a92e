"""From the outbox to the mall: one reply, one attempt, one honest outcome."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway import wake
from gateway.ids import to_public
from gateway.model import (
    Attachment,
    Attempt,
    Case,
    Channel,
    Outcome,
    Reply,
    ReplyStatus,
)
from gateway.runtime import Runtime
from gateway.sdk import (
    AuthenticationError,
    ConnectorError,
    OutboundFile,
    OutboundReply,
    RateLimitedError,
    Receipt,
    RejectedError,
    RetryableError,
    Text,
    UnknownOutcomeError,
)
from gateway.store import channels, messages, replies
from gateway.store.events import record_reply_change
from gateway.sync.inbound import pause_refused

logger = logging.getLogger(__name__)

ACTOR = "engine"
# The call has to end before the lease does, or another worker would take the reply for abandoned.
SHARE_OF_LEASE = 0.75

WAITS_FOR_CHANNEL = Text(ja="チャネルが停止中です。", en="The channel is paused.")
WAITS_FOR_EARLIER = Text(
    ja="同じ案件の前の返信が決着するのを待っています。",
    en="It waits for an earlier reply of the same case to be settled.",
)
ABANDONED = Text(
    ja="送信中に処理が途切れました。届いたかどうかを確認しています。",
    en="The worker stopped in the middle of sending; the thread will tell whether it arrived.",
)
DOUBTFUL = Text(
    ja="モールの応答が得られませんでした。届いたかどうかを確認しています。",
    en="The mall gave no clear answer; the thread will tell whether it arrived.",
)
GAVE_UP = Text(
    ja="何度試しても送信できませんでした。お客様には届いていません。",
    en="It could not be sent however often it was tried; the customer has not received it.",
)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A reply that this worker has leased."""

    reply: Reply
    case: Case
    channel: Channel
    files: list[Attachment]
    fence: int


async def deliver(runtime: Runtime, reply_id: UUID) -> ReplyStatus:
    """Send a reply if it is its turn, and write down what came of it; return where it stands then.

    Running twice is harmless: a reply that is settled, leased to somebody else or not due is left alone.
    """
    taken = await _take(runtime, reply_id)
    if isinstance(taken, ReplyStatus):
        return taken
    try:
        receipt = await _send(runtime, taken)
    except ConnectorError as error:
        return await _judge(runtime, taken, error)
    return await _confirm(runtime, taken, receipt)


def note_change(db: AsyncSession, reply: Reply, was: ReplyStatus, now: datetime) -> None:
    """Tell the change feed and the log that a reply reached another status."""
    record_reply_change(db, reply, was, actor=ACTOR, now=now)
    level = logging.WARNING if reply.status in {ReplyStatus.FAILED, ReplyStatus.NEEDS_PERSON} else logging.INFO
    logger.log(
        level,
        f"reply.{reply.status.value}",
        extra={
            "reply_id": to_public("rpl", reply.id),
            "case_id": to_public("case", reply.case_id),
            "channel_id": to_public("chan", reply.channel_id),
            "attempt": reply.fence,
            "code": reply.reason_code,
        },
    )


async def _take(runtime: Runtime, reply_id: UUID) -> _Taken | ReplyStatus:
    """Lease the reply and open an attempt, in one commit, if it is its turn."""
    now = runtime.clock()
    async with runtime.database.session() as db:
        case, reply = await replies.lock_with_case(db, reply_id)
        if reply.status is ReplyStatus.SENDING:
            await _abandon_if_expired(runtime, db, case, reply, now)
            await db.commit()
            return reply.status
        if reply.status is not ReplyStatus.QUEUED or (reply.due_at or now) > now:
            return reply.status
        channel = await channels.get_channel(db, reply.channel_id)
        if await replies.find_blocker(db, reply) is not None:
            return await _wait(db, reply, now, "waits_for_earlier", WAITS_FOR_EARLIER)
        if not channel.is_active:
            return await _wait(db, reply, now, "channel_paused", WAITS_FOR_CHANNEL)
        fence = reply.take(now, runtime.config.lease)
        files = await messages.list_attachments(db, reply_ids=[reply.id])
        db.add_all(
            [
                reply,
                Attempt(
                    reply_id=reply.id,
                    number=fence,
                    worker=runtime.worker,
                    digest=_digest(reply, files),
                    started_at=now,
                ),
            ]
        )
        note_change(db, reply, ReplyStatus.QUEUED, now)
        await db.commit()
    return _Taken(reply, case, channel, files, fence)


async def _wait(db: AsyncSession, reply: Reply, now: datetime, code: str, reason: Text) -> ReplyStatus:
    """Leave the reply in the queue; what it waits for wakes it."""
    if reply.wait(now, code, reason):
        db.add(reply)
        await db.commit()
    return reply.status


async def _abandon_if_expired(runtime: Runtime, db: AsyncSession, case: Case, reply: Reply, now: datetime) -> None:
    """A worker died, or lost its lease, while it was sending: what it did is unknown."""
    if reply.due_at is not None and reply.due_at > now:
        await wake.wake_delivery(db, reply, reply.due_at)
        return
    attempt = await replies.get_attempt(db, reply.id, reply.fence)
    attempt.outcome, attempt.finished_at, attempt.code = Outcome.ABANDONED, now, "lease_expired"
    db.add(attempt)
    await doubt(runtime, db, case, reply, now, "abandoned", ABANDONED)


async def doubt(
    runtime: Runtime, db: AsyncSession, case: Case, reply: Reply, now: datetime, code: str, reason: Text
) -> None:
    """Put a reply in doubt and have it settled; unless its echo has come in meanwhile, which settles it at once."""
    was = reply.status
    if reply.message_id is not None:
        echo = await messages.get_message(db, reply.message_id)
        reply.confirm(now, sent_at=echo.sent_at, external_id=echo.external_id)
        case.note_sent(echo.sent_at, now)
        db.add(case)
        await wake.wake_next(db, reply.case_id)
    else:
        due_at = now + runtime.config.settle_after[0]
        reply.doubt(now, due_at, code, reason)
        await wake.wake_settling(db, reply, due_at)
    db.add(reply)
    note_change(db, reply, was, now)


def _digest(reply: Reply, files: list[Attachment]) -> str:
    parts = [reply.text.encode(), *(str(file.sha256).encode() + file.name.encode() for file in files)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


async def _send(runtime: Runtime, taken: _Taken) -> Receipt:
    reply = taken.reply
    outbound = OutboundReply(
        reply_id=to_public("rpl", reply.id),
        case_id=to_public("case", reply.case_id),
        thread=taken.case.thread,
        text=reply.text,
        created_at=reply.created_at,
        author_name=reply.author,
        files=tuple([await _load(runtime, file) for file in taken.files]),
    )
    longest = runtime.config.lease.total_seconds() * SHARE_OF_LEASE
    try:
        async with runtime.connector(taken.channel) as connector, asyncio.timeout(longest):
            connector.require_sendable(outbound)
            return await connector.send(outbound)
    except TimeoutError as error:
        raise UnknownOutcomeError("the send did not end within its lease", code="lease_too_short") from error


async def _load(runtime: Runtime, file: Attachment) -> OutboundFile:
    try:
        content = await runtime.files.get(str(file.storage_key))
    except OSError as error:
        raise RetryableError(f"the file store has no {file.name} at the moment", code="file_store") from error
    return OutboundFile(name=file.name, content_type=file.content_type or "", size=len(content), content=content)


async def _confirm(runtime: Runtime, taken: _Taken, receipt: Receipt) -> ReplyStatus:
    """The mall has it: this commit comes first, and nothing stands between it and the call."""
    now = runtime.clock()
    async with runtime.database.session() as db:
        case, reply = await replies.lock_with_case(db, taken.reply.id)
        attempt = await replies.get_attempt(db, reply.id, taken.fence)
        attempt.outcome, attempt.finished_at = Outcome.SENT, now
        attempt.receipt = {"external_id": receipt.external_id, "evidence": receipt.evidence[:300]}
        db.add(attempt)
        # Whoever took the reply over after our lease can only have put it in doubt: our knowledge settles that.
        if reply.fence == taken.fence and reply.status in {ReplyStatus.SENDING, ReplyStatus.UNKNOWN}:
            was = reply.status
            sent_at = receipt.sent_at or now
            reply.confirm(now, sent_at=sent_at, external_id=receipt.external_id)
            await messages.add_own_message(db, case, reply, now)
            case.note_sent(sent_at, now)
            db.add_all([case, reply])
            note_change(db, reply, was, now)
            await wake.wake_next(db, reply.case_id)
        await db.commit()
        return reply.status


async def _judge(runtime: Runtime, taken: _Taken, error: ConnectorError) -> ReplyStatus:
    """Do what the class of the error says, and keep it with the attempt."""
    now = runtime.clock()
    async with runtime.database.session() as db:
        case, reply = await replies.lock_with_case(db, taken.reply.id)
        attempt = await replies.get_attempt(db, reply.id, taken.fence)
        attempt.outcome, attempt.finished_at = _outcome(error), now
        attempt.code, attempt.detail = error.code, error.message
        attempt.http_status, attempt.evidence = error.status, error.evidence[:300] or None
        db.add(attempt)
        if reply.fence == taken.fence and reply.status is ReplyStatus.SENDING:
            await _follow(runtime, db, case, reply, error, now)
        await db.commit()
        return reply.status


def _outcome(error: ConnectorError) -> Outcome:
    match error:
        case UnknownOutcomeError():
            return Outcome.UNKNOWN
        case RejectedError():
            return Outcome.REJECTED
        case _:
            return Outcome.NOT_SENT


async def _follow(
    runtime: Runtime, db: AsyncSession, case: Case, reply: Reply, error: ConnectorError, now: datetime
) -> None:
    match error:
        case UnknownOutcomeError():
            await doubt(runtime, db, case, reply, now, error.code or "unknown", DOUBTFUL)
            return
        case RejectedError():
            reply.reject(now, error.code, _rejection(error))
            case.note_not_sent(now)
            await wake.wake_next(db, reply.case_id)
        case AuthenticationError():
            channel = await channels.get_channel(db, reply.channel_id, for_update=True)
            pause_refused(db, channel, error, now)
            reply.postpone(now, now, "channel_paused", WAITS_FOR_CHANNEL, counts=False)
        case RateLimitedError():
            await _postpone(db, reply, now, now + error.retry_after, error, counts=False)
        case _ if reply.failures >= len(runtime.config.retry_after):
            reply.fail(now, error.code or "gave_up", GAVE_UP)
            case.note_not_sent(now)
            await wake.wake_next(db, reply.case_id)
        case _:
            await _postpone(db, reply, now, now + runtime.config.retry_after[reply.failures], error, counts=True)
    db.add_all([case, reply])
    note_change(db, reply, ReplyStatus.SENDING, now)


async def _postpone(
    db: AsyncSession, reply: Reply, now: datetime, due_at: datetime, error: ConnectorError, *, counts: bool
) -> None:
    reason = Text(
        ja=f"まだ送信されていません({error.code})。もう一度試します。",
        en=f"Not sent yet ({error.code}); it will be tried again.",
    )
    reply.postpone(now, due_at, error.code or "not_sent", reason, counts=counts)
    await wake.wake_delivery(db, reply, due_at)


def _rejection(error: RejectedError) -> Text:
    if error.violations:
        return error.violations[0].message
    return Text(ja=f"モールが返信を受け付けませんでした: {error.message}", en=f"The mall refused it: {error.message}")
