"""The engine, driven step by step by a clock that tests move: the same steps that a worker's jobs run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import col, select

from gateway.model import (
    Attachment,
    AttachmentState,
    Attempt,
    Case,
    Channel,
    ChannelState,
    Event,
    MarkState,
    Message,
    Reply,
    ReplyStatus,
    ThreadMark,
)
from gateway.registry import get_connector, split_settings
from gateway.runtime import Runtime
from gateway.sdk import WebhookRequest, fingerprint
from gateway.sdk.testing import SimulatedClock, Simulator
from gateway.store import cases, channels, records, replies
from gateway.sync import copies, inbound, marks, outbound, reconcile
from tests.support.malls import Malls


class Bench:
    """One channel at one simulated mall, and the engine around it."""

    def __init__(self, runtime: Runtime, clock: SimulatedClock, simulator: Simulator, channel_id: UUID) -> None:
        self.runtime = runtime
        self.clock = clock
        self.simulator = simulator
        self.channel_id = channel_id

    @classmethod
    async def open(
        cls, runtime: Runtime, clock: SimulatedClock, simulator: Simulator, malls: Malls, **options: Any
    ) -> Bench:
        """Add a channel at `simulator`; `options` override its settings."""
        address = f"{simulator.key}-{uuid4().hex[:8]}"
        known = get_connector(simulator.key).settings_type.model_fields
        # Where a document leaves open whether a clean read proves anything, the tests say that it does.
        trusting = {"proves_absence": True} if "proves_absence" in known else {}
        settings = {**simulator.settings(malls.add(simulator), address=address), **trusting, **options}
        plain, credentials = split_settings(get_connector(simulator.key), settings)
        channel = Channel(
            connector=simulator.key,
            name=f"{simulator.key} test",
            address=address,
            settings=plain,
            credentials=runtime.vault.seal(credentials),
            next_pull_at=clock.now(),
            created_at=clock.now(),
        )
        async with runtime.database.session() as db:
            db.add(channel)
            await db.commit()
        return cls(runtime, clock, simulator, channel.id)

    async def pull(self) -> inbound.PullReport:
        """Read the channel now, until nothing is left; pushed webhooks are taken in as well."""
        await self.receive_pending()
        report = await inbound.pull(self.runtime, self.channel_id)
        while report.has_more:
            report = await inbound.pull(self.runtime, self.channel_id)
        return report

    async def receive_pending(self) -> None:
        """Take in what the mall wants to push."""
        waiting, self.simulator.pending_webhooks = self.simulator.pending_webhooks, []
        for request in waiting:
            await self.receive(request)

    async def receive(self, request: WebhookRequest) -> int:
        """Take in one webhook request as the API does; return the status of the answer."""
        channel = await self.channel()
        async with self.runtime.connector(channel) as connector:
            reception = await connector.receive(request)
            if reception.response is not None:
                return reception.response.status
            async with self.runtime.database.session() as db:
                stored = await records.save(db, channel.id, reception.records, self.clock.now())
                for record in stored if reception.quarantine_reason else ():
                    reason = reception.quarantine_reason or ""
                    await inbound.set_aside(db, record, self.clock.now(), code="held_back", reason=reason)
                await db.commit()
            if not reception.quarantine_reason:
                await inbound.apply(self.runtime, connector, channel.id, stored)
            return (await connector.acknowledge(request, reception, [])).status

    async def channel(self) -> Channel:
        async with self.runtime.database.session() as db:
            return await channels.get_channel(db, self.channel_id)

    async def resume(self) -> None:
        """The operator has put things right."""
        async with self.runtime.database.session() as db:
            channel = await channels.get_channel(db, self.channel_id, for_update=True)
            channel.resume(self.clock.now())
            db.add(channel)
            await db.commit()

    async def change_settings(self, **changes: Any) -> None:
        """The operator stores new credentials or options."""
        channel = await self.channel()
        settings = {**self.runtime.settings_of(channel), **changes}
        plain, credentials = split_settings(get_connector(channel.connector), settings)
        async with self.runtime.database.session() as db:
            channel = await channels.get_channel(db, self.channel_id, for_update=True)
            channel.settings, channel.credentials = plain, self.runtime.vault.seal(credentials)
            db.add(channel)
            await db.commit()

    async def case(self, thread_id: str) -> Case:
        """Return the case of a thread."""
        async with self.runtime.database.session() as db:
            query = select(Case).where(Case.channel_id == self.channel_id, Case.external_id == thread_id)
            return (await db.exec(query)).one()

    async def cases(self) -> list[Case]:
        async with self.runtime.database.session() as db:
            return list((await db.exec(select(Case).where(Case.channel_id == self.channel_id))).all())

    async def messages(self, thread_id: str) -> list[Message]:
        """Return the messages of a thread's case, oldest first."""
        case = await self.case(thread_id)
        async with self.runtime.database.session() as db:
            query = select(Message).where(Message.case_id == case.id)
            return list((await db.exec(query.order_by(col(Message.sent_at), col(Message.id)))).all())

    async def story(self, thread_id: str) -> list[Event]:
        """Return everything that happened to a thread's case."""
        case = await self.case(thread_id)
        async with self.runtime.database.session() as db:
            query = select(Event).where(Event.case_id == case.id)
            return list((await db.exec(query.order_by(col(Event.id)))).all())

    async def answer(self, thread_id: str, text: str, files: tuple[tuple[str, bytes], ...] = ()) -> UUID:
        """Put a reply into the outbox, as an agent's submission does."""
        case = await self.case(thread_id)
        now = self.clock.now()
        async with self.runtime.database.session() as db:
            case = await cases.get_case(db, case.id, for_update=True)
            reply = Reply(
                case_id=case.id,
                channel_id=case.channel_id,
                position=await replies.next_position(db, case.id),
                text=text,
                fingerprint=fingerprint(text),
                author="agent",
                base_revision=case.revision,
                created_at=now,
                updated_at=now,
            )
            reply.submit(now)
            db.add(reply)
            await db.flush()
            for name, content in files:
                stored = await self.runtime.files.put(content)
                db.add(
                    Attachment(
                        reply_id=reply.id,
                        name=name,
                        content_type=stored.content_type,
                        size=stored.size,
                        sha256=stored.sha256,
                        storage_key=stored.key,
                        state=AttachmentState.STORED,
                        created_at=now,
                    )
                )
            await db.commit()
            return reply.id

    async def reply(self, reply_id: UUID) -> Reply:
        async with self.runtime.database.session() as db:
            return await replies.get_reply(db, reply_id)

    async def deliver(self, reply_id: UUID) -> ReplyStatus:
        return await outbound.deliver(self.runtime, reply_id)

    async def leave_sending(self, reply_id: UUID) -> None:
        """A worker takes the reply and is never heard of again."""
        async with self.runtime.database.session() as db:
            _, reply = await replies.lock_with_case(db, reply_id)
            fence = reply.take(self.clock.now(), self.runtime.config.lease)
            now = self.clock.now()
            db.add_all([reply, Attempt(reply_id=reply.id, number=fence, worker="gone", digest="", started_at=now)])
            await db.commit()

    async def work(self) -> bool:
        """Run every step that is due by the clock, as a worker's jobs would; return whether there was any."""
        did = False
        now = self.clock.now()
        async with self.runtime.database.session() as db:
            unsettled = await db.exec(
                select(Reply)
                .where(
                    Reply.channel_id == self.channel_id,
                    col(Reply.status).in_([ReplyStatus.QUEUED, ReplyStatus.SENDING, ReplyStatus.UNKNOWN]),
                    col(Reply.due_at).is_(None) | (col(Reply.due_at) <= now),
                )
                .order_by(col(Reply.case_id), col(Reply.position))
            )
            due = list(unsettled.all())
            copying = await db.exec(select(Attachment.id).where(Attachment.state == AttachmentState.WAITING))
            waiting_files = list(copying.all())
            marking = select(ThreadMark).where(ThreadMark.state == MarkState.QUEUED, col(ThreadMark.due_at) <= now)
            has_marks = (await db.exec(marking)).first() is not None
        for reply in due:
            before = (reply.status, reply.revision)
            if reply.status is ReplyStatus.UNKNOWN:
                await reconcile.settle(self.runtime, reply.id)
            else:
                await outbound.deliver(self.runtime, reply.id)
            after = await self.reply(reply.id)
            did = did or (after.status, after.revision) != before
        for attachment_id in waiting_files:
            state = await copies.copy_file(self.runtime, attachment_id)
            did = did or state is not AttachmentState.WAITING
        if has_marks:
            did = bool(await marks.write_marks(self.runtime, self.channel_id)) or did
        return did

    async def settle_all(self, *, within: timedelta = timedelta(days=2)) -> None:
        """Let time pass until nothing is due any more: steps run, and between them the clock jumps to the next."""
        end = self.clock.now() + within
        while True:
            while await self.work():
                pass
            due_at = await self._next_due()
            if due_at is None or due_at > end:
                return
            self.clock.advance(max(due_at - self.clock.now(), timedelta(seconds=1)))

    async def _next_due(self) -> datetime | None:
        if (await self.channel()).state is ChannelState.PAUSED:
            return None
        async with self.runtime.database.session() as db:
            query = select(Reply.due_at).where(
                Reply.channel_id == self.channel_id,
                col(Reply.status).in_([ReplyStatus.QUEUED, ReplyStatus.SENDING, ReplyStatus.UNKNOWN]),
                col(Reply.due_at).is_not(None),
            )
            return (await db.exec(query.order_by(col(Reply.due_at)).limit(1))).first()
