"""R-Messe threads to inquiries, and replies to R-Messe's form. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from connectors.rakuten.settings import RakutenSettings
from connectors.rakuten.wire import UploadedFile, WireAttachment, WireInquiry, WireReply
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

SHOP_TYPE = "店舗問い合わせ"
ITEM_TYPE = "商品問い合わせ"
ORDER_TYPE = "受注問い合わせ"
FROM_SHOP_TYPE = "店舗からの問い合わせ"
GIFT_RECIPIENT = "受取人"
SHOP_TOP_PAGE = "店舗トップページ"

KINDS = {
    "商品詳細": Kind.PRODUCT,
    "再入荷・在庫": Kind.PRODUCT,
    "返品・交換・キャンセル": Kind.RETURN_REFUND,
    "返品交換・キャンセル": Kind.RETURN_REFUND,
    "配送": Kind.DELIVERY,
    "送料・商品配送": Kind.DELIVERY,
    "ソーシャルギフト受取": Kind.DELIVERY,
    "発送の確認・連絡": Kind.DELIVERY,
    "決済方法・購入金額": Kind.PAYMENT,
    "注文情報の追加連絡": Kind.ORDER_CHANGE,
    "注文内容の確認": Kind.ORDER_CHANGE,
}
# Asked in the shop's name these two come before an order; delivery, service and returns may come at any time.
BEFORE_ORDER_CATEGORIES = {"商品詳細", "再入荷・在庫"}


def to_inquiry(payload: bytes, settings: RakutenSettings) -> Inquiry:
    """Return the thread of one list row or detail answer.

    Raises:
        MappingError: no JSON, no thread number, a member of the wrong type, or no date at all.
    """
    wire = _parse(payload)
    opened_at = _opened_at(wire)
    # The first message comes first in the payload, the replies in any order.
    messages = tuple(sorted(_to_messages(wire, opened_at, settings), key=lambda message: message.sent_at))
    return Inquiry(
        external_id=wire.inquiry_number,
        subject=_subject(wire),
        opened_at=opened_at,
        updated_at=max(wire.last_update_date or opened_at, messages[-1].sent_at),
        messages=messages,
        # The masked address is a relay that may change: it is no key of a customer.
        customer=Customer(name=wire.user_name or None, address=wire.user_mask_email or None),
        kind=_kind(wire),
        moment=_moment(wire),
        category=wire.category or None,
        references=tuple(_to_references(wire, settings)),
        flags=MallFlags(is_read=wire.read_by_merchant, is_completed=wire.is_completed),
        context=_context(wire),
    )


def to_wire_reply(reply: OutboundReply, *, shop_id: str, file: UploadedFile | None) -> dict[str, Any]:
    """Return the body of `reply.post`; `shopId` goes out as text, as the mall's table says."""
    body: dict[str, Any] = {
        "inquiryNumber": reply.thread.external_id,
        "shopId": shop_id,
        "message": to_wire_text(reply.text),
    }
    if file is not None:
        body["attachments"] = [{"label": file.label, "path": file.path}]
    return body


