"""The surroundings of all work: database, keys, files, clock; and connectors bound to their channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from gateway.clock import Clock, utc_now
from gateway.config import Config
from gateway.db import Database
from gateway.files import FileStore
from gateway.ids import to_public
from gateway.model import Channel, MemoEntry
from gateway.registry import connect, get_connector
from gateway.sdk import AnyConnector, ChannelContext, RateLimitedError
from gateway.store import channels, lending
from gateway.vault import Vault

# A budget slot further away than this frees the worker; the job comes back later.
LONGEST_WAIT = timedelta(seconds=15)


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What every entry point and every job works with.

    `transport` replaces the network, and `budget_clock` the database's clock for request budgets:
    both only where malls and time are simulated in the same process.
    """

    config: Config
    database: Database
    vault: Vault
    files: FileStore
    clock: Clock = utc_now
    worker: str = "main"
    transport: httpx.AsyncBaseTransport | None = None
    budget_clock: Clock | None = None
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)

    @classmethod
    def of(cls, config: Config, database: Database, **parts: Any) -> Runtime:
        """Return a runtime with the vault and the file store that `config` names."""
        return cls(
            config=config,
            database=database,
            vault=Vault(config.keys),
            files=FileStore(config.files_location, config.files_options),
            **parts,
        )

    def settings_of(self, channel: Channel) -> dict[str, Any]:
        """Return a channel's settings with its credentials opened."""
        secrets = self.vault.open(channel.credentials) if channel.credentials else {}
        return {**channel.settings, **secrets}

    @asynccontextmanager
    async def connector(self, channel: Channel) -> AsyncIterator[AnyConnector]:
        """Yield the channel's connector, bound to it, and close it at the end."""
        bound = connect(get_connector(channel.connector), self.settings_of(channel), self.context(channel))
        try:
            yield bound
        finally:
            await bound.aclose()

    def context(self, channel: Channel) -> ChannelContext:
        """Return what the gateway lends to the channel's connector."""
        public_id = to_public("chan", channel.id)
        return ChannelContext(
            channel_id=public_id,
            budget=DatabaseBudget(self, public_id),
            tokens=DatabaseTokens(self, channel.id),
            memo=DatabaseMemo(self, channel.id),
            now=self.clock,
            sleep=self.sleep,
            transport=self.transport,
            allows_private_addresses=self.config.allow_private_addresses,
            server_secret=self.vault.derive(public_id),
        )


class DatabaseBudget:
    """A request budget that all workers share; see `gateway.sdk.Budget`."""

    def __init__(self, runtime: Runtime, key: str) -> None:
        self._runtime = runtime
        self._key = key

    async def take(self, *, interval: timedelta, is_send: bool) -> None:
        async with self._runtime.database.session() as db:
            # A send may wait for as long as a worker can: freeing the worker would cost it its turn.
            granted, wait = await lending.take_slot(
                db,
                self._key,
                interval=interval,
                at_most=LONGEST_WAIT * 2 if is_send else LONGEST_WAIT,
                now=self._now(),
            )
            await db.commit()
        if not granted:
            raise RateLimitedError(
                f"the request budget of {self._key} is used up for {wait.total_seconds():.0f} s",
                retry_after=wait,
                code="budget_used_up",
            )
        if wait > timedelta():
            await self._runtime.sleep(wait.total_seconds())

    async def pause(self, duration: timedelta) -> None:
        async with self._runtime.database.session() as db:
            await lending.pause_budget(db, self._key, duration, now=self._now())
            await db.commit()

    def _now(self) -> datetime | None:
        return self._runtime.budget_clock() if self._runtime.budget_clock else None


class DatabaseTokens:
    """Rotating credentials, sealed on the channel's row; see `gateway.sdk.Tokens`."""

    def __init__(self, runtime: Runtime, channel_id: UUID) -> None:
        self._runtime = runtime
        self._channel_id = channel_id

    async def load(self) -> Mapping[str, str]:
        async with self._runtime.database.session() as db:
            channel = await channels.get_channel(db, self._channel_id)
        return self._runtime.vault.open(channel.tokens) if channel.tokens else {}

    async def renew(
        self, seen: Mapping[str, str], refresh: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        # A session lock, not a transaction: the refresh talks to the mall, and no transaction is open meanwhile.
        async with self._runtime.database.engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            key = {"key": f"tokens of {self._channel_id}"}
            await connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:key, 0))"), key)
            try:
                present = await self.load()
                if dict(present) != dict(seen):
                    return present
                fresh = await refresh(present)
                await self._save(fresh)
                return fresh
            finally:
                await connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), key)

    async def _save(self, fresh: Mapping[str, str]) -> None:
        async with self._runtime.database.session() as db:
            channel = await channels.get_channel(db, self._channel_id, for_update=True)
            channel.tokens = self._runtime.vault.seal(fresh)
            db.add(channel)
            await db.commit()


class DatabaseMemo:
    """A push channel's memory; see `gateway.sdk.Memo`."""

    def __init__(self, runtime: Runtime, channel_id: UUID) -> None:
        self._runtime = runtime
        self._channel_id = channel_id

    def _entry(self, key: str, value: bytes, ttl: timedelta) -> MemoEntry:
        return MemoEntry(channel_id=self._channel_id, key=key, value=value, expires_at=self._runtime.clock() + ttl)

    async def remember(self, key: str, value: bytes, *, ttl: timedelta) -> bytes | None:
        async with self._runtime.database.session() as db:
            present = await lending.remember(db, self._entry(key, value, ttl), self._runtime.clock())
            await db.commit()
        return present

    async def recall(self, key: str) -> bytes | None:
        async with self._runtime.database.session() as db:
            return await lending.recall(db, self._channel_id, key, self._runtime.clock())

    async def replace(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        async with self._runtime.database.session() as db:
            await lending.replace(db, self._entry(key, value, ttl))
            await db.commit()

    async def forget(self, key: str) -> None:
        async with self._runtime.database.session() as db:
            await lending.forget(db, self._channel_id, key)
            await db.commit()

    async def take_permit(self, key: str, *, limit: int, per: timedelta) -> timedelta:
        async with self._runtime.database.session() as db:
            wait = await lending.take_permit(
                db, self._channel_id, f"bucket:{key}", self._runtime.clock(), limit=limit, per=per
            )
            await db.commit()
        return wait
