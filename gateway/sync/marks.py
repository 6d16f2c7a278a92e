"""Flags on their way to the malls, in batches, with a result for each thread."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select

from gateway import wake
from gateway.ids import to_public
from gateway.model import Case, EventType, MarkState, ThreadMark
from gateway.runtime import Runtime
from gateway.sdk import (
    AuthenticationError,
    ConnectorError,
    Mark,
    MarkResult,
    RateLimitedError,
    RejectedError,
)
from gateway.store import channels, marks
from gateway.store.events import record_event
from gateway.sync.inbound import BACK_OFF, LONGEST_BACK_OFF, pause_refused

logger = logging.getLogger(__name__)

ACTOR = "engine"
MOST_ATTEMPTS = 10


async def write_marks(runtime: Runtime, channel_id: UUID) -> int:
    """Write the waiting marks of a channel, batch by batch; return how many reached the mall."""
    done = 0
    while batch := await _take(runtime, channel_id):
        written = await _write(runtime, channel_id, batch)
        if written is None:
            break
        done += written
    return done


async def _take(runtime: Runtime, channel_id: UUID) -> list[ThreadMark]:
    async with runtime.database.session() as db:
        channel = await channels.get_channel(db, channel_id)
        if not channel.is_active:
            return []
        async with runtime.connector(channel) as connector:
            limit = connector.limits.mark_batch_size
        return await marks.list_due(db, channel_id, runtime.clock(), limit=limit)


async def _write(runtime: Runtime, channel_id: UUID, batch: Sequence[ThreadMark]) -> int | None:
    """Write one batch; return how many were done, None if the mall cannot be reached now."""
    async with runtime.database.session() as db:
        channel = await channels.get_channel(db, channel_id)
        found = await db.exec(select(Case).where(col(Case.id).in_([mark.case_id for mark in batch])))
        threads = {case.id: case.external_id for case in found.all()}
    try:
        async with runtime.connector(channel) as connector:
            results = await connector.mark(batch[0].mark, [threads[mark.case_id] for mark in batch])
    except RejectedError as error:
        results = [MarkResult(external_id=threads[mark.case_id], is_done=False, reason=error.message) for mark in batch]
    except ConnectorError as error:
        await _postpone(runtime, channel_id, batch, error)
        return None
    return await _note(runtime, batch, threads, results)


async def _note(
    runtime: Runtime, batch: Sequence[ThreadMark], threads: dict[UUID, str], results: Sequence[MarkResult]
) -> int:
    now = runtime.clock()
    outcome = {result.external_id: result for result in results}
    async with runtime.database.session() as db:
        found = await db.exec(select(Case).where(col(Case.id).in_(threads)).order_by(col(Case.id)).with_for_update())
        held = {case.id: case for case in found.all()}
        for mark in await marks.get_marks(db, [mark.id for mark in batch]):
            result = outcome.get(threads[mark.case_id])
            is_done = result is not None and result.is_done
            mark.attempts += 1
            mark.state = MarkState.DONE if is_done else MarkState.FAILED
            mark.reason = None if is_done else (result.reason if result else "the mall did not mention this thread")
            mark.done_at = now
            case = held[mark.case_id]
            if is_done:
                _set_flag(case, mark.mark)
                case.touch(now)
            record_event(
                db,
                EventType.MARK_CHANGED,
                actor=ACTOR,
                now=now,
                channel_id=mark.channel_id,
                case_id=mark.case_id,
                subject_id=mark.id,
                mark=mark.mark.value,
                state=mark.state.value,
            )
            db.add_all([mark, case])
        await db.commit()
    return sum(result.is_done for result in results)


def _set_flag(case: Case, mark: Mark) -> None:
    match mark:
        case Mark.READ:
            case.mall_is_read = True
        case Mark.COMPLETED:
            case.mall_is_completed = True
        case Mark.REOPENED:
            case.mall_is_completed = False
        case Mark.PRIVATE:
            case.mall_is_private = True


async def _postpone(runtime: Runtime, channel_id: UUID, batch: Sequence[ThreadMark], error: ConnectorError) -> None:
    now = runtime.clock()
    async with runtime.database.session() as db:
        channel = await channels.get_channel(db, channel_id, for_update=True)
        if isinstance(error, AuthenticationError):
            pause_refused(db, channel, error, now)
        for mark in await marks.get_marks(db, [mark.id for mark in batch]):
            mark.attempts += 1
            mark.reason = error.message
            wait = min(BACK_OFF * 2 ** min(mark.attempts, 10), LONGEST_BACK_OFF)
            mark.due_at = now + (error.retry_after if isinstance(error, RateLimitedError) else max(wait, timedelta()))
            if mark.attempts >= MOST_ATTEMPTS and not isinstance(error, AuthenticationError | RateLimitedError):
                mark.state, mark.done_at = MarkState.FAILED, now
            db.add(mark)
        await wake.wake_marks(db, channel_id, min(mark.due_at for mark in batch) if batch else None)
        await db.commit()
    logger.warning(
        "marks.postponed",
        extra={"channel_id": to_public("chan", channel_id), "code": error.code, "reason": error.message},
    )
