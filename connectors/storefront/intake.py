"""B1: what a shop's own back end sends, signed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from connectors.storefront.answers import FieldError, RefusalError, answer, require_method
from connectors.storefront.idempotency import IdempotencyKey
from connectors.storefront.settings import StorefrontSettings
from connectors.storefront.signature import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    is_signed,
    is_well_formed_id,
    parse_timestamp,
)
from connectors.storefront.told import ToldStatuses
from connectors.storefront.uploads import Uploads
from connectors.storefront.wire import (
    Announcement,
    AnyEvent,
    InquiryCreated,
    MessageCreated,
    StaffReplied,
    WireAttachment,
    parse_event,
)
from gateway.sdk import ChannelContext, RawRecord, Reception, StoredRecord, WebhookRequest, WebhookResponse

MAX_BODY_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ServerIntake:
    """The signed door of one storefront."""

    settings: StorefrontSettings
    context: ChannelContext

    async def receive_event(self, request: WebhookRequest) -> Reception:
        """Check an event and return it as a record.

        Raises:
            RefusalError: the answer, by the first check that fails.
        """
        await self._require_signed(request)
        try:
            event = parse_event(request.body)
        except ValidationError as error:
            raise RefusalError.of(error) from error
        self._require_rules(event)
        place = self._place(request)
        repeated = await place.claim()
        if repeated is not None:
            return Reception(response=_as_repetition(repeated))
        try:
            # The files first: a message that must be mended may come again under a new id.
            await Uploads(self.settings, self.context).keep(_files_of(event))
            await self._require_new_thread(event, request.headers[ID_HEADER])
        except RefusalError:
            await place.release()
            raise
        # Whatever the shop says of a thread may have moved its status there.
        await ToldStatuses(self.context.memo, self.settings.thread_memory).forget(event.data.external_id)
        record = RawRecord(payload=request.body, external_id=event.data.external_id, version=request.headers[ID_HEADER])
        return Reception(records=(record,))

    async def acknowledge(self, request: WebhookRequest, stored: StoredRecord | None) -> WebhookResponse:
        """Return the answer to an event that is stored, and keep it for repetitions."""
        body = {
            "inquiry_id": stored.record_id if stored else None,
            "case_id": stored.case_id if stored else None,
            "status": "accepted",
            "idempotent": False,
        }
        response = answer(202, body)
        await self._place(request).fill(response)
        return response

    async def receive_announcement(self, request: WebhookRequest) -> Reception:
        """Check the announcement of a file and answer with the address for its bytes."""
        await self._require_signed(request)
        try:
            announcement = Announcement.model_validate_json(request.body)
        except ValidationError as error:
            raise RefusalError.of(error) from error
        place = self._place(request)
        repeated = await place.claim()
        if repeated is not None:
            return Reception(response=_as_repetition(repeated))
        try:
            opened = await Uploads(self.settings, self.context).announce(
                announcement, event_id=request.headers[ID_HEADER], path=request.path
            )
        except RefusalError:
            await place.release()
            raise
        response = answer(201, {**opened, "idempotent": False})
        await place.fill(response)
        return Reception(response=response)

    async def _require_signed(self, request: WebhookRequest) -> None:
        """All checks before the body is looked at, cheap ones first, in the order of the protocol."""
        require_method(request, "POST")
        if len(request.body) > MAX_BODY_BYTES:
            raise RefusalError("too_large")
        headers = request.headers
        event_id, timestamp, signatures = (
            headers.get(name, "") for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)
        )
        seconds = parse_timestamp(timestamp)
        if not event_id or seconds is None or not signatures.strip():
            raise RefusalError("malformed", fields=_malformed_headers(event_id, seconds, signatures))
        if not _is_json(headers.get("content-type", "")):
            raise RefusalError("unsupported_media_type")
        if not is_well_formed_id(event_id):
            raise RefusalError("malformed", fields=[FieldError(ID_HEADER, "invalid")])
        if abs(self.context.now().timestamp() - seconds) > self.settings.tolerance.total_seconds():
            raise RefusalError("timestamp_out_of_tolerance")
        if not is_signed(
            self.settings.keys, event_id=event_id, timestamp=timestamp, signatures=signatures, body=request.body
        ):
            raise RefusalError("signature_mismatch")
        wait = await self.context.memo.take_permit(
            "intake", limit=self.settings.intake_rate_per_minute, per=timedelta(minutes=1)
        )
        if wait > timedelta():
            raise RefusalError("rate_limited", retry_after=wait)

    def _require_rules(self, event: AnyEvent) -> None:
        fields = []
        if isinstance(event, InquiryCreated):
            if event.form is not None:
                # Only our own form may say what our own form found out.
                fields.append(FieldError("gateway_form", "reserved"))
            if self.settings.requires_email and event.data.customer.email is None:
                fields.append(FieldError("data.customer.email", "required"))
        files = _files_of(event)
        if len(files) > self.settings.max_files:
            fields.append(FieldError("data.attachments", "too_long"))
        ids = [file.upload_id for file in files]
        if len(set(ids)) < len(ids):
            fields.append(FieldError("data.attachments", "duplicate"))
        if fields:
            raise RefusalError.invalid(*fields)

    async def _require_new_thread(self, event: AnyEvent, event_id: str) -> None:
        """A thread is created once; who writes again says so by the type."""
        if not isinstance(event, InquiryCreated):
            return
        digest = hashlib.sha256(event.data.external_id.encode()).hexdigest()
        creator = await self.context.memo.remember(
            f"thread:{digest}", event_id.encode(), ttl=self.settings.thread_memory
        )
        if creator is not None and creator.decode() != event_id:
            raise RefusalError.invalid(FieldError("data.external_id", "already_exists"))

    def _place(self, request: WebhookRequest) -> IdempotencyKey:
        # The route is part of the body's identity: one id cannot stand for an event and for a file.
        digest = hashlib.sha256(request.route.encode() + b"\n" + request.body).hexdigest()
        return IdempotencyKey(
            memo=self.context.memo,
            key=f"event:{request.headers[ID_HEADER]}",
            digest=digest,
            pending_period=self.settings.pending_period,
            answer_period=self.settings.idempotency_period,
        )


def _files_of(event: AnyEvent) -> tuple[WireAttachment, ...]:
    match event:
        case InquiryCreated() | MessageCreated() | StaffReplied():
            return event.data.attachments
        case _:
            return ()


def _malformed_headers(event_id: str, seconds: int | None, signatures: str) -> list[FieldError]:
    found = {ID_HEADER: bool(event_id), TIMESTAMP_HEADER: seconds is not None, SIGNATURE_HEADER: bool(signatures)}
    return [FieldError(name, "malformed") for name, is_there in found.items() if not is_there]


def _is_json(content_type: str) -> bool:
    media_type, _, parameters = content_type.lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    return media_type.strip() == "application/json" and charset in {"", "utf-8"}


def _as_repetition(stored: WebhookResponse) -> WebhookResponse:
    body = {**json.loads(stored.body), "idempotent": True}
    return answer(200, body)
