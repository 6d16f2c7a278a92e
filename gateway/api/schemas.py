"""The whole public JSON contract on one page. `…Public` leaves, everything else comes in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field, JsonValue, StrictBool

from gateway.api.fields import (
    AttachmentId,
    AttachmentRef,
    CaseRef,
    ChannelRef,
    Input,
    JobRef,
    MarkRef,
    MessageRef,
    NoteRef,
    Output,
    Patch,
    RecordRef,
    ReplyRef,
    TextPublic,
    open_enum,
)
from gateway.casework.actions import Action
from gateway.casework.channels import ADDRESS_FORM
from gateway.casework.replies import Resolution
from gateway.model import (
    AttachmentState,
    CaseStatus,
    Cause,
    ChannelState,
    Direction,
    EventType,
    JobKind,
    JobState,
    MarkState,
    Outcome,
    RecordState,
    ReplyStatus,
)
from gateway.sdk import AuthorRole, Kind, Mark, Moment, ReferenceKind

LONGEST_TEXT = 100_000
MOST_ATTACHMENTS = 20
# PostgreSQL's integer.
LARGEST_NUMBER = 2**31 - 1

Named = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Brand = Annotated[
    str, Field(max_length=100, description="The brand that the channel belongs to.", examples=["hidamari"])
]
Seconds = Annotated[int, Field(ge=5, le=86_400, description="Seconds between two readings.", examples=[180])]
Revision = Annotated[
    int, Field(ge=1, le=LARGEST_NUMBER, description="Grows with every change; part of the ETag.", examples=[7])
]

# Problems


class ProblemItem(Output):
    """One broken rule, and where: in the body (`pointer`), a parameter or a header."""

    code: Annotated[str, Field(description="Stable name of the rule.", examples=["text_too_long"])]
    detail: Annotated[str, Field(description="What is wrong, in the language of the answer.")]
    pointer: Annotated[str | None, Field(description="JSON Pointer (RFC 6901) into the body.", examples=["/text"])]
    parameter: Annotated[str | None, Field(description="Name of a query or path parameter.", examples=[None])]
    header: Annotated[str | None, Field(description="Name of a header.", examples=[None])]
    start: Annotated[int | None, Field(description="First character of the place, in code points.", examples=[1000])]
    end: Annotated[int | None, Field(description="Character behind the place.", examples=[1042])]
    fix: Annotated[str | None, Field(description="A text that mends the place when put there.", examples=[None])]
    is_warning: Annotated[bool, Field(description="Whether it is only a hint that stops nothing.", examples=[False])]


class ProblemPublic(Output):
    """Every error has this shape (RFC 9457). Programs read `code`; people read `detail`."""

    type: Annotated[str, Field(description="Names the kind of problem.", examples=["/problems/reply-breaks-rules"])]
    title: Annotated[
        str, Field(description="The kind of problem, in words.", examples=["The mall would refuse this reply"])
    ]
    status: Annotated[int, Field(description="The HTTP status.", examples=[422])]
    detail: Annotated[str, Field(description="What happened, in the language of the answer.")]
    instance: Annotated[str, Field(description="The path that was asked.", examples=["/v1/cases"])]
    code: Annotated[str, Field(description="Stable name for programs.", examples=["reply_breaks_rules"])]
    request_id: Annotated[str, Field(description="The same as X-Request-Id.", examples=["req_8f2b61d04c5e4a7f"])]
    errors: Annotated[list[ProblemItem], Field(description="The places, as far as they are known.")]
    revision: Annotated[int | None, Field(description="The present revision, if yours was old.", examples=[None])]
    new_messages: Annotated[
        list[MessagePublic], Field(description="What the customer wrote since your `base_revision`.", examples=[[]])
    ]


# Lists

T = TypeVar("T")


class Links(Output):
    """Addresses of the pages of a list; follow them, do not build them."""

    self: Annotated[str, Field(description="This page.", examples=["/v1/cases?limit=2"])]
    first: Annotated[str, Field(description="The first page.", examples=["/v1/cases?limit=2"])]
    next: Annotated[
        str | None, Field(description="The next page; null on the last.", examples=["/v1/cases?limit=2&cursor=AbC"])
    ]


class Page(Output, Generic[T]):
    """One page of a list."""

    items: Annotated[list[T], Field(description="The page's rows.")]
    links: Links


# Cases


class CustomerPublic(Output):
    """Who asks, as far as the mall tells."""

    external_id: Annotated[str | None, Field(description="The mall's key of the customer.", examples=["b-77"])]
    name: Annotated[str | None, Field(description="The name that the mall shows.", examples=["みかん"])]
    address: Annotated[str | None, Field(description="Where the mall says they can be reached.", examples=[None])]


class MallFlagsPublic(Output):
    """The mall's own flags; null where it has no such flag."""

    is_read: Annotated[bool | None, Field(description="The shop has read it.", examples=[False])]
    is_completed: Annotated[bool | None, Field(description="The shop has completed it.", examples=[False])]
    is_private: Annotated[bool | None, Field(description="Only shop and customer see it.", examples=[None])]


