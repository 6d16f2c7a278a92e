"""Files: announced with a signature, brought by a `PUT` that works once, kept until the engine fetches them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from connectors.storefront.answers import FieldError, RefusalError, answer, require_method
from connectors.storefront.files import clean_name, same_type, sniff
from connectors.storefront.settings import MAX_FILE_BYTES, StorefrontSettings
from connectors.storefront.wire import UPLOAD_ID, Announcement, WireAttachment
from gateway.sdk import ChannelContext, Reception, WebhookRequest

# How long a file that was brought waits for the inquiry that names it.
UNCLAIMED_PERIOD = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Uploads:
    """The files of one storefront."""

    settings: StorefrontSettings
    context: ChannelContext

    async def announce(self, announcement: Announcement, *, event_id: str, path: str) -> dict[str, Any]:
        """Open a one-time address for the announced file and describe it.

        Raises:
            RefusalError: the file would be refused, by name; or its id is taken.
        """
        self._require_acceptable(announcement)
        upload_id = announcement.upload_id or self.upload_id(event_id)
        note = json.dumps(
            {"size": announcement.size, "sha256": announcement.sha256, "content_type": announcement.content_type}
        ).encode()
        if await self.context.memo.recall(_bytes_key(upload_id)) is not None:
            raise RefusalError.invalid(FieldError("upload_id", "already_exists"))
        present = await self.context.memo.remember(_note_key(upload_id), note, ttl=self.settings.upload_period)
        if present is not None and present != note:
            raise RefusalError.invalid(FieldError("upload_id", "already_exists"))
        return {
            "upload_id": upload_id,
            "put_url": f"{(self.settings.public_base_url or '').rstrip('/')}{path.rstrip('/')}/{upload_id}",
            "expires_at": (self.context.now() + self.settings.upload_period).isoformat(),
        }

    async def receive(self, request: WebhookRequest) -> Reception:
        """Take the bytes of an announced file.

        An unknown, expired and foreign address get one and the same answer. Bringing the same bytes again changes
        nothing, so a lost answer can be asked for again.

        Raises:
            RefusalError: the bytes are not what was announced, or not what they claim to be.
        """
        require_method(request, "PUT")
        if len(request.body) > MAX_FILE_BYTES:
            raise RefusalError("too_large")
        upload_id = request.params.get("upload_id", "")
        note = await self.context.memo.recall(_note_key(upload_id)) if UPLOAD_ID.fullmatch(upload_id) else None
        if note is None:
            raise RefusalError("signature_mismatch")
        announced = json.loads(note)
        fields = []
        if len(request.body) != announced["size"]:
            fields.append(FieldError("size", "mismatch"))
        if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest(), announced["sha256"]):
            fields.append(FieldError("sha256", "mismatch"))
        sniffed = sniff(request.body)
        if sniffed not in self.settings.file_types:
            fields.append(FieldError("content_type", "type_not_allowed"))
        elif not same_type(announced["content_type"], sniffed):
            fields.append(FieldError("content_type", "mismatch"))
        if fields:
            raise RefusalError.invalid(*fields)
        await self.context.memo.remember(_bytes_key(upload_id), request.body, ttl=UNCLAIMED_PERIOD)
        return Reception(response=answer(200, {"upload_id": upload_id, "content_type": sniffed, "status": "stored"}))

    async def keep(self, files: Sequence[WireAttachment]) -> None:
        """Keep the files that a message names until the engine has fetched them.

        Raises:
            RefusalError: a file was never brought, or is another one than the message says.
        """
        contents = []
        fields = []
        for index, file in enumerate(files):
            content = await self.read(file.upload_id)
            if content is None:
                fields.append(FieldError(f"data.attachments.{index}.upload_id", "unknown_upload"))
            elif len(content) != file.size or hashlib.sha256(content).hexdigest() != file.sha256:
                fields.append(FieldError(f"data.attachments.{index}.sha256", "mismatch"))
            else:
                contents.append((file.upload_id, content))
        if fields:
            raise RefusalError.invalid(*fields)
        for upload_id, content in contents:
            await self.save(upload_id, content)

    async def save(self, upload_id: str, content: bytes) -> None:
        """Keep bytes under an id of ours."""
        await self.context.memo.replace(_bytes_key(upload_id), content, ttl=self.settings.file_retention)

    async def read(self, upload_id: str) -> bytes | None:
        """Return bytes that were brought."""
        return await self.context.memo.recall(_bytes_key(upload_id))

    def upload_id(self, seed: str) -> str:
        """Return an id that nobody can guess and that is the same for the same seed."""
        digest = hmac.new(self.context.server_secret, b"upload." + seed.encode(), hashlib.sha256).hexdigest()
        return f"up_{digest[:32]}"

    def _require_acceptable(self, announcement: Announcement) -> None:
        fields = []
        if announcement.size > self.settings.max_file_bytes:
            fields.append(FieldError("size", "too_large"))
        claimed = announcement.content_type
        if claimed and not any(same_type(claimed, one) for one in self.settings.file_types):
            fields.append(FieldError("content_type", "type_not_allowed"))
        if fields:
            name = clean_name(announcement.name)
            raise RefusalError("invalid", fields=fields, detail=f"{name}: 受け取れません / this file is not taken")


def _note_key(upload_id: str) -> str:
    return f"upload:{upload_id}"


def _bytes_key(upload_id: str) -> str:
    return f"file:{upload_id}"
