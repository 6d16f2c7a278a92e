"""What the gateway lends to a connector that is bound to one channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import httpx


class Budget(Protocol):
    """The request budget of one credential, shared by all operations of all workers."""

    async def take(self, *, interval: timedelta, is_send: bool) -> None:
        """Wait for the next free slot; slots start at least `interval` apart.

        Raises:
            RateLimitedError: the next slot is too far away to wait for.
        """

    async def pause(self, duration: timedelta) -> None:
        """Hand out no slot for `duration`, since the mall asked for it."""


class Tokens(Protocol):
    """Rotating credentials (access and refresh tokens) of one channel, encrypted at rest."""

    async def load(self) -> Mapping[str, str]:
        """Return what was saved last; empty before the first time."""

    async def renew(
        self, seen: Mapping[str, str], refresh: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        """Replace the tokens once, however many callers ask at the same time.

        If the saved tokens differ from `seen`, somebody else was faster and theirs are returned.
        Otherwise `refresh` is called alone and its answer saved before it is returned; if it
        raises, the old tokens stay.
        """


class Memo(Protocol):
    """A small memory with expiry for push connectors: nonces, idempotency keys, rate buckets."""

    async def remember(self, key: str, value: bytes, *, ttl: timedelta) -> bytes | None:
        """Store `value` under `key` unless it is taken; return None if stored, else what is there."""

    async def recall(self, key: str) -> bytes | None:
        """Return what is stored under `key` and has not expired."""

    async def replace(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        """Store `value` under `key`, whatever was there."""

    async def forget(self, key: str) -> None:
        """Remove `key`."""

    async def take_permit(self, key: str, *, limit: int, per: timedelta) -> timedelta:
        """Count one use of a token bucket; zero means granted, else the time until the next permit."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelContext:
    """The surroundings of one bound connector.

    `channel_id` is ours and opaque. `transport` replaces the network (a simulator in the same
    process). `allows_private_addresses` switches the guard against calls into the own network off;
    only simulators need that. `server_secret` is a key of this channel for signing own tokens.
    """

    channel_id: str
    budget: Budget
    tokens: Tokens
    memo: Memo
    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    transport: httpx.AsyncBaseTransport | None = None
    allows_private_addresses: bool = False
    server_secret: bytes = field(default=b"", repr=False)
