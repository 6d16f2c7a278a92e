"""R-Messe's JSON as it is: the mall's members in Python's spelling, nothing interpreted.

Every member but the keys may be null or absent, unknown members are ignored.
Source: RMS WEB SERVICE, InquiryManagementAPI, pages inquiries_get, inquiry_get, reply_post, attachment_post and
inquires_patch_read, read 2026-11-21.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

# Japan has no daylight saving time: the offset is fixed.
JST = timezone(timedelta(hours=9), "JST")
INQUIRY_NUMBER = re.compile(r"[0-9a-zA-Z-]+")
ALREADY_SET = "already set value as specified"

# Neither a lone half of a surrogate pair nor a NUL can be stored or sent on.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def to_mall_time(at: datetime) -> str:
    """Return `at` as request parameters want it: Japan time, whole seconds, no offset."""
    return at.astimezone(JST).strftime("%Y-%m-%dT%H:%M:%S")


def parse_mall_time(value: Any) -> datetime:
    """Read a date of the mall, which is Japan time where it names no offset; returns UTC."""
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=JST)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("should be a date and time in ISO 8601") from None


def _clean(value: Any) -> Any:
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value


def _as_text(value: Any) -> Any:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else _clean(value)


def _none_is_empty(value: Any) -> Any:
    return () if value is None else value


WireText = Annotated[str, BeforeValidator(_clean)]
WireTime = Annotated[datetime, BeforeValidator(parse_mall_time)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class WireAttachment(_Wire):
    """A file of a message; `path` is handed back exactly as received."""

    label: WireText | None = None
    path: WireText | None = None


_Attachments = Annotated[tuple[WireAttachment, ...], BeforeValidator(_none_is_empty)]


class WireReply(_Wire):
    """A message behind the first one; `id` counts within its thread, `is_read` speaks of the other side."""

    id: Annotated[int, Field(ge=0, lt=2**63)]
    message: WireText | None = None
    reg_date: WireTime | None = None
    reply_from: WireText | None = None
    is_read: bool | None = None
    is_message_deleted: bool | None = None
    attachments: _Attachments = ()


class WireInquiry(_Wire):
    """A thread; its first message stands in `message`, `reg_date` and `attachments`."""

    inquiry_number: Annotated[WireText, Field(min_length=1, max_length=300)]
    shop_id: Annotated[str, BeforeValidator(_as_text)] | None = None
    user_name: WireText | None = None
    user_mask_email: WireText | None = None
    message: WireText | None = None
    reg_date: WireTime | None = None
    item_url: WireText | None = None
    item_name: WireText | None = None
    item_number: Annotated[WireText, Field(max_length=200)] | None = None
    is_completed: bool | None = None
    completed_date: WireTime | None = None
    order_number: Annotated[WireText, Field(max_length=200)] | None = None
    read_by_merchant: bool | None = None
    attachments: _Attachments = ()
    replies: Annotated[tuple[WireReply, ...], BeforeValidator(_none_is_empty)] = ()
    category: WireText | None = None
    type: WireText | None = None
    is_message_deleted: bool | None = None
    last_update_date: WireTime | None = None
    social_gift_user_type: WireText | None = None


class InquiryList(_Wire):
    """The answer of `inquiries.get`, the one that is not wrapped in `result`; rows stay as they came."""

    total_count: Annotated[int, Field(ge=0)]
    total_page_count: int | None = None
    rows: list[Any] = Field(alias="list")


class PostedReply(_Wire):
    """The answer of `reply.post`: it carries no id of the reply."""

    reg_date: WireTime | None = None


class UploadedFile(_Wire):
    """The answer of `attachment.post`; `error_message` is filled if the transfer worked and the rest did not."""

    label: WireText | None = None
    path: WireText | None = None
    error_message: WireText | None = None


class FailedMark(_Wire):
    """A thread whose flag was not changed, and why."""

    inquiry_number: WireText
    error_message: WireText | None = None


class MarkAnswer(_Wire):
    """The answer of the three PATCH calls, 200 also when every thread failed."""

    ok: Annotated[tuple[WireText, ...], BeforeValidator(_none_is_empty)] = ()
    error: Annotated[tuple[FailedMark, ...], BeforeValidator(_none_is_empty)] = ()


class LicenseExpiry(_Wire):
    """The answer of `license.expiryDate.get`."""

    expiry_date: WireTime


class WireError(_Wire):
    """What an error answer says, in whichever shape; `targets` names parameters and what is wrong with them."""

    code: str = ""
    message: str = ""
    targets: dict[str, str] = {}

    @property
    def detail(self) -> str:
        """The mall's words in one line."""
        return "; ".join(filter(None, [self.message, *(f"{name}: {text}" for name, text in self.targets.items())]))


def read_error(body: str) -> WireError:
    """Read an error answer: the API's own shape, the gateway's shape, or anything else, which has no code."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return WireError()
    if not isinstance(answer, dict):
        return WireError()
    error = answer.get("error")
    errors = answer.get("errors")
    if not isinstance(error, dict):
        error = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    targets = error.get("targets")
    return WireError(
        code=str(error.get("code") or ""),
        message=str(error.get("message") or ""),
        targets={str(k): str(v) for k, v in targets.items()} if isinstance(targets, dict) else {},
    )
