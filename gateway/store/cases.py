"""Cases, their references and their notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, column, func, literal, text, true, tuple_, type_coerce, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.ids import new_id, to_public
from gateway.model import Case, CaseStatus, Channel, Note, Reference
from gateway.model.errors import NotFoundError
from gateway.sdk import Inquiry, Kind
from gateway.store.rows import insert_rows

# With more of them a filter lets nearly everything through, and a walk down the list finds a page at once.
MOST_LANES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter:
    """Which cases a list shows; empty means all. `brands` and `channels` carry the limits of the caller's token too."""

    brands: tuple[str, ...] = ()
    channels: tuple[UUID, ...] = ()
    statuses: tuple[CaseStatus, ...] = ()
    kinds: tuple[Kind, ...] = ()
    reference: str | None = None
    external_id: str | None = None
    updated_since: datetime | None = None


async def get_case(db: AsyncSession, case_id: UUID, *, for_update: bool = False) -> Case:
    """Return a case, locked until the end of the transaction if `for_update`."""
    query = select(Case).where(Case.id == case_id).execution_options(populate_existing=for_update)
    case = (await db.exec(query.with_for_update() if for_update else query)).first()
    if case is None:
        raise NotFoundError("case", to_public("case", case_id))
    return case


async def lock_threads(db: AsyncSession, channel_id: UUID, external_ids: Sequence[str]) -> dict[str, Case]:
    """Return the cases of these threads, locked; and keep others from opening cases in this channel meanwhile.

    Everybody who changes cases of a channel in bulk comes through here, so two of them cannot open
    the same thread twice, and locks are taken in one order.
    """
    connection = await db.connection()
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:channel, 0))"), {"channel": f"cases of {channel_id}"}
    )
    query = (
        select(Case)
        .where(Case.channel_id == channel_id, col(Case.external_id).in_(external_ids))
        .order_by(col(Case.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {case.external_id: case for case in (await db.exec(query)).all()}


async def add_references(db: AsyncSession, pairs: Sequence[tuple[UUID, Inquiry]]) -> None:
    """Store the references of inquiries under their cases; what the mall verifies stays verified."""
    rows = {
        (case_id, reference.kind.value, reference.value): {
            "id": new_id(),
            "case_id": case_id,
            **reference.model_dump(mode="json"),
        }
        for case_id, inquiry in pairs
        for reference in inquiry.references
    }
    if not rows:
        return
    known = select(Reference.case_id, Reference.kind, Reference.value, Reference.is_verified).where(
        col(Reference.case_id).in_({case_id for case_id, _, _ in rows})
    )
    for case_id, kind, value, is_verified in (await db.exec(known)).all():
        row = rows.get((case_id, kind, value))
        if row is None:
            continue
        if row["is_verified"] and not is_verified:
            await db.exec(
                update(Reference)
                .where(col(Reference.case_id) == case_id, col(Reference.kind) == kind, col(Reference.value) == value)
                .values(is_verified=True)
            )
        del rows[case_id, kind, value]
    await insert_rows(db, Reference, list(rows.values()))


async def list_references(db: AsyncSession, case_ids: Sequence[UUID]) -> list[Reference]:
    """Return the references of cases."""
    query = select(Reference).where(col(Reference.case_id).in_(case_ids)).order_by(col(Reference.id))
    return list((await db.exec(query)).all())


def _conditions(wanted: CaseFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.channels:
        conditions.append(col(Case.channel_id).in_(wanted.channels))
    if wanted.brands:
        conditions.append(col(Case.channel_id).in_(select(Channel.id).where(col(Channel.brand).in_(wanted.brands))))
    if wanted.statuses:
        conditions.append(col(Case.status).in_(wanted.statuses))
    if wanted.kinds:
        conditions.append(col(Case.kind).in_(wanted.kinds))
    if wanted.reference:
        conditions.append(col(Case.id).in_(select(Reference.case_id).where(Reference.value == wanted.reference)))
    if wanted.external_id:
        conditions.append(col(Case.external_id) == wanted.external_id)
    if wanted.updated_since:
        conditions.append(col(Case.updated_at) >= wanted.updated_since)
    return conditions


async def list_cases(
    db: AsyncSession, wanted: CaseFilter, *, after: tuple[datetime, UUID] | None, limit: int, is_ascending: bool = False
) -> list[Case]:
    """Return cases by their last message, newest first (or oldest first); `after` is where the last page ended."""
    if wanted.brands:
        wanted = replace(wanted, brands=(), channels=await _channels_of(db, wanted))
        if not wanted.channels:
            return []
    lanes = [(channel, status) for channel in wanted.channels or (None,) for status in wanted.statuses or (None,)]
    keys = (col(Case.last_message_at), col(Case.id))

    def page(query: Any, *by: Any) -> Any:
        return query.order_by(*(key if is_ascending else key.desc() for key in by)).limit(limit)

    def behind(query: Any) -> Any:
        position = tuple_(*keys)
        return query if after is None else query.where(position > after if is_ascending else position < after)

    if not 1 < len(lanes) <= MOST_LANES:
        return list((await db.exec(page(behind(select(Case).where(*_conditions(wanted))), *keys))).all())
    # Each channel and status is an index read from the position on, and the nearest of all of them are the page. Asked
    # with IN, the server would walk past everything that does not match, or read and sort everything that does.
    lane = func.unnest(
        literal([channel for channel, _ in lanes], ARRAY(Uuid)), literal([status for _, status in lanes], ARRAY(Text))
    ).table_valued(column("channel_id", Uuid), column("status", Text), name="lane")
    lane = lane.render_derived()
    rest = _conditions(replace(wanted, channels=(), statuses=()))
    if wanted.channels:
        rest.append(col(Case.channel_id) == lane.c.channel_id)
    if wanted.statuses:
        rest.append(type_coerce(col(Case.status), Text) == lane.c.status)
    nearest = page(behind(select(*keys).where(*rest)), *keys).correlate(lane).lateral("nearest")
    found = select(nearest.c.id).select_from(lane).join(nearest, true())
    found = page(found, nearest.c.last_message_at, nearest.c.id)
    return list((await db.exec(page(select(Case).where(col(Case.id).in_(found)), *keys))).all())


async def _channels_of(db: AsyncSession, wanted: CaseFilter) -> tuple[UUID, ...]:
    """Return the channels of the brands, of `channels` alone if there are any."""
    query = select(Channel.id).where(col(Channel.brand).in_(wanted.brands))
    return tuple((await db.exec(query.where(col(Channel.id).in_(wanted.channels)) if wanted.channels else query)).all())


async def count_cases(db: AsyncSession, wanted: CaseFilter) -> dict[CaseStatus, int]:
    """Return how many cases there are of each status."""
    query = select(Case.status, func.count()).where(*_conditions(wanted)).group_by(col(Case.status))
    return {CaseStatus(status): int(count) for status, count in (await db.exec(query)).all()}


async def list_notes(
    db: AsyncSession, case_id: UUID, *, after: UUID | None = None, limit: int | None = None
) -> list[Note]:
    """Return the notes of a case, oldest first."""
    query = select(Note).where(Note.case_id == case_id).order_by(col(Note.id)).limit(limit)
    return list((await db.exec(query if after is None else query.where(col(Note.id) > after))).all())
