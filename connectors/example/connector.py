"""Example Market: wiring only. What travels is in client.py, what it means in mapping.py."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from connectors.example.client import ExampleClient
from connectors.example.mapping import to_inquiry, to_wire_reply
from connectors.example.settings import ExampleSettings
from connectors.example.wire import WireHeadline
from gateway.sdk import (
    Access,
    Attachment,
    Capabilities,
    ChannelContext,
    Connector,
    DownloadedFile,
    Inquiry,
    Mark,
    MarkResult,
    OutboundReply,
    Page,
    RawRecord,
    Receipt,
    RejectedError,
    ReplyLimits,
    Source,
    Sweep,
    SweepCursor,
    Text,
)

PAGE_SIZE = 50
FLAGS = {Mark.READ: ("isRead", True), Mark.COMPLETED: ("isCompleted", True), Mark.REOPENED: ("isCompleted", False)}


class ExampleConnector(Connector[ExampleSettings]):
    """The connector of Example Market."""

    key = "example"
    name = Text(ja="サンプルマーケット", en="Example Market")
    settings_type = ExampleSettings
    capabilities = Capabilities(
        can_download=True,
        lists_by="updated",
        page_size=PAGE_SIZE,
        request_interval=timedelta(seconds=1),
        credential_lifetime=timedelta(days=180),
        reply=ReplyLimits(
            max_chars=1000,
            max_line_chars=200,
            link_hosts=("market.example",),
            requires_https_links=True,
            max_attachments=2,
            max_attachment_bytes=1_000_000,
            max_attachment_name_chars=60,
            forbidden_attachment_name_chars='/\\"',
            attachment_types=("image/png", "image/jpeg", "application/pdf"),
        ),
        marks=frozenset(FLAGS),
        mark_batch_size=20,
        sources=(
            Source(
                fact="Limits of a message and its files; one request per second; keys live 180 days.",
                certainty="own",
                reference="README.md of this connector: the market is invented.",
            ),
        ),
    )

    def __init__(self, settings: ExampleSettings, context: ChannelContext) -> None:
        super().__init__(settings, context)
        self._client = ExampleClient(settings, context)
        # The market lists by last change: the youngest two days are read often, all the rest now and then.
        self._sweeps = (
            Sweep(
                name="recent",
                every=timedelta(minutes=2),
                reach=timedelta(days=2),
                window=timedelta(days=2),
                list_key="updated",
            ),
            Sweep(
                name="deep",
                every=timedelta(hours=6),
                reach=timedelta(days=settings.look_back_days),
                window=timedelta(days=100),
                skip=timedelta(days=1),
                list_key="updated",
            ),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def test(self) -> Access:
        shop = await self._client.get_shop()
        return Access(account=shop.shopName, expires_at=shop.keyExpiresAt)

    async def fetch(self, cursor: str | None) -> Page:
        now = self.context.now()
        here = SweepCursor.parse(cursor, self._sweeps)
        step = here.step(now)
        if step is None:
            return Page(records=(), cursor=str(here), next_at=here.next_at(now))
        rows = await self._client.list_inquiries(step.start, step.end, page=step.position, page_size=PAGE_SIZE)
        is_last = step.position * PAGE_SIZE >= rows.total
        there, covered = here.advance(step, now, next_position=None if is_last else step.position + 1, total=rows.total)
        return Page(
            records=tuple(map(_to_record, rows.inquiries)),
            cursor=str(there),
            has_more=there.has_more(now),
            covered=covered,
            next_at=there.next_at(now),
        )

    def hasten(self, cursor: str | None) -> str | None:
        return str(SweepCursor.parse(cursor, self._sweeps).hastened())

    async def complete(self, record: RawRecord) -> RawRecord:
        external_id = record.external_id or ""
        payload = await self._client.get_inquiry(external_id)
        # A thread that went away between list and detail is kept as what we know of it: the headline.
        return RawRecord(payload=payload or record.payload, external_id=external_id, version=record.version)

    async def fetch_inquiry(self, external_id: str) -> RawRecord | None:
        payload = await self._client.get_inquiry(external_id)
        return None if payload is None else RawRecord(payload=payload, external_id=external_id)

    def normalise(self, record: RawRecord) -> Inquiry:
        return to_inquiry(record.payload)

    async def download(self, attachment: Attachment, *, max_bytes: int) -> DownloadedFile:
        try:
            response = await self._client.get_file(str(attachment.reference["file_id"]), max_bytes=max_bytes)
        except RejectedError as error:
            if error.code == "answer_too_large":
                message = f"{attachment.name} is larger than {max_bytes:,} bytes"
                raise RejectedError(message, code="file_too_large") from error
            raise
        return DownloadedFile(content=response.content, content_type=response.headers.get("content-type"))

    async def send(self, reply: OutboundReply) -> Receipt:
        self.require_sendable(reply)
        file_ids = [(await self._client.post_file(file)).fileId for file in reply.files]
        posted = await self._client.post_message(reply.thread.external_id, to_wire_reply(reply, file_ids))
        return Receipt(external_id=posted.messageId, sent_at=posted.sentAt)

    async def mark(self, mark: Mark, external_ids: Sequence[str]) -> list[MarkResult]:
        flag, value = FLAGS[mark]
        answer = await self._client.put_flag(flag, value, external_ids)
        results = {result.inquiryId: result for result in answer.results}
        return [
            MarkResult(external_id=one, is_done=results[one].ok, reason=results[one].reason)
            if one in results
            else MarkResult(external_id=one, is_done=False, reason="the market did not mention it")
            for one in external_ids
        ]


def _to_record(row: Any) -> RawRecord:
    payload = json.dumps(row, ensure_ascii=False).encode()
    try:
        headline = WireHeadline.model_validate(row)
    except ValidationError:
        # Kept as it is: `normalise` will refuse it, and the engine puts it into quarantine.
        return RawRecord(payload=payload)
    return RawRecord(payload=payload, external_id=headline.inquiryId, version=str(headline.revision), is_headline=True)