class ReferencePublic(Output):
    """An order number or item code."""

    kind: Annotated[str, open_enum(ReferenceKind, "What it points at.")]
    value: Annotated[str, Field(description="Exactly as it was given.", examples=["EM-1001"])]
    is_verified: Annotated[bool, Field(description="Given by the mall, not typed by the customer.", examples=[True])]
    title: Annotated[str | None, Field(description="The mall's title of it.", examples=[None])]
    url: Annotated[str | None, Field(description="The mall's page of it.", examples=[None])]


class ActionPublic(Output):
    """What can be done with the case now, and the reason for what cannot."""

    action: Annotated[str, open_enum(Action, "The action.")]
    is_allowed: Annotated[bool, Field(description="Whether it is possible now.", examples=[False])]
    reason: Annotated[TextPublic | None, Field(description="Why it is not possible.")]


class CasePublic(Output):
    """One thread of one channel, the unit of work."""

    id: CaseRef
    channel_id: ChannelRef
    external_id: Annotated[str, Field(description="The mall's id of the thread.", examples=["em-12"])]
    subject: Annotated[str, Field(description="The subject as the mall gives it.", examples=["ご注文について"])]
    status: Annotated[str, open_enum(CaseStatus, "Whose turn it is.")]
    hold_reason: Annotated[str | None, Field(description="Why it is on hold.", examples=[None])]
    kind: Annotated[str, open_enum(Kind, "What is asked.")]
    moment: Annotated[str, open_enum(Moment, "When it is asked, seen from the purchase.")]
    cause: Annotated[
        Annotated[str, open_enum(Cause, "Why the question came up.")] | None,
        Field(description="Set when solved.", examples=[None]),
    ]
    category: Annotated[str | None, Field(description="The mall's own category.", examples=["return"])]
    customer: CustomerPublic
    mall_flags: MallFlagsPublic
    is_withdrawn: Annotated[bool, Field(description="The customer took the inquiry back.", examples=[False])]
    references: Annotated[list[ReferencePublic], Field(description="Order numbers and item codes.")]
    opened_at: datetime
    updated_at: datetime
    last_message_at: datetime
    last_inbound_at: Annotated[datetime | None, Field(description="When somebody last wrote to the shop.")]
    last_outbound_at: Annotated[datetime | None, Field(description="When the shop last wrote.")]
    revision: Revision


class CaseDetail(CasePublic):
    """A case with what can be done now."""

    actions: Annotated[list[ActionPublic], Field(description="Every action, each with its reason if not allowed.")]


class CaseCounts(Output):
    """How many cases there are."""

    total: Annotated[int, Field(description="All that the filter lets through.", examples=[12])]
    by_status: Annotated[
        dict[str, int], Field(description="By status; every status is named.", examples=[{"new": 5, "open": 7}])
    ]


