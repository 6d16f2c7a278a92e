"""The schedule: each channel in its turn, by one worker at a time; what was left behind is woken."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import text

from connectors.example.simulator import ExampleSimulator
from gateway.db import Database
from gateway.model import Job, JobKind, JobState, ReplyStatus
from gateway.runtime import Runtime
from gateway.sdk.testing import SimulatedClock
from gateway.store import jobs, replies
from gateway.sync import inbound
from gateway.sync.schedule import due_channels, tick
from gateway.worker import drain, opened_queue
from tests.support.engine import Bench
from tests.support.malls import Malls


async def _waiting(database: Database) -> list[tuple[str, str]]:
    async with database.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT task_name, args ->> 'channel_id' FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
        )
        return [(row[0], row[1]) for row in rows]


async def _benches(runtime: Runtime, clock: SimulatedClock, malls: Malls, count: int) -> list[Bench]:
    return [await Bench.open(runtime, clock, ExampleSimulator(clock), malls) for _ in range(count)]


async def test_two_schedules_at_the_same_moment_wake_each_channel_once(
    runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    benches = await _benches(runtime, clock, malls, 4)

    woken = await asyncio.gather(due_channels(runtime), due_channels(runtime))

    assert sum(woken) == 4
    waiting = await _waiting(runtime.database)
    assert sorted(id_ for _, id_ in waiting) == sorted(str(bench.channel_id) for bench in benches)


async def test_a_channel_that_is_paused_or_not_due_is_left_alone(
    runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    paused, early, due = await _benches(runtime, clock, malls, 3)
    async with runtime.database.session() as db:
        one, two = await paused.channel(), await early.channel()
        one.pause("by_hand", "holiday")
        two.next_pull_at = clock.now() + timedelta(minutes=1)
        db.add_all([one, two])
        await db.commit()

    await due_channels(runtime)

    assert [id_ for _, id_ in await _waiting(runtime.database)] == [str(due.channel_id)]


async def test_a_channel_whose_pull_waits_already_is_not_queued_twice(
    runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    await _benches(runtime, clock, malls, 1)
    await due_channels(runtime)
    clock.advance(timedelta(hours=1))

    await due_channels(runtime)

    assert len(await _waiting(runtime.database)) == 1


async def test_a_worker_reads_the_channels_that_the_schedule_woke(
    runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    (bench,) = await _benches(runtime, clock, malls, 1)
    thread = bench.simulator.customer_writes("届きますか？")

    async with opened_queue(runtime.database):
        await tick(runtime)
        jobs = await drain(runtime)

    assert [job.task for job in jobs] == ["pull"]
    assert (await bench.case(thread)).external_id == thread
    channel = await bench.channel()
    assert channel.last_success_at is not None
    assert channel.next_pull_at is not None
    assert channel.next_pull_at > clock.now()


async def test_a_reply_whose_job_was_lost_is_woken_and_sent_once(
    runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    (bench,) = await _benches(runtime, clock, malls, 1)
    thread = bench.simulator.customer_writes("届きますか？")
    await bench.pull()
    reply_id = await bench.answer(thread, "はい。")
    clock.advance(timedelta(minutes=2))

    async with opened_queue(runtime.database):
        await tick(runtime)
        await tick(runtime)
        await drain(runtime)

    assert (await bench.reply(reply_id)).status is ReplyStatus.SENT
    assert bench.simulator.thread(thread).shop_texts == ["はい。"]


async def test_a_lease_that_ran_out_puts_the_reply_in_doubt(
    runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    (bench,) = await _benches(runtime, clock, malls, 1)
    thread = bench.simulator.customer_writes("届きますか？")
    await bench.pull()
    reply_id = await bench.answer(thread, "はい。")
    await bench.leave_sending(reply_id)
    clock.advance(runtime.config.lease + timedelta(seconds=1))

    async with opened_queue(runtime.database):
        await tick(runtime)
        await drain(runtime)

    assert (await bench.reply(reply_id)).status is ReplyStatus.UNKNOWN
    async with runtime.database.session() as db:
        (attempt,) = await replies.list_attempts(db, [reply_id])
    assert attempt.code == "lease_expired"


async def test_the_next_reply_of_a_case_is_woken_when_the_one_before_it_settles(
    runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    (bench,) = await _benches(runtime, clock, malls, 1)
    thread = bench.simulator.customer_writes("届きますか？")
    await bench.pull()
    first = await bench.answer(thread, "一通目です。")
    await bench.answer(thread, "二通目です。")

    await bench.deliver(first)
    async with opened_queue(runtime.database):
        await drain(runtime)

    assert bench.simulator.thread(thread).shop_texts == ["一通目です。", "二通目です。"]


async def test_a_step_that_nobody_foresaw_ends_its_job_and_nothing_else(
    runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    broken, sound = await _benches(runtime, clock, malls, 2)
    async with runtime.database.session() as db:
        channel = await broken.channel()
        channel.connector = "no_such_connector"
        db.add(channel)
        await db.commit()
    thread = sound.simulator.customer_writes("届きますか？")

    async with opened_queue(runtime.database):
        await tick(runtime)
        await drain(runtime)

    assert (await sound.case(thread)).external_id == thread
    assert (await broken.channel()).last_error


async def test_a_pull_that_somebody_asks_for_reads_what_is_new_before_its_time(
    runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    (bench,) = await _benches(runtime, clock, malls, 1)
    await bench.pull()
    thread = bench.simulator.customer_writes("届きますか？")
    job = Job(kind=JobKind.PULL, channel_id=bench.channel_id, wanted_by="agent", created_at=clock.now())
    async with runtime.database.session() as db:
        db.add(job)
        await db.commit()

    await bench.pull()
    unseen = [case.external_id for case in await bench.cases()]
    report = await inbound.run_pull(runtime, bench.channel_id)

    assert unseen == []
    assert report.error is None
    assert (await bench.case(thread)).external_id == thread
    async with runtime.database.session() as db:
        assert (await jobs.get_job(db, job.id)).state is JobState.SUCCEEDED
