"""The reply's state machine against a mall that misbehaves at random.

Each schedule is a random interleaving of customers, agents, faults, dying workers, reads and jumps of
the clock. Whatever the schedule: no reply stands at the mall twice, none that is shown as sent is
missing there, and none is stuck without a reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from connectors.example.simulator import ExampleSimulator
from gateway.config import Config
from gateway.db import Database
from gateway.model import Attempt, Outcome, ReplyStatus
from gateway.model.errors import ConflictError
from gateway.runtime import Runtime
from gateway.sdk.testing import Fault, FaultKind, SimulatedClock
from gateway.store import replies
from gateway.sync import outbound, reconcile
from tests.support import postgres
from tests.support.engine import Bench
from tests.support.malls import Malls

SCHEDULES = (
    int(os.environ.get("MACHINE_SCHEDULES", 0))
    or {"default": 300, "nightly": 10_000}[os.environ.get("HYPOTHESIS_PROFILE", "default")]
)
POST = "/messages"

faults = st.builds(
    Fault,
    kind=st.sampled_from(FaultKind),
    operation=st.sampled_from([POST, POST, POST, "GET ", ""]),
    times=st.integers(1, 3),
    skip=st.integers(0, 1),
    status=st.sampled_from([400, 401, 404, 408, 409, 429, 500, 502, 503]),
    headers=st.sampled_from([{}, {"retry-after": "30"}]),
    body=st.sampled_from([b"", b"{}", b"<html>", b"\xff\xfe"]),
).filter(lambda fault: not (fault.kind is FaultKind.ANSWER_AFTER and fault.status < 500 and fault.status != 408))
SEND_FAULTS = [
    *(Fault(kind=kind, operation=POST) for kind in FaultKind if kind is not FaultKind.ANSWER),
    *(Fault(kind=FaultKind.ANSWER_AFTER, operation=POST, status=status) for status in (408, 500, 503)),
    *(Fault(kind=FaultKind.ANSWER, operation=POST, status=status) for status in (400, 401, 429, 500, 503)),
]
READ_FAULTS = [
    Fault(kind=FaultKind.NOT_CONNECTED, operation="GET ", times=3),
    Fault(kind=FaultKind.ANSWER, operation="GET ", status=500, times=3),
    Fault(kind=FaultKind.GARBLE, operation="GET ", times=3),
    Fault(kind=FaultKind.ANSWER, operation="GET ", status=401),
]
T = TypeVar("T")


class WorkerKilledError(BaseException):
    """A worker dies in the middle of a call: nothing of it runs any more, not even an exception handler."""


class Deadly(httpx.AsyncBaseTransport):
    """The network, which a dying worker leaves before or after its next post went out."""

    def __init__(self, malls: Malls) -> None:
        self._malls = malls
        self.kills: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_post = request.method == "POST" and request.url.path.endswith(POST)
        moment = self.kills.pop() if is_post and self.kills else None
        if moment == "before":
            raise WorkerKilledError
        response = await self._malls.handle_async_request(request)
        if moment == "after":
            raise WorkerKilledError
        return response


class ReplyMachine(RuleBasedStateMachine):
    """One schedule: one channel with a few threads, and everything that can happen to its replies."""

    url: ClassVar[str]
    loop: ClassVar[asyncio.Runner]

    def __init__(self) -> None:
        super().__init__()
        postgres.empty(self.url)
        self.home = Path(tempfile.mkdtemp(prefix="machine"))
        self.clock = SimulatedClock(datetime(2026, 11, 20, 3, 0, tzinfo=UTC))
        self.malls = Malls()
        self.network = Deadly(self.malls)
        self.database = Database(self.url, pool_size=2)
        config = Config(home=self.home, database_url=self.url, secret_keys=("machine",), allow_private_addresses=True)
        self.runtime = Runtime.of(
            config,
            self.database,
            clock=self.clock.now,
            budget_clock=self.clock.now,
            transport=self.network,
            sleep=self._sleep,
        )
        self.threads: list[str] = []
        self.replies: dict[UUID, tuple[str, str]] = {}

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work of a worker that may be killed; its leases stay behind."""
        return self.loop.run(work)

    def run_mortal(self, work: Coroutine[Any, Any, Any]) -> None:
        with contextlib.suppress(WorkerKilledError):
            self.loop.run(work)

    @initialize()
    def open_shop(self) -> None:
        self.simulator = ExampleSimulator(self.clock)
        self.bench = self.run(Bench.open(self.runtime, self.clock, self.simulator, self.malls))
        for number in range(2):
            self.threads.append(self.simulator.customer_writes(f"質問{number}"))
        self.run(self.bench.pull())
        for thread in range(2):
            self.agent_answers(thread)

    def _pick(self, pick: int) -> UUID:
        return list(self.replies)[pick % len(self.replies)]

    @rule(thread=st.integers(0, 1))
    def customer_writes_again(self, thread: int) -> None:
        self.simulator.customer_writes("もう一つ質問です。", thread_id=self.threads[thread])

    @rule(thread=st.integers(0, 1))
    def agent_answers_again(self, thread: int) -> None:
        self.agent_answers(thread)

    def agent_answers(self, thread: int) -> None:
        text = f"返信{len(self.replies)}です。"
        reply = self.run(self.bench.answer(self.threads[thread], text))
        self.replies[reply] = (self.threads[thread], text)

    @rule(fault=faults)
    def mall_misbehaves(self, fault: Fault) -> None:
        self.simulator.faults.add(fault)

    @rule()
    def mall_recovers(self) -> None:
        self.simulator.faults.clear()

    @rule(pick=st.integers(0, 30))
    def worker_sends(self, pick: int) -> None:
        self.run_mortal(outbound.deliver(self.runtime, self._pick(pick)))

    @rule(pick=st.integers(0, 30), fault=st.sampled_from(SEND_FAULTS))
    def worker_sends_to_a_mall_that_misbehaves(self, pick: int, fault: Fault) -> None:
        self.simulator.faults.add(fault)
        self.run_mortal(outbound.deliver(self.runtime, self._pick(pick)))

    @rule(pick=st.integers(0, 30), moment=st.sampled_from(["before", "after"]))
    def worker_dies_while_it_sends(self, pick: int, moment: str) -> None:
        self.network.kills.append(moment)
        self.run_mortal(outbound.deliver(self.runtime, self._pick(pick)))

    @rule(
        pick=st.integers(0, 30),
        seconds=st.sampled_from([0, 10, 130, 2000]),
        fault=st.sampled_from([None, None, *READ_FAULTS]),
    )
    def worker_settles(self, pick: int, seconds: int, fault: Fault | None) -> None:
        """After a while a worker reads the thread of a reply in doubt, or finds that a lease ran out."""
        self.clock.advance(timedelta(seconds=seconds))
        if fault is not None:
            self.simulator.faults.add(fault)
        self.run_mortal(outbound.deliver(self.runtime, self._pick(pick)))
        self.run_mortal(reconcile.settle(self.runtime, self._pick(pick)))

    @rule(pick=st.integers(0, 30))
    def two_workers_take_the_same_job(self, pick: int) -> None:
        reply = self._pick(pick)

        async def both() -> None:
            await asyncio.gather(
                outbound.deliver(self.runtime, reply),
                outbound.deliver(self.runtime, reply),
                reconcile.settle(self.runtime, reply),
            )

        self.run_mortal(both())

    @rule()
    def channel_is_read(self) -> None:
        self.run_mortal(self.bench.pull())

    @rule(seconds=st.sampled_from([1, 5, 15, 60, 130, 600, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @rule()
    def operator_resumes_the_channel(self) -> None:
        self.run(self.bench.resume())

    @rule(pick=st.integers(0, 30))
    def agent_cancels(self, pick: int) -> None:
        reply_id = self._pick(pick)

        async def cancel() -> None:
            async with self.database.session() as db:
                _, reply = await replies.lock_with_case(db, reply_id)
                reply.cancel(self.clock.now())
                db.add(reply)
                await db.commit()

        with contextlib.suppress(ConflictError):
            self.run(cancel())

    def teardown(self) -> None:
        try:
            if self.threads:
                self.run(self._end_well())
        finally:
            self.loop.run(self.database.close())
            shutil.rmtree(self.home, ignore_errors=True)

    async def _end_well(self) -> None:
        """The mall is well again and time passes: every reply must come to an honest end."""
        self.simulator.faults.clear()
        self.network.kills.clear()
        await self.bench.resume()
        await self.bench.settle_all(within=timedelta(days=3))
        self.clock.advance(timedelta(hours=7))
        await self.bench.pull()
        await self.bench.settle_all(within=timedelta(days=3))
        for reply_id, (thread, text) in self.replies.items():
            await self._check(reply_id, self.simulator.thread(thread).shop_texts.count(text))

    async def _check(self, reply_id: UUID, copies: int) -> None:
        reply = await self.bench.reply(reply_id)
        async with self.database.session() as db:
            attempts = await replies.list_attempts(db, [reply_id])
        told = f"{reply.status} ({reply.reason_code}) with {copies} copies after {[a.outcome for a in attempts]}"
        assert copies <= 1, f"doubled: {told}"
        if reply.status is ReplyStatus.SENT:
            assert copies == 1, f"lost: {told}"
        elif reply.status is ReplyStatus.NEEDS_PERSON:
            assert reply.reason, f"stuck without a reason: {told}"
        elif reply.status is ReplyStatus.QUEUED and reply.reason_code == "waits_for_earlier":
            # Its turn comes when a person has settled the one before it.
            async with self.database.session() as db:
                blocker = await replies.find_blocker(db, reply)
            assert blocker is not None, f"stuck: {told}"
            assert blocker.status in {ReplyStatus.NEEDS_PERSON, ReplyStatus.QUEUED}, f"stuck: {told}"
            assert copies == 0, f"shown as not sent, yet it was: {told}"
        else:
            assert reply.is_settled, f"stuck: {told}"
            assert copies == 0, f"shown as not sent, yet it was: {told}"
        assert all(_is_judged(attempt) for attempt in attempts), told


def _is_judged(attempt: Attempt) -> bool:
    return attempt.outcome in set(Outcome) and attempt.finished_at is not None


@pytest.fixture
def machine(database_url: str) -> Iterator[type[ReplyMachine]]:
    ReplyMachine.url = database_url
    with asyncio.Runner() as loop:
        ReplyMachine.loop = loop
        yield ReplyMachine


@pytest.mark.slow
@pytest.mark.timeout(36_000 if SCHEDULES > 1000 else 1_800)
def test_no_schedule_doubles_or_loses_a_reply_or_leaves_it_stuck(
    machine: type[ReplyMachine], request: pytest.FixtureRequest
) -> None:
    examples = max(SCHEDULES // 10, 1) if "debian" in request.node.nodeid else SCHEDULES

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