class CaseUpdate(Patch):
    """A JSON Merge Patch (RFC 7396) of a case."""

    status: CaseStatus = Field(default=CaseStatus.OPEN, description="The new status.", examples=["solved"])
    hold_reason: str | None = Field(
        default=None, max_length=2000, description="Needed with `on_hold`.", examples=["入荷待ち"]
    )
    kind: Kind = Field(default=Kind.OTHER, description="What is asked.", examples=["delivery"])
    moment: Moment = Field(default=Moment.UNKNOWN, description="When it is asked.", examples=["after"])
    cause: Cause | None = Field(default=None, description="Only of a solved case.", examples=["information_shortage"])


# Messages, notes, attachments


class AttachmentPublic(Output):
    """A file of a message or of a reply."""

    id: AttachmentRef
    message_id: Annotated[MessageRef | None, Field(description="The message that brought it.")]
    reply_id: Annotated[ReplyRef | None, Field(description="The reply that carries it.")]
    name: Annotated[str, Field(description="The name, cleaned.", examples=["割れ.png"])]
    content_type: Annotated[str | None, Field(description="The type that the bytes show.", examples=["image/png"])]
    size: Annotated[int | None, Field(description="Bytes.", examples=[2048])]
    sha256: Annotated[str | None, Field(description="Digest of the bytes, in hexadecimal.", examples=[None])]
    state: Annotated[str, open_enum(AttachmentState, "Whether the bytes are here.")]
    reason: Annotated[str | None, Field(description="Why they are not.", examples=[None])]
    content_url: Annotated[str | None, Field(description="Where the bytes can be fetched.", examples=[None])]
    created_at: datetime


class MessagePublic(Output):
    """One utterance in a case."""

    id: MessageRef
    case_id: CaseRef
    external_id: Annotated[str, Field(description="The mall's id of the message.", examples=["m-3"])]
    direction: Annotated[str, open_enum(Direction, "Which way it went.")]
    author_role: Annotated[str, open_enum(AuthorRole, "Who wrote it.")]
    author_name: Annotated[
        str | None, Field(description="The author's name as the mall shows it.", examples=["みかん"])
    ]
    text: Annotated[str, Field(description="Plain text.", examples=["届いたお皿が割れていました。"])]
    html: Annotated[str | None, Field(description="Sanitised HTML, if the mall sent HTML.", examples=[None])]
    is_deleted: Annotated[bool, Field(description="The mall has deleted it; the text is empty.", examples=[False])]
    is_read: Annotated[bool | None, Field(description="The other side has read it.", examples=[None])]
    sent_at: datetime
    received_at: datetime
    reply_id: Annotated[ReplyRef | None, Field(description="The reply of ours that it is.")]
    attachments: Annotated[list[AttachmentPublic], Field(description="Its files.")]


class NotePublic(Output):
    """What the team says to itself; never sent anywhere."""

    id: NoteRef
    case_id: CaseRef
    author: Annotated[str, Field(description="Who wrote it.", examples=["佐藤"])]
    text: Annotated[str, Field(description="The note.", examples=["倉庫に確認中"])]
    created_at: datetime


class NoteCreate(Input):
    """A new note."""

    text: Annotated[
        str, Field(min_length=1, max_length=LONGEST_TEXT, description="The note.", examples=["倉庫に確認中"])
    ]
    author: Named | None = Field(
        default=None, description="Who wrote it; the token's name if not given.", examples=["佐藤"]
    )


# Replies


class AttemptPublic(Output):
    """One try at delivering a reply."""

    number: Annotated[int, Field(description="Counts the attempts of the reply.", examples=[1])]
    outcome: Annotated[
        Annotated[str, open_enum(Outcome, "How it was judged.")] | None,
        Field(description="Null while it is under way.", examples=["sent"]),
    ]
    code: Annotated[str | None, Field(description="The mall's code, or ours.", examples=[None])]
    detail: Annotated[str | None, Field(description="What happened.", examples=[None])]
    http_status: Annotated[int | None, Field(description="The status that the mall answered.", examples=[None])]
    evidence: Annotated[str | None, Field(description="The start of the mall's answer.", examples=[None])]
    digest: Annotated[str, Field(description="SHA-256 of what was handed over.", examples=["9f2c…"])]
    started_at: datetime
    finished_at: Annotated[datetime | None, Field(description="When it ended.")]


