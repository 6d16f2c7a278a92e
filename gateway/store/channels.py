"""Channels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.ids import to_public
from gateway.model import Channel, ChannelState
from gateway.model.errors import NotFoundError


async def get_channel(db: AsyncSession, channel_id: UUID, *, for_update: bool = False) -> Channel:
    """Return a channel, locked until the end of the transaction if `for_update`."""
    query = select(Channel).where(Channel.id == channel_id).execution_options(populate_existing=for_update)
    channel = (await db.exec(query.with_for_update() if for_update else query)).first()
    if channel is None:
        raise NotFoundError("channel", to_public("chan", channel_id))
    return channel


async def find_by_address(db: AsyncSession, address: str) -> Channel | None:
    """Return the channel behind a public address."""
    return (await db.exec(select(Channel).where(Channel.address == address))).first()


async def list_channels(
    db: AsyncSession,
    *,
    brands: Sequence[str] = (),
    ids: Sequence[UUID] = (),
    after: UUID | None = None,
    limit: int | None = None,
    state: ChannelState | None = None,
    connector: str | None = None,
) -> list[Channel]:
    """Return channels in the order in which they were added."""
    query = select(Channel).order_by(col(Channel.id)).limit(limit)
    if brands:
        query = query.where(col(Channel.brand).in_(brands))
    if ids:
        query = query.where(col(Channel.id).in_(ids))
    if after is not None:
        query = query.where(col(Channel.id) > after)
    if state is not None:
        query = query.where(Channel.state == state)
    if connector is not None:
        query = query.where(Channel.connector == connector)
    return list((await db.exec(query)).all())


async def claim_due(db: AsyncSession, now: datetime, *, again_after: timedelta, limit: int) -> list[UUID]:
    """Return channels whose turn it is; they come up again after `again_after` if nobody reads them."""
    due = (
        select(Channel.id)
        .where(Channel.state == ChannelState.ACTIVE, col(Channel.next_pull_at) <= now)
        .order_by(col(Channel.next_pull_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = update(Channel).where(col(Channel.id).in_(due)).values(next_pull_at=now + again_after)
    return list((await db.exec(claimed.returning(col(Channel.id)))).scalars())
