"""What every benchmark stands on: an embedded PostgreSQL of its own, databases, channels, workers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import make_url

from connectors.rakuten.simulator import RakutenSimulator
from gateway import migrations
from gateway.clock import utc_now
from gateway.config import Config
from gateway.db import Database, database_url
from gateway.model import Channel
from gateway.registry import get_connector, split_settings
from gateway.runtime import Runtime

SECRET = "a key for benchmarks"  # noqa: S105 - it guards invented data in a folder that is removed
# One sweep instead of four: for benchmarks that count requests or channels, not history.
ONE_SWEEP: dict[str, Any] = {
    "recent_reach": "P30D",
    "month_reach": "P30D",
    "archive_reach": "P30D",
    "deep_reach": "P30D",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A server with the settings that PostgreSQL comes with: what is committed is on the disk."""

    home: Path
    url: str

    def create_database(self, name: str) -> str:
        """Return the address of a new database with the current schema."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        url = make_url(self.url).set(database=name).render_as_string(hide_password=False)
        migrations.upgrade(url)
        return url

    def config(self, url: str) -> Config:
        """Return settings for this machine; all others are what a gateway has by default."""
        return Config(
            home=self.home,
            database_url=url,  # type: ignore[arg-type]  # validated from text
            secret_keys=(SECRET,),  # type: ignore[arg-type]
            allow_private_addresses=True,
        )

    @contextlib.asynccontextmanager
    async def runtime(self, url: str) -> AsyncIterator[Runtime]:
        """Yield a gateway without doors on the database `url`."""
        database = Database(url)
        try:
            yield Runtime.of(self.config(url), database)
        finally:
            await database.close()

    @contextlib.contextmanager
    def worker(self, url: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run `gateway worker`, a process of its own, while the block runs."""
        variables = {
            **os.environ,
            "GATEWAY_HOME": str(self.home),
            "GATEWAY_DATABASE_URL": url,
            "GATEWAY_SECRET_KEYS": SECRET,
            "GATEWAY_ALLOW_PRIVATE_ADDRESSES": "true",
            "GATEWAY_LOG_LEVEL": "ERROR",
        }
        command = [str(Path(sys.executable).with_name("gateway")), "worker"]
        with (self.home / "worker.log").open("ab") as log:
            process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def opened_stage() -> Iterator[Stage]:
    """Start a PostgreSQL in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="madoguchi-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o711)
        yield Stage(home, database_url(Config(home=home)))


async def add_channels(
    runtime: Runtime, mall: str, count: int = 1, *, is_due: bool = True, **options: Any
) -> list[UUID]:
    """Add channels at the simulated mall; those that are not due are read by nobody."""
    connector = get_connector(RakutenSimulator.key)
    settings = {**RakutenSimulator().settings(mall), **options}
    plain, credentials = split_settings(connector, settings)
    now = utc_now()
    added = [
        Channel(
            connector=connector.key,
            name=f"shop {number}",
            address=f"shop-{uuid4().hex[:12]}",
            settings=plain,
            credentials=runtime.vault.seal(credentials),
            next_pull_at=now if is_due else now + timedelta(days=1),
            created_at=now,
        )
        for number in range(count)
    ]
    async with runtime.database.session() as db:
        db.add_all(added)
        await db.commit()
    return [channel.id for channel in added]
