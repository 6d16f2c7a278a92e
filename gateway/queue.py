"""Jobs: rows in the same database, put there by the transaction that makes them necessary."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from sqlmodel.ext.asyncio.session import AsyncSession


class Queue(StrEnum):
    """Which work is done first when there is not enough hand for all; `PRIORITIES` says in which order."""

    SEND = "send"  # replies on their way to a customer
    SETTLE = "settle"  # reads that settle an unknown outcome
    PULL = "pull"  # reading channels
    MARK = "mark"  # flags on their way to a mall
    FILE = "file"  # copies of attachments
    UPKEEP = "upkeep"  # the schedule and cleaning up


PRIORITIES = {queue: 10 * (len(Queue) - rank) for rank, queue in enumerate(Queue)}

# The connector is replaced when a worker opens the app; deferring uses the caller's own connection.
app = App(connector=PsycopgConnector())


async def defer(
    session: AsyncSession,
    task_name: str,
    *,
    queue: Queue,
    lock: str | None = None,
    queueing_lock: str | None = None,
    at: datetime | None = None,
    **arguments: Any,
) -> bool:
    """Put a job into the caller's own transaction; it exists when the transaction is committed.

    Args:
        lock: jobs with the same lock run one after another, in the order in which they were put.
        queueing_lock: at most one waiting job has it.
        at: not before this time.
    Returns:
        False if a waiting job already has `queueing_lock`; then nothing was put.
    """
    deferrer = app.configure_task(
        task_name,
        allow_unknown=True,
        queue=queue.value,
        priority=PRIORITIES[queue],
        lock=lock,
        queueing_lock=queueing_lock,
        schedule_at=at,
        connection=await _driver(session),
    )
    if queueing_lock is None:
        await deferrer.defer_async(**arguments)
        return True
    try:
        async with session.begin_nested():
            # The savepoint is made when the session is next asked for its connection; the deferrer never asks it.
            await session.connection()
            await deferrer.defer_async(**arguments)
    except AlreadyEnqueued:
        return False
    return True


async def defer_all(
    session: AsyncSession, task_name: str, *, queue: Queue, waiting: Mapping[str, Mapping[str, Any]]
) -> None:
    """Put many jobs in one statement: the arguments of each by its queueing lock; what waits already is left out."""
    if not waiting:
        return
    pattern = app.configure_task(task_name, allow_unknown=True, queue=queue.value, priority=PRIORITIES[queue]).job
    jobs = [pattern.evolve(queueing_lock=lock, task_kwargs=dict(waiting[lock])) for lock in waiting]
    try:
        async with session.begin_nested():
            await app.job_manager.batch_defer_jobs_async(jobs, connection=await _driver(session))
    except AlreadyEnqueued:
        # One that waits already spoils the statement; then each is asked for by itself.
        for lock, arguments in waiting.items():
            await defer(session, task_name, queue=queue, queueing_lock=lock, **arguments)


async def _driver(session: AsyncSession) -> Any:
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    return raw.driver_connection
