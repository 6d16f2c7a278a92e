"""Replies whose outcome is unknown: the thread is read until it tells, and nothing is sent blindly."""

from __future__ import annotations

from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway import wake
from gateway.model import Case, Channel, Reply, ReplyStatus
from gateway.runtime import Runtime
from gateway.sdk import AnyConnector, AuthenticationError, ConnectorError, Text
from gateway.store import channels, records, replies
from gateway.sync import inbound
from gateway.sync.outbound import note_change

# So many reads must show the whole thread without the reply before it counts as not sent.
CLEAN_READS = 3
# A reply that went out so often without a clear answer is for a person, even where repeating is safe.
MOST_ATTEMPTS = 12

ABSENT = Text(
    ja="モールの会話を確認し、届いていないことが分かりました。もう一度送信します。",
    en="The thread shows that it did not arrive; it is sent again.",
)
SAFE_TO_REPEAT = Text(
    ja="同じ番号で安全に再送できるため、もう一度送信します。",
    en="It is sent again: the receiver recognises a repetition by its number.",
)
UNREADABLE = Text(
    ja="モールの会話を確認できませんでした。届いたかどうかを担当者が確認してください。",
    en="The thread could not be read; a person has to see whether it arrived.",
)
UNDECIDED = Text(
    ja="届いたかどうかをこのモールでは自動で確認できません。担当者が確認してください。",
    en="This mall gives no way to see whether it arrived; a person has to look.",
)


async def settle(runtime: Runtime, reply_id: UUID) -> ReplyStatus:
    """Settle a reply in doubt if its time has come; return where it stands then.

    Found in the thread: sent. Absent from enough clean reads: sent again. Neither: a person decides.
    """
    now = runtime.clock()
    async with runtime.database.session() as db:
        reply = await replies.get_reply(db, reply_id)
        if reply.status is not ReplyStatus.UNKNOWN or (reply.due_at or now) > now:
            return reply.status
        channel = await channels.get_channel(db, reply.channel_id)
        case = await db.get_one(Case, reply.case_id)
    async with runtime.connector(channel) as connector:
        if connector.limits.is_send_idempotent:
            return await _repeat(runtime, reply_id)
        if not connector.limits.can_read_thread:
            return await _ask(runtime, reply_id, "cannot_tell", UNDECIDED)
        is_clean = channel.is_active and await _read(runtime, connector, channel, case.external_id)
        return await _conclude(runtime, reply_id, is_clean=is_clean, proves_absence=connector.limits.proves_absence)


async def _read(runtime: Runtime, connector: AnyConnector, channel: Channel, external_id: str) -> bool:
    """Read the thread and absorb it, which recognises echoes; return whether all of it was understood."""
    try:
        raw = await connector.fetch_inquiry(external_id)
        if raw is None:
            return False
        # Also a thread without news is absorbed: an older record of it may have been stored, but not yet applied.
        async with runtime.database.session() as db:
            stored = await records.save(db, channel.id, [raw], runtime.clock())
            await db.commit()
        applied = await inbound.apply(runtime, connector, channel.id, stored)
    except AuthenticationError as error:
        await inbound.note_failure(runtime, channel.id, error)
        return False
    except ConnectorError:
        return False
    return applied.quarantined == 0


async def _conclude(runtime: Runtime, reply_id: UUID, *, is_clean: bool, proves_absence: bool) -> ReplyStatus:
    now = runtime.clock()
    waits = runtime.config.settle_after
    async with runtime.database.session() as db:
        case, reply = await replies.lock_with_case(db, reply_id)
        if reply.status is not ReplyStatus.UNKNOWN:
            return reply.status
        since = reply.unknown_since or now
        reads = reply.reads + 1
        clean_reads = reply.clean_reads + is_clean
        # Behind the plan's end reads go on at its last distance: a mall that was down for an hour still settles.
        if clean_reads >= CLEAN_READS and proves_absence:
            await _requeue(db, case, reply, "proven_absent", ABSENT, runtime)
        elif reads >= 2 * len(waits) or (clean_reads >= CLEAN_READS and not proves_absence):
            code, reason = ("cannot_tell", UNDECIDED) if clean_reads >= CLEAN_READS else ("unreadable", UNREADABLE)
            reply.ask_person(now, code, reason)
            note_change(db, reply, ReplyStatus.UNKNOWN, now)
        else:
            planned = since + waits[reads] if reads < len(waits) else now + waits[-1]
            due_at = max(planned, now + waits[0])
            reply.note_read(now, due_at, is_clean=is_clean)
            await wake.wake_settling(db, reply, due_at)
        db.add_all([case, reply])
        await db.commit()
        return reply.status


async def _repeat(runtime: Runtime, reply_id: UUID) -> ReplyStatus:
    async with runtime.database.session() as db:
        case, reply = await replies.lock_with_case(db, reply_id)
        if reply.status is ReplyStatus.UNKNOWN and reply.fence < MOST_ATTEMPTS:
            await _requeue(db, case, reply, "safe_to_repeat", SAFE_TO_REPEAT, runtime)
            await db.commit()
            return reply.status
    return await _ask(runtime, reply_id, "no_clear_answer", UNDECIDED)


async def _requeue(db: AsyncSession, case: Case, reply: Reply, code: str, reason: Text, runtime: Runtime) -> None:
    now = runtime.clock()
    reply.requeue(now, code, reason)
    db.add_all([case, reply])
    note_change(db, reply, ReplyStatus.UNKNOWN, now)
    await wake.wake_delivery(db, reply)


async def _ask(runtime: Runtime, reply_id: UUID, code: str, reason: Text) -> ReplyStatus:
    now = runtime.clock()
    async with runtime.database.session() as db:
        _, reply = await replies.lock_with_case(db, reply_id)
        if reply.status is ReplyStatus.UNKNOWN:
            reply.ask_person(now, code, reason)
            db.add(reply)
            note_change(db, reply, ReplyStatus.UNKNOWN, now)
            await db.commit()
        return reply.status
