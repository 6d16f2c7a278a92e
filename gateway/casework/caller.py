"""Who asks, and what of the gateway they may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.ids import to_public
from gateway.model import Case, Channel, Scope
from gateway.model.errors import ForbiddenError, NotFoundError
from gateway.sdk import Text
from gateway.store import cases, channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An agent. Empty `brands` or `channels` mean no limit; with both, a channel must satisfy both.

    `ref` tells callers apart where a thing belongs to one of them; `name` is what people read.
    """

    name: str
    scopes: frozenset[Scope]
    token_id: UUID | None = None
    brands: tuple[str, ...] = ()
    channels: tuple[UUID, ...] = ()

    @classmethod
    def operator(cls, name: str) -> Caller:
        """Return somebody who works at the machine itself and may do everything."""
        return cls(name=name, scopes=frozenset(Scope))

    @property
    def ref(self) -> str:
        """The token's public id, or the name of somebody without a token."""
        return to_public("tok", self.token_id) if self.token_id else self.name

    @property
    def is_limited(self) -> bool:
        """Whether there may be channels that this caller must not see."""
        return bool(self.brands or self.channels)

    def sees(self, channel: Channel) -> bool:
        """Whether `channel` lies within the caller's limits."""
        return (not self.brands or channel.brand in self.brands) and (not self.channels or channel.id in self.channels)

    def require(self, scope: Scope) -> None:
        """Raise ForbiddenError unless the caller has `scope`."""
        if scope not in self.scopes:
            raise ForbiddenError(
                "scope_missing",
                Text(
                    ja=f"このトークンには権限 {scope.value} がありません。",
                    en=f"This token does not have the scope {scope.value}.",
                ),
                extra={"scope": scope.value},
            )


async def visible_channels(
    db: AsyncSession, caller: Caller, *, brands: Sequence[str] = (), ids: Sequence[UUID] = ()
) -> tuple[UUID, ...] | None:
    """Return the channels that a list is about: what was asked for, within the caller's limits; None means all."""
    if not (caller.is_limited or brands or ids):
        return None
    found = await channels.list_channels(db, brands=brands, ids=ids)
    return tuple(channel.id for channel in found if caller.sees(channel))


async def get_channel(db: AsyncSession, caller: Caller, channel_id: UUID, *, for_update: bool = False) -> Channel:
    """Return a channel that the caller may see."""
    channel = await channels.get_channel(db, channel_id, for_update=for_update)
    if not caller.sees(channel):
        raise NotFoundError("channel", to_public("chan", channel_id))
    return channel


async def get_case(db: AsyncSession, caller: Caller, case_id: UUID, *, for_update: bool = False) -> Case:
    """Return a case that the caller may see."""
    case = await cases.get_case(db, case_id, for_update=for_update)
    if not await may_see(db, caller, case.channel_id):
        raise NotFoundError("case", to_public("case", case_id))
    return case


async def may_see(db: AsyncSession, caller: Caller, channel_id: UUID | None) -> bool:
    """Whether the caller may see what belongs to this channel."""
    if not caller.is_limited:
        return True
    return channel_id is not None and caller.sees(await channels.get_channel(db, channel_id))
