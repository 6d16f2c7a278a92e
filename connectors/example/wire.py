"""The JSON of Example Market as it is, in the market's own names.

Only what we need is listed; further fields of the market are ignored and stay in the raw record.
"""
# ruff: noqa: N815 - the names are the market's

from typing import Any

from pydantic import AwareDatetime, BaseModel


class WireFile(BaseModel):
    fileId: str
    name: str
    contentType: str | None = None
    size: int | None = None


class WireBuyer(BaseModel):
    buyerId: str
    nickname: str | None = None


class WireMessage(BaseModel):
    messageId: str
    writer: str
    body: str
    sentAt: AwareDatetime
    files: list[WireFile] = []


class WireHeadline(BaseModel):
    """A row of the list: enough to see that a thread changed, without its messages."""

    inquiryId: str
    revision: int


class WireInquiry(WireHeadline):
    """A whole thread; `revision` grows with every message and every flag."""

    subject: str
    category: str | None = None
    createdAt: AwareDatetime
    updatedAt: AwareDatetime
    isRead: bool
    isCompleted: bool
    buyer: WireBuyer
    orderNumber: str | None = None
    itemCode: str | None = None
    messages: list[WireMessage]


class WireList(BaseModel):
    """A page of the list. Rows stay unread here, so that one damaged row does not spoil the others."""

    total: int
    inquiries: list[Any]


class WireShop(BaseModel):
    shopName: str
    keyExpiresAt: AwareDatetime


class WireReply(BaseModel):
    body: str
    fileIds: list[str] = []


class WirePosted(BaseModel):
    messageId: str
    sentAt: AwareDatetime


class WireUploaded(BaseModel):
    fileId: str


class WireFlagResult(BaseModel):
    inquiryId: str
    ok: bool
    reason: str = ""


class WireFlagResults(BaseModel):
    results: list[WireFlagResult]
