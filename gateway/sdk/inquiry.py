"""What a mall says, in one shape: an inquiry with its messages."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue


class AuthorRole(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"  # the buyer, or somebody who may become one
    GIFT_RECIPIENT = "gift_recipient"  # receives the goods, must not learn the order's price
    SHOP = "shop"  # the shop's staff, through us or in the mall's own screen
    MALL = "mall"  # the mall's operator
    CARRIER = "carrier"  # the delivery company
    SYSTEM = "system"  # an automatic text

    @property
    def is_inbound(self) -> bool:
        """Whether the message comes to the shop."""
        return self is not AuthorRole.SHOP


class Kind(StrEnum):
    """What is asked."""

    PRODUCT = "product"  # the goods before they are bought
    ORDER_CHANGE = "order_change"  # change or cancel an order
    DELIVERY = "delivery"  # when and how it arrives
    RETURN_REFUND = "return_refund"  # send back, exchange, money back
    REPAIR = "repair"  # repair or defect
    PAYMENT = "payment"  # paying, receipts
    SITE = "site"  # the shop's pages
    CLAIM = "claim"  # a complaint
    OTHER = "other"  # anything else, and what the mall does not tell


class Moment(StrEnum):
    """When it is asked, seen from the purchase."""

    BEFORE = "before"  # no order yet
    AT = "at"  # while ordering
    AFTER = "after"  # there is an order
    UNKNOWN = "unknown"  # the mall does not tell


class ReferenceKind(StrEnum):
    """What a reference points at."""

    ORDER = "order"  # an order number
    ITEM = "item"  # an item code


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(_Shape):
    """An order number or item code, exactly as the mall or the customer gave it.

    `is_verified` is true only if the mall itself ties it to this thread; what a customer typed is
    a claim and proves nothing.
    """

    kind: ReferenceKind
    value: Annotated[str, Field(min_length=1, max_length=200)]
    is_verified: bool
    title: str | None = None
    url: str | None = None


class Customer(_Shape):
    """Who asks, as far as the mall tells.

    `external_id` is a key that stays the same for the same customer within the channel, or None;
    `address` is where the mall says they can be reached, often a masked relay. Neither is a person.
    """

    external_id: str | None = None
    name: str | None = None
    address: str | None = None


class Attachment(_Shape):
    """A file of a message, not yet downloaded.

    `external_id` is unique within its message. `reference` is whatever `Connector.download`
    needs to get the bytes, in the mall's own terms. `size` is in bytes, as the mall claims it.
    """

    external_id: str
    name: str
    content_type: str | None = None
    size: int | None = None
    reference: dict[str, JsonValue] = Field(default_factory=dict)


class Message(_Shape):
    """One utterance in a thread.

    `external_id` is unique within its channel: where the mall counts within a thread, the
    connector prefixes the thread's id. `text` is plain text with LF line ends; `html` is set only
    if the mall delivers HTML, unsanitised. A deleted message keeps its id and has empty text.
    `is_read` says that the other side has read it, None where the mall does not tell.
    """

    external_id: Annotated[str, Field(min_length=1, max_length=400)]
    author_role: AuthorRole
    sent_at: AwareDatetime
    text: str = ""
    html: str | None = None
    author_name: str | None = None
    attachments: tuple[Attachment, ...] = ()
    is_deleted: bool = False
    is_read: bool | None = None


class MallFlags(_Shape):
    """The mall's own flags of a thread, as the mall says them; None where it has no such flag."""

    is_read: bool | None = None
    is_completed: bool | None = None
    is_private: bool | None = None


class Inquiry(_Shape):
    """A mall's thread in the unified shape.

    `category` is the mall's own word. `messages` come oldest first. `context` is what the
    connector will need to answer this thread (ids, versions), JSON only, never shown to people.
    `is_withdrawn` says that the customer took the inquiry back.
    """

    external_id: Annotated[str, Field(min_length=1, max_length=300)]
    subject: str
    opened_at: AwareDatetime
    updated_at: AwareDatetime
    messages: tuple[Message, ...]
    customer: Customer = Customer()
    kind: Kind = Kind.OTHER
    moment: Moment = Moment.UNKNOWN
    category: str | None = None
    references: tuple[Reference, ...] = ()
    flags: MallFlags = MallFlags()
    context: dict[str, Any] = Field(default_factory=dict)
    is_withdrawn: bool = False
