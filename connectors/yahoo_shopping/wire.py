"""The mall's JSON as it is. Field names change their capitals from answer to answer, so each has its own alias.

Source: developer.yahoo.co.jp/webapi/shopping/question/ (list, detail, send, fileAdd), frozen tables of 2026-10-01.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def parse_unix_seconds(value: object) -> datetime | None:
    """Read UNIX seconds, given as text or number; empty and zero mean that there is no such time."""
    if value is None or value in ("", "0", 0):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("not UNIX seconds")  # noqa: TRY004 - pydantic turns only ValueError into a message
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError):
        # Milliseconds end here too: they lie behind the year 9999.
        raise ValueError("not UNIX seconds") from None


def _text_or_empty(value: object) -> object:
    return "" if value is None else value


def _list_or_empty(value: object) -> object:
    return () if value is None else value


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


UnixSeconds = Annotated[datetime | None, BeforeValidator(parse_unix_seconds)]
LooseText = Annotated[str, BeforeValidator(_text_or_empty)]
IdText = Annotated[str, BeforeValidator(_number_as_text)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TopicRange(_Wire):
    """Which rows an answer holds: 1-based row numbers, and the rows in total."""

    start: int = 1
    end: int
    count: int


class ListSummary(_Wire):
    """The head of a list answer; `unansweredCount` does not follow the filter."""

    topic: TopicRange
    unanswered_count: int | None = Field(default=None, alias="unansweredCount")


class TopicList(_Wire):
    """A list answer; rows stay untouched, so that one bad row does not spoil the others."""

    summary: ListSummary
    headlines: Annotated[list[Any], BeforeValidator(_list_or_empty)] = []


class Headline(_Wire):
    """A row of the list."""

    topic_id: str = Field(alias="topicId", min_length=1)
    is_unread: bool | None = Field(default=None, alias="isUnread")
    is_no_answer: bool | None = Field(default=None, alias="isNoAnswer")
    is_completed: bool | None = Field(default=None, alias="isCompleted")
    user_post_time: UnixSeconds = Field(default=None, alias="userPostTime")
    seller_post_time: UnixSeconds = Field(default=None, alias="sellerPostTime")
    qa_type: str | None = Field(default=None, alias="qaType")
    is_private: bool | None = Field(default=None, alias="isPrivate")
    category: int | None = None
    title: LooseText = ""
    user_masked_id: str | None = Field(default=None, alias="userMaskedId")
    item_code: str | None = Field(default=None, alias="itemCode")
    order_id: str | None = Field(default=None, alias="orderId")
    first_poster: str | None = Field(default=None, alias="firstPoster")
    service_type: str | None = Field(default=None, alias="serviceType")


class Topic(_Wire):
    """The head of a detail answer. `userMaskedIdx` is left out on purpose: it is not the list's `userMaskedId`."""

    user_last_read_time: UnixSeconds = Field(default=None, alias="userLastReadTime")
    is_user_unread: bool | None = Field(default=None, alias="isUserUnRead")
    seller_last_read_time: UnixSeconds = Field(default=None, alias="sellerLastReadTime")
    is_seller_unread: bool | None = Field(default=None, alias="isSellerUnRead")
    is_private: bool | None = Field(default=None, alias="isPrivate")
    is_complete: bool | None = Field(default=None, alias="isComplete")
    complete_condition_id: int | None = Field(default=None, alias="completeConditionId")
    is_mail: bool | None = Field(default=None, alias="isMail")
    item_code: str | None = Field(default=None, alias="itemcode")
    order_id: str | None = Field(default=None, alias="orderid")
    category_id: int | None = Field(default=None, alias="categoryid")
    category_name: Annotated[tuple[str, ...], BeforeValidator(_list_or_empty)] = Field(default=(), alias="categoryName")
    title: LooseText = ""
    qa_type: str | None = Field(default=None, alias="qaType")
    is_auction_child: bool | None = Field(default=None, alias="isAucChild")


class TalkFile(_Wire):
    """A file of a message; `thumbnailUrl` is signed, ends and must not be stored."""

    file_name: LooseText = Field(default="", alias="fileName")
    object_key: str = Field(alias="objectKey", min_length=1)
    file_ext: LooseText = Field(default="", alias="fileExt")
    file_size: int | None = Field(default=None, alias="fileSize")


class TalkMessage(_Wire):
    """A message; `messageId` counts from 1 within its topic, `bid` is the member of staff who posted."""

    message_id: IdText = Field(alias="messageId", min_length=1)
    post_user_type: str = Field(alias="postUserType")
    bid: str | None = None
    post_date: UnixSeconds = Field(alias="postdate")
    body: LooseText = ""
    file_list: Annotated[tuple[TalkFile, ...], BeforeValidator(_list_or_empty)] = Field(default=(), alias="fileList")


class TopicDetail(_Wire):
    """A detail answer."""

    topic: Topic
    messages: Annotated[tuple[TalkMessage, ...], BeforeValidator(_list_or_empty)]


class TopicRecord(_Wire):
    """The payload of our records: a detail answer, which does not name its topic, and the list row if there was one."""

    topic_id: str = Field(alias="topicId", min_length=1)
    headline: Headline | None = None
    detail: TopicDetail


class PostAnswer(_Wire):
    """The answer to a post. `messageid` is text in the mall's table and a number in its sample."""

    topic_id: str | None = Field(default=None, alias="topicid")
    message_id: IdText = Field(alias="messageid", min_length=1)
    post_date: UnixSeconds = Field(default=None, alias="postdate")


class StatusAnswer(_Wire):
    """The answer to flags and deletions: `ok`, or `ng` with status 200."""

    status: str


class UploadAnswer(_Wire):
    """The answer to an upload."""

    object_key: str = Field(alias="objectKey", min_length=1)


class NewTopicAnswer(_Wire):
    """The answer to a new topic: `topicId` in the table, `topicid` in the sample."""

    topic_id: str | None = Field(default=None, alias="topicId", min_length=1)
    topicid: str | None = Field(default=None, min_length=1)
