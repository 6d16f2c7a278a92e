"""The topics of one store account, as the mall holds them and as its two answers show them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.yahoo_shopping.category import CATEGORIES
from connectors.yahoo_shopping.simulator.options import Options

Poster = Literal["user", "seller"]
CONDITION_NAMES = {1: "通常完了", 2: "電話完了", 3: "メール対応", 4: "同一質問", 5: "回答不要"}
PARENTS = {7: 6, 8: 6, 26: 6, 11: 10, 12: 10, 13: 10, 27: 10, 15: 14, 16: 14, 17: 14, 20: 19, 21: 19}
PAGE = 20


@dataclass(slots=True)
class TalkFile:
    """A stored file; one that no message names yet can be deleted."""

    object_key: str
    name: str
    extension: str
    content_type: str
    content: bytes = field(repr=False)
    is_posted: bool = False


@dataclass(frozen=True, slots=True)
class TalkMessage:
    """One post; `is_api` tells posts of programs from what staff typed in the mall's own screen."""

    message_id: int
    poster: Poster
    body: str
    posted_at: int
    bid: str | None = None
    files: tuple[TalkFile, ...] = ()
    is_api: bool = False


@dataclass(slots=True)
class Topic:
    """One thread. Times are UNIX seconds; `number_while_open` is what the list shows as condition before completion."""

    topic_id: str
    title: str
    qa_type: Literal["item", "order"]
    category: int
    customer: int
    first_poster: Poster = "user"
    service_type: Literal["shp", "auc"] = "shp"
    is_private: bool = True
    order_id: str | None = None
    item_code: str | None = None
    messages: list[TalkMessage] = field(default_factory=list)
    is_unread: bool = False
    is_no_answer: bool = True
    condition: int | None = None
    number_while_open: int | None = 0
    is_condition_named: bool = True
    is_mail: bool = False
    memo: str | None = None
    user_post_time: int | None = None
    seller_post_time: int | None = None
    is_user_unread: bool = False
    user_last_read: int | None = None
    seller_last_read: int | None = None
    is_broken: bool = False
    """Its detail answer is unlike anything the mall documents."""

    @property
    def is_completed(self) -> bool:
        return self.condition is not None

    @property
    def group(self) -> str:
        """The one group of `requestFilter` that the topic is in."""
        if self.is_completed:
            return "completed"
        return "unanswered" if self.is_no_answer else "answered"

    def time(self, name: str) -> int | None:
        """Return the time that the mall calls `name`."""
        return self.seller_post_time if name == "sellerPostTime" else self.user_post_time

    @property
    def masked_id(self) -> str:
        """The list's hashed customer id, the same for the same customer."""
        return hashlib.sha256(f"customer {self.customer}".encode()).hexdigest()[:32]

    @property
    def masked_index(self) -> str:
        """The detail's masked text, which is another value."""
        return hashlib.sha256(f"index {self.customer}".encode()).hexdigest()[:3] + "*****"

    def row(self) -> dict[str, Any]:
        """Return the topic as the list shows it."""
        return {
            "topicId": self.topic_id,
            "isUnread": self.is_unread,
            "isNoAnswer": self.is_no_answer,
            "isCompleted": self.is_completed,
            "completeConditionId": self.condition or self.number_while_open,
            "completeConditionShortName": CONDITION_NAMES.get(self.condition or 0) if self.is_condition_named else None,
            "userPostTime": _text(self.user_post_time),
            "sellerPostTime": _text(self.seller_post_time),
            "qaType": self.qa_type,
            "isPrivate": self.is_private,
            "category": self.category,
            "title": self.title,
            "body": self.messages[0].body if self.messages else "",
            "messageCount": len(self.messages),
            "userMaskedId": self.masked_id,
            "itemCode": self.item_code,
            "orderId": self.order_id,
            "firstPoster": self.first_poster,
            "serviceType": self.service_type,
            "memo": self._memo(),
            # Seen in real answers, in no table.
            "userIdx": self.customer,
            "isUserUnRead": self.is_user_unread,
        }

    def detail(self, thumbnail_signature: str) -> dict[str, Any]:
        """Return the topic as the detail shows it; names and capitals differ from the list's."""
        head: dict[str, Any] = {
            "accessUserType": "seller",
            "userLastReadTime": _text(self.user_last_read),
            "isUserUnRead": self.is_user_unread,
            "sellerLastReadTime": _text(self.seller_last_read),
            "isSellerUnRead": self.is_unread,
            "isPrivate": self.is_private,
            "isComplete": self.is_completed,
            "completeConditionId": self.condition,
            "isMail": self.is_mail,
            "userMaskedIdx": self.masked_index,
            "categoryid": self.category,
            "categoryName": _category_names(self.category),
            "title": self.title,
            "qaType": self.qa_type,
            "isAucChild": False,
        }
        if self.item_code:
            head["itemcode"] = self.item_code
        if self.order_id:
            head["orderid"] = self.order_id
        if self.is_broken:
            return {"topic": head, "messages": [{"messageId": None, "postdate": "きのう"}]}
        return {"topic": head, "messages": [_shown(message, thumbnail_signature) for message in self.messages]}

    def _memo(self) -> list[dict[str, Any]] | None:
        if self.memo is None or self.seller_post_time is None:
            return None
        changed_at = self.seller_post_time + 60
        return [{"topicId": self.topic_id, "memo": self.memo, "updateDate": changed_at, "lastModifier": "biz-mori01"}]