class ReasonPublic(Output):
    """Why a reply stands where it stands."""

    code: Annotated[str, Field(description="Stable name.", examples=["proven_absent"])]
    text: Annotated[TextPublic | None, Field(description="For people.")]


class ReplyPublic(Output):
    """An agent's answer on its way out."""

    id: ReplyRef
    case_id: CaseRef
    channel_id: ChannelRef
    position: Annotated[int, Field(description="The order within the case, from 1.", examples=[1])]
    status: Annotated[str, open_enum(ReplyStatus, "Where it stands.")]
    text: Annotated[str, Field(description="The answer.", examples=["新しいお皿をお送りします。"])]
    author_name: Annotated[str | None, Field(description="The name that customers may see.", examples=["佐藤"])]
    base_revision: Revision
    reason: Annotated[ReasonPublic | None, Field(description="Why it stands there.")]
    due_at: Annotated[datetime | None, Field(description="When the gateway looks at it next.")]
    sent_at: Annotated[datetime | None, Field(description="When the mall has it from.")]
    external_id: Annotated[str | None, Field(description="The message's id at the mall.", examples=[None])]
    message_id: Annotated[MessageRef | None, Field(description="The message that it became.")]
    attachments: Annotated[list[AttachmentPublic], Field(description="Its files.")]
    created_at: datetime
    updated_at: datetime
    revision: Revision


class ReplyDetail(ReplyPublic):
    """A reply with its attempts."""

    attempts: Annotated[list[AttemptPublic], Field(description="Every try, oldest first.")]


class ReplyCheck(Input):
    """An answer that is only checked."""

    text: Annotated[
        str, Field(max_length=LONGEST_TEXT, description="The answer.", examples=["新しいお皿をお送りします。"])
    ]
    attachment_ids: Annotated[list[AttachmentId], Field(max_length=MOST_ATTACHMENTS)] = Field(
        default=[], description="Your uploads that go with it.", examples=[[]]
    )


class ReplyCreate(ReplyCheck):
    """An answer to be sent."""

    base_revision: Annotated[
        int,
        Field(ge=1, le=LARGEST_NUMBER, description="The revision of the case that you have read.", examples=[7]),
    ]
    author_name: Named | None = Field(
        default=None, description="The name that customers may see; the channel's own if not given.", examples=["佐藤"]
    )


class CheckPublic(Output):
    """What the mall would say to an answer."""

    is_sendable: Annotated[bool, Field(description="Whether it would be accepted.", examples=[True])]
    problems: Annotated[list[ProblemItem], Field(description="What is wrong, warnings included.")]


class ReplyResolve(Input):
    """What a person has seen in the mall's thread."""

    resolution: Resolution = Field(
        description="`sent`: it stands there. `send_again`, `give_up`: it does not.", examples=["sent"]
    )


# Marks


class MarkPublic(Output):
    """A flag of a thread on its way to the mall."""

    id: MarkRef
    case_id: CaseRef
    mark: Annotated[str, open_enum(Mark, "The flag.")]
    state: Annotated[str, open_enum(MarkState, "How far it has come.")]
    attempts: Annotated[int, Field(description="How often it was tried.", examples=[0])]
    reason: Annotated[str | None, Field(description="Why it is not done.", examples=[None])]
    wanted_by: Annotated[str, Field(description="Who wants it.", examples=["console"])]
    wanted_at: datetime
    done_at: Annotated[datetime | None, Field(description="When it was settled.")]


class MarkCreate(Input):
    """A flag to be written."""

    mark: Mark = Field(description="The flag.", examples=["read"])


# Connectors and channels


