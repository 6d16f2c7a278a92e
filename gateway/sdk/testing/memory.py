"""What the gateway lends to a connector, kept in memory: for the contract kit and for connectors' own tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import httpx

from gateway.sdk.bucket import take_from_bucket
from gateway.sdk.context import ChannelContext


class MemoryBudget:
    """A request budget of one process that hands out every slot at once and counts."""

    def __init__(self) -> None:
        self.taken: list[bool] = []
        self.pauses: list[timedelta] = []

    async def take(self, *, interval: timedelta, is_send: bool) -> None:  # noqa: ARG002 - tests do not wait
        self.taken.append(is_send)

    async def pause(self, duration: timedelta) -> None:
        self.pauses.append(duration)


class MemoryTokens:
    """Rotating credentials of one process."""

    def __init__(self) -> None:
        self.saved: dict[str, str] = {}
        self.renewals = 0
        self._lock = asyncio.Lock()

    async def load(self) -> Mapping[str, str]:
        return dict(self.saved)

    async def renew(
        self, seen: Mapping[str, str], refresh: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        async with self._lock:
            if self.saved != dict(seen):
                return dict(self.saved)
            self.saved = dict(await refresh(dict(seen)))
            self.renewals += 1
            return dict(self.saved)


class MemoryMemo:
    """A memo of one process, by a clock that tests can move."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._entries: dict[str, tuple[bytes, datetime]] = {}
        self._buckets: dict[str, datetime] = {}

    async def remember(self, key: str, value: bytes, *, ttl: timedelta) -> bytes | None:
        present = await self.recall(key)
        if present is None:
            self._entries[key] = (value, self._now() + ttl)
        return present

    async def recall(self, key: str) -> bytes | None:
        value, expires_at = self._entries.get(key, (None, None))
        return value if expires_at is not None and expires_at > self._now() else None

    async def replace(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        self._entries[key] = (value, self._now() + ttl)

    async def forget(self, key: str) -> None:
        self._entries.pop(key, None)

    async def take_permit(self, key: str, *, limit: int, per: timedelta) -> timedelta:
        wait, free_at = take_from_bucket(self._buckets.get(key), self._now(), limit=limit, per=per)
        if not wait:
            self._buckets[key] = free_at
        return wait


async def no_sleep(seconds: float) -> None:
    """Return at once, whatever the wait."""


def memory_context(now: Callable[[], datetime], transport: httpx.AsyncBaseTransport | None = None) -> ChannelContext:
    """Return a context with nothing behind it, by the clock `now`; waits return at once."""
    return ChannelContext(
        channel_id="chan_00000000000000000000000000",
        budget=MemoryBudget(),
        tokens=MemoryTokens(),
        memo=MemoryMemo(now),
        now=now,
        sleep=no_sleep,
        transport=transport,
        allows_private_addresses=True,
        server_secret=b"a server secret for tests, 32 by",
    )
