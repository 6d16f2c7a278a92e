"""From the mall's shapes to ours and back, without I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from connectors.yahoo_shopping import category
from connectors.yahoo_shopping.wire import Headline, TalkFile, TalkMessage, Topic, TopicRecord
from gateway.sdk import (
    Attachment,
    AuthorRole,
    Customer,
    Inquiry,
    MallFlags,
    MappingError,
    Message,
    Moment,
    RawRecord,
    Reference,
    ReferenceKind,
)

ROLES = {"user": AuthorRole.CUSTOMER, "seller": AuthorRole.SHOP}
MOMENTS = {"item": Moment.BEFORE, "order": Moment.AFTER}
CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "pdf": "application/pdf",
}
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "application/pdf": "pdf"}
SHOPPING, AUCTION = "shp", "auc"


def to_headline_record(row: Any) -> RawRecord:
    """Return the record of a list row; a row that names no topic is kept whole, to be set aside."""
    payload = _json(row)
    topic_id = row.get("topicId") if isinstance(row, dict) else None
    if not isinstance(topic_id, str) or not topic_id:
        return RawRecord(payload=payload)
    return RawRecord(
        payload=payload, external_id=topic_id, version=hashlib.sha256(payload).hexdigest(), is_headline=True
    )


def to_topic_record(topic_id: str, detail: Mapping[str, Any] | None, *, headline: RawRecord | None = None) -> RawRecord:
    """Return the record of a whole topic, with the headline's version if it came from one."""
    row = json.loads(headline.payload) if headline else None
    payload = _json({"topicId": topic_id, "headline": row, "detail": detail and _without_thumbnails(detail)})
    return RawRecord(payload=payload, external_id=topic_id, version=headline.version if headline else "")


def to_inquiry(record: RawRecord) -> Inquiry:
    """Return the thread of a record in the unified shape.

    Raises:
        MappingError: with a pointer to the first member that is not as documented.
    """
    try:
        wire = TopicRecord.model_validate_json(record.payload)
    except ValidationError as error:
        raise _not_understood(error) from None
    if wire.headline and wire.headline.topic_id != wire.topic_id:
        raise MappingError("the list row belongs to another topic", pointer="/headline/topicId")
    try:
        return _to_inquiry(wire)
    except ValidationError as error:
        # A value that the mall's tables allow and our shapes do not, such as an id without end.
        raise _not_understood(error) from None


def _not_understood(error: ValidationError) -> MappingError:
    """Name only place and kind of the error: its text would quote what customers wrote."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    pointer = "".join(f"/{part}" for part in first["loc"])
    return MappingError(f"{pointer or 'payload'}: {first['type']}", pointer=pointer)


def _to_inquiry(wire: TopicRecord) -> Inquiry:
    topic, headline = wire.detail.topic, wire.headline
    messages = _to_messages(wire)
    times = [message.sent_at for message in messages] + _list_times(headline)
    if not times:
        raise MappingError("the topic has neither messages nor times", pointer="/detail/messages")
    number = _category_number(topic, headline)
    return Inquiry(
        external_id=wire.topic_id,
        subject=topic.title or (headline.title if headline else ""),
        opened_at=messages[0].sent_at if messages else min(times),
        updated_at=max(times),
        messages=messages,
        customer=Customer(external_id=headline.user_masked_id or None if headline else None),
        kind=category.kind_of(number),
        moment=_moment(topic, headline, number),
        category=" / ".join(topic.category_name) or category.name_of(number),
        references=_references(topic, headline),
        flags=_flags(topic, headline),
        context=_context(topic, headline, number),
    )


def to_wire_text(text: str) -> str:
    """Return `text` with the line ends that the mall takes."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def to_wire_file(object_key: str, name: str, content_type: str) -> dict[str, str]:
    """Return the entry of a post that names an uploaded file."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if CONTENT_TYPES.get(extension) != content_type:
        extension = EXTENSIONS.get(content_type, extension)
    return {"fileName": name, "filePath": object_key, "fileExt": extension}


def to_message_id(topic_id: str, message_id: str) -> str:
    """Return a message's id that is unique within the store account: the mall counts within a topic."""
    return f"{topic_id}#{message_id}"


def has_shop_posted(detail: Mapping[str, Any]) -> bool:
    """Whether a detail answer holds a post of the store."""
    messages = detail.get("messages")
    return isinstance(messages, list) and any(
        isinstance(message, dict) and message.get("postUserType") == "seller" for message in messages
    )


def is_completed(detail: Mapping[str, Any]) -> bool:
    """Whether a detail answer says that its topic is completed."""
    topic = detail.get("topic")
    return isinstance(topic, dict) and topic.get("isComplete") is True


def _json(value: Any) -> bytes:
    # Sorted, since the digest tells versions apart and the order of members means nothing. `surrogatepass` keeps
    # half an emoji as it came instead of failing the page; such a payload is set aside when it is understood.
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(errors="surrogatepass")


