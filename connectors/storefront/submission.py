"""The body of a submission: JSON, or `multipart/form-data` with files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from connectors.storefront.answers import RefusalError
from connectors.storefront.files import clean_name
from connectors.storefront.settings import MAX_FILE_BYTES, MAX_FILES
from connectors.storefront.wire import FormSubmission
from gateway.sdk import WebhookRequest

MAX_TEXT_BYTES = 256 * 1024
MAX_BODY_BYTES = MAX_FILES * MAX_FILE_BYTES + 1024 * 1024
# Files over the allowed number are refused by name; so many at once are no person's doing.
MAX_PARTS = 50


@dataclass(frozen=True, slots=True)
class SentFile:
    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def media_type_of(request: WebhookRequest) -> str:
    """Forms and plain text come without a preflight, so the type is checked here."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in {"application/json", "multipart/form-data"}:
        raise RefusalError("unsupported_media_type")
    limit = MAX_TEXT_BYTES if media_type == "application/json" else MAX_BODY_BYTES
    if len(request.body) > limit:
        raise RefusalError("too_large")
    return media_type


async def read_submission(request: WebhookRequest, media_type: str) -> tuple[dict[str, Any], list[SentFile]]:
    if media_type == "application/json":
        return _read_json(request.body), []
    return await _read_multipart(request)


def _read_json(body: bytes) -> dict[str, Any]:
    # Unlike the standard library's reader, this one refuses lone surrogates, which no text may hold.
    try:
        members = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RefusalError("malformed") from error
    if not isinstance(members, dict):
        raise RefusalError("malformed")
    return members


async def _read_multipart(request: WebhookRequest) -> tuple[dict[str, Any], list[SentFile]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield request.body

    try:
        parser = MultiPartParser(
            Headers({"content-type": request.headers["content-type"]}),
            stream(),
            max_files=MAX_PARTS,
            max_fields=MAX_PARTS,
            max_part_size=MAX_TEXT_BYTES,
        )
        form = await parser.parse()
    except (MultiPartException, MultipartParseError, ValueError, LookupError) as error:
        raise RefusalError("malformed") from error
    members: dict[str, Any] = {}
    files: list[SentFile] = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            content = await value.read()
            # An untouched file input sends one nameless, empty part.
            if content or value.filename:
                files.append(SentFile(clean_name(value.filename or ""), content))
            await value.close()
        elif name in {"order_refs", "item_refs"}:
            members.setdefault(name, []).append(value)
        elif name == "consents":
            members[name] = _read_json(value.encode())
        else:
            members[name] = value
    return members, files


def digest_of(submission: FormSubmission, files: list[SentFile]) -> str:
    content = [submission.content(), [[file.name, file.sha256] for file in files]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
