"""The tasks: one thin function per step. Each is safe to run twice, and alone catches what nobody foresaw."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from procrastinate import JobContext

from gateway import wake
from gateway.queue import app
from gateway.runtime import Runtime
from gateway.sdk import ConnectorError
from gateway.sync import copies, inbound, marks, outbound, reconcile, replay

logger = logging.getLogger(__name__)

RUNTIME = "runtime"


def _step(name: str, step: Callable[[Runtime, JobContext], Awaitable[object]]) -> None:
    """Register a step under `name`; the job's arguments stand in its context."""

    async def run(context: JobContext, /, **_arguments: object) -> None:
        runtime: Runtime = context.additional_context[RUNTIME]
        try:
            await step(runtime, context)
        except Exception as error:
            # The rows are the truth: leases run out and overdue work is woken again, so the job itself may end here.
            logger.exception("step.failed", extra={"step": name, "arguments": context.job.task_kwargs})
            if name == wake.PULL:
                await inbound.note_failure(runtime, _id(context, "channel_id"), ConnectorError(str(error)))
            raise

    app.task(name=name, pass_context=True)(run)


def _id(context: JobContext, name: str) -> UUID:
    return UUID(str(context.job.task_kwargs[name]))


async def _pull(runtime: Runtime, context: JobContext) -> None:
    await inbound.run_pull(runtime, _id(context, "channel_id"))


async def _deliver(runtime: Runtime, context: JobContext) -> None:
    await outbound.deliver(runtime, _id(context, "reply_id"))


async def _settle(runtime: Runtime, context: JobContext) -> None:
    await reconcile.settle(runtime, _id(context, "reply_id"))


async def _write_marks(runtime: Runtime, context: JobContext) -> None:
    await marks.write_marks(runtime, _id(context, "channel_id"))


async def _copy_file(runtime: Runtime, context: JobContext) -> None:
    await copies.copy_file(runtime, _id(context, "attachment_id"))


async def _replay(runtime: Runtime, context: JobContext) -> None:
    await replay.run_replay_job(runtime, _id(context, "job_id"))


_step(wake.PULL, _pull)
_step(wake.DELIVER, _deliver)
_step(wake.SETTLE, _settle)
_step(wake.WRITE_MARKS, _write_marks)
_step(wake.COPY_FILE, _copy_file)
_step(wake.REPLAY, _replay)
