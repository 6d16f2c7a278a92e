"""From the mall to the cases: read pages, store them raw, then understand them."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from sqlalchemy.exc import DataError
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.ids import to_public
from gateway.model import Channel, EventType, Job, JobKind, JobState, Record, RecordState
from gateway.runtime import Runtime
from gateway.sdk import (
    AnyConnector,
    AuthenticationError,
    ConnectorError,
    Inquiry,
    MappingError,
    Page,
    RateLimitedError,
    RawRecord,
)
from gateway.store import channels, jobs, records
from gateway.store.events import record_event
from gateway.sync.absorb import absorb

logger = logging.getLogger(__name__)

ACTOR = "engine"
INCOMPLETE = "incomplete:"
BACK_OFF = timedelta(seconds=5)
LONGEST_BACK_OFF = timedelta(minutes=10)
MOST_JOBS = 100
# What the database says of a value that it cannot hold, such as a NUL or half a surrogate pair in a text.
UNSTORABLE = (DataError, psycopg.DataError, UnicodeError)
_Readable = tuple[Record, Inquiry]
_Unreadable = tuple[Record, MappingError]


@dataclass(slots=True)
class PullReport:
    """What one pull did; `error` is None when everything there was has been read."""

    pages: int = 0
    records: int = 0
    messages: int = 0
    quarantined: int = 0
    error_code: str | None = None
    error: str | None = None
    has_more: bool = False

    def as_counts(self) -> dict[str, int]:
        """Return the figures for a job row."""
        return {
            "pages": self.pages,
            "records": self.records,
            "messages": self.messages,
            "quarantined": self.quarantined,
        }


@dataclass(slots=True)
class Applied:
    """What became of a batch of records."""

    records: int = 0
    messages: int = 0
    quarantined: int = 0


async def pull(
    runtime: Runtime, channel_id: UUID, *, job_id: UUID | None = None, is_on_demand: bool = False
) -> PullReport:
    """Read a channel until nothing is left or its slice of time is over; on demand also what is not due yet.

    Each page is one commit of raw records and cursor; understanding them is another. A failure
    leaves the cursor where the last stored page put it.
    """
    report = PullReport()
    started = runtime.clock()
    async with runtime.database.session() as db:
        channel = await channels.get_channel(db, channel_id)
    if not channel.is_active:
        report.error_code, report.error = "channel_paused", "the channel is paused"
        return report
    try:
        async with runtime.connector(channel) as connector:
            await apply_waiting(runtime, connector, channel_id)
            if not connector.capabilities.can_pull:
                await _note_success(runtime, channel_id, None)
                return report
            cursor, page = channel.cursor, None
            if is_on_demand:
                cursor = connector.hasten(cursor)
            while page is None or page.has_more:
                page = await connector.fetch(cursor)
                cursor = page.cursor
                await _take_page(runtime, connector, channel_id, page, report, job_id)
                if page.has_more and runtime.clock() - started >= runtime.config.pull_slice:
                    report.has_more = True
                    break
    except ConnectorError as error:
        await note_failure(runtime, channel_id, error)
        report.error_code, report.error = error.code or type(error).__name__, error.message
        return report
    await _note_success(runtime, channel_id, page)
    return report


async def _take_page(
    runtime: Runtime,
    connector: AnyConnector,
    channel_id: UUID,
    page: Page,
    report: PullReport,
    job_id: UUID | None,
) -> None:
    stored = await take_in(runtime, connector, channel_id, page.records, cursor=page.cursor, job_id=job_id)
    report.pages += 1
    report.records += len(stored)
    if stored:
        applied = await apply(runtime, connector, channel_id, stored)
        report.messages += applied.messages
        report.quarantined += applied.quarantined


async def take_in(
    runtime: Runtime,
    connector: AnyConnector,
    channel_id: UUID,
    raws: Sequence[RawRecord],
    *,
    cursor: str | None = None,
    job_id: UUID | None = None,
) -> list[Record]:
    """Store what is new of `raws`, and the cursor behind it, in one commit; headlines are completed first."""
    async with runtime.database.session() as db:
        fresh = await records.unseen(db, channel_id, raws)
    whole = [await _completed(connector, raw) if raw.is_headline else raw for raw in fresh]
    async with runtime.database.session() as db:
        # An incomplete record that stands there already is not stored a second time.
        whole = await records.unseen(db, channel_id, whole)
        stored = await records.save(db, channel_id, whole, runtime.clock(), job_id=job_id)
        if cursor is not None:
            channel = await channels.get_channel(db, channel_id, for_update=True)
            channel.cursor = cursor
            db.add(channel)
        await db.commit()
    return stored


async def _completed(connector: AnyConnector, raw: RawRecord) -> RawRecord:
    """Return the whole thread of a headline; one that the mall will not show must not stop the others.

    It is kept as an incomplete record, which is set aside; since its version is not the headline's
    own, the next listing finds it unseen and tries again.
    """
    try:
        return await connector.complete(raw)
    except (RateLimitedError, AuthenticationError):
        raise
    except ConnectorError as error:
        logger.warning("record.not_completed", extra={"code": error.code, "reason": error.message})
        return replace(raw, version=f"{INCOMPLETE}{raw.version}")


async def apply(runtime: Runtime, connector: AnyConnector, channel_id: UUID, stored: Sequence[Record]) -> Applied:
    """Understand stored records: their messages come to stand in cases, the unreadable ones in quarantine."""
    readable: list[_Readable] = []
    unreadable: list[_Unreadable] = []
    for record in stored:
        try:
            readable.append((record, _understood(connector, record)))
        except MappingError as error:
            unreadable.append((record, error))
    try:
        return await _commit(runtime, channel_id, readable, unreadable)
    except UNSTORABLE:
        # One of them cannot be stored, and only the database can say which: each gets a commit of its own.
        done = [await _commit(runtime, channel_id, [], unreadable)]
        done += [await _commit_alone(runtime, channel_id, pair) for pair in readable]
        return Applied(len(stored), sum(one.messages for one in done), sum(one.quarantined for one in done))


def _understood(connector: AnyConnector, record: Record) -> Inquiry:
    if record.version.startswith(INCOMPLETE):
        raise MappingError("the mall listed this thread but did not show it", code="not_completed")
    try:
        return connector.normalise(records.to_raw(record))
    except MappingError:
        raise
    except Exception as error:
        # A mistake in a connector's mapping costs the record that shows it, and nothing else. What the error says may
        # quote the customer, so only its kind and place are logged.
        place = traceback.extract_tb(error.__traceback__)[-1]
        logger.error(  # noqa: TRY400
            "record.mapper_failed",
            extra={
                "record_id": to_public("rec", record.id),
                "error": type(error).__name__,
                "place": f"{place.filename}:{place.lineno}",
            },
        )
        raise MappingError(f"the mapping failed with {type(error).__name__}", code="mapper_failed") from error


async def _commit(
    runtime: Runtime, channel_id: UUID, readable: Sequence[_Readable], unreadable: Sequence[_Unreadable]
) -> Applied:
    now = runtime.clock()
    async with runtime.database.session() as db:
        for record, trouble in unreadable:
            await set_aside(db, record, now, code=trouble.code, reason=trouble.message, pointer=trouble.pointer)
        messages = await absorb(db, channel_id, readable, now) if readable else 0
        await db.commit()
    return Applied(records=len(readable) + len(unreadable), messages=messages, quarantined=len(unreadable))


async def _commit_alone(runtime: Runtime, channel_id: UUID, pair: _Readable) -> Applied:
    try:
        return await _commit(runtime, channel_id, [pair], [])
    except UNSTORABLE as error:
        trouble = MappingError(f"it holds text that no database takes ({type(error).__name__})", code="not_storable")
        return await _commit(runtime, channel_id, [], [(pair[0], trouble)])


async def set_aside(
    db: AsyncSession, record: Record, now: datetime, *, code: str, reason: str, pointer: str | None = None
) -> None:
    """Put a record into quarantine, with its reason."""
    await records.quarantine(db, record.id, code=code, reason=reason, pointer=pointer or None)
    record_event(
        db,
        EventType.RECORD_QUARANTINED,
        actor=ACTOR,
        now=now,
        channel_id=record.channel_id,
        subject_id=record.id,
        code=code,
    )
    logger.warning(
        "record.quarantined",
        extra={
            "channel_id": to_public("chan", record.channel_id),
            "record_id": to_public("rec", record.id),
            "code": code,
        },
    )


async def apply_waiting(runtime: Runtime, connector: AnyConnector, channel_id: UUID) -> None:
    """Apply records that were stored by somebody who died before understanding them."""
    async with runtime.database.session() as db:
        left = await records.list_waiting(db, channel_id, states=[RecordState.RECEIVED], limit=500)
    if left:
        await apply(runtime, connector, channel_id, left)


async def _note_success(runtime: Runtime, channel_id: UUID, page: Page | None) -> None:
    now = runtime.clock()
    async with runtime.database.session() as db:
        channel = await channels.get_channel(db, channel_id, for_update=True)
        interval = timedelta(seconds=channel.pull_interval) if channel.pull_interval else runtime.config.pull_interval
        next_pull_at = now if page is not None and page.has_more else now + interval
        if page is not None and page.next_at is not None and not page.has_more:
            next_pull_at = min(next_pull_at, max(page.next_at, now + runtime.config.tick_interval))
        was_failing = channel.failures > 0
        channel.note_success(now, next_pull_at)
        db.add(channel)
        await db.commit()
    if was_failing:
        logger.info("channel.recovered", extra={"channel_id": to_public("chan", channel_id)})


async def note_failure(runtime: Runtime, channel_id: UUID, error: ConnectorError) -> None:
    """Do what the class of the error says: wait as long as the mall asked, wait longer each time, or pause."""
    now = runtime.clock()
    async with runtime.database.session() as db:
        channel = await channels.get_channel(db, channel_id, for_update=True)
        is_news = channel.failures == 0
        if isinstance(error, AuthenticationError):
            pause_refused(db, channel, error, now)
        elif isinstance(error, RateLimitedError):
            channel.next_pull_at = now + error.retry_after
        else:
            channel.note_failure(now, error.message, min(BACK_OFF * 2 ** min(channel.failures, 10), LONGEST_BACK_OFF))
            if is_news:
                logger.warning(
                    "channel.failing",
                    extra={"channel_id": to_public("chan", channel_id), "code": error.code, "reason": error.message},
                )
        db.add(channel)
        await db.commit()


def pause_refused(db: AsyncSession, channel: Channel, error: AuthenticationError, now: datetime) -> None:
    """Pause a channel whose credentials the mall refuses: once, with one notice, and that channel only."""
    if not channel.pause("credentials_refused", error.message):
        return
    db.add(channel)
    record_event(
        db,
        EventType.CHANNEL_CHANGED,
        actor=ACTOR,
        now=now,
        channel_id=channel.id,
        subject_id=channel.id,
        state=channel.state.value,
        reason_code="credentials_refused",
    )
    logger.error(
        "channel.paused",
        extra={
            "channel_id": to_public("chan", channel.id),
            "connector": channel.connector,
            "code": error.code,
            "reason": error.message,
        },
    )


async def run_pull(runtime: Runtime, channel_id: UUID) -> PullReport:
    """Pull, on demand if somebody waits for it, and keep the job rows that people look at up to date."""
    now = runtime.clock()
    async with runtime.database.session() as db:
        asked = await jobs.list_jobs(
            db, channel_ids=[channel_id], kind=JobKind.PULL, state=JobState.QUEUED, limit=MOST_JOBS
        )
        for job in asked:
            job.start(now)
        db.add_all(asked)
        await db.commit()
    report = PullReport(error_code="unforeseen", error="the pull ended in an error that nobody foresaw; see the log")
    try:
        report = await pull(runtime, channel_id, job_id=asked[0].id if asked else None, is_on_demand=bool(asked))
    finally:
        if asked:
            await _finish(runtime, asked, report)
    return report


async def _finish(runtime: Runtime, asked: Sequence[Job], report: PullReport) -> None:
    async with runtime.database.session() as db:
        for job in asked:
            job.counts = report.as_counts()
            job.finish(runtime.clock(), code=report.error_code, reason=report.error)
        db.add_all(asked)
        await db.commit()
