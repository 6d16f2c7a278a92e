"""The worker: runs the engine's jobs, and keeps the schedule."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from procrastinate import JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import SQLAlchemyError

from gateway.config import Config
from gateway.db import Database
from gateway.queue import app
from gateway.runtime import Runtime
from gateway.sync.jobs import RUNTIME
from gateway.sync.schedule import tick

logger = logging.getLogger(__name__)


def worker_name() -> str:
    """Return a name under which this process can be found again."""
    return f"{socket.gethostname()}:{os.getpid()}"


async def _plan_for_deep_queues(connection: psycopg.AsyncConnection) -> None:
    # With a deep backlog of keyed jobs the planner picks a sort or a bitmap scan that reads the whole queue.
    await connection.execute("SET enable_sort = off")
    await connection.execute("SET enable_bitmapscan = off")
    await connection.commit()


@contextlib.asynccontextmanager
async def opened_queue(database: Database, *, concurrency: int = 4) -> AsyncIterator[None]:
    """Connect the job queue to the database while the block runs."""
    connector = PsycopgConnector(
        conninfo=database.conninfo,
        min_size=1,
        max_size=max(4, concurrency // 4),
        configure=_plan_for_deep_queues,
    )
    with app.replace_connector(connector):
        try:
            await app.open_async()
            yield
        finally:
            # Also when a stop comes while it opens: a pool that is half open would try to connect for ever.
            await app.close_async()


async def run(runtime: Runtime, *, install_signal_handlers: bool = True) -> None:
    """Work until stopped: by SIGTERM or SIGINT if signals are handled here, else by cancellation.

    A stop lets running jobs finish; what does not finish within the lease is left to others.
    """
    config: Config = runtime.config
    async with opened_queue(runtime.database, concurrency=config.concurrency):
        ticking = asyncio.create_task(_keep_schedule(runtime))
        try:
            await app.run_worker_async(
                name=runtime.worker,
                concurrency=config.concurrency,
                fetch_job_polling_interval=config.poll_interval.total_seconds(),
                delete_jobs="successful",
                additional_context={RUNTIME: runtime},
                install_signal_handlers=install_signal_handlers,
                update_heartbeat_interval=config.stalled_after.total_seconds() / 3,
                stalled_worker_timeout=config.stalled_after.total_seconds(),
                shutdown_graceful_timeout=config.lease.total_seconds(),
            )
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A job that `drain` ran: its task, its arguments, and whether it ended in an error that nobody foresaw."""

    task: str
    arguments: dict[str, Any]
    has_failed: bool


async def drain(runtime: Runtime, on_job: Callable[[FinishedJob], None] = lambda _job: None) -> list[FinishedJob]:
    """Run the jobs whose time has come until none is left, and return them; the queue has to be open.

    Jobs that another worker holds the lock for are left to it.
    """
    config = runtime.config
    finished: list[FinishedJob] = []

    async def note(call_next: Callable[[], Awaitable[Any]], context: JobContext, _worker: object) -> Any:
        has_failed = True
        try:
            result = await call_next()
            has_failed = False
        finally:
            finished.append(FinishedJob(context.job.task_name, dict(context.job.task_kwargs), has_failed))
            on_job(finished[-1])
        return result

    # A job can leave another behind that the round has no hand for any more, so the last round is an empty one.
    done_before = -1
    while len(finished) > done_before:
        done_before = len(finished)
        await app.run_worker_async(
            name=runtime.worker,
            concurrency=config.concurrency,
            wait=False,
            listen_notify=False,
            delete_jobs="successful",
            additional_context={RUNTIME: runtime},
            worker_middleware=[note],
            # A stop has to end the whole drain, not one round of it: it comes as a cancellation.
            install_signal_handlers=False,
            update_heartbeat_interval=config.stalled_after.total_seconds() / 3,
            stalled_worker_timeout=config.stalled_after.total_seconds(),
            shutdown_graceful_timeout=config.lease.total_seconds(),
        )
    return finished


async def _keep_schedule(runtime: Runtime) -> None:
    is_failing = False
    while True:
        try:
            await tick(runtime)
        except (OSError, psycopg.Error, SQLAlchemyError, ConnectorException) as error:
            # The database is away: the next tick tries again, and one line says that it is down.
            if not is_failing:
                logger.warning("schedule.failing", extra={"reason": str(error)})
            is_failing = True
        else:
            if is_failing:
                logger.info("schedule.recovered")
            is_failing = False
        await asyncio.sleep(runtime.config.tick_interval.total_seconds())
