"""Records: the inbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import QueryableAttribute, defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.ids import new_id, to_public
from gateway.model import Record, RecordState
from gateway.model.errors import NotFoundError
from gateway.sdk import RawRecord
from gateway.store.rows import insert_rows

UNREADABLE = "unreadable:"
LONGEST_KEY = 300


def inbox_key(raw: RawRecord) -> str:
    """Return what identifies the record's thread; damaged ones are known by their bytes."""
    key = raw.external_id
    return key if key and _is_storable(key) else f"{UNREADABLE}{raw.digest}"


def _is_storable(key: str) -> bool:
    # PostgreSQL takes neither NUL nor half a surrogate pair in a text.
    return (
        len(key) <= LONGEST_KEY and "\0" not in key and not any("\ud800" <= character <= "\udfff" for character in key)
    )


async def unseen(db: AsyncSession, channel_id: UUID, raws: Sequence[RawRecord]) -> list[RawRecord]:
    """Return those of `raws` that differ from the newest stored record of their thread."""
    keys = {inbox_key(raw) for raw in raws}
    newest = (
        select(Record.external_id, Record.version)
        .where(Record.channel_id == channel_id, col(Record.external_id).in_(keys))
        .ext(distinct_on(col(Record.external_id)))
        .order_by(col(Record.external_id), col(Record.id).desc())
    )
    known: dict[str, str] = dict((await db.exec(newest)).all())
    fresh = []
    for raw in raws:
        # The same thread can stand in a page twice: the later row counts only if it differs from the earlier.
        if known.get(inbox_key(raw)) != raw.version:
            known[inbox_key(raw)] = raw.version
            fresh.append(raw)
    return fresh


async def save(
    db: AsyncSession, channel_id: UUID, raws: Sequence[RawRecord], now: datetime, *, job_id: UUID | None = None
) -> list[Record]:
    """Store raw records as they came, before anybody tries to understand them."""
    if not raws:
        return []
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "channel_id": channel_id,
            "external_id": inbox_key(raw),
            "version": raw.version,
            "content_type": raw.content_type,
            "payload": raw.payload,
            "state": RecordState.RECEIVED,
            "job_id": job_id,
            "received_at": now,
        }
        for raw in raws
    ]
    await insert_rows(db, Record, rows)
    return [Record(**row) for row in rows]


async def quarantine(db: AsyncSession, record_id: UUID, *, code: str, reason: str, pointer: str | None) -> None:
    """Set a record aside; what cannot be told in a database text is told without it."""
    await db.exec(
        update(Record)
        .where(col(Record.id) == record_id)
        .values(
            state=RecordState.QUARANTINED,
            reason_code=code,
            reason=reason.replace("\x00", "\N{SYMBOL FOR NULL}"),
            pointer=pointer.replace("\x00", "\N{SYMBOL FOR NULL}") if pointer else None,
        )
    )


async def mark_applied(db: AsyncSession, case_ids: Mapping[UUID, UUID], now: datetime) -> None:
    """Note that records are understood; `case_ids` says in which case each of them ended."""
    applied = text(
        """
        UPDATE record SET state = 'applied', case_id = applied.case_id, applied_at = :now,
            reason_code = NULL, reason = NULL, pointer = NULL
        FROM unnest(CAST(:ids AS uuid[]), CAST(:case_ids AS uuid[])) AS applied (id, case_id)
        WHERE record.id = applied.id
        """
    )
    connection = await db.connection()
    await connection.execute(applied, {"ids": list(case_ids), "case_ids": list(case_ids.values()), "now": now})


def to_raw(record: Record) -> RawRecord:
    """Return the record in the shape in which the connector handed it over."""
    known_thread = not record.external_id.startswith(UNREADABLE)
    return RawRecord(
        payload=record.payload,
        external_id=record.external_id if known_thread else None,
        content_type=record.content_type,
        version=record.version,
    )


async def get_record(db: AsyncSession, record_id: UUID) -> Record:
    """Return one record."""
    record = await db.get(Record, record_id)
    if record is None:
        raise NotFoundError("record", to_public("rec", record_id))
    return record


async def list_waiting(
    db: AsyncSession, channel_id: UUID, *, states: Sequence[RecordState], after: UUID | None = None, limit: int
) -> list[Record]:
    """Return records of a channel that are not applied, oldest first."""
    query = (
        select(Record)
        .where(Record.channel_id == channel_id, col(Record.state).in_(states), col(Record.state) != RecordState.APPLIED)
        .order_by(col(Record.id))
        .limit(limit)
    )
    return list((await db.exec(query if after is None else query.where(col(Record.id) > after))).all())


async def list_records(
    db: AsyncSession,
    *,
    channel_ids: Sequence[UUID] | None = None,
    states: Sequence[RecordState] = (),
    case_id: UUID | None = None,
    external_id: str | None = None,
    before: UUID | None = None,
    limit: int,
) -> list[Record]:
    """Return records without their payloads, newest first; `channel_ids` None means of all channels."""
    query = (
        select(Record)
        .order_by(col(Record.id).desc())
        .limit(limit)
        .options(defer(cast("QueryableAttribute[bytes]", Record.payload)))
    )
    if channel_ids is not None:
        query = query.where(col(Record.channel_id).in_(channel_ids))
    if states:
        query = query.where(col(Record.state).in_(states))
    if case_id is not None:
        query = query.where(Record.case_id == case_id)
    if external_id is not None:
        query = query.where(Record.external_id == external_id)
    if before is not None:
        query = query.where(col(Record.id) < before)
    return list((await db.exec(query)).all())


async def list_for_replay(
    db: AsyncSession, channel_id: UUID, *, after: UUID | None, limit: int, only_quarantined: bool
) -> list[Record]:
    """Return stored records of a channel in the order in which they came."""
    query = select(Record).where(Record.channel_id == channel_id).order_by(col(Record.id)).limit(limit)
    if only_quarantined:
        query = query.where(Record.state == RecordState.QUARANTINED)
    if after is not None:
        query = query.where(col(Record.id) > after)
    return list((await db.exec(query)).all())


async def count_for_replay(db: AsyncSession, channel_ids: Sequence[UUID], *, only_quarantined: bool) -> int:
    """Return how many records a replay of these channels is going to apply."""
    query = select(func.count()).select_from(Record).where(col(Record.channel_id).in_(channel_ids))
    if only_quarantined:
        query = query.where(Record.state == RecordState.QUARANTINED)
    return (await db.exec(query)).one()


async def find_stored(db: AsyncSession, channel_id: UUID, raws: Sequence[RawRecord]) -> list[Record]:
    """Return the stored records that hold exactly these states, the newest of each, in the order of `raws`."""
    query = (
        select(Record)
        .where(
            Record.channel_id == channel_id,
            col(Record.external_id).in_([inbox_key(raw) for raw in raws]),
            col(Record.version).in_([raw.version for raw in raws]),
        )
        .order_by(col(Record.id))
    )
    held = {(record.external_id, record.version): record for record in (await db.exec(query)).all()}
    places = [(inbox_key(raw), raw.version) for raw in raws]
    return [held[place] for place in places if place in held]
