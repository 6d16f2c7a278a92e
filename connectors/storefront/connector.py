"""The shop's own site: signed intake, browser form, reply callback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar
from urllib.parse import urlsplit

from connectors.storefront.answers import RefusalError, refuse
from connectors.storefront.client import CallbackClient
from connectors.storefront.files import ALLOWED_TYPES
from connectors.storefront.form import BrowserForm
from connectors.storefront.intake import MAX_BODY_BYTES, ServerIntake
from connectors.storefront.mapping import to_inquiry, to_wire_reply, to_wire_status
from connectors.storefront.settings import MAX_FILE_BYTES, StorefrontSettings
from connectors.storefront.submission import MAX_BODY_BYTES as MAX_FORM_BYTES
from connectors.storefront.told import ToldStatuses
from connectors.storefront.uploads import Uploads
from connectors.storefront.wire import CallbackEvent, CallbackTest
from gateway.sdk import (
    Access,
    Attachment,
    Capabilities,
    Connector,
    DownloadedFile,
    Inquiry,
    Mark,
    MarkResult,
    OutboundReply,
    RawRecord,
    Receipt,
    Reception,
    RejectedError,
    ReplyLimits,
    Source,
    StoredRecord,
    Text,
    WebhookRequest,
    WebhookResponse,
)

INQUIRIES = "/intake/v1/storefronts/{address}/inquiries"
UPLOADS = "/intake/v1/storefronts/{address}/uploads"
UPLOAD = "/intake/v1/storefronts/{address}/uploads/{upload_id}"
CONFIG = "/intake/v1/forms/{address}/config"
SUBMISSIONS = "/intake/v1/forms/{address}/submissions"

_STATUS_OF: Mapping[Mark, str] = {Mark.COMPLETED: "closed", Mark.REOPENED: "open"}
_NO_CALLBACK = Text(
    ja="返信先(callback_url)が設定されていません。", en="No address for replies (callback_url) is configured."
)
_DEFAULTS = StorefrontSettings.decoy()


class StorefrontConnector(Connector[StorefrontSettings]):
    """The connector of a shop's own site; the protocol is ours and stands in README.md."""

    key = "storefront"
    name = Text(ja="自社サイト", en="Own site")
    settings_type = StorefrontSettings
    webhook_paths = (INQUIRIES, UPLOADS, UPLOAD, CONFIG, SUBMISSIONS)
    capabilities: ClassVar[Capabilities] = Capabilities(
        can_pull=False,
        can_receive=True,
        can_read_thread=False,
        can_download=True,
        reply=ReplyLimits(
            max_chars=_DEFAULTS.max_reply_chars,
            max_attachments=_DEFAULTS.max_reply_files,
            max_attachment_bytes=_DEFAULTS.max_reply_file_bytes,
            max_attachment_name_chars=120,
            attachment_types=ALLOWED_TYPES,
        ),
        is_send_idempotent=True,
        proves_absence=False,
        marks=frozenset(_STATUS_OF),
        mark_batch_size=10,
        sources=(
            Source(
                fact="events are signed, named by webhook-id and dated as in Standard Webhooks 1.0.0; 410 ends an "
                "endpoint, 429, 502 and 504 ask for time, redirects are failures",
                certainty="official",
                reference="standard-webhooks/standard-webhooks, spec/standard-webhooks.md, read 2026-11-21",
            ),
            Source(
                fact="a bot check answers once per token, within 300 s, with hostname and action",
                certainty="official",
                reference="developers.cloudflare.com/turnstile/get-started/server-side-validation, read 2026-11-21",
            ),
            Source(
                fact="a shop drops a callback whose webhook-id it has seen, so a repeated send makes no second copy",
                certainty="own",
                reference="connectors/storefront/README.md, Replies",
            ),
            Source(
                fact="lengths, numbers and sizes of texts and files, idempotency for 96 hours, rate limits",
                certainty="own",
                reference="connectors/storefront/README.md, Limits",
            ),
        ),
    )

    @property
    def limits(self) -> Capabilities:
        settings = self.settings
        if settings.callback_url is None:
            return self.capabilities.model_copy(
                update={"reply": None, "no_reply_reason": _NO_CALLBACK, "marks": frozenset()}
            )
        reply = ReplyLimits(
            max_chars=settings.max_reply_chars,
            max_attachments=settings.max_reply_files,
            max_attachment_bytes=settings.max_reply_file_bytes,
            max_attachment_name_chars=120,
            attachment_types=settings.file_types,
        )
        return self.capabilities.model_copy(update={"reply": reply})

    # Reading

    def normalise(self, record: RawRecord) -> Inquiry:
        # A record's version is the webhook-id or the submission's id: the same for all its repetitions.
        return to_inquiry(record.payload, record.version, self.settings.category_kinds)

    async def test(self) -> Access:
        """Post `endpoint.test`, so that the shop's side of the callback is proved too."""
        url = self.settings.callback_url
        if url is None:
            return Access(
                account=self.key, warnings=("callback_url がないため返信できません / without callback_url no replies",)
            )
        now = self.context.now()
        event = CallbackEvent(type="endpoint.test", timestamp=now, data=CallbackTest())
        client = CallbackClient(self.settings, self.context, url)
        try:
            await client.post_event(f"evt_test_{int(now.timestamp() * 1000)}", event)
        finally:
            await client.aclose()
        return Access(account=urlsplit(url).hostname or self.key, warnings=tuple(self._warnings()))

    async def download(self, attachment: Attachment, *, max_bytes: int) -> DownloadedFile:
        content = await Uploads(self.settings, self.context).read(str(attachment.reference.get("upload_id", "")))
        if content is None:
            raise RejectedError(f"the file {attachment.external_id} is no longer kept", code="file_gone")
        if len(content) > max_bytes:
            raise RejectedError(
                f"the file {attachment.external_id} has {len(content):,} bytes, over {max_bytes:,}",
                code="file_too_large",
            )
        return DownloadedFile(content=content, content_type=attachment.content_type)

    # Writing

    async def send(self, reply: OutboundReply) -> Receipt:
        self.require_sendable(reply)
        client = CallbackClient(self.settings, self.context, self._callback_url())
        try:
            response = await client.post_reply(
                reply.reply_id, to_wire_reply(reply, author=self.settings.callback_author)
            )
        finally:
            await client.aclose()
        return Receipt(
            external_id=f"{reply.thread.external_id}:{reply.reply_id}",
            sent_at=self.context.now(),
            evidence=f"HTTP {response.status_code}",
        )

    async def mark(self, mark: Mark, external_ids: Sequence[str]) -> list[MarkResult]:
        if mark not in _STATUS_OF:
            return await super().mark(mark, external_ids)
        client = CallbackClient(self.settings, self.context, self._callback_url())
        try:
            return [await self._post_status(client, _STATUS_OF[mark], external_id) for external_id in external_ids]
        finally:
            await client.aclose()

    async def _post_status(self, client: CallbackClient, status: str, external_id: str) -> MarkResult:
        told = ToldStatuses(self.context.memo, self.settings.thread_memory)
        change = await told.begin(external_id, status, self.context.now())
        if change is None:
            return MarkResult(external_id=external_id, is_done=True)
        try:
            await client.post_event(change.event_id, to_wire_status(change))
        except RejectedError as error:
            return MarkResult(external_id=external_id, is_done=False, reason=error.message)
        await told.finish(change)
        return MarkResult(external_id=external_id, is_done=True)

    # Receiving

    @classmethod
    def webhook_limit(cls, route: str) -> int:
        return {UPLOAD: MAX_FILE_BYTES, SUBMISSIONS: MAX_FORM_BYTES}.get(route, MAX_BODY_BYTES)

    async def receive(self, request: WebhookRequest) -> Reception:
        try:
            reception = await self._receive(request)
        except RefusalError as refusal:
            reception = Reception(response=refuse(request, refusal))
        if reception.response is None:
            return reception
        return replace(reception, response=self._finished(request, reception.response))

    async def acknowledge(
        self, request: WebhookRequest, reception: Reception, stored: Sequence[StoredRecord]
    ) -> WebhookResponse:
        first = next(iter(stored), None)
        if request.route == SUBMISSIONS:
            response = await BrowserForm(self.settings, self.context).acknowledge(reception, first)
        else:
            response = await ServerIntake(self.settings, self.context).acknowledge(request, first)
        return self._finished(request, response)

    async def _receive(self, request: WebhookRequest) -> Reception:
        intake = ServerIntake(self.settings, self.context)
        form = BrowserForm(self.settings, self.context)
        if request.route == INQUIRIES:
            return await intake.receive_event(request)
        if request.route == UPLOADS:
            return await intake.receive_announcement(request)
        if request.route == UPLOAD:
            return await Uploads(self.settings, self.context).receive(request)
        if request.method == "OPTIONS":
            return Reception(response=form.preflight(request))
        if request.route == CONFIG:
            return Reception(response=await form.open(request))
        return await form.receive(request)

    def _finished(self, request: WebhookRequest, response: WebhookResponse) -> WebhookResponse:
        """Add what every answer to a browser carries."""
        if request.route not in {CONFIG, SUBMISSIONS}:
            return response
        cors = BrowserForm(self.settings, self.context).cors_headers(request)
        return replace(response, headers={**response.headers, **cors})

    def _callback_url(self) -> str:
        if self.settings.callback_url is None:
            raise RejectedError("no callback_url is configured", code="no_reply")
        return self.settings.callback_url

    def _warnings(self) -> list[str]:
        found = []
        if self.settings.form_origins and self.settings.bot_check == "none":
            found.append("フォームにボット対策がありません / the form has no bot check")
        if len(self.settings.secrets) > 1:
            found.append("署名鍵が2つ有効です / two intake secrets are active; remove the old one after the rotation")
        return found
