"""A reply: the outbox row, an agent's answer on its way out, and its attempts."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from gateway.ids import new_id
from gateway.model.columns import JSON, LONG_TEXT, UTC_TIME, one_of
from gateway.model.errors import ConflictError
from gateway.sdk.text import Text


class ReplyStatus(StrEnum):
    """Where a reply stands. `sent` only with the mall's confirmation or a read that shows it."""

    DRAFT = "draft"  # being written
    QUEUED = "queued"  # accepted, waits for its turn or for `retry_at`
    SENDING = "sending"  # a worker holds the lease and is talking to the mall
    SENT = "sent"  # the mall confirmed it, or the thread shows it
    REJECTED = "rejected"  # the mall refused it; the reason is for the agent
    UNKNOWN = "unknown"  # it may or may not have arrived; the thread will tell
    NEEDS_PERSON = "needs_person"  # reading did not settle it; a person decides
    FAILED = "failed"  # gave up, nothing was sent; the case is open again
    CANCELLED = "cancelled"  # taken back while it was queued


class Outcome(StrEnum):
    """How an attempt was judged."""

    SENT = "sent"  # the mall confirmed it
    NOT_SENT = "not_sent"  # nothing was done at the mall
    REJECTED = "rejected"  # the mall refused it
    UNKNOWN = "unknown"  # no honest answer
    ABANDONED = "abandoned"  # the worker died or lost its lease; unknown as well


SETTLED = {ReplyStatus.SENT, ReplyStatus.REJECTED, ReplyStatus.FAILED, ReplyStatus.CANCELLED}
BLOCKING = {ReplyStatus.QUEUED, ReplyStatus.SENDING, ReplyStatus.UNKNOWN, ReplyStatus.NEEDS_PERSON}
"""A reply in one of these keeps the later replies of its case waiting."""
_MOVES: dict[ReplyStatus, set[ReplyStatus]] = {
    ReplyStatus.DRAFT: {ReplyStatus.QUEUED, ReplyStatus.CANCELLED},
    # A late echo can show that a reply had arrived after all, while it waits to be sent again: hence QUEUED to SENT.
    ReplyStatus.QUEUED: {ReplyStatus.SENDING, ReplyStatus.CANCELLED, ReplyStatus.FAILED, ReplyStatus.SENT},
    ReplyStatus.SENDING: {
        ReplyStatus.SENT,
        ReplyStatus.REJECTED,
        ReplyStatus.QUEUED,
        ReplyStatus.UNKNOWN,
        ReplyStatus.FAILED,
    },
    ReplyStatus.UNKNOWN: {ReplyStatus.SENT, ReplyStatus.QUEUED, ReplyStatus.NEEDS_PERSON, ReplyStatus.FAILED},
    ReplyStatus.NEEDS_PERSON: {ReplyStatus.SENT, ReplyStatus.QUEUED, ReplyStatus.FAILED},
    ReplyStatus.FAILED: {ReplyStatus.QUEUED, ReplyStatus.SENT},
    ReplyStatus.REJECTED: set(),
    ReplyStatus.SENT: set(),
    ReplyStatus.CANCELLED: set(),
}