class ReplyLimitsPublic(Output):
    """The rules of a reply; null where the mall states none."""

    max_chars: Annotated[int, Field(description="Code points of the text.", examples=[1000])]
    max_line_chars: Annotated[int | None, Field(description="Code points of a line.", examples=[200])]
    link_hosts: Annotated[list[str] | None, Field(description="Hosts that links may point to.", examples=[None])]
    requires_https_links: Annotated[bool, Field(description="Links must be https.", examples=[True])]
    max_attachments: Annotated[int, Field(description="Files of one reply.", examples=[2])]
    max_attachment_bytes: Annotated[int | None, Field(description="Bytes of one file.", examples=[1000000])]
    max_attachment_name_chars: Annotated[int | None, Field(description="Characters of a file name.", examples=[60])]
    forbidden_attachment_name_chars: Annotated[
        str, Field(description="Characters that names may not have.", examples=["/"])
    ]
    attachment_types: Annotated[
        list[str], Field(description="Types that are taken; empty means all.", examples=[["image/png"]])
    ]


class SourcePublic(Output):
    """Where a fact about the mall stands."""

    fact: Annotated[str, Field(description="The fact.", examples=["A message has 1000 characters."])]
    certainty: Annotated[str, Field(description="official, client, inferred or own.", examples=["official"])]
    reference: Annotated[str, Field(description="The document.", examples=["api.market.example/docs, read 2026-11-20"])]


class CapabilitiesPublic(Output):
    """What a connector, or one channel of it, can and cannot do."""

    can_pull: Annotated[bool, Field(description="It is read by us.", examples=[True])]
    can_receive: Annotated[bool, Field(description="It pushes to us.", examples=[False])]
    can_read_thread: Annotated[bool, Field(description="A single thread can be read.", examples=[True])]
    can_download: Annotated[bool, Field(description="Files of customers are copied.", examples=[True])]
    can_reply: Annotated[bool, Field(description="Answers can be sent.", examples=[True])]
    lists_by: Annotated[str | None, Field(description="What its list is filtered by.", examples=["updated"])]
    page_size: Annotated[int, Field(description="Most threads of one page.", examples=[50])]
    request_interval_seconds: Annotated[float, Field(description="Least time between two requests.", examples=[1.0])]
    credential_lifetime_days: Annotated[
        float | None, Field(description="How long a credential lives from its issue.", examples=[90.0])
    ]
    reply: Annotated[ReplyLimitsPublic | None, Field(description="The rules of a reply.")]
    no_reply_reason: Annotated[TextPublic | None, Field(description="Why there is no way to reply.")]
    is_send_idempotent: Annotated[bool, Field(description="A repeated send makes no second copy.", examples=[False])]
    proves_absence: Annotated[bool, Field(description="What a read does not show was not sent.", examples=[True])]
    marks: Annotated[list[str], Field(description="Flags that can be written.", examples=[["read", "completed"]])]
    sources: Annotated[list[SourcePublic], Field(description="Where all this stands.")]


class ConnectorPublic(Output):
    """The code for one mall or storefront."""

    key: Annotated[str, Field(description="Its name for programs.", examples=["example"])]
    name: TextPublic
    capabilities: CapabilitiesPublic
    settings_schema: Annotated[
        dict[str, Any],
        Field(
            description="JSON Schema of a channel's settings; `writeOnly` members are credentials.",
            examples=[{"type": "object"}],
        ),
    ]
    webhook_paths: Annotated[list[str], Field(description="Public paths, with `{address}`.", examples=[[]])]


class BrokenConnectorPublic(Output):
    """A connector that was found and cannot be used."""

    key: Annotated[str, Field(description="Its name, as far as known.", examples=["acme"])]
    place: Annotated[str, Field(description="Where it stands.", examples=["acme 1.0"])]
    reason: Annotated[str, Field(description="Why it cannot be loaded.", examples=["ImportError: no module"])]


class ConnectorList(Output):
    """All connectors that this gateway found."""

    items: Annotated[list[ConnectorPublic], Field(description="Those that work.")]
    problems: Annotated[list[BrokenConnectorPublic], Field(description="Those that do not.")]


