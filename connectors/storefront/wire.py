"""Our own-site protocol as it travels: what shops and browsers send, and what we send to shops.

Members that are not named here are kept in the raw record and otherwise ignored.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

# RFC 5321, 4.5.3.1: octets of the local part and of the whole path without its brackets.
MAX_LOCAL_BYTES = 64
MAX_EMAIL_BYTES = 254

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+")
UPLOAD_ID = re.compile(r"up_[A-Za-z0-9]{16,40}", re.ASCII)


def clean_text(text: str) -> str:
    """Return `text` in NFC with LF line ends; browsers send CR LF."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def _tidy(value: Any) -> Any:
    return clean_text(value) if isinstance(value, str) else value


def _without_control(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("control_character", "control characters are not allowed, but for tab and line feed")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise PydanticCustomError("control_character", "this is one line")
    return _without_control(text)


def _email(text: str) -> str:
    text = _one_line(text.strip())
    local, _, domain = text.rpartition("@")
    if not _EMAIL.fullmatch(text) or len(local.encode()) > MAX_LOCAL_BYTES or len(text.encode()) > MAX_EMAIL_BYTES:
        raise PydanticCustomError("not_an_email", "this is not an e-mail address")
    try:
        domain.encode("idna")
    except UnicodeError:
        raise PydanticCustomError("not_an_email", "this is not a domain name") from None
    return text


def _plausible(at: datetime) -> datetime:
    if not 2000 <= at.year <= 2100:
        raise PydanticCustomError("not_plausible", "this date cannot be right")
    return at


def line(min_length: int, max_length: int) -> Any:
    """Constraints of a single line."""
    return (BeforeValidator(_tidy), Field(min_length=min_length, max_length=max_length), AfterValidator(_one_line))


Name = Annotated[str, BeforeValidator(_tidy), Field(max_length=200), AfterValidator(_one_line)]
ShortLine = Annotated[str, BeforeValidator(_tidy), Field(max_length=64), AfterValidator(_one_line)]
Subject = Annotated[str, BeforeValidator(_tidy), Field(max_length=200), AfterValidator(_one_line)]
Body = Annotated[str, BeforeValidator(_tidy), Field(min_length=1, max_length=10_000), AfterValidator(_without_control)]
ThreadId = Annotated[str, BeforeValidator(_tidy), Field(min_length=1, max_length=128), AfterValidator(_one_line)]
ClaimedCode = Annotated[str, BeforeValidator(_tidy), Field(min_length=1, max_length=64), AfterValidator(_one_line)]
Codes = Annotated[tuple[ClaimedCode, ...], Field(max_length=10)]
Email = Annotated[str, AfterValidator(_email)]
At = Annotated[AwareDatetime, Field(strict=True), AfterValidator(_plausible)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
UploadId = Annotated[str, Field(pattern=r"^up_[A-Za-z0-9]{16,40}$")]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class WireCustomer(_Wire):
    """Who writes, as the shop or the customer says."""

    name: Name | None = None
    email: Email | None = None
    phone: ShortLine | None = None
    customer_ref: Annotated[str, *line(1, 128)] | None = None

    @field_validator("name", "email", "phone", "customer_ref", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value


class WireAttachment(_Wire):
    """A file that was uploaded before."""

    name: Annotated[str, *line(1, 255)]
    content_type: ShortLine | None = None
    size: Annotated[int, Field(gt=0, strict=True)]
    sha256: Sha256
    upload_id: UploadId


class RefusedFile(_Wire):
    """A file that was left out while its text was taken."""

    name: str
    code: str


class FormOrigin(_Wire):
    """What our own browser form knows beyond the event: never part of a server's event."""

    submission: str
    digest: str
    reference: str
    identity: Literal["none", "verified", "refused"] = "none"
    refused_files: tuple[RefusedFile, ...] = ()


class WireInquiry(_Wire):
    """`data` of `inquiry.created` and `inquiry.message.created`."""

    external_id: ThreadId
    thread_id: ThreadId | None = None
    customer: WireCustomer = WireCustomer()
    subject: Subject = ""
    body: Body
    category: ShortLine | None = None
    order_refs: Codes = ()
    item_refs: Codes = ()
    page_url: Annotated[str, *line(0, 2048)] | None = None
    locale: Annotated[str, *line(0, 35)] | None = None
    consents: dict[str, Any] = {}
    attachments: tuple[WireAttachment, ...] = ()


class WireWithdrawal(_Wire):
    """`data` of `inquiry.withdrawn`."""

    external_id: ThreadId
    thread_id: ThreadId | None = None


class InquiryCreated(_Wire):
    """A customer opened a thread."""

    type: Literal["inquiry.created"]
    timestamp: At
    data: WireInquiry
    form: FormOrigin | None = Field(default=None, alias="gateway_form")


class MessageCreated(_Wire):
    """A customer wrote again in a thread."""

    type: Literal["inquiry.message.created"]
    timestamp: At
    data: WireInquiry


class InquiryWithdrawn(_Wire):
    """A customer took an inquiry back."""

    type: Literal["inquiry.withdrawn"]
    timestamp: At
    data: WireWithdrawal


class WireAuthor(_Wire):
    """Who of the shop's staff wrote."""

    display_name: Name | None = None


class WireStaffReply(_Wire):
    """`data` of `inquiry.reply.created`: an answer given in the shop's own screen.

    A shop that repeats a reply of ours keeps our `reply_id`, and it is recognised.
    """

    external_id: ThreadId
    reply_id: Annotated[str, *line(1, 128)] | None = None
    author: WireAuthor = WireAuthor()
    body: Body
    attachments: tuple[WireAttachment, ...] = ()


class WireStatus(_Wire):
    """`data` of `inquiry.status.changed`: the thread was closed or reopened in the shop's own screen."""

    external_id: ThreadId
    status: Literal["open", "pending", "closed"]


class StaffReplied(_Wire):
    """The shop's staff answered without us."""

    type: Literal["inquiry.reply.created"]
    timestamp: At
    data: WireStaffReply


class StatusChanged(_Wire):
    """The shop's staff closed or reopened a thread without us."""

    type: Literal["inquiry.status.changed"]
    timestamp: At
    data: WireStatus


AnyEvent = InquiryCreated | MessageCreated | InquiryWithdrawn | StaffReplied | StatusChanged


EVENT_TYPES = (
    "inquiry.created",
    "inquiry.message.created",
    "inquiry.withdrawn",
    "inquiry.reply.created",
    "inquiry.status.changed",
)

_EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="type")])


