"""The contract between the gateway and the code for one mall."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from gateway.sdk.capabilities import Capabilities
from gateway.sdk.check import Violation, check_reply
from gateway.sdk.context import ChannelContext
from gateway.sdk.errors import RejectedError
from gateway.sdk.inquiry import Attachment, Inquiry
from gateway.sdk.page import Page, RawRecord, Reception, StoredRecord, WebhookRequest, WebhookResponse
from gateway.sdk.reply import Access, DownloadedFile, Mark, MarkResult, OutboundReply, Receipt
from gateway.sdk.text import Text


class ChannelSettings(BaseModel):
    """Base of a connector's settings: the options and credentials of one channel.

    Fields of type `SecretStr` (also optional or in a tuple) are credentials: encrypted at rest and
    write-only in the API. Every field has a description; every INFERRED fact is a field with the
    inferred value as its default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def decoy(cls) -> Self | None:
        """Return settings of no real channel, so that an unknown address is answered like a wrong signature.

        Only connectors that receive webhooks need it.
        """
        return None


S = TypeVar("S", bound=ChannelSettings)


class Connector(ABC, Generic[S]):
    """The code for one mall, bound to one channel.

    An instance is cheap, lives for one job or request and is closed by `aclose`. Everything it needs from the
    outside comes through `settings` and `context`; it keeps no state of its own between calls.
    Methods that are not needed stay as they are: the defaults say "cannot" in the right way.
    """

    key: ClassVar[str]
    name: ClassVar[Text]
    settings_type: ClassVar[type[ChannelSettings]]
    capabilities: ClassVar[Capabilities]
    webhook_paths: ClassVar[tuple[str, ...]] = ()
    """Paths that the gateway mounts for `receive`, with `{address}` for the channel's public address, such as
    `/intake/v1/storefronts/{address}/inquiries`; a trailing `{rest:path}` takes any tail."""

    def __init__(self, settings: S, context: ChannelContext) -> None:
        self.settings = settings
        self.context = context

    @property
    def limits(self) -> Capabilities:
        """The capabilities of this channel, where a setting changes what `capabilities` declares."""
        return self.capabilities

    async def aclose(self) -> None:
        """Close connections."""

    # Reading

    @abstractmethod
    def normalise(self, record: RawRecord) -> Inquiry:
        """Return the thread that `record` holds, in the unified shape. Pure: no I/O, no clock.

        Raises:
            MappingError: the payload is damaged or unlike anything the mall documents. Unknown
                enumeration values and extra fields are no reason: they map to `other`.
        """

    async def test(self) -> Access:
        """Make the cheapest call that proves the credentials, and tell when they end.

        Raises:
            AuthenticationError: the credentials are refused; the message says which and why.
        """
        return Access(account=self.key)

    async def fetch(self, cursor: str | None) -> Page:
        """Return the next records, and the cursor behind them.

        Args:
            cursor: opaque text from the previous page; None on the first fetch of a channel. A
                cursor that cannot be read is treated like None: reading again is safe.
        Returns:
            At most `capabilities.page_size` records. Reading is at least once: a page may repeat
            records, and a page that was fetched but not stored is fetched again.
        Raises:
            RateLimitedError: with `retry_after`.
        """
        raise NotImplementedError(f"{self.key} cannot pull")

    def hasten(self, cursor: str | None) -> str | None:
        """Return `cursor` so that the next `fetch` reads what is new even if its time has not come. Pure.

        An agent or a program asked for it; a connector that reads everything at every fetch has nothing to hasten.
        """
        return cursor

    async def complete(self, record: RawRecord) -> RawRecord:
        """Return the whole thread of a headline record, with the headline's `external_id` and `version`."""
        return record

    async def fetch_inquiry(self, external_id: str) -> RawRecord | None:
        """Read one thread as it is now; None if the mall does not know it. Needs `can_read_thread`."""
        raise NotImplementedError(f"{self.key} cannot read a single thread")

    async def download(self, attachment: Attachment, *, max_bytes: int) -> DownloadedFile:
        """Return the bytes of an inbound attachment. Needs `can_download`.

        Raises:
            RejectedError: the file is gone, or larger than `max_bytes` (code `file_too_large`).
        """
        raise NotImplementedError(f"{self.key} has no attachments")

    # Writing

    def check(self, reply: OutboundReply) -> list[Violation]:
        """Return every rule of the mall that `reply` breaks. Pure; runs when a reply is written and when it is sent."""
        limits = self.limits.reply
        if limits is None:
            reason = self.limits.no_reply_reason or Text(ja="返信できません。", en="This channel cannot reply.")
            return [Violation(code="no_reply", pointer="", message=reason)]
        return check_reply(limits, reply)

    def require_sendable(self, reply: OutboundReply) -> None:
        """Raise RejectedError if `check` finds more than warnings; every `send` begins with it."""
        violations = tuple(v for v in self.check(reply) if not v.is_warning)
        if violations:
            raise RejectedError(violations[0].message.en, code=violations[0].code, violations=violations)

    async def send(self, reply: OutboundReply) -> Receipt:
        """Deliver `reply`, once, without any retry of a call that can reach the customer.

        Raises:
            RetryableError: nothing was done at the mall. RejectedError: it refused.
            UnknownOutcomeError: it may have arrived.
        """
        raise NotImplementedError(f"{self.key} cannot reply")

    async def mark(self, mark: Mark, external_ids: Sequence[str]) -> list[MarkResult]:
        """Write a flag to at most `capabilities.mark_batch_size` threads; one result per thread.

        A thread that already has the flag counts as done. Safe to repeat.
        """
        raise NotImplementedError(f"{self.key} cannot write flags")

    # Receiving

    @classmethod
    def webhook_limit(cls, route: str) -> int:  # noqa: ARG003 - most connectors have one limit for all routes
        """Return how many bytes a webhook body at `route` may have."""
        return 256 * 1024

    async def receive(self, request: WebhookRequest) -> Reception:
        """Check a webhook request and return the records it brings, or the answer that refuses it."""
        raise NotImplementedError(f"{self.key} receives no webhooks")

    async def acknowledge(
        self,
        request: WebhookRequest,  # noqa: ARG002 - the plain answer needs nothing of it
        reception: Reception,  # noqa: ARG002
        stored: Sequence[StoredRecord],  # noqa: ARG002
    ) -> WebhookResponse:
        """Return the answer to a request whose records are stored."""
        return WebhookResponse(status=202)


AnyConnector = Connector[Any]
