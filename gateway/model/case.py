"""A case: the unit of work of the support team."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from gateway.ids import new_id
from gateway.model.columns import JSON, LONG_TEXT, UTC_TIME, one_of
from gateway.sdk import AuthorRole, Inquiry, Kind, MallFlags, Message, Moment, Thread


class CaseStatus(StrEnum):
    """Whose turn it is."""

    NEW = "new"  # 未対応: nobody has looked at it
    OPEN = "open"  # 対応中: the shop's turn
    PENDING = "pending"  # 返信待ち: the customer's turn
    ON_HOLD = "on_hold"  # 保留: waits for something else, with a reason
    SOLVED = "solved"  # 対応完了: done


class Cause(StrEnum):
    """Why the question came up; set when a case is solved."""

    INFORMATION_ERROR = "information_error"  # what the shop wrote was wrong
    INFORMATION_SHORTAGE = "information_shortage"  # something was not written
    PRODUCT_ERROR = "product_error"  # the goods were wrong or broken
    PRODUCT_SHORTAGE = "product_shortage"  # goods were missing
    NONE = "none"  # no fault of the shop


class Case(SQLModel, table=True):
    """One thread of one channel. `revision` grows with every change and is the ETag."""

    __tablename__ = "case"
    __table_args__ = (
        UniqueConstraint("channel_id", "external_id"),
        Index("case_by_activity", "last_message_at", "id"),
        Index("case_by_channel", "channel_id", "last_message_at", "id"),
        Index("case_by_status", "status", "last_message_at", "id"),
        Index("case_by_channel_and_status", "channel_id", "status", "last_message_at", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel_id: UUID = Field(foreign_key="channel.id")
    external_id: str
    subject: str = Field(sa_type=LONG_TEXT)
    status: CaseStatus = Field(default=CaseStatus.NEW, sa_type=one_of(CaseStatus))
    hold_reason: str | None = Field(default=None, sa_type=LONG_TEXT)
    kind: Kind = Field(default=Kind.OTHER, sa_type=one_of(Kind))
    moment: Moment = Field(default=Moment.UNKNOWN, sa_type=one_of(Moment))
    cause: Cause | None = Field(default=None, sa_type=one_of(Cause))
    category: str | None = None
    customer_external_id: str | None = Field(default=None, repr=False)
    customer_name: str | None = Field(default=None, repr=False)
    customer_address: str | None = Field(default=None, repr=False)
    mall_is_read: bool | None = None
    mall_is_completed: bool | None = None
    mall_is_private: bool | None = None
    is_withdrawn: bool = False
    context: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, repr=False)
    opened_at: datetime = Field(sa_type=UTC_TIME)
    updated_at: datetime = Field(sa_type=UTC_TIME)
    last_message_at: datetime = Field(sa_type=UTC_TIME)
    last_inbound_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    last_outbound_at: datetime | None = Field(default=None, sa_type=UTC_TIME)
    revision: int = 1

    @classmethod
    def open_for(cls, channel_id: UUID, inquiry: Inquiry, now: datetime) -> Case:
        """Return the new case of a thread that nobody here has seen before; its messages are absorbed afterwards."""
        return cls(
            # Asking for the factories of defaults takes as long as all the rest.
            id=new_id(),
            context={},
            channel_id=channel_id,
            external_id=inquiry.external_id,
            subject=inquiry.subject,
            kind=inquiry.kind,
            moment=inquiry.moment,
            opened_at=inquiry.opened_at,
            updated_at=now,
            last_message_at=inquiry.opened_at,
        )

    @property
    def mall_flags(self) -> MallFlags:
        """The mall's own flags as the mall last said them."""
        return MallFlags(
            is_read=self.mall_is_read, is_completed=self.mall_is_completed, is_private=self.mall_is_private
        )

    @property
    def thread(self) -> Thread:
        """What a send needs to know of the thread."""
        return Thread(
            external_id=self.external_id,
            context=self.context,
            flags=self.mall_flags,
            opened_at=self.opened_at,
            last_inbound_at=self.last_inbound_at,
        )

    def absorb(self, inquiry: Inquiry, new_messages: list[Message], now: datetime, *, is_first: bool) -> bool:
        """Take over what the mall says of the thread; return whether anything changed.

        `new_messages` are those of the inquiry that the case does not hold yet. The customer's
        word opens the case again; the shop's word, written in the mall's own screen, makes it the
        customer's turn. On the first sight of a thread its history decides, mall's completion included.
        """
        before = self._facts()
        self._take_facts(inquiry)
        for message in sorted(new_messages, key=lambda message: message.sent_at):
            self._hear(message)
        if is_first:
            self._judge_history()
        if inquiry.is_withdrawn and not self.is_withdrawn:
            self.is_withdrawn = True
            self.status = CaseStatus.SOLVED
        has_changed = is_first or bool(new_messages) or self._facts() != before
        if has_changed:
            self.touch(now)
        return has_changed

    def touch(self, now: datetime) -> None:
        """Count a change."""
        self.revision += 1
        self.updated_at = now

    def note_sent(self, sent_at: datetime, now: datetime) -> None:
        """A reply has reached the customer: it is their turn, unless they have written since."""
        self.last_outbound_at = max(filter(None, (self.last_outbound_at, sent_at)))
        self.last_message_at = max(self.last_message_at, sent_at)
        has_written_since = self.last_inbound_at is not None and self.last_inbound_at > sent_at
        if not has_written_since and self.status in {CaseStatus.NEW, CaseStatus.OPEN}:
            self.status = CaseStatus.PENDING
        self.touch(now)

    def note_not_sent(self, now: datetime) -> None:
        """A reply has failed for good: the case is the shop's turn again, and says so."""
        if self.status in {CaseStatus.NEW, CaseStatus.PENDING, CaseStatus.SOLVED}:
            self.status = CaseStatus.OPEN
        self.touch(now)

    def _take_facts(self, inquiry: Inquiry) -> None:
        self.subject = inquiry.subject or self.subject
        self.category = inquiry.category or self.category
        if inquiry.kind is not Kind.OTHER and self.kind is Kind.OTHER:
            self.kind = inquiry.kind
        if inquiry.moment is not Moment.UNKNOWN:
            self.moment = inquiry.moment
        self.customer_external_id = inquiry.customer.external_id or self.customer_external_id
        self.customer_name = inquiry.customer.name or self.customer_name
        self.customer_address = inquiry.customer.address or self.customer_address
        flags = inquiry.flags
        self.mall_is_read = flags.is_read if flags.is_read is not None else self.mall_is_read
        self.mall_is_completed = flags.is_completed if flags.is_completed is not None else self.mall_is_completed
        self.mall_is_private = flags.is_private if flags.is_private is not None else self.mall_is_private
        self.context = {**self.context, **inquiry.context}
        self.opened_at = min(self.opened_at, inquiry.opened_at)

    def _hear(self, message: Message) -> None:
        self.last_message_at = max(self.last_message_at, message.sent_at)
        if message.author_role is AuthorRole.SHOP:
            self.last_outbound_at = max(filter(None, (self.last_outbound_at, message.sent_at)))
            if self.status in {CaseStatus.NEW, CaseStatus.OPEN} and not self._waits_for_shop():
                self.status = CaseStatus.PENDING
            return
        self.last_inbound_at = max(filter(None, (self.last_inbound_at, message.sent_at)))
        if message.author_role in {AuthorRole.CUSTOMER, AuthorRole.GIFT_RECIPIENT} and self.status in {
            CaseStatus.PENDING,
            CaseStatus.ON_HOLD,
            CaseStatus.SOLVED,
        }:
            self.status = CaseStatus.OPEN
            self.hold_reason = None

    def _waits_for_shop(self) -> bool:
        return self.last_inbound_at is not None and (
            self.last_outbound_at is None or self.last_inbound_at > self.last_outbound_at
        )

    def _judge_history(self) -> None:
        if self.mall_is_completed:
            self.status = CaseStatus.SOLVED
        elif self._waits_for_shop() or self.last_outbound_at is None:
            self.status = CaseStatus.NEW
        else:
            self.status = CaseStatus.PENDING

    def _facts(self) -> tuple[Any, ...]:
        return (
            self.subject,
            self.category,
            self.kind,
            self.moment,
            self.customer_external_id,
            self.customer_name,
            self.customer_address,
            self.mall_flags,
            self.context,
            self.opened_at,
        )


class Reference(SQLModel, table=True):
    """An order number or item code of a case, exactly as it was given."""

    __tablename__ = "reference"
    __table_args__ = (UniqueConstraint("case_id", "kind", "value"), Index("reference_value", "value"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    case_id: UUID = Field(foreign_key="case.id", ondelete="CASCADE")
    kind: str
    value: str
    is_verified: bool
    title: str | None = Field(default=None, sa_type=LONG_TEXT)
    url: str | None = Field(default=None, sa_type=LONG_TEXT)
