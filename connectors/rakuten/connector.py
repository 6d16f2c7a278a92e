"""Rakuten Ichiba's R-Messe as a channel: wiring only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

from connectors.rakuten.capabilities import CAPABILITIES
from connectors.rakuten.client import TOO_MANY_ROWS, RakutenClient
from connectors.rakuten.cursor import ListCursor, can_halve
from connectors.rakuten.mapping import to_inquiry, to_wire_reply
from connectors.rakuten.rules import check_details
from connectors.rakuten.settings import RakutenSettings
from connectors.rakuten.wire import ALREADY_SET, INQUIRY_NUMBER, UploadedFile
from gateway.sdk import (
    Access,
    Attachment,
    AuthenticationError,
    Capabilities,
    ChannelContext,
    Connector,
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
    Span,
    Text,
    Violation,
)

MAX_NUMBER_CHARS = 300
ACTIONS = {Mark.READ: "read", Mark.COMPLETED: "complete", Mark.REOPENED: "incomplete"}


class RakutenConnector(Connector[RakutenSettings]):
    """One shop of Rakuten Ichiba."""

    key: ClassVar[str] = "rakuten"
    name: ClassVar[Text] = Text(ja="楽天市場", en="Rakuten Ichiba")
    settings_type: ClassVar[type[RakutenSettings]] = RakutenSettings
    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(self, settings: RakutenSettings, context: ChannelContext) -> None:
        super().__init__(settings, context)
        self._client = RakutenClient(settings, context)

    @property
    def limits(self) -> Capabilities:
        """The capabilities with what this channel's settings change."""
        return self.capabilities.model_copy(
            update={
                "page_size": self.settings.page_size,
                "request_interval": self.settings.request_interval,
                "mark_batch_size": self.settings.mark_batch_size,
                "proves_absence": self.settings.proves_absence,
            }
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    # Reading

    def normalise(self, record: RawRecord) -> Inquiry:
        return to_inquiry(record.payload, self.settings)

    async def test(self) -> Access:
        """Read one row, and when the licence key ends. That date needs a function of its own: without it, a warning."""
        now = self.context.now()
        listed = await self._client.list_inquiries(now - self.settings.window, now, page=1, limit=1)
        shop_id = next((str(row["shopId"]) for row in listed.rows if isinstance(row, dict) and row.get("shopId")), "")
        account = f"{self.name.en} {shop_id}".rstrip()
        try:
            return Access(account=account, expires_at=await self._client.get_license_expiry())
        except (AuthenticationError, RejectedError, RetryableError) as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                raise
            return Access(account=account, warnings=(f"the end of the licence key is unknown: {error.message}",))

    async def fetch(self, cursor: str | None) -> Page:
        """Return the next page of threads by their opening: the list does not know of later changes.

        Source: InquiryManagementAPI, inquiries_get, read 2026-11-21.
        """
        now = self.context.now()
        reading = ListCursor.parse(cursor, self.settings.sweeps())
        step = reading.step(now)
        if step is None:
            return Page(records=(), cursor=str(reading), next_at=reading.next_at(now))
        size = self.settings.page_size
        try:
            listed = await self._client.list_inquiries(
                # Whole seconds, and nobody knows whether the last one belongs to the window: neighbours overlap.
                step.start,
                step.end + timedelta(seconds=1),
                page=step.position,
                limit=size,
            )
        except RejectedError as error:
            if error.code != TOO_MANY_ROWS or not can_halve(step):
                raise
            return _page((), reading.halve(step, now), now)
        if listed.total_count > self.settings.reachable_rows and can_halve(step):
            return _page((), reading.halve(step, now), now)
        last = listed.total_page_count if listed.total_page_count is not None else -(-listed.total_count // size)
        last = min(last, self.settings.reachable_rows // size)
        is_last = not listed.rows or step.position >= last
        moved, covered = reading.advance(
            step, now, next_position=None if is_last else step.position + 1, total=listed.total_count
        )
        if listed.total_count > self.settings.reachable_rows:
            # More rows in two seconds than the mall lets us reach: read what can be read, claim nothing.
            covered = ()
        return _page(tuple(to_record(row) for row in listed.rows), moved, now, covered)

    def hasten(self, cursor: str | None) -> str | None:
        return str(ListCursor.parse(cursor, self.settings.sweeps()).hastened())

    async def fetch_inquiry(self, external_id: str) -> RawRecord | None:
        if not INQUIRY_NUMBER.fullmatch(external_id):
            return None
        row = await self._client.get_inquiry(external_id)
        return None if row is None else to_record(row)

    async def download(self, attachment: Attachment, *, max_bytes: int) -> DownloadedFile:
        path, label = attachment.reference.get("path"), attachment.reference.get("label")
        if not isinstance(path, str) or not isinstance(label, str):
            raise RejectedError("Rakuten named no path for this file", code="file_unavailable")
        try:
            return await self._client.get_attachment(path=path, label=label, max_bytes=max_bytes)
        except RejectedError as error:
            if error.code == "answer_too_large":
                message = f"the file is larger than {max_bytes:,} bytes"
                raise RejectedError(message, code="file_too_large", status=error.status) from error
            raise

    # Writing

    def check(self, reply: OutboundReply) -> list[Violation]:
        return [*super().check(reply), *check_details(reply)]

    async def send(self, reply: OutboundReply) -> Receipt:
        """Deliver `reply`. The file goes first: an upload that is never used harms nobody.

        Source: InquiryManagementAPI, reply_post and attachment_post, read 2026-11-21.
        """
        self.require_sendable(reply)
        shop_id = await self._shop_id(reply)
        file = await self._upload(reply.files[0]) if reply.files else None
        posted = await self._client.post_reply(to_wire_reply(reply, shop_id=shop_id, file=file))
        # The answer carries no id, and its text is the customer's business.
        evidence = f"regDate {posted.reg_date.isoformat()}" if posted.reg_date else ""
        return Receipt(sent_at=posted.reg_date, evidence=evidence)

    async def mark(self, mark: Mark, external_ids: Sequence[str]) -> list[MarkResult]:
        action = ACTIONS.get(mark)
        if action is None:
            return [
                MarkResult(external_id=one, is_done=False, reason=f"Rakuten has no flag {mark}") for one in external_ids
            ]
        # One number that is no number spoils the whole call with 400.
        sound = [one for one in dict.fromkeys(external_ids) if INQUIRY_NUMBER.fullmatch(one)]
        results: dict[str, MarkResult] = {}
        size = self.settings.mark_batch_size
        for start in range(0, len(sound), size):
            results |= await self._mark_batch(action, sound[start : start + size])
        unsound = "not an inquiry number of Rakuten"
        return [
            results.get(one, MarkResult(external_id=one, is_done=False, reason=unsound))
            for one in dict.fromkeys(external_ids)
        ]

    async def _mark_batch(self, action: str, numbers: Sequence[str]) -> dict[str, MarkResult]:
        try:
            answer = await self._client.patch_inquiries(action, numbers)
        except RejectedError as error:
            return {one: MarkResult(external_id=one, is_done=False, reason=error.message) for one in numbers}
        failed = {one.inquiry_number: one.error_message or "refused without a reason" for one in answer.error}
        results = {}
        for number in numbers:
            reason = "" if number in answer.ok else failed.get(number, "Rakuten's answer does not name this thread")
            is_done = not reason or ALREADY_SET in reason
            results[number] = MarkResult(external_id=number, is_done=is_done, reason="" if is_done else reason)
        return results

    async def _shop_id(self, reply: OutboundReply) -> str:
        shop_id = reply.thread.context.get("shop_id")
        if not shop_id:
            row = await self._client.get_inquiry(reply.thread.external_id)
            shop_id = (row or {}).get("shopId")
        if not shop_id:
            raise RejectedError("Rakuten does not know the thread, or not its shop", code="thread_unknown")
        return str(shop_id)

    async def _upload(self, file: OutboundFile) -> UploadedFile:
        uploaded = await self._client.post_attachment(file)
        if uploaded.error_message:
            raise RejectedError(f"Rakuten did not take {file.name}: {uploaded.error_message}", code="upload_failed")
        if not uploaded.path:
            raise RetryableError(f"Rakuten took {file.name} and named no path for it", code="unreadable_answer")
        return uploaded.model_copy(update={"label": uploaded.label or file.name})


def to_record(row: Any) -> RawRecord:
    """Return one list row, or one detail answer, as a record; a thread without a readable number has no id."""
    number = row.get("inquiryNumber") if isinstance(row, dict) else None
    is_readable = isinstance(number, str) and 0 < len(number) <= MAX_NUMBER_CHARS and number.isprintable()
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    try:
        payload = text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair has no UTF-8: it stays the escape that it came as.
        payload = json.dumps(row, separators=(",", ":")).encode()
    return RawRecord(payload=payload, external_id=number if is_readable else None)


def _page(records: tuple[RawRecord, ...], reading: ListCursor, now: datetime, covered: tuple[Span, ...] = ()) -> Page:
    has_more = reading.has_more(now)
    next_at = None if has_more else reading.next_at(now)
    return Page(records=records, cursor=str(reading), has_more=has_more, covered=covered, next_at=next_at)
