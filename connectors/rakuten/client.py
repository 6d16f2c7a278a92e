"""RMS WEB SERVICE over HTTP: one method per function, wire in, wire out."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import BaseModel, ValidationError

from connectors.rakuten.settings import RakutenSettings
from connectors.rakuten.wire import (
    InquiryList,
    LicenseExpiry,
    MarkAnswer,
    PostedReply,
    UploadedFile,
    WireError,
    read_error,
    to_mall_time,
)
from gateway.sdk import (
    AuthenticationError,
    ChannelContext,
    ConnectorError,
    DownloadedFile,
    MallClient,
    OutboundFile,
    RateLimitedError,
    RejectedError,
    UnknownOutcomeError,
)

API = "/inquirymng-api"
JSON_TYPE = "application/json; charset=utf-8"
TOO_MANY_ROWS = "IE000"
# A hundred whole threads of long messages; a page that is never accepted would stop the channel.
MAX_LIST_BYTES = 64 * 1024 * 1024

M = TypeVar("M", bound=BaseModel)


def authorization(service_secret: str, license_key: str) -> str:
    """Return the value of the `Authorization` header."""
    return "ESA " + base64.b64encode(f"{service_secret}:{license_key}".encode()).decode()


class RakutenClient:
    """The functions of InquiryManagementAPI, and the one of LicenseManagementAPI that tells a key's end.

    Source: RMS WEB SERVICE documentation, 1-1_service_index/inquirymanagementapi, read 2026-11-21; attachment.get,
    patch.complete, patch.incomplete and license.expiryDate.get as public clients call them.
    """

    def __init__(self, settings: RakutenSettings, context: ChannelContext) -> None:
        self._settings = settings
        secret, key = settings.service_secret.get_secret_value(), settings.license_key.get_secret_value()
        self._license_key = key
        self._authorization = authorization(secret, key)
        # How many 429 came in a row: the mall names no wait, so each one waits longer.
        self._limited = 0
        self._http = MallClient(
            settings.base_url,
            context,
            authorise=self._authorise,
            classify=self._classify,
            request_interval=settings.request_interval,
            secrets=(
                self._authorization.removeprefix("ESA "),
                key,
                secret,
                quote(key, safe=""),
                quote(secret, safe=""),
            ),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def list_inquiries(self, start: datetime, end: datetime, *, page: int, limit: int) -> InquiryList:
        """Return one page of the threads opened from `start` to `end`, newest first.

        Raises:
            RejectedError: with the code `TOO_MANY_ROWS` if the page crosses the mall's bound.
        """
        query = {"fromDate": to_mall_time(start), "toDate": to_mall_time(end), "limit": str(limit), "page": str(page)}
        try:
            response = await self._get(
                f"{API}/inquiries", "inquirymngapi.inquiries.get", query, max_bytes=MAX_LIST_BYTES
            )
        except RejectedError as error:
            # The status table gives 404 for "no matching data", the page's sample an empty list.
            if error.status != httpx.codes.NOT_FOUND:
                raise
            return InquiryList(total_count=0, total_page_count=0, rows=[])
        return self._read(response, InquiryList, self._object(response))

    async def get_inquiry(self, inquiry_number: str) -> dict[str, Any] | None:
        """Return one thread as it came, None if the mall does not know it."""
        path = f"{API}/inquiry/{quote(inquiry_number, safe='')}"
        try:
            response = await self._get(path, "inquirymngapi.inquiry.get")
        except RejectedError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            return None
        result = self._object(response).get("result")
        if not isinstance(result, dict):
            raise self._http.unreadable(response, is_send=False)
        return result

    async def post_reply(self, body: dict[str, Any]) -> PostedReply:
        """Send a reply: exactly one try."""
        function = "inquirymngapi.reply.post"
        response = await self._http.send(
            "POST",
            f"{API}/inquiry/reply",
            operation=function,
            extensions={"function": function},
            headers={"Content-Type": JSON_TYPE},
            content=json.dumps(body, ensure_ascii=False).encode(),
        )
        self._limited = 0
        return self._result(response, PostedReply, is_send=True)

    async def post_attachment(self, file: OutboundFile) -> UploadedFile:
        """Upload a file for the next reply; repeatable, since one that is never used lapses by itself."""
        function = "inquirymngapi.attachment.post"
        response = await self._http.repeat(
            "POST",
            f"{API}/attachment",
            operation=function,
            extensions={"function": function},
            files={"file": (file.name, file.content, file.content_type)},
        )
        self._limited = 0
        return self._result(response, UploadedFile)

    async def get_attachment(self, *, path: str, label: str, max_bytes: int) -> DownloadedFile:
        """Return a file of at most `max_bytes`."""
        query = {"path": path, "label": label}
        response = await self._get(f"{API}/attachment", "inquirymngapi.attachment.get", query, max_bytes=max_bytes)
        content_type = response.headers.get("content-type")
        is_json = (content_type or "").partition(";")[0].strip().lower() in {"application/json", "text/json"}
        if is_json and response.content.lstrip().startswith(b"{"):
            error = read_error(response.text)
            raise RejectedError(
                self._http.redact(f"inquirymngapi.attachment.get: {error.detail or 'an error instead of the file'}"),
                code=error.code or "file_unavailable",
                status=response.status_code,
            )
        return DownloadedFile(content=response.content, content_type=content_type)

    async def patch_inquiries(self, action: str, inquiry_numbers: Sequence[str]) -> MarkAnswer:
        """Set a flag: `action` is `read`, `complete` or `incomplete`. Repeatable."""
        function = f"inquirymngapi.inquiries.patch.{action}"
        response = await self._http.repeat(
            "PATCH",
            f"{API}/inquiries/{action}",
            operation=function,
            extensions={"function": function},
            headers={"Content-Type": JSON_TYPE},
            content=json.dumps({"inquiryNumbers": list(inquiry_numbers)}).encode(),
        )
        self._limited = 0
        return self._result(response, MarkAnswer)

    async def get_license_expiry(self) -> datetime:
        """Return the last moment of the licence key."""
        response = await self._get(
            "/license-management/license-key/expiry-date",
            "license.expiryDate.get",
            {"licenseKey": self._license_key},
        )
        return self._read(response, LicenseExpiry, self._object(response)).expiry_date

    async def _authorise(self, request: httpx.Request) -> None:
        request.headers["Authorization"] = self._authorization

    async def _get(
        self, path: str, function: str, query: dict[str, str] | None = None, *, max_bytes: int | None = None
    ) -> httpx.Response:
        # Attachment paths must arrive percent-encoded once, slashes too, and blanks not as plus signs.
        address = f"{path}?{urlencode(query, safe='', quote_via=quote)}" if query else path
        options: dict[str, Any] = {} if max_bytes is None else {"max_bytes": max_bytes}
        response = await self._http.get(
            address,
            operation=function,
            extensions={"function": function},
            headers={"Content-Type": JSON_TYPE},
            **options,
        )
        self._limited = 0
        return response

    def _object(self, response: httpx.Response, *, is_send: bool = False) -> dict[str, Any]:
        try:
            body = response.json()
        except (ValueError, RecursionError) as error:
            raise self._http.unreadable(response, is_send=is_send) from error
        if not isinstance(body, dict):
            raise self._http.unreadable(response, is_send=is_send)
        return body

    def _result(self, response: httpx.Response, model: type[M], *, is_send: bool = False) -> M:
        return self._read(response, model, self._object(response, is_send=is_send).get("result"), is_send=is_send)

    def _read(self, response: httpx.Response, model: type[M], value: Any, *, is_send: bool = False) -> M:
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise self._http.unreadable(response, is_send=is_send) from error

    def _classify(self, response: httpx.Response, is_send: bool) -> ConnectorError | None:
        """Read an error answer by its status first; whatever body is there only adds words."""
        status = response.status_code
        function = str(response.request.extensions.get("function", ""))
        wire = read_error(response.text)
        match status:
            case httpx.codes.UNAUTHORIZED:
                return AuthenticationError(
                    f"{function}: Rakuten refuses the service secret or the licence key, or the key has expired. "
                    "A new key may need up to 30 minutes until it works.",
                    code=wire.code or "unauthorised",
                )
            case httpx.codes.FORBIDDEN:
                return AuthenticationError(
                    f"{function} is not allowed for this licence key: switch the function on in RMS "
                    "(2-1 アプリ一覧 → 利用機能編集)",
                    code=wire.code or "function_not_enabled",
                )
            case httpx.codes.CONFLICT if is_send and self._settings.is_conflict_unknown:
                return UnknownOutcomeError(
                    f"{function}: Rakuten says that this clashes with what is there: an earlier try may have arrived",
                    code=wire.code or "conflict",
                )
            case httpx.codes.TOO_MANY_REQUESTS:
                waits = self._settings.rate_limit_waits
                wait = self._http.retry_after(response, default=waits[min(self._limited, len(waits) - 1)])
                self._limited += 1
                return RateLimitedError(
                    f"{function}: Rakuten asks for slower requests", retry_after=wait, code=wire.code or "rate_limited"
                )
            case _ if 400 <= status < 500 and status not in {408, 425}:
                return self._rejected(function, status, wire)
        return None

    def _rejected(self, function: str, status: int, wire: WireError) -> RejectedError:
        detail = self._http.redact(wire.detail)[:300]
        return RejectedError(f"{function}: {status} {detail}".rstrip(), code=wire.code or "rejected")
