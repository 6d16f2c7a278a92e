"""A job stands in the caller's own transaction, and leaves that transaction whole."""

from __future__ import annotations

from sqlmodel import select

from gateway import queue
from gateway.db import Database
from gateway.queue import Queue


async def test_a_job_that_waits_already_leaves_the_callers_transaction_usable(database: Database) -> None:
    async with database.session() as db:
        assert await queue.defer(db, "pull", queue=Queue.PULL, queueing_lock="one", channel_id="x")
        await db.commit()

    async with database.session() as db:
        was_put = await queue.defer(db, "pull", queue=Queue.PULL, queueing_lock="one", channel_id="x")
        still_works = (await db.exec(select(1))).one()
        await db.commit()

    assert not was_put
    assert still_works == 1
