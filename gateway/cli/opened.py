"""The surroundings of a command: settings, database, schema; opened before and closed after it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway import migrations
from gateway.cli.failures import WRONG_USE, CommandError
from gateway.config import Config, load_config
from gateway.db import Database, database_url
from gateway.log import configure_logging
from gateway.runtime import Runtime
from gateway.worker import worker_name

T = TypeVar("T")


def with_runtime(work: Callable[[Runtime], Awaitable[T]], *, logs: bool = False) -> T:
    """Run `work` with an open database whose schema is current; `logs` lets the engine's events through.

    Raises:
        ConfigError: a setting is wrong. CommandError: the schema is not current.
    """
    config = load_config()
    configure_logging(config.log_level if logs else "ERROR")
    if not logs:
        # A command for people answers in its own words; the engine's events stand in the database as well.
        logging.getLogger("gateway").setLevel(logging.CRITICAL)
    url = database_url(config)
    require_schema(config, url)
    return asyncio.run(_run(config, url, work))


async def _run(config: Config, url: str, work: Callable[[Runtime], Awaitable[T]]) -> T:
    database = Database(url, pool_size=max(5, config.concurrency))
    try:
        return await work(Runtime.of(config, database, worker=worker_name()))
    finally:
        await database.close()


def require_schema(config: Config, url: str) -> None:
    """Bring the embedded database up to date; somebody's server is upgraded by its operator alone."""
    if migrations.is_current(url):
        return
    if config.database_url is not None:
        raise CommandError("the database has not this version's schema; run `gateway db upgrade`", exit_code=WRONG_USE)
    migrations.upgrade(url)