class ChannelPublic(Output):
    """One shop's account on one mall."""

    id: ChannelRef
    connector: Annotated[str, Field(description="The connector's key.", examples=["example"])]
    name: Annotated[str, Field(description="What the team calls it.", examples=["ひだまり雑貨店"])]
    brand: Brand
    address: Annotated[str, Field(description="Its name in public paths.", examples=["cQ0x3vJ8Lr2"])]
    webhook_paths: Annotated[list[str], Field(description="Where the mall pushes to.", examples=[[]])]
    settings: Annotated[
        dict[str, JsonValue],
        Field(description="The options; credentials are never shown.", examples=[{"look_back_days": 400}]),
    ]
    credentials_set: Annotated[
        list[str], Field(description="Names of the credentials that are set.", examples=[["api_key"]])
    ]
    state: Annotated[str, open_enum(ChannelState, "Whether it works.")]
    reason_code: Annotated[str | None, Field(description="Why it is paused, for programs.", examples=[None])]
    reason: Annotated[str | None, Field(description="Why it is paused.", examples=[None])]
    pull_interval: Annotated[
        int | None, Field(description="Seconds between readings; null: the gateway's own.", examples=[None])
    ]
    next_pull_at: Annotated[datetime | None, Field(description="When it is read next.")]
    last_pull_at: Annotated[datetime | None, Field(description="When it was last read.")]
    last_success_at: Annotated[datetime | None, Field(description="When it was last read to the end: how fresh it is.")]
    failures: Annotated[int, Field(description="Readings that failed in a row.", examples=[0])]
    last_error: Annotated[str | None, Field(description="What failed last.", examples=[None])]
    credential_expires_at: Annotated[datetime | None, Field(description="When the credential ends, if known.")]
    created_at: datetime
    revision: Revision


class ChannelDetail(ChannelPublic):
    """A channel with what it can do, by its own settings."""

    capabilities: Annotated[CapabilitiesPublic | None, Field(description="Null if its connector cannot work.")]
    obstacle: Annotated[TextPublic | None, Field(description="Why its connector cannot work.")]


class ChannelCreate(Input):
    """A new channel."""

    connector: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$", description="The connector's key.", examples=["example"])
    ]
    name: Named = Field(description="What the team calls it.", examples=["ひだまり雑貨店"])
    brand: Brand = ""
    settings: dict[str, JsonValue] = Field(
        description="Options and credentials together, as `settings_schema` of the connector says.",
        examples=[{"api_key": "em-key", "base_url": "https://api.market.example/v1"}],
    )
    address: Annotated[str, Field(pattern=f"^{ADDRESS_FORM}$")] | None = Field(
        default=None, description="Its name in public paths; made up if not given.", examples=["hidamari-zakka-1"]
    )
    pull_interval: Seconds | None = None


class ChannelUpdate(Patch):
    """A JSON Merge Patch (RFC 7396) of a channel; `settings` is merged, null removes an option."""

    name: Named = Field(default="-", description="What the team calls it.", examples=["ひだまり雑貨店"])
    brand: Brand = ""
    settings: dict[str, JsonValue] = Field(
        default={}, description="Options and credentials that change.", examples=[{"api_key": "em-key-2"}]
    )
    pull_interval: Seconds | None = None


class ChannelPause(Input):
    """Why a channel is stopped."""

    reason: Named | None = Field(default=None, description="For the team.", examples=["棚卸し"])


class AccessPublic(Output):
    """What a test of a channel found out."""

    is_working: Annotated[bool, Field(description="The mall let us in.", examples=[True])]
    account: Annotated[str | None, Field(description="The account as the mall calls it.", examples=["ひだまり雑貨店"])]
    expires_at: Annotated[datetime | None, Field(description="When the credential ends.")]
    warnings: Annotated[list[str], Field(description="What an operator should know.", examples=[[]])]
    error_code: Annotated[str | None, Field(description="What went wrong, for programs.", examples=[None])]
    error: Annotated[str | None, Field(description="What went wrong.", examples=[None])]


# Records, events, jobs


