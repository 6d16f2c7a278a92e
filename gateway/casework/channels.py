"""What an operator does with channels."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway import wake
from gateway.casework.caller import Caller, get_channel
from gateway.model import Channel, EventType, ReplyStatus
from gateway.model.errors import ConflictError, ForbiddenError, InvalidError, Problem, StaleError
from gateway.registry import get_connector, parse_settings, split_settings
from gateway.runtime import Runtime
from gateway.sdk import Access, Text
from gateway.store import replies
from gateway.store.events import record_event

ADDRESS_FORM = r"[A-Za-z0-9][A-Za-z0-9_-]{7,99}"


class ChannelChange(TypedDict, total=False):
    """What is to change; `settings` is merged into the present ones as RFC 7396 says, credentials included."""

    name: str
    brand: str
    pull_interval: int | None
    settings: Mapping[str, Any]


async def add(
    db: AsyncSession,
    runtime: Runtime,
    caller: Caller,
    *,
    connector: str,
    name: str,
    settings: Mapping[str, Any],
    now: datetime,
    brand: str = "",
    address: str | None = None,
    pull_interval: int | None = None,
) -> Channel:
    """Add a channel that is read from now on; `address` is its public name, made up if not given.

    Raises:
        InvalidError: the settings or the address break rules. NotFoundError: no such connector.
        ConflictError: the address is taken. ForbiddenError: outside the caller's limits.
    """
    _require_free_hand(caller, brand)
    type_ = get_connector(connector)
    parse_settings(type_, settings)
    if address is not None and not re.fullmatch(ADDRESS_FORM, address):
        message = Text(
            ja="公開アドレスは英数字・ハイフン・下線の8〜100文字です。",
            en="An address has 8 to 100 letters, digits, hyphens and underscores and begins with a letter or digit.",
        )
        raise InvalidError("address_form", message, [Problem(code="address_form", pointer="/address", message=message)])
    options, credentials = split_settings(type_, settings)
    channel = Channel(
        connector=connector,
        name=name,
        brand=brand,
        address=address or f"c{secrets.token_urlsafe(18)}",
        settings=options,
        credentials=runtime.vault.seal(credentials),
        pull_interval=pull_interval,
        next_pull_at=now,
        created_at=now,
    )
    try:
        async with db.begin_nested():
            db.add(channel)
            await db.flush()
    except IntegrityError as error:
        text = Text(ja=f"公開アドレス {address} は使われています。", en=f"The address {address} is taken.")
        raise ConflictError("address_taken", text) from error
    _record(db, caller, channel, now, change="added")
    return channel


async def update(
    db: AsyncSession,
    runtime: Runtime,
    caller: Caller,
    channel_id: UUID,
    change: ChannelChange,
    now: datetime,
    *,
    revision: int | None = None,
) -> Channel:
    """Change a channel that still has `revision` (None: whatever it has).

    Raises:
        StaleError: it has changed since. InvalidError: the new settings break rules.
    """
    channel = await get_channel(db, caller, channel_id, for_update=True)
    if revision is not None and revision != channel.revision:
        raise StaleError(channel.revision)
    if "brand" in change:
        _require_brand(caller, change["brand"])
    before = (channel.name, channel.brand, channel.pull_interval, runtime.settings_of(channel))
    channel.name = change.get("name", channel.name)
    channel.brand = change.get("brand", channel.brand)
    channel.pull_interval = change.get("pull_interval", channel.pull_interval)
    if "settings" in change:
        _replace_settings(runtime, channel, merge_patch(runtime.settings_of(channel), change["settings"]))
    if before != (channel.name, channel.brand, channel.pull_interval, runtime.settings_of(channel)):
        channel.revision += 1
        db.add(channel)
        await db.flush()
        _record(db, caller, channel, now, change="updated", members=sorted(change))
    return channel


async def pause(
    db: AsyncSession, caller: Caller, channel_id: UUID, now: datetime, *, reason: str | None = None
) -> Channel:
    """Stop reading and sending; what waits goes on waiting."""
    channel = await get_channel(db, caller, channel_id, for_update=True)
    if channel.pause("paused_by_person", reason or f"{caller.name}"):
        db.add(channel)
        await db.flush()
        _record(db, caller, channel, now, change="paused")
    return channel


async def resume(db: AsyncSession, caller: Caller, channel_id: UUID, now: datetime) -> Channel:
    """Read and send again, at once: what waited is woken."""
    channel = await get_channel(db, caller, channel_id, for_update=True)
    if not channel.resume(now):
        return channel
    db.add(channel)
    await db.flush()
    _record(db, caller, channel, now, change="resumed")
    await wake.wake_pull(db, channel.id)
    await wake.wake_marks(db, channel.id)
    for reply in await replies.list_replies(db, channel_ids=[channel.id], statuses=[ReplyStatus.QUEUED]):
        await wake.rescue_reply(db, reply)
    return channel


async def test(runtime: Runtime, caller: Caller, channel_id: UUID) -> Access:
    """Make the call that proves the credentials, and keep when they end; no transaction is open meanwhile.

    Raises:
        ConnectorError: the mall does not let us in, or cannot be reached.
    """
    async with runtime.database.session() as db:
        channel = await get_channel(db, caller, channel_id)
    async with runtime.connector(channel) as connector:
        access = await connector.test()
    async with runtime.database.session() as db:
        channel = await get_channel(db, caller, channel_id, for_update=True)
        channel.credential_expires_at = access.expires_at
        db.add(channel)
        await db.commit()
    return access


def credential_names(channel: Channel, runtime: Runtime) -> list[str]:
    """Return which credentials are set; their values are write-only."""
    return sorted(runtime.vault.open(channel.credentials)) if channel.credentials else []


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return `target` changed by a JSON Merge Patch (RFC 7396): null removes, objects are merged, all else replaces."""
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            present = merged.get(name)
            merged[name] = merge_patch(present if isinstance(present, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def _replace_settings(runtime: Runtime, channel: Channel, settings: Mapping[str, Any]) -> None:
    type_ = get_connector(channel.connector)
    parse_settings(type_, settings)
    channel.settings, credentials = split_settings(type_, settings)
    channel.credentials = runtime.vault.seal(credentials)


def _require_free_hand(caller: Caller, brand: str) -> None:
    if caller.channels:
        text = Text(
            ja="このトークンは特定のチャネルに限られ、チャネルを追加できません。",
            en="This token is limited to certain channels and cannot add one.",
        )
        raise ForbiddenError("outside_limits", text)
    _require_brand(caller, brand)


def _require_brand(caller: Caller, brand: str) -> None:
    if caller.brands and brand not in caller.brands:
        text = Text(
            ja=f"このトークンは次のブランドに限られます: {', '.join(caller.brands)}",
            en=f"This token is limited to these brands: {', '.join(caller.brands)}",
        )
        raise ForbiddenError("outside_limits", text)


def _record(db: AsyncSession, caller: Caller, channel: Channel, now: datetime, **detail: Any) -> None:
    record_event(
        db,
        EventType.CHANNEL_CHANGED,
        actor=caller.name,
        now=now,
        channel_id=channel.id,
        subject_id=channel.id,
        state=channel.state.value,
        **detail,
    )