class Reply(SQLModel, table=True):
    """An agent's answer. `fence` grows with every lease, so that a late worker's write is a no-op."""

    __tablename__ = "reply"
    __table_args__ = (
        UniqueConstraint("case_id", "position"),
        Index("reply_by_channel", "channel_id", "id"),
        Index(
            "reply_unsettled",
            "status",
            "due_at",
            postgresql_where=text("status in ('queued', 'sending', 'unknown', 'needs_person')"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    case_id: UUID = Field(foreign_key="case.id")
    channel_id: UUID = Field(foreign_key="channel.id")
    position: int
    """The order within the case, from 1."""
    status: ReplyStatus = Field(default=ReplyStatus.DRAFT, sa_type=one_of(ReplyStatus))
    text: str = Field(sa_type=LONG_TEXT, repr=False)
    fingerprint: str
    author: str
    base_revision: int
    reason_code: str | None = None
    reason: dict[str, str] | None = Field(default=None, sa_type=JSON)
    """What a person should know, in both languages."""
    due_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    """When the engine looks at it next: the retry, the end of the lease, or the next read."""
    failures: int = 0
    """Attempts in a row that sent nothing."""
    fence: int = 0
    unknown_since: datetime | None = Field(default=None, sa_type=UTC_TIME)
    reads: int = 0
    """Reads since `unknown_since`, failed ones included."""
    clean_reads: int = 0
    """Reads since `unknown_since` that showed the whole thread without the reply."""
    first_sending_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    external_id: str | None = None
    """The message's id at the mall, once known."""
    message_id: UUID | None = None
    """The echo: our own reply as a fetch brought it back."""
    sent_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    created_at: datetime = Field(sa_type=UTC_TIME)
    updated_at: datetime = Field(sa_type=UTC_TIME)
    revision: int = 1

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status in SETTLED

    @property
    def thread_reason(self) -> Text | None:
        """The reason as a text in both languages."""
        return Text(**self.reason) if self.reason else None

    def submit(self, now: datetime) -> None:
        """Accept the draft."""
        self._move(ReplyStatus.QUEUED, now, due_at=now)

    def take(self, now: datetime, lease: timedelta) -> int:
        """Lease the reply to a worker that will send it now; return the fencing number."""
        self._move(ReplyStatus.SENDING, now, due_at=now + lease)
        self.fence += 1
        self.first_sending_at = self.first_sending_at or now
        return self.fence

    def confirm(self, now: datetime, *, sent_at: datetime | None, external_id: str | None) -> None:
        """The mall has it."""
        self._move(ReplyStatus.SENT, now)
        self.sent_at = sent_at or now
        self.external_id = external_id or self.external_id
        self.failures = 0

    @property
    def may_have_left(self) -> bool:
        """Whether some attempt was begun whose echo may still come back."""
        return self.first_sending_at is not None and self.message_id is None

    def postpone(self, now: datetime, due_at: datetime, code: str, reason: Text, *, counts: bool) -> None:
        """Nothing was sent; wait until `due_at`. `counts` says whether it is one more failure in a row."""
        self._move(ReplyStatus.QUEUED, now, due_at=due_at, code=code, reason=reason)
        self.failures += counts

    def wait(self, now: datetime, code: str, reason: Text) -> bool:
        """Stay queued until somebody wakes it: there is no time at which it would be its turn by itself.

        Returns:
            False if it waits for that already.
        """
        if self.due_at is None and self.reason_code == code:
            return False
        self.due_at, self.reason_code, self.reason = None, code, reason.model_dump()
        self._touch(now)
        return True

    def reject(self, now: datetime, code: str, reason: Text) -> None:
        """The mall refused it."""
        self._move(ReplyStatus.REJECTED, now, code=code, reason=reason)

    def fail(self, now: datetime, code: str, reason: Text) -> None:
        """Give up; nothing was sent."""
        self._move(ReplyStatus.FAILED, now, code=code, reason=reason)

    def doubt(self, now: datetime, due_at: datetime, code: str, reason: Text) -> None:
        """It may have arrived; the first read that can tell is at `due_at`."""
        self._move(ReplyStatus.UNKNOWN, now, due_at=due_at, code=code, reason=reason)
        self.unknown_since = now
        self.reads = self.clean_reads = 0

    def note_read(self, now: datetime, due_at: datetime | None, *, is_clean: bool) -> None:
        """A read did not show it; `due_at` is the next read."""
        self.reads += 1
        self.clean_reads += is_clean
        self.due_at = due_at
        self._touch(now)

    def requeue(self, now: datetime, code: str, reason: Text) -> None:
        """It is proven absent (or safe to repeat): it may be sent again."""
        self._move(ReplyStatus.QUEUED, now, due_at=now, code=code, reason=reason)
        self.unknown_since = None
        self.failures = 0

    def ask_person(self, now: datetime, code: str, reason: Text) -> None:
        """Reading could not settle it."""
        self._move(ReplyStatus.NEEDS_PERSON, now, code=code, reason=reason)

    def cancel(self, now: datetime) -> None:
        """Take it back; possible until a worker has taken it, and never after it may have left once."""
        self._move(ReplyStatus.CANCELLED, now)

    def _move(
        self,
        to: ReplyStatus,
        now: datetime,
        *,
        due_at: datetime | None = None,
        code: str | None = None,
        reason: Text | None = None,
    ) -> None:
        if to not in _MOVES[self.status]:
            raise ConflictError(
                "reply_state",
                Text(
                    ja=f"この返信は {self.status} のため {to} にできません。",
                    en=f"This reply is {self.status} and cannot become {to}.",
                ),
                extra={"status": self.status.value},
            )
        self.status = to
        self.due_at = due_at
        self.reason_code = code
        self.reason = reason.model_dump() if reason else None
        self._touch(now)

    def _touch(self, now: datetime) -> None:
        self.updated_at = now
        self.revision += 1


class Attempt(SQLModel, table=True):
    """One try at delivering a reply: opened before the call, judged after it; one that stays open is unknown."""

    __tablename__ = "attempt"
    __table_args__ = (UniqueConstraint("reply_id", "number"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    reply_id: UUID = Field(foreign_key="reply.id")
    number: int
    """The fencing number of its lease."""
    worker: str
    digest: str
    """SHA-256 of the text and files that were handed to the connector."""
    outcome: Outcome | None = Field(default=None, sa_type=one_of(Outcome))
    code: str | None = None
    detail: str | None = Field(default=None, sa_type=LONG_TEXT)
    http_status: int | None = None
    evidence: str | None = Field(default=None, sa_type=LONG_TEXT)
    receipt: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    started_at: datetime = Field(sa_type=UTC_TIME)
    finished_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
