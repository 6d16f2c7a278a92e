"""Yahoo! Shopping: fetch, normalise, send."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from connectors.yahoo_shopping import advice
from connectors.yahoo_shopping.capabilities import CAPABILITIES, REPLY_LIMITS
from connectors.yahoo_shopping.client import JAPAN, YahooShoppingClient
from connectors.yahoo_shopping.mapping import (
    AUCTION,
    has_shop_posted,
    is_completed,
    to_headline_record,
    to_inquiry,
    to_message_id,
    to_topic_record,
    to_wire_file,
    to_wire_text,
)
from connectors.yahoo_shopping.refusal import Refusal, parse_refusal
from connectors.yahoo_shopping.settings import YahooShoppingSettings
from connectors.yahoo_shopping.sweeps import UNANSWERED, sweeps_of
from connectors.yahoo_shopping.wire import TopicList
from gateway.sdk import (
    Access,
    Attachment,
    Capabilities,
    ChannelContext,
    Connector,
    ConnectorError,
    DownloadedFile,
    Inquiry,
    Mark,
    MarkResult,
    OutboundFile,
    OutboundReply,
    Page,
    RawRecord,
    Receipt,
    RejectedError,
    RetryableError,
    Step,
    SweepCursor,
    Text,
    UnknownOutcomeError,
    Violation,
)

NORMAL_COMPLETION = 1
_NOT_A_FILE = re.compile(r"(application|text)/(xml|json|html)|.*\+(xml|json)", re.IGNORECASE)
_ENCRYPTED_PDF = re.compile(rb"/Encrypt\s*(<<|\d+\s+\d+\s+R)")


@dataclass(frozen=True, slots=True)
class _Upload:
    object_key: str
    file: OutboundFile


class YahooShoppingConnector(Connector[YahooShoppingSettings]):
    """One store account of Yahoo! Shopping."""

    key = "yahoo_shopping"
    name = Text(ja="Yahoo!ショッピング", en="Yahoo! Shopping")
    settings_type = YahooShoppingSettings
    capabilities = CAPABILITIES

    def __init__(self, settings: YahooShoppingSettings, context: ChannelContext) -> None:
        super().__init__(settings, context)
        self._sweeps = sweeps_of(settings)

    @cached_property
    def _client(self) -> YahooShoppingClient:
        # Only when it is needed: understanding a record and checking a reply happen often and ask nobody.
        return YahooShoppingClient(self.settings, self.context)

    @property
    def limits(self) -> Capabilities:
        """The capabilities, with what the settings say where the mall says nothing."""
        reply = REPLY_LIMITS.model_copy(
            update={
                "max_attachments": self.settings.max_files,
                "max_attachment_bytes": self.settings.max_file_bytes,
            }
        )
        return self.capabilities.model_copy(
            update={
                "reply": reply,
                "page_size": self.settings.page_size,
                "request_interval": self.settings.request_interval,
                "credential_lifetime": self.settings.refresh_token_life,
            }
        )

    async def aclose(self) -> None:
        """Close connections."""
        if "_client" in vars(self):
            await self._client.aclose()

    # Reading

    def normalise(self, record: RawRecord) -> Inquiry:
        """Return the topic in the unified shape."""
        return to_inquiry(record)

    async def test(self) -> Access:
        """List one row, which needs the token, the address, the right and the key at once."""
        await self._client.list_topics(start=1, result=1)
        now = self.context.now()
        ends_at = self.settings.authorisation_ends_at
        warnings = []
        if self._client.signature_is_accepted is not True:
            ends_at = min(ends_at, self.settings.authorised_at + self.settings.unsigned_life)
            warnings.append(advice.SIGNATURE_REFUSED)
        if now >= self.settings.authorisation_ends_at - self.settings.renewal_notice:
            warnings.append(advice.authorisation_ends(_day(self.settings.authorisation_ends_at)))
        if self.settings.public_key_issued_at is not None:
            key_ends_at = self.settings.public_key_issued_at + self.settings.public_key_life
            if now >= key_ends_at - self.settings.public_key_notice:
                warnings.append(advice.public_key_ends(_day(key_ends_at)))
        skew = self._client.clock_skew
        if skew is not None and abs(skew) > self.settings.max_clock_skew:
            warnings.append(advice.clock_differs(round(abs(skew).total_seconds())))
        return Access(
            account=self.settings.seller_id,
            expires_at=ends_at,
            warnings=tuple(advice.both(warning) for warning in warnings),
        )

    async def fetch(self, cursor: str | None) -> Page:
        """Return the next rows of the list as headline records; `complete` reads the topics that changed."""
        now = self.context.now()
        position = SweepCursor.parse(cursor, self._sweeps)
        step = position.step(now)
        if step is None:
            return Page(records=(), cursor=str(position), next_at=position.next_at(now))
        rows = await self._list(step)
        position, covered = position.advance(
            step, now, next_position=_next_row(step.position, rows), total=rows.summary.topic.count
        )
        return Page(
            records=tuple(to_headline_record(row) for row in rows.headlines),
            cursor=str(position),
            has_more=position.has_more(now),
            covered=covered,
            next_at=position.next_at(now),
        )

    def hasten(self, cursor: str | None) -> str | None:
        return str(SweepCursor.parse(cursor, self._sweeps).hastened())

    async def complete(self, record: RawRecord) -> RawRecord:
        """Read the topic of a list row; a listed topic that the mall then denies is set aside alone, with its row."""
        if record.external_id is None or not record.is_headline:
            return record
        detail = await self._find_topic(record.external_id)
        return to_topic_record(record.external_id, detail, headline=record)

    async def fetch_inquiry(self, external_id: str) -> RawRecord | None:
        """Read one topic as it is now; the customer's key is known only from the list and is missing here."""
        detail = await self._find_topic(external_id)
        return None if detail is None else to_topic_record(external_id, detail)

    async def download(self, attachment: Attachment, *, max_bytes: int) -> DownloadedFile:
        """Return the bytes of a file."""
        key = attachment.reference.get("key")
        if not isinstance(key, str) or not key:
            raise RejectedError(f"{attachment.name} has no object key", code="file_gone")
        try:
            response = await self._client.download_file(key, max_bytes=max_bytes)
        except RejectedError as error:
            if error.code == "answer_too_large":
                raise RejectedError(f"the file is larger than {max_bytes:,} bytes", code="file_too_large") from error
            raise
        content_type = response.headers.get("content-type", "")
        refusal = parse_refusal(response.content)
        if refusal != Refusal() or _NOT_A_FILE.match(content_type):
            # Customers can send pictures and PDF only; the mall's own words must not be stored as their file.
            raise RejectedError(f"the mall sent no file: {refusal.message or content_type}", code="not_a_file")
        return DownloadedFile(content=response.content, content_type=content_type or None)

    # Writing

    def check(self, reply: OutboundReply) -> list[Violation]:
        """Return the general rules that `reply` breaks, then those about public topics and files."""
        chars = len(to_wire_text(reply.text))
        violations = [
            violation
            for violation in super().check(reply)
            # The mall counts what it gets, and it gets one character per line end.
            if not (violation.code == "text_too_long" and chars <= REPLY_LIMITS.max_chars)
        ]
        if reply.files:
            violations += self._check_files(reply)
        if reply.thread.flags.is_private is False and self.settings.warns_on_public_topics:
            violations.append(
                Violation(code="topic_is_public", pointer="/text", message=advice.PUBLIC_TOPIC, is_warning=True)
            )
        return violations

    async def send(self, reply: OutboundReply) -> Receipt:
        """Upload the files, then post once.

        Raises:
            RejectedError: the mall refused; the uploaded files are deleted again.
            UnknownOutcomeError: the post may have been stored, also after 200 without a message id.
        """
        self.require_sendable(reply)
        topic_id = reply.thread.external_id
        uploads: list[_Upload] = []
        try:
            for file in reply.files:
                key = await self._client.upload_file(topic_id, file.name, file.content, file.content_type)
                uploads.append(_Upload(key, file))
            files = [to_wire_file(one.object_key, one.file.name, one.file.content_type) for one in uploads]
            answer = await self._client.post_message(topic_id, to_wire_text(reply.text), files)
        except RejectedError:
            await self._delete(uploads)
            raise
        if answer.topic_id is not None and answer.topic_id != topic_id:
            raise UnknownOutcomeError("the mall confirmed a post to another topic", code="other_topic")
        return Receipt(
            external_id=to_message_id(topic_id, answer.message_id),
            sent_at=answer.post_date,
            evidence=f"messageid {answer.message_id}",
        )

    async def mark(self, mark: Mark, external_ids: Sequence[str]) -> list[MarkResult]:
        """Write a flag; completing and making private cannot be undone at this mall."""
        return [await self._mark(mark, external_id) for external_id in external_ids]

    # Parts

    async def _find_topic(self, topic_id: str) -> dict[str, Any] | None:
        try:
            return await self._client.get_topic(topic_id)
        except RejectedError as error:
            # The topic is the only thing in this call that the mall can object to; a platform code is another matter.
            if error.status in {400, 404} and not error.code.startswith("px-"):
                return None
            raise

    async def _list(self, step: Step) -> TopicList:
        if step.sweep.list_key == UNANSWERED:
            return await self._client.list_topics(
                start=step.position, result=self.settings.page_size, request_filter=UNANSWERED
            )
        return await self._client.list_topics(
            start=step.position,
            result=self.settings.page_size,
            order=step.sweep.list_key,
            between=(step.start, step.end),
        )

    def _check_files(self, reply: OutboundReply) -> list[Violation]:
        violations = []
        if reply.thread.context.get("service_type") == AUCTION:
            violations.append(
                Violation(
                    code="files_need_shopping_topic", pointer="/files/0", message=advice.FILES_NEED_SHOPPING_TOPIC
                )
            )
        elif reply.thread.flags.is_private is False:
            violations.append(
                Violation(code="files_need_private_topic", pointer="/files/0", message=advice.FILES_NEED_PRIVATE_TOPIC)
            )
        for index, file in enumerate(reply.files):
            # While a reply is only being written there is no content yet; then the check at sending finds it.
            if file.content_type == "application/pdf" and _ENCRYPTED_PDF.search(file.content):
                violations.append(
                    Violation(
                        code="pdf_encrypted", pointer=f"/files/{index}", message=advice.pdf_is_encrypted(file.name)
                    )
                )
        return violations

    async def _delete(self, uploads: Sequence[_Upload]) -> None:
        """Take back files that will not be posted; one that stays harms nobody, so trouble here is no trouble."""
        for upload in uploads:
            with contextlib.suppress(ConnectorError):
                await self._client.delete_file(upload.object_key)

    async def _mark(self, mark: Mark, topic_id: str) -> MarkResult:
        try:
            match mark:
                case Mark.READ:
                    status = (await self._client.mark_read(topic_id)).status
                case Mark.PRIVATE:
                    status = (await self._client.make_private(topic_id)).status
                case Mark.COMPLETED:
                    status = await self._complete_topic(topic_id)
                case Mark.REOPENED:
                    return MarkResult(external_id=topic_id, is_done=False, reason="this mall cannot reopen a topic")
        except RejectedError as error:
            return MarkResult(external_id=topic_id, is_done=False, reason=error.message)
        return MarkResult(external_id=topic_id, is_done=status == "ok", reason="" if status == "ok" else status)

    async def _complete_topic(self, topic_id: str) -> str:
        detail = await self._client.get_topic(topic_id)
        if is_completed(detail):
            return "ok"
        if has_shop_posted(detail):
            try:
                return (await self._client.complete_topic(topic_id, NORMAL_COMPLETION)).status
            except RejectedError as error:
                if error.status != 400:
                    raise
                # The mall may not count a reply that staff typed in its own screen; such a topic is closed like
                # one without an answer, for there is no other way to close it.
        condition = self.settings.complete_condition_without_answer
        return (await self._client.complete_topic(topic_id, condition)).status


def _next_row(position: int, rows: TopicList) -> int | None:
    """Return where the list goes on, None behind its last row."""
    topics = rows.summary.topic
    if position > topics.count:
        return None
    if not rows.headlines:
        # Rows are promised and none came; going on would call a range read that was not.
        raise RetryableError(
            f"the list announces {topics.count} rows and shows none from row {position}", code="unreadable_answer"
        )
    last = topics.end if topics.end >= position else position + len(rows.headlines) - 1
    return last + 1 if last < topics.count else None


def _day(at: datetime) -> str:
    return f"{at.astimezone(JAPAN):%Y-%m-%d %H:%M}"


__all__ = ["YahooShoppingConnector"]