def parse_event(payload: bytes) -> AnyEvent:
    """Read one event.

    Raises:
        ValidationError: with the places that break a rule.
    """
    return _EVENT.validate_json(payload)


def place(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return where an error is in the event itself, without the branch that its type chose."""
    return loc[1:] if loc and loc[0] in EVENT_TYPES else loc


class Announcement(_Wire):
    """Body of `POST .../uploads`: the file that a `PUT` will bring.

    `upload_id` may be chosen by the caller, who must make it unguessable; otherwise it is ours.
    """

    name: Annotated[str, *line(1, 255)]
    content_type: ShortLine | None = None
    size: Annotated[int, Field(gt=0, strict=True)]
    sha256: Sha256
    upload_id: UploadId | None = None


class BotVerdict(_Wire):
    """Answer of the bot check (the members of Turnstile's siteverify)."""

    success: Annotated[bool, Field(strict=True)]
    error_codes: tuple[str, ...] = Field(default=(), alias="error-codes")
    hostname: str | None = None
    action: str | None = None


class CallbackFile(_Wire):
    """A file of a reply; `content` is base64."""

    name: str
    content_type: str
    size: int
    sha256: str
    content: str


class CallbackAuthor(_Wire):
    """Who answers."""

    kind: Literal["agent"] = "agent"
    display_name: str


class CallbackReply(_Wire):
    """`data` of `inquiry.reply.created`."""

    case_id: str
    external_id: str
    reply_id: str
    author: CallbackAuthor
    body: str
    attachments: tuple[CallbackFile, ...] = ()
    channel_actions: dict[str, str] = {"send_email_by": "storefront"}


class CallbackStatus(_Wire):
    """`data` of `inquiry.status.changed`."""

    external_id: str
    status: Literal["open", "pending", "closed"]


class CallbackTest(_Wire):
    """`data` of `endpoint.test`."""

    message: str = "接続テスト / connection test"


class CallbackEvent(_Wire):
    """The outside of everything that we post to a shop."""

    type: Literal["inquiry.reply.created", "inquiry.status.changed", "endpoint.test"]
    timestamp: datetime
    data: CallbackReply | CallbackStatus | CallbackTest

    def body(self) -> str:
        """Return the text that is signed and sent."""
        return self.model_copy(update={"timestamp": self.timestamp.astimezone(UTC)}).model_dump_json()


class FormSubmission(_Wire):
    """What a browser sends, as JSON or as the text parts of `multipart/form-data`."""

    form_token: Annotated[str, Field(max_length=2048)]
    identity_token: Annotated[str, Field(max_length=4096)] | None = None
    bot_token: Annotated[str, Field(max_length=8192)] = ""
    name: Name | None = None
    email: Email
    phone: ShortLine | None = None
    subject: Subject = ""
    body: Body
    category: ShortLine | None = None
    order_refs: Codes = ()
    item_refs: Codes = ()
    page_url: Annotated[str, *line(0, 2048)] | None = None
    locale: Annotated[str, *line(0, 35)] | None = None
    consents: dict[ShortLine, ShortLine] = {}

    @model_validator(mode="before")
    @classmethod
    def _widget_names(cls, members: Any) -> Any:
        # Turnstile's script adds its token to the form under a name of its own.
        if isinstance(members, dict) and "cf-turnstile-response" in members:
            return {"bot_token": members["cf-turnstile-response"], **members}
        return members

    @field_validator("order_refs", "item_refs", mode="before")
    @classmethod
    def _blank_means_none(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = [value]
        return [one for one in value if one != ""] if isinstance(value, list) else value

    @field_validator("name", "phone", "category", "page_url", "locale", "identity_token", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    def content(self) -> dict[str, Any]:
        """Return what the person wrote, without the tokens, which differ between a submission and its repetition."""
        return self.model_dump(mode="json", exclude={"form_token", "identity_token", "bot_token"})
