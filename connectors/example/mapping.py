"""From the market's shape to the unified one and back; pure, so it is tested with files alone."""

from collections.abc import Sequence

from pydantic import ValidationError

from connectors.example.wire import WireFile, WireInquiry, WireMessage, WireReply
from gateway.sdk import (
    Attachment,
    AuthorRole,
    Customer,
    Inquiry,
    Kind,
    MallFlags,
    MappingError,
    Message,
    Moment,
    OutboundReply,
    Reference,
    ReferenceKind,
)

ROLES = {"buyer": AuthorRole.CUSTOMER, "shop": AuthorRole.SHOP, "market": AuthorRole.MALL}
KINDS = {
    "item": Kind.PRODUCT,
    "delivery": Kind.DELIVERY,
    "return": Kind.RETURN_REFUND,
    "cancel": Kind.ORDER_CHANGE,
    "payment": Kind.PAYMENT,
}


def to_inquiry(payload: bytes) -> Inquiry:
    """Return the thread of `payload`, the answer of `GET /inquiries/{inquiryId}`."""
    try:
        return _to_inquiry(WireInquiry.model_validate_json(payload))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        raise MappingError(f"the inquiry cannot be read: {pointer or '/'}: {first['msg']}", pointer=pointer) from None


def to_wire_reply(reply: OutboundReply, file_ids: Sequence[str]) -> WireReply:
    """Return the body of `POST /inquiries/{inquiryId}/messages`."""
    return WireReply(body=reply.text, fileIds=list(file_ids))


def _to_inquiry(wire: WireInquiry) -> Inquiry:
    return Inquiry(
        external_id=wire.inquiryId,
        subject=wire.subject,
        opened_at=wire.createdAt,
        updated_at=wire.updatedAt,
        # The market lists messages in the order of their ids, which is not always that of their times.
        messages=tuple(sorted(map(_to_message, wire.messages), key=lambda message: message.sent_at)),
        customer=Customer(external_id=wire.buyer.buyerId, name=wire.buyer.nickname),
        kind=KINDS.get(wire.category or "", Kind.OTHER),
        moment=Moment.AFTER if wire.orderNumber else Moment.BEFORE,
        category=wire.category,
        references=tuple(_to_references(wire)),
        flags=MallFlags(is_read=wire.isRead, is_completed=wire.isCompleted),
    )


def _to_message(wire: WireMessage) -> Message:
    return Message(
        external_id=wire.messageId,
        author_role=ROLES.get(wire.writer, AuthorRole.SYSTEM),
        sent_at=wire.sentAt,
        text=wire.body.replace("\r\n", "\n"),
        attachments=tuple(map(_to_attachment, wire.files)),
    )


def _to_attachment(wire: WireFile) -> Attachment:
    return Attachment(
        external_id=wire.fileId,
        name=wire.name,
        content_type=wire.contentType,
        size=wire.size,
        reference={"file_id": wire.fileId},
    )


def _to_references(wire: WireInquiry) -> list[Reference]:
    # The market itself ties both to the thread; the buyer cannot type them.
    pairs = ((ReferenceKind.ORDER, wire.orderNumber), (ReferenceKind.ITEM, wire.itemCode))
    return [Reference(kind=kind, value=value, is_verified=True) for kind, value in pairs if value]
