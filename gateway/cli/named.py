"""Things that people name on the command line, found."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.cli.failures import WRONG_USE, CommandError
from gateway.ids import BadIdError, parse_id
from gateway.model import Channel
from gateway.store import channels


async def find_channels(db: AsyncSession, names: Sequence[str]) -> list[Channel]:
    """Return the channels with these ids or names, in the order in which they are named; all if none is.

    Raises:
        CommandError: a name fits no channel, or more than one.
    """
    known = await channels.list_channels(db)
    return [_pick(known, name) for name in dict.fromkeys(names)] if names else known


async def find_channel(db: AsyncSession, name: str) -> Channel:
    """Return the channel with this id or name."""
    return (await find_channels(db, [name]))[0]


def _pick(known: Sequence[Channel], name: str) -> Channel:
    try:
        id_ = parse_id("chan", name)
    except BadIdError:
        fitting = [channel for channel in known if channel.name == name]
    else:
        fitting = [channel for channel in known if channel.id == id_]
    if len(fitting) == 1:
        return fitting[0]
    what = f"{len(fitting)} channels are named {name!r}; use the id" if fitting else f"there is no channel {name!r}"
    raise CommandError(f"{what}; `gateway channels list` shows them", exit_code=WRONG_USE)