class RecordPublic(Output):
    """A raw payload as it was received; its bytes are fetched apart."""

    id: RecordRef
    channel_id: ChannelRef
    external_id: Annotated[str, Field(description="The thread that it belongs to.", examples=["em-12"])]
    version: Annotated[str, Field(description="Tells states of one thread apart.", examples=["3"])]
    content_type: Annotated[str, Field(description="As received.", examples=["application/json"])]
    state: Annotated[str, open_enum(RecordState, "How far it has come.")]
    reason_code: Annotated[
        str | None, Field(description="Why it is in quarantine, for programs.", examples=["unreadable"])
    ]
    reason: Annotated[str | None, Field(description="Why it is in quarantine.", examples=["/createdAt: no time"])]
    pointer: Annotated[str | None, Field(description="The offending member.", examples=["/createdAt"])]
    case_id: Annotated[CaseRef | None, Field(description="The case that it went into.")]
    job_id: Annotated[JobRef | None, Field(description="The job that read it.")]
    received_at: datetime
    applied_at: Annotated[datetime | None, Field(description="When it was understood.")]
    payload_url: Annotated[str, Field(description="Where the bytes are.", examples=["/v1/records/rec_…/payload"])]


class EventPublic(Output):
    """One change. A reader that stands at a position misses nothing behind it."""

    position: Annotated[int, Field(description="Without gaps, in the order of commits.", examples=[42])]
    type: Annotated[str, open_enum(EventType, "What happened.")]
    channel_id: Annotated[ChannelRef | None, Field(description="The channel.")]
    case_id: Annotated[CaseRef | None, Field(description="The case.")]
    subject_id: Annotated[str | None, Field(description="What changed.", examples=["rpl_01kahv7q8xe5vt9wz3m2c4r6ay"])]
    actor: Annotated[str, Field(description="A token's name, or engine.", examples=["engine"])]
    detail: Annotated[dict[str, JsonValue], Field(description="Statuses and codes.", examples=[{"status": "sent"}])]
    happened_at: datetime


class EventPage(Output):
    """Events behind a position."""

    items: Annotated[list[EventPublic], Field(description="Oldest first.")]
    position: Annotated[int, Field(description="Where to go on from: the next call's `after`.", examples=[42])]
    has_more: Annotated[bool, Field(description="Whether there is more at once.", examples=[False])]
    links: Links


class JobPublic(Output):
    """Long work that was started."""

    id: JobRef
    kind: Annotated[str, open_enum(JobKind, "What it does.")]
    channel_id: Annotated[ChannelRef | None, Field(description="The channel.")]
    record_id: Annotated[RecordRef | None, Field(description="The record, if it is about one.")]
    state: Annotated[str, open_enum(JobState, "How far it has come.")]
    wanted_by: Annotated[str, Field(description="Who started it.", examples=["console"])]
    counts: Annotated[dict[str, int], Field(description="How much of what was done.", examples=[{"records": 12}])]
    reason_code: Annotated[str | None, Field(description="Why it failed, for programs.", examples=[None])]
    reason: Annotated[str | None, Field(description="Why it failed.", examples=[None])]
    created_at: datetime
    started_at: Annotated[datetime | None, Field(description="When a worker began.")]
    finished_at: Annotated[datetime | None, Field(description="When it ended.")]


class ReplayCreate(Input):
    """Which records are applied again."""

    only_quarantined: StrictBool = Field(default=True, description="Or all of the channel.", examples=[True])


# Health


class Liveness(Output):
    """The process answers."""

    status: Literal["alive"]


class ReadinessCheck(Output):
    """One thing that the gateway needs."""

    name: Annotated[str, Field(description="What is needed.", examples=["database"])]
    is_ready: Annotated[bool, Field(description="Whether it is there.", examples=[True])]
    reason: Annotated[str | None, Field(description="Why it is not.", examples=[None])]


class Readiness(Output):
    """Whether the gateway can work, and if not, why."""

    is_ready: Annotated[bool, Field(description="Whether all that is needed is there.", examples=[True])]
    checks: Annotated[list[ReadinessCheck], Field(description="Everything that is needed.")]
