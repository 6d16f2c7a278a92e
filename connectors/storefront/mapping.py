"""The protocol's events and the unified shape; pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import ValidationError

from connectors.storefront.files import clean_name
from connectors.storefront.told import StatusChange
from connectors.storefront.wire import (
    CallbackAuthor,
    CallbackEvent,
    CallbackFile,
    CallbackReply,
    CallbackStatus,
    FormOrigin,
    InquiryCreated,
    InquiryWithdrawn,
    StaffReplied,
    StatusChanged,
    WireAttachment,
    WireCustomer,
    WireInquiry,
    parse_event,
    place,
)
from gateway.sdk import (
    Attachment,
    AuthorRole,
    Customer,
    Inquiry,
    Kind,
    MallFlags,
    MappingError,
    Message,
    OutboundReply,
    Reference,
    ReferenceKind,
)

# Words that shops use beside the names of the kinds themselves.
_KINDS: Mapping[str, Kind] = {
    **{kind.value: kind for kind in Kind},
    "exchange": Kind.RETURN_REFUND,
    "return": Kind.RETURN_REFUND,
    "refund": Kind.RETURN_REFUND,
    "cancel": Kind.ORDER_CHANGE,
    "shipping": Kind.DELIVERY,
    "stock": Kind.PRODUCT,
    "defect": Kind.REPAIR,
    "receipt": Kind.PAYMENT,
    "complaint": Kind.CLAIM,
}


def to_inquiry(payload: bytes, message_key: str, kinds: Mapping[str, Kind]) -> Inquiry:
    """Return the thread of one event with the one message that the event brings.

    `message_key` is the event's id, which stays the same over all its repetitions.
    """
    try:
        event = parse_event(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        pointer = "".join(f"/{part}" for part in place(first["loc"]))
        raise MappingError(f"this is no event of the protocol: {first['msg']}", pointer=pointer) from error
    at = event.timestamp.astimezone(UTC)
    bare = Inquiry(
        external_id=event.data.external_id,
        subject="",
        opened_at=at,
        updated_at=at,
        messages=(),
    )
    match event:
        case InquiryWithdrawn():
            return bare.model_copy(update={"is_withdrawn": True})
        case StatusChanged():
            return bare.model_copy(update={"flags": MallFlags(is_completed=event.data.status == "closed")})
        case StaffReplied():
            return bare.model_copy(update={"messages": (_to_shop_message(event, at, message_key),)})
    form = event.form if isinstance(event, InquiryCreated) else None
    inquiry = event.data
    return Inquiry(
        external_id=inquiry.external_id,
        subject=inquiry.subject,
        opened_at=at,
        updated_at=at,
        messages=tuple(_messages(inquiry, form, at, f"{inquiry.external_id}:{message_key}")),
        customer=_to_customer(inquiry.customer),
        kind=_to_kind(inquiry.category, kinds),
        category=inquiry.category,
        references=_to_references(inquiry),
        context=_to_context(inquiry, form),
    )


def to_wire_reply(reply: OutboundReply, *, author: str) -> CallbackEvent:
    """Return the callback that carries `reply`."""
    return CallbackEvent(
        type="inquiry.reply.created",
        timestamp=reply.created_at,
        data=CallbackReply(
            case_id=reply.case_id,
            external_id=reply.thread.external_id,
            reply_id=reply.reply_id,
            author=CallbackAuthor(display_name=reply.author_name or author),
            body=reply.text,
            attachments=tuple(
                CallbackFile(
                    name=file.name,
                    content_type=file.content_type,
                    size=len(file.content),
                    sha256=hashlib.sha256(file.content).hexdigest(),
                    content=base64.b64encode(file.content).decode("ascii"),
                )
                for file in reply.files
            ),
        ),
    )


def to_wire_status(change: StatusChange) -> CallbackEvent:
    """Return the callback that tells a status."""
    told = CallbackStatus.model_validate({"external_id": change.external_id, "status": change.status})
    return CallbackEvent(type="inquiry.status.changed", timestamp=change.changed_at, data=told)


def _messages(inquiry: WireInquiry, form: FormOrigin | None, at: datetime, message_id: str) -> list[Message]:
    said = Message(
        external_id=message_id,
        author_role=AuthorRole.CUSTOMER,
        sent_at=at,
        text=inquiry.body,
        author_name=inquiry.customer.name,
        attachments=tuple(_to_attachment(file) for file in inquiry.attachments),
    )
    if form is None or not form.refused_files:
        return [said]
    # The agent must know that the customer meant to send more than arrived.
    names = "\n".join(f"{file.name} ({file.code})" for file in form.refused_files)
    note = Message(
        external_id=f"{message_id}:refused",
        author_role=AuthorRole.SYSTEM,
        sent_at=at,
        text=f"受け取れなかったファイル / Files that were not taken:\n{names}",
    )
    return [said, note]


def _to_shop_message(event: StaffReplied, at: datetime, message_key: str) -> Message:
    said = event.data
    return Message(
        external_id=f"{said.external_id}:{said.reply_id or message_key}",
        author_role=AuthorRole.SHOP,
        sent_at=at,
        text=said.body,
        author_name=said.author.display_name,
        attachments=tuple(_to_attachment(file) for file in said.attachments),
    )


def _to_attachment(file: WireAttachment) -> Attachment:
    return Attachment(
        external_id=file.upload_id,
        name=clean_name(file.name),
        content_type=file.content_type,
        size=file.size,
        reference={"upload_id": file.upload_id, "sha256": file.sha256},
    )


def _to_customer(customer: WireCustomer) -> Customer:
    # Only the shop's own reference is an identity: anybody can type anybody's e-mail address.
    return Customer(external_id=customer.customer_ref, name=customer.name, address=customer.email)


def _to_kind(category: str | None, kinds: Mapping[str, Kind]) -> Kind:
    if category is None:
        return Kind.OTHER
    return kinds.get(category) or _KINDS.get(category.strip().lower(), Kind.OTHER)


def _to_references(inquiry: WireInquiry) -> tuple[Reference, ...]:
    claims = [(ReferenceKind.ORDER, value) for value in inquiry.order_refs]
    claims += [(ReferenceKind.ITEM, value) for value in inquiry.item_refs]
    # A customer may have typed them, on a form of the shop too, so they prove nothing.
    return tuple(Reference(kind=kind, value=value, is_verified=False) for kind, value in dict.fromkeys(claims))


def _to_context(inquiry: WireInquiry, form: FormOrigin | None) -> dict[str, str]:
    known = {
        "page_url": inquiry.page_url,
        "locale": inquiry.locale,
        "reference": form.reference if form else None,
        "identity": form.identity if form else None,
    }
    return {name: value for name, value in known.items() if value}