def _without_thumbnails(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the thumbnails' addresses: they are signed, differ at every reading, and must not be stored."""
    messages = detail.get("messages")
    if not isinstance(messages, list):
        return dict(detail)
    return {**detail, "messages": [_without_thumbnail(message) for message in messages]}


def _without_thumbnail(message: Any) -> Any:
    if not isinstance(message, dict) or not isinstance(message.get("fileList"), list):
        return message
    files = [
        {name: value for name, value in file.items() if name != "thumbnailUrl"} if isinstance(file, dict) else file
        for file in message["fileList"]
    ]
    return {**message, "fileList": files}


def _to_messages(wire: TopicRecord) -> tuple[Message, ...]:
    messages = [
        _to_message(wire.topic_id, wire.detail.topic, index, message)
        for index, message in enumerate(wire.detail.messages)
    ]
    if len({message.external_id for message in messages}) < len(messages):
        raise MappingError("two messages have one number", pointer="/detail/messages")
    # The mall shows them in the order posted; sorting keeps that order among equal times.
    return tuple(sorted(messages, key=lambda message: message.sent_at))


def _to_message(topic_id: str, topic: Topic, index: int, message: TalkMessage) -> Message:
    if message.post_date is None:
        raise MappingError("the message has no time", pointer=f"/detail/messages/{index}/postdate")
    # An author that the mall does not document yet is neither the customer nor us.
    role = ROLES.get(message.post_user_type, AuthorRole.SYSTEM)
    return Message(
        external_id=to_message_id(topic_id, message.message_id),
        author_role=role,
        sent_at=message.post_date,
        text=to_wire_text(message.body),
        author_name=message.bid or None,
        attachments=tuple(_to_attachment(file) for file in message.file_list),
        is_read=_is_read(topic, role, message.post_date),
    )


def _is_read(topic: Topic, role: AuthorRole, sent_at: datetime) -> bool | None:
    """Whether the other side has read a message of `role`."""
    if role is AuthorRole.SHOP:
        is_unread, last_read = topic.is_user_unread, topic.user_last_read_time
    else:
        is_unread, last_read = topic.is_seller_unread, topic.seller_last_read_time
    if is_unread is False:
        return True
    if last_read is not None:
        return sent_at <= last_read
    return None if is_unread is None else False


def _to_attachment(file: TalkFile) -> Attachment:
    extension = file.file_ext.lower().lstrip(".")
    return Attachment(
        external_id=file.object_key,
        name=file.file_name or file.object_key.rpartition("/")[2],
        content_type=CONTENT_TYPES.get(extension),
        size=file.file_size,
        reference={"key": file.object_key},
    )


def _list_times(headline: Headline | None) -> list[datetime]:
    if headline is None:
        return []
    return [at for at in (headline.user_post_time, headline.seller_post_time) if at is not None]


def _category_number(topic: Topic, headline: Headline | None) -> int | None:
    if topic.category_id is not None:
        return topic.category_id
    return headline.category if headline else None


def _moment(topic: Topic, headline: Headline | None, number: int | None) -> Moment:
    qa_type = topic.qa_type or (headline.qa_type if headline else None)
    if qa_type in MOMENTS:
        return MOMENTS[qa_type]
    return Moment.AFTER if topic.order_id else category.moment_of(number)


def _references(topic: Topic, headline: Headline | None) -> tuple[Reference, ...]:
    order = topic.order_id or (headline.order_id if headline else None)
    item = topic.item_code or (headline.item_code if headline else None)
    pairs = ((ReferenceKind.ORDER, order), (ReferenceKind.ITEM, item))
    # The mall itself ties them to the topic, so they are facts, not claims.
    return tuple(Reference(kind=kind, value=value, is_verified=True) for kind, value in pairs if value)


def _flags(topic: Topic, headline: Headline | None) -> MallFlags:
    """The detail is the younger of the two answers, so its flags win."""
    is_unread = topic.is_seller_unread
    is_completed, is_private = topic.is_complete, topic.is_private
    if headline is not None:
        is_unread = headline.is_unread if is_unread is None else is_unread
        is_completed = headline.is_completed if is_completed is None else is_completed
        is_private = headline.is_private if is_private is None else is_private
    return MallFlags(
        is_read=None if is_unread is None else not is_unread, is_completed=is_completed, is_private=is_private
    )


def _context(topic: Topic, headline: Headline | None, number: int | None) -> dict[str, Any]:
    service_type = headline.service_type if headline else None
    if service_type is None and (number in category.AUCTION or topic.is_auction_child):
        service_type = AUCTION
    facts = {
        "service_type": service_type,
        "category_id": number,
        "first_poster": headline.first_poster if headline else None,
        "is_answered": None if headline is None or headline.is_no_answer is None else not headline.is_no_answer,
        "complete_condition": topic.complete_condition_id or None,
        "is_mail": topic.is_mail,
    }
    return {name: value for name, value in facts.items() if value is not None}