def to_wire_text(text: str) -> str:
    """Return `text` with LF line ends, so that the mall counts characters as we do."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _parse(payload: bytes) -> WireInquiry:
    try:
        row = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MappingError("the record is not JSON", code="not_json") from error
    if not isinstance(row, dict):
        raise MappingError("the record is not a JSON object", code="not_an_object")
    try:
        return WireInquiry.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        pointer = "".join(f"/{_escaped(part)}" for part in first["loc"])
        raise MappingError(f"{pointer}: {first['msg']}", pointer=pointer) from error


def _escaped(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _opened_at(wire: WireInquiry) -> datetime:
    if wire.reg_date is not None:
        return wire.reg_date
    known = [at for at in (wire.last_update_date, *(reply.reg_date for reply in wire.replies)) if at is not None]
    if not known:
        raise MappingError("/regDate: the thread has no date at all", pointer="/regDate")
    return min(known)


def _to_messages(wire: WireInquiry, opened_at: datetime, settings: RakutenSettings) -> Iterator[Message]:
    customer = AuthorRole.GIFT_RECIPIENT if wire.social_gift_user_type == GIFT_RECIPIENT else AuthorRole.CUSTOMER
    is_shop_started = wire.type in settings.shop_started_types
    root = WireReply(
        id=0, message=wire.message, is_message_deleted=wire.is_message_deleted, attachments=wire.attachments
    )
    yield _to_message(
        root,
        external_id=f"{wire.inquiry_number}#0-root",
        role=AuthorRole.SHOP if is_shop_started else customer,
        sent_at=opened_at,
        user_name=wire.user_name,
    )
    roles = {"merchant": AuthorRole.SHOP, "user": customer}
    for reply in _distinct(wire.replies):
        yield _to_message(
            reply,
            external_id=f"{wire.inquiry_number}#reply-{reply.id}",
            role=roles.get(reply.reply_from or "", AuthorRole.SYSTEM),
            sent_at=reply.reg_date or opened_at,
            user_name=wire.user_name,
        )


def _distinct(replies: tuple[WireReply, ...]) -> list[WireReply]:
    """Return the replies by id; one that comes twice is kept once, two of one id cannot be told apart."""
    known: dict[int, WireReply] = {}
    for index, reply in enumerate(replies):
        if known.setdefault(reply.id, reply) != reply:
            pointer = f"/replies/{index}/id"
            raise MappingError(f"{pointer}: two different replies have one id", pointer=pointer)
    return sorted(known.values(), key=lambda reply: reply.id)


def _to_message(
    wire: WireReply, *, external_id: str, role: AuthorRole, sent_at: datetime, user_name: str | None
) -> Message:
    is_deleted = bool(wire.is_message_deleted)
    is_from_customer = role in {AuthorRole.CUSTOMER, AuthorRole.GIFT_RECIPIENT}
    return Message(
        external_id=external_id,
        author_role=role,
        sent_at=sent_at,
        text="" if is_deleted else to_wire_text(wire.message or ""),
        author_name=(user_name or None) if is_from_customer else None,
        attachments=() if is_deleted else tuple(_to_attachments(wire.attachments)),
        is_deleted=is_deleted,
        is_read=wire.is_read,
    )


def _to_attachments(wires: tuple[WireAttachment, ...]) -> Iterator[Attachment]:
    taken: set[str] = set()
    for index, wire in enumerate(wires):
        key = wire.path or f"#{index}"
        external_id = key if key not in taken else f"{key}#{index}"
        taken.add(external_id)
        yield Attachment(
            external_id=external_id,
            name=wire.label or f"attachment-{index + 1}",
            reference={"path": wire.path, "label": wire.label},
        )


def _subject(wire: WireInquiry) -> str:
    item = wire.item_name if wire.item_name != SHOP_TOP_PAGE else None
    return " / ".join(filter(None, (wire.type, wire.category, item))) or "お問い合わせ"


def _kind(wire: WireInquiry) -> Kind:
    unnamed = Kind.PRODUCT if wire.type == ITEM_TYPE and not wire.category else Kind.OTHER
    return KINDS.get(wire.category or "", unnamed)


def _moment(wire: WireInquiry) -> Moment:
    if wire.order_number or wire.type in {ORDER_TYPE, FROM_SHOP_TYPE}:
        return Moment.AFTER
    if wire.type == ITEM_TYPE or (wire.type == SHOP_TYPE and wire.category in BEFORE_ORDER_CATEGORIES):
        return Moment.BEFORE
    return Moment.UNKNOWN


def _to_references(wire: WireInquiry, settings: RakutenSettings) -> Iterator[Reference]:
    if wire.order_number:
        yield Reference(kind=ReferenceKind.ORDER, value=wire.order_number, is_verified=True)
    if wire.item_number:
        url = None
        # Only a path may follow the prefix: anything else could name another host.
        if settings.item_link_prefix and (wire.item_url or "").startswith("/"):
            url = f"{settings.item_link_prefix}{wire.item_url}"
        yield Reference(
            kind=ReferenceKind.ITEM, value=wire.item_number, is_verified=True, title=wire.item_name or None, url=url
        )


def _context(wire: WireInquiry) -> dict[str, Any]:
    facts = {
        "shop_id": wire.shop_id,
        "type": wire.type,
        "social_gift_user_type": wire.social_gift_user_type,
        "completed_at": wire.completed_date.isoformat() if wire.completed_date else None,
    }
    return {name: value for name, value in facts.items() if value}
