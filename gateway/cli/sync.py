"""`gateway sync`: everything that is due, once. For those who let cron keep the schedule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any
from uuid import UUID

import typer

from gateway.casework import jobs
from gateway.casework.caller import Caller
from gateway.cli.failures import FAILED
from gateway.cli.named import find_channels
from gateway.cli.opened import with_runtime
from gateway.cli.screen import AsJson, print_json, print_line, progress
from gateway.ids import to_public
from gateway.model import Channel, JobState
from gateway.runtime import Runtime
from gateway.store import channels, messages, replies
from gateway.sync import schedule
from gateway.worker import FinishedJob, drain, opened_queue

OPERATOR = Caller.operator("cli")
REFUSED = "credentials_refused"


@dataclass(slots=True)
class Reading:
    """What became of one channel: `read`, `failed`, `paused` (by a person) or `busy` (another process reads it)."""

    channel_id: str
    name: str
    outcome: str = "read"
    records: int = 0
    messages: int = 0
    quarantined: int = 0
    reason: str | None = None


@dataclass(slots=True)
class Outcome:
    """What one `gateway sync` did."""

    readings: list[Reading] = field(default_factory=list)
    replies: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    failed_steps: int = 0

    @property
    def is_fine(self) -> bool:
        """Whether every channel that ought to be read was read, and no step broke."""
        return not self.failed_steps and all(reading.outcome != "failed" for reading in self.readings)

    def as_line(self) -> str:
        """Return the summary in one line."""
        outcomes = Counter(reading.outcome for reading in self.readings)
        parts = [
            f"{outcomes['read']} of {len(self.readings)} channels read"
            + "".join(
                f", {outcomes[outcome]} {outcome}" for outcome in ("failed", "paused", "busy") if outcomes[outcome]
            ),
            f"{sum(r.records for r in self.readings)} records, {sum(r.messages for r in self.readings)} new messages, "
            f"{sum(r.quarantined for r in self.readings)} quarantined",
            "replies: " + (", ".join(f"{n} {status}" for status, n in sorted(self.replies.items())) or "none due"),
        ]
        if self.files:
            parts.append("files: " + ", ".join(f"{n} {state}" for state, n in sorted(self.files.items())))
        if self.failed_steps:
            parts.append(f"{self.failed_steps} steps broke")
        parts += [f"{r.name}: {r.reason}" for r in self.readings if r.outcome == "failed"]
        return " ".join("; ".join(parts).split())

    def as_json(self) -> dict[str, Any]:
        """Return the summary for programs."""
        return {
            "is_fine": self.is_fine,
            "channels": [asdict(reading) for reading in self.readings],
            "replies": dict(self.replies),
            "files": dict(self.files),
            "failed_steps": self.failed_steps,
        }


def sync(
    channel: Annotated[
        list[str] | None,
        typer.Argument(help="Read only these channels (id or name); all without one.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the channels and do all that is due, once: for cron.

    Sends waiting replies, settles unknown ones, writes flags and copies files through the same jobs and locks as a
    worker, so both may run side by side. Ends with 0 if all went well, 1 if a channel or a step failed, 2 if it was
    called or set up wrongly.
    """
    outcome = with_runtime(lambda runtime: run_once(runtime, channel or []))
    if as_json:
        print_json(outcome.as_json())
    else:
        print_line(f"gateway sync: {outcome.as_line()}")
    if not outcome.is_fine:
        raise typer.Exit(FAILED)


async def run_once(runtime: Runtime, names: Sequence[str]) -> Outcome:
    """Do everything that is due, once."""
    done: list[FinishedJob] = []
    async with runtime.database.session() as db:
        wanted = await find_channels(db, names)
    readings = {channel.id: _expected(channel) for channel in wanted}
    with progress("working") as count:
        async with opened_queue(runtime.database, concurrency=runtime.config.concurrency):
            await schedule.rescue(runtime)
            # What waits already goes first, so that each reading below is a job of its own with its own figures.
            done += await drain(runtime, lambda _job: count())
            unread = [channel.id for channel in wanted if channel.is_active]
            while unread:
                asked = await _ask_for(runtime, unread)
                done += await drain(runtime, lambda _job: count())
                unread = [id_ for id_, job_id in asked.items() if await _note(runtime, readings[id_], id_, job_id)]
            await schedule.clean_up(runtime)
    outcome = Outcome(readings=list(readings.values()), failed_steps=sum(job.has_failed for job in done))
    await _look_back(runtime, done, outcome)
    return outcome


def _expected(channel: Channel) -> Reading:
    reading = Reading(to_public("chan", channel.id), channel.name)
    if not channel.is_active:
        # A person who paused a channel knows; a mall that refuses us is news until somebody acts.
        reading.outcome = "failed" if channel.reason_code == REFUSED else "paused"
        reading.reason = channel.reason
    return reading


async def _ask_for(runtime: Runtime, channel_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Queue one reading of each channel and return its job; one that waits already will do."""
    async with runtime.database.session() as db:
        asked = {id_: (await jobs.pull_now(db, OPERATOR, id_, runtime.clock())).id for id_ in channel_ids}
        await db.commit()
    return asked


async def _note(runtime: Runtime, reading: Reading, channel_id: UUID, job_id: UUID) -> bool:
    """Take over what the job says; return whether the channel has more to read at once."""
    async with runtime.database.session() as db:
        job = await jobs.get_job(db, OPERATOR, job_id)
        channel = await channels.get_channel(db, channel_id)
    if job.state in {JobState.QUEUED, JobState.RUNNING}:
        reading.outcome = "busy"
        return False
    reading.records += job.counts.get("records", 0)
    reading.messages += job.counts.get("messages", 0)
    reading.quarantined += job.counts.get("quarantined", 0)
    if job.state is JobState.FAILED:
        reading.outcome, reading.reason = "failed", f"{job.reason} ({job.reason_code})"
        return False
    return channel.next_pull_at is not None and channel.next_pull_at <= runtime.clock()


async def _look_back(runtime: Runtime, done: Sequence[FinishedJob], outcome: Outcome) -> None:
    """Count where the replies and files stand that were worked on."""
    reply_ids = {UUID(job.arguments["reply_id"]) for job in done if "reply_id" in job.arguments}
    file_ids = {UUID(job.arguments["attachment_id"]) for job in done if "attachment_id" in job.arguments}
    async with runtime.database.session() as db:
        outcome.replies.update([(await replies.get_reply(db, id_)).status.value for id_ in reply_ids])
        outcome.files.update([(await messages.get_attachment(db, id_)).state.value for id_ in file_ids])
