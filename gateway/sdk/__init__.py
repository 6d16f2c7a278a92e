"""All that a connector may import."""

from gateway.sdk.capabilities import Capabilities, Certainty, ReplyLimits, Source
from gateway.sdk.check import Violation, check_reply
from gateway.sdk.connector import AnyConnector, ChannelSettings, Connector
from gateway.sdk.context import Budget, ChannelContext, Memo, Tokens
from gateway.sdk.errors import (
    AuthenticationError,
    ConnectorError,
    MappingError,
    RateLimitedError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from gateway.sdk.fingerprint import fingerprint, normal_form
from gateway.sdk.http import MallClient
from gateway.sdk.inquiry import (
    Attachment,
    AuthorRole,
    Customer,
    Inquiry,
    Kind,
    MallFlags,
    Message,
    Moment,
    Reference,
    ReferenceKind,
)
from gateway.sdk.page import (
    Page,
    RawRecord,
    Reception,
    Span,
    StoredRecord,
    WebhookRequest,
    WebhookResponse,
)
from gateway.sdk.reply import (
    Access,
    DownloadedFile,
    Mark,
    MarkResult,
    OutboundFile,
    OutboundReply,
    Receipt,
    Thread,
)
from gateway.sdk.sweep import Step, Sweep, SweepCursor
from gateway.sdk.text import Language, Text

__all__ = [
    "Access",
    "AnyConnector",
    "Attachment",
    "AuthenticationError",
    "AuthorRole",
    "Budget",
    "Capabilities",
    "Certainty",
    "ChannelContext",
    "ChannelSettings",
    "Connector",
    "ConnectorError",
    "Customer",
    "DownloadedFile",
    "Inquiry",
    "Kind",
    "Language",
    "MallClient",
    "MallFlags",
    "MappingError",
    "Mark",
    "MarkResult",
    "Memo",
    "Message",
    "Moment",
    "OutboundFile",
    "OutboundReply",
    "Page",
    "RateLimitedError",
    "RawRecord",
    "Receipt",
    "Reception",
    "Reference",
    "ReferenceKind",
    "RejectedError",
    "ReplyLimits",
    "RetryableError",
    "Source",
    "Span",
    "Step",
    "StoredRecord",
    "Sweep",
    "SweepCursor",
    "Text",
    "Thread",
    "Tokens",
    "UnknownOutcomeError",
    "Violation",
    "WebhookRequest",
    "WebhookResponse",
    "check_reply",
    "fingerprint",
    "normal_form",
]
