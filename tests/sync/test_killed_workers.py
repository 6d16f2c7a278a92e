"""Workers are killed before, during and after a send; another takes over. Real processes, real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from connectors.example.simulator import ExampleSimulator
from gateway import wake
from gateway.config import Config
from gateway.db import Database
from gateway.ids import to_public
from gateway.model import Attempt, Outcome, ReplyStatus
from gateway.runtime import Runtime
from gateway.sdk.testing import Fault, FaultKind, SimulatedClock, serving
from gateway.store import lending, replies
from tests.support.engine import Bench
from tests.support.malls import Malls
from tests.support.processes import QUICK, until, worker

POST = "/messages"


class _Listening(Malls):
    """Malls at real addresses: the test's own process and the workers reach them in the same way."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def add(self, simulator: object) -> str:
        return self._address


@pytest.fixture
async def bench(database_url: str, database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    """A channel at a simulated mall behind a real socket, with one question in it."""
    clock = SimulatedClock()
    simulator = ExampleSimulator(clock)
    config = Config(
        home=tmp_path,
        database_url=database_url,
        secret_keys=(QUICK["GATEWAY_SECRET_KEYS"],),
        allow_private_addresses=True,
    )
    async with serving(simulator.app) as address:
        bench = await Bench.open(Runtime.of(config, database), clock, simulator, _Listening(address))
        yield bench


async def _submitted(bench: Bench) -> tuple[str, UUID]:
    """A customer asks, an agent answers, and the answer's job waits in the queue."""
    thread = bench.simulator.customer_writes("届きましたか？")
    await bench.pull()
    return thread, await _answer(bench, thread, "はい、届いております。")


async def _answer(bench: Bench, thread: str, words: str) -> UUID:
    reply_id = await bench.answer(thread, words)
    async with bench.runtime.database.session() as db:
        await wake.wake_delivery(db, await replies.get_reply(db, reply_id))
        await db.commit()
    return reply_id


async def _attempts(bench: Bench, reply_id: UUID) -> list[Attempt]:
    async with bench.runtime.database.session() as db:
        return await replies.list_attempts(db, [reply_id])


async def _reaches(bench: Bench, reply_id: UUID, status: ReplyStatus) -> None:
    async def has_status() -> bool:
        return (await bench.reply(reply_id)).status is status

    await until(has_status)


async def test_a_worker_killed_before_it_sends_is_followed_by_one_that_sends_once(
    bench: Bench, database_url: str, tmp_path: Path
) -> None:
    thread, reply_id = await _submitted(bench)
    async with bench.runtime.database.session() as db:
        # The request budget lets nobody through for a while: the worker has the lease and waits with its call.
        key = to_public("chan", bench.channel_id)
        await lending.pause_budget(db, key, timedelta(seconds=12), now=None)
        await db.commit()

    async with worker(database_url, tmp_path) as first:
        await _reaches(bench, reply_id, ReplyStatus.SENDING)
        first.kill()
    assert bench.simulator.thread(thread).shop_texts == []
    async with worker(database_url, tmp_path):
        await _reaches(bench, reply_id, ReplyStatus.SENT)

    assert bench.simulator.thread(thread).shop_texts == ["はい、届いております。"]
    assert [a.outcome for a in await _attempts(bench, reply_id)] == [Outcome.ABANDONED, Outcome.SENT]


async def test_a_worker_killed_while_the_mall_stores_the_reply_is_followed_by_one_that_finds_it(
    bench: Bench, database_url: str, tmp_path: Path
) -> None:
    thread, reply_id = await _submitted(bench)
    bench.simulator.faults.add(Fault(kind=FaultKind.TIME_OUT_AFTER, operation=POST))

    async def has_arrived() -> bool:
        return bool(bench.simulator.thread(thread).shop_texts)

    async with worker(database_url, tmp_path) as first:
        await until(has_arrived)
        first.kill()
    async with worker(database_url, tmp_path):
        await _reaches(bench, reply_id, ReplyStatus.SENT)

    assert bench.simulator.thread(thread).shop_texts == ["はい、届いております。"]
    assert [a.outcome for a in await _attempts(bench, reply_id)] == [Outcome.ABANDONED]


async def test_a_worker_killed_before_it_notes_the_malls_answer_is_followed_by_one_that_finds_the_reply(
    bench: Bench, database_url: str, tmp_path: Path
) -> None:
    thread, reply_id = await _submitted(bench)

    async def is_answered() -> bool:
        posts = [one for one in bench.simulator.requests if one.operation.endswith(POST)]
        return bool(posts) and posts[-1].status == 201

    async with worker(database_url, tmp_path) as first, bench.runtime.database.engine.connect() as connection:
        # Noting a sent reply writes a message, leasing it does not: so the worker sends, and then waits for us.
        await connection.execute(text("LOCK TABLE message IN SHARE MODE"))
        await until(is_answered)
        first.kill()
    assert (await bench.reply(reply_id)).status is ReplyStatus.SENDING
    async with worker(database_url, tmp_path):
        await _reaches(bench, reply_id, ReplyStatus.SENT)

    assert bench.simulator.thread(thread).shop_texts == ["はい、届いております。"]
    assert [a.outcome for a in await _attempts(bench, reply_id)] == [Outcome.ABANDONED]


async def test_four_workers_share_the_work_and_send_each_reply_once(
    bench: Bench, database_url: str, tmp_path: Path
) -> None:
    said = {bench.simulator.customer_writes("届きましたか？"): f"返信{number}です。" for number in range(8)}
    await bench.pull()
    waiting = [await _answer(bench, thread, words) for thread, words in said.items()]

    async with contextlib.AsyncExitStack() as workers:
        for _ in range(4):
            await workers.enter_async_context(worker(database_url, tmp_path))
        for reply_id in waiting:
            await _reaches(bench, reply_id, ReplyStatus.SENT)

    for thread, words in said.items():
        assert bench.simulator.thread(thread).shop_texts == [words]


async def test_a_worker_told_to_stop_ends_what_it_began(bench: Bench, database_url: str, tmp_path: Path) -> None:
    thread, reply_id = await _submitted(bench)

    async with worker(database_url, tmp_path) as only:
        await _reaches(bench, reply_id, ReplyStatus.SENT)
        only.terminate()
        code = await asyncio.to_thread(only.wait, 30)

    assert code == 0
    assert bench.simulator.thread(thread).shop_texts == ["はい、届いております。"]