@dataclass(frozen=True, slots=True)
class Window:
    """A range of one of the two times, in UNIX seconds; the list may be sorted by the other."""

    time: str
    first: int
    last: int


class Topics:
    """Every topic and file of the store account."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.all: dict[str, Topic] = {}
        self.files: dict[str, TalkFile] = {}

    def open(self, **members: Any) -> Topic:
        """Make a topic without messages."""
        topic_id = hashlib.sha256(f"topic {len(self.all) + 1}".encode()).hexdigest()
        topic = Topic(topic_id=topic_id, **members)
        self.all[topic_id] = topic
        return topic

    def post(
        self,
        topic: Topic,
        poster: Poster,
        body: str,
        at: int,
        *,
        files: Sequence[TalkFile] = (),
        is_api: bool = False,
        bid: str | None = "biz-mori01",
    ) -> TalkMessage:
        """Store a post and let it have its effects on the topic's flags and times; nothing is recognised as double."""
        message = TalkMessage(
            message_id=len(topic.messages) + 1,
            poster=poster,
            body=body,
            posted_at=at,
            bid=bid if poster == "seller" else None,
            files=tuple(files),
            is_api=is_api,
        )
        for file in files:
            file.is_posted = True
        topic.messages.append(message)
        if poster == "seller":
            topic.seller_post_time = at
            topic.is_no_answer = False
            topic.is_user_unread = True
            if self._options.posting_marks_read:
                topic.is_unread = False
        else:
            topic.user_post_time = at
            topic.is_unread = True
            if self._options.customer_post_clears_answer:
                topic.is_no_answer = True
            if self._options.customer_post_reopens:
                topic.condition = None
        return message

    def keep_file(
        self, topic: Topic, poster: Poster, name: str, content_type: str, content: bytes, at: int
    ) -> TalkFile:
        """Store a file under a key of the mall's form."""
        extension = name.rpartition(".")[2].lower() if "." in name else "bin"
        side = "USER" if poster == "user" else "SELLER"
        while (key := f"{topic.topic_id}/{at}_{side}.{extension}") in self.files:
            at += 1
        file = TalkFile(key, name, extension, content_type, content)
        self.files[key] = file
        return file

    def listed(
        self,
        *,
        order: str,
        is_ascending: bool,
        window: Window | None,
        groups: Sequence[str],
        matches: dict[str, Any],
    ) -> list[Topic]:
        """Return the topics of a list call in its order; a topic without the time that sorts comes last."""
        found = [
            topic
            for topic in self.all.values()
            if topic.group in groups
            and all(getattr(topic, key) == value for key, value in matches.items())
            and (window is None or self._is_within(topic.time(window.time), window))
        ]
        timed = [topic for topic in found if topic.time(order) is not None]
        timed.sort(key=lambda topic: (topic.time(order), topic.topic_id), reverse=not is_ascending)
        return timed + [topic for topic in found if topic.time(order) is None]

    def _is_within(self, at: int | None, window: Window) -> bool:
        if at is None:
            return False
        ends_before = at <= window.last if self._options.includes_window_ends else at < window.last
        return window.first <= at and ends_before


def _text(seconds: int | None) -> str | None:
    return None if seconds is None else str(seconds)


def _category_names(number: int) -> list[str]:
    numbers = [PARENTS[number], number] if number in PARENTS else [number]
    return [CATEGORIES[one].name for one in numbers if one in CATEGORIES]


def _shown(message: TalkMessage, thumbnail_signature: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "messageId": message.message_id,
        "postUserType": message.poster,
        "bid": message.bid,
        "postdate": str(message.posted_at),
        "body": message.body,
    }
    if message.files:
        shown["fileList"] = [_shown_file(file, thumbnail_signature) for file in message.files]
    return shown


def _shown_file(file: TalkFile, thumbnail_signature: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "fileName": file.name,
        "objectKey": file.object_key,
        "fileExt": file.extension,
        "fileSize": len(file.content),
    }
    if file.content_type.startswith("image/"):
        shown["thumbnailUrl"] = f"https://talk-image.example.jp/t/{file.object_key}?sig={thumbnail_signature}"
    return shown
