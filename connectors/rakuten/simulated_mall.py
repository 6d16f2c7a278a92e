"""The HTTP side of the simulated R-Messe: routes, checks and answers as the mall gives them."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from starlette.datastructures import UploadFile

from connectors.rakuten.simulated_thread import StoredFile, StoredThread, to_wire_time
from connectors.rakuten.wire import JST
from gateway.sdk.testing import SimulatedFile

if TYPE_CHECKING:
    from connectors.rakuten.simulator import RakutenSimulator, Switches

BASE = "/es/1.0/inquirymng-api"
JSON = "application/json;charset=UTF-8"
DATE = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"
NUMBER = r"^[0-9a-zA-Z-]+$"
MAX_WINDOW = timedelta(days=31)
MAX_ROWS = 10_000
MAX_FILE_BYTES = 5_000_000
EXTENSIONS = {".png", ".jpg", ".jpeg", ".gif", ".pdf"}
LINK_DOMAINS = [
    "rakuten.co.jp",
    "rakuten.ne.jp",
    "rakuten.com",
    "rakuten-bank.co.jp",
    "trafficgate.net",
    "rakuten-card.co.jp",
    "payment.sej.co.jp",
    "faq.rakuten.net",
    "support.rakuten-card.jp",
]

Handler = Callable[[Request], Awaitable[Response]]


class BadParameterError(Exception):
    """One of the API's own checks failed; `targets` may be absent."""

    def __init__(
        self, targets: Mapping[str, str] | None = None, *, code: str = "IE001", message: str = "bad parameter"
    ) -> None:
        super().__init__(message)
        self.body: dict[str, Any] = {"code": code, "message": message}
        if targets:
            self.body["targets"] = dict(targets)


class GatewayError(Exception):
    """The platform in front of the API refuses."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = [{"code": code, "message": message}]


class SimulatedMall:
    """The routes of one simulated shop."""

    def __init__(self, simulator: RakutenSimulator) -> None:
        self._simulator = simulator
        self._last_start: datetime | None = None
        self.app = FastAPI(title="Simulated R-Messe", openapi_url=None)
        for method, path, function, handler in (
            ("GET", f"{BASE}/inquiries/count", "inquirymngapi.counts.get", self._count),
            ("GET", f"{BASE}/inquiries", "inquirymngapi.inquiries.get", self._list),
            ("GET", f"{BASE}/inquiry/{{number}}", "inquirymngapi.inquiry.get", self._get),
            ("POST", f"{BASE}/inquiry/reply", "inquirymngapi.reply.post", self._reply),
            ("POST", f"{BASE}/attachment", "inquirymngapi.attachment.post", self._upload),
            ("GET", f"{BASE}/attachment", "inquirymngapi.attachment.get", self._download),
            ("PATCH", f"{BASE}/inquiries/read", "inquirymngapi.inquiries.patch.read", self._mark),
            ("PATCH", f"{BASE}/inquiries/complete", "inquirymngapi.inquiries.patch.complete", self._mark),
            ("PATCH", f"{BASE}/inquiries/incomplete", "inquirymngapi.inquiries.patch.incomplete", self._mark),
            ("GET", "/es/1.0/license-management/license-key/expiry-date", "license.expiryDate.get", self._expiry),
        ):
            self.app.add_api_route(path, self._guarded(function, handler), methods=[method], response_model=None)

    @property
    def _switches(self) -> Switches:
        return self._simulator.switches

    def _guarded(self, function: str, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                self._admit(request, function)
                limited = self._rate_limited()
                return limited or await handler(request)
            except BadParameterError as error:
                return _json({"error": error.body}, HTTPStatus.BAD_REQUEST)
            except GatewayError as error:
                return _json({"errors": error.body}, error.status)

        return guarded

    def _admit(self, request: Request, function: str) -> None:
        if not self._simulator.is_authorised(request.headers.get("authorization", "")):
            raise GatewayError(HTTPStatus.UNAUTHORIZED, "GA0001", "Un-Authorised")
        if function in self._switches.disabled_functions:
            raise GatewayError(HTTPStatus.FORBIDDEN, "GA0003", "Forbidden")

    def _rate_limited(self) -> Response | None:
        now, last = self._simulator.clock.now(), self._last_start
        self._last_start = now
        if not self._switches.limits_rate or last is None or now - last >= self._switches.rate_interval:
            return None
        wait = self._switches.retry_after
        headers = {} if wait is None else {"retry-after": str(wait)}
        return Response(self._switches.rate_limit_body, HTTPStatus.TOO_MANY_REQUESTS, headers, media_type=JSON)

    # Reading

    async def _count(self, request: Request) -> Response:
        return _json({"result": {"count": len(self._window(request))}})

    async def _list(self, request: Request) -> Response:
        found = self._window(request)
        limit = _number(request, "limit", default=10)
        page = _number(request, "page", default=1)
        if limit > 100:
            raise BadParameterError({"limit": "should be less than equal 100"})
        if limit < 1:
            raise BadParameterError({"limit": "should be greater than equal 1"})
        if not 1 <= page <= 10_000:
            raise BadParameterError(message="400 Bad Request")
        if limit * page > MAX_ROWS:
            raise BadParameterError(code="IE000", message="400 Bad Request")
        total, last = len(found), -(-len(found) // limit)
        if (not total and self._switches.answers_empty_list_with_404) or (
            page > max(last, 1) and self._switches.answers_page_past_end_with_404
        ):
            raise _not_found()
        start = (page - 1) * limit
        # Found is oldest first, the page newest first: it is cut from the other end.
        rows = [
            self._to_json(thread) for thread in reversed(found[max(total - start - limit, 0) : max(total - start, 0)])
        ]
        head = f'{{"totalCount":{total},"totalPageCount":{last},"page":{page if total else 1},"list":['
        return Response(b"".join((head.encode(), b",".join(rows), b"]}")), media_type=JSON)

    async def _get(self, request: Request) -> Response:
        number = request.path_params["number"]
        if not 1 <= len(number) <= 40 or not re.match(NUMBER, number):
            raise BadParameterError({"inquiryNumber": f'must match "{NUMBER}"'})
        return Response(b'{"result":' + self._to_json(self._stored(number)) + b"}", media_type=JSON)

    def _window(self, request: Request) -> list[StoredThread]:
        both = ("fromDate", "toDate")
        start, end = (_date(request.query_params.get(name)) for name in both)
        if start is None or end is None:
            bad = [name for name, date in zip(both, (start, end), strict=True) if date is None]
            raise BadParameterError(dict.fromkeys(bad, f'must match "{DATE}"'))
        if start > end:
            raise BadParameterError(dict.fromkeys(both, "date time range is invalid."))
        width = end - start
        if width > MAX_WINDOW or (width == MAX_WINDOW and not self._switches.allows_exactly_31_days):
            raise BadParameterError(dict.fromkeys(both, "date time range should be within 31 days."))
        unanswered = request.query_params.get("noMerchantReply", "false").lower() == "true"
        found = self._simulator.opened_between(start, end)
        return [thread for _, _, thread in found if not (unanswered and thread.has_shop_reply)]

    def _stored(self, number: str) -> StoredThread:
        try:
            return self._simulator.stored(number)
        except KeyError:
            raise _not_found() from None

    def _to_json(self, thread: StoredThread) -> bytes:
        if not self._switches.adds_unknown_members or thread.raw is not None:
            return thread.to_json()
        return json.dumps({**thread.row(), "brandNew": {"depth": [1, None]}}, ensure_ascii=False).encode()

    # Writing

    async def _reply(self, request: Request) -> Response:
        body = await _json_object(request)
        number, text, files = body.get("inquiryNumber"), body.get("message"), body.get("attachments") or []
        self._check_reply(body, number, text)
        kept = tuple(self._check_file(one, index) for index, one in enumerate(_as_list(files)))
        thread = self._stored(str(number))
        if self._switches.refuses_repeated_text and self._is_repeated(thread, str(text)):
            raise GatewayError(HTTPStatus.CONFLICT, "GE0009", "Conflict")
        reply = self._simulator.add_reply(thread, str(text), is_from_shop=True, files=kept)
        if self._switches.reply_sets_read:
            self._simulator.set_flag(thread, "read")
        result = {
            "message": reply.text,
            "regDate": to_wire_time(reply.at),
            "replyFrom": "merchant",
            "isRead": False,
            "attachments": [file.row() for file in kept],
        }
        return _json({"result": result}, HTTPStatus.CREATED)

    def _check_reply(self, body: dict[str, Any], number: Any, text: Any) -> None:
        targets = {}
        if not isinstance(number, str) or not 1 <= len(number) <= 40:
            targets["inquiryNumber"] = "size must be between 1 and 40"
        if str(body.get("shopId", "")) != str(self._simulator.shop_id):
            targets["shopId"] = "must not be blank"
        if not isinstance(text, str) or not 1 <= len(text) <= 2000:
            targets["message"] = "size must be between 1 and 2000"
        elif any(len(line) > 300 for line in re.split(r"\r\n|\r|\n", text)):
            targets["message"] = "each line must be within 300 characters"
        elif any(
            not _is_allowed_link(link) for link in re.findall(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s「」()<>、。]+", text)
        ):
            targets["message"] = "url is not allowed"
        if len(_as_list(body.get("attachments") or [])) > 1:
            targets["attachments"] = "size must be between 0 and 1"
        if targets:
            raise BadParameterError(targets)

    def _check_file(self, one: Any, index: int) -> StoredFile:
        at = f"attachments[{index}]"
        label, path = (one.get("label"), one.get("path")) if isinstance(one, dict) else (None, None)
        if not isinstance(label, str) or not 1 <= len(label) <= 100:
            raise BadParameterError({f"{at}.label": "size must be between 1 and 100"})
        if not isinstance(path, str) or not 1 <= len(path) <= 1000:
            raise BadParameterError({f"{at}.path": "size must be between 1 and 1000"})
        stored = self._simulator.find_file(path)
        if stored is None:
            raise BadParameterError({f"{at}.path": "not found."})
        if PurePosixPath(label).suffix.lower() != PurePosixPath(stored.file.name).suffix.lower():
            raise BadParameterError({f"{at}.label": "extension does not match the file."})
        return stored

    def _is_repeated(self, thread: StoredThread, text: str) -> bool:
        since = self._simulator.now() - timedelta(minutes=1)
        return any(one.is_from_shop and one.text == text and one.at >= since for one in thread.replies)

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            parts = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
            if not parts:
                raise BadParameterError({"file": "must not be null"})
            # The last of several parts wins.
            name, content_type, content = parts[-1].filename or "", parts[-1].content_type, await parts[-1].read()
        if len(content) >= MAX_FILE_BYTES:
            raise GatewayError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "GF0003", "Request entity too large")
        if not content:
            raise BadParameterError({"file": "attachment file is empty."})
        if len(name) > 100:
            raise BadParameterError({"file": "too long attachment file name."})
        if PurePosixPath(name).suffix.lower() not in EXTENSIONS:
            raise BadParameterError({"file": "unsupported attachment file type."})
        if self._switches.upload_error_message is not None:
            result = {"label": name, "path": "", "errorMessage": self._switches.upload_error_message}
            return _json({"result": result}, HTTPStatus.CREATED)
        file = SimulatedFile(name=name, content_type=content_type or "application/octet-stream", content=content)
        (kept,) = self._simulator.keep([file])
        return _json({"result": kept.row()}, HTTPStatus.CREATED)

    async def _download(self, request: Request) -> Response:
        path, label = request.query_params.get("path", ""), request.query_params.get("label", "")
        stored = self._simulator.find_file(path)
        # Such names can be uploaded, yet what was uploaded under them cannot be had again.
        if stored is None or stored.file.name != label or set(label) & set("[]"):
            raise _not_found()
        return Response(stored.file.content, media_type=stored.file.content_type)

    async def _mark(self, request: Request) -> Response:
        numbers = (await _json_object(request)).get("inquiryNumbers")
        if not isinstance(numbers, list) or not all(isinstance(one, str) for one in numbers):
            raise BadParameterError({"inquiryNumbers": "must not be null"})
        if len(numbers) > 20 and self._switches.refuses_21_numbers:
            raise BadParameterError({"inquiryNumbers": "size must be between 0 and 20"})
        texts = ["must not be blank", f'must match "{NUMBER}"']
        if "" in numbers:
            raise BadParameterError({"inquiryNumbers[]": self._simulator.random.choice(texts)})
        if not all(re.fullmatch(NUMBER, one) for one in numbers):
            raise BadParameterError({"inquiryNumbers[]": texts[1]})
        action = request.url.path.rpartition("/")[2]
        done, failed = [], []
        for number in numbers:
            reason = self._mark_one(number, action)
            if reason:
                failed.append({"inquiryNumber": number, "errorMessage": reason})
            else:
                done.append(number)
        return _json({"result": {"ok": done, "error": failed}})

    def _mark_one(self, number: str, action: str) -> str:
        try:
            thread = self._simulator.stored(number)
        except KeyError:
            return "not found."
        return "" if self._simulator.set_flag(thread, action) else "already set value as specified"

    # The licence

    async def _expiry(self, request: Request) -> Response:
        if request.query_params.get("licenseKey") != self._simulator.license_key:
            raise _not_found()
        ends_at = self._simulator.key_expires_at.astimezone(JST).replace(tzinfo=None)
        return _json({"expiryDate": ends_at.isoformat(timespec="seconds")})


def _json(body: Any, status: int = HTTPStatus.OK) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, media_type=JSON)


def _not_found() -> GatewayError:
    return GatewayError(HTTPStatus.NOT_FOUND, "GE0014", "Not found")


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise BadParameterError from None
    if not isinstance(body, dict):
        raise BadParameterError
    return body


def _as_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadParameterError({"attachments": "must be an array"})
    return value


def _date(text: str | None) -> datetime | None:
    if text is None or not re.match(DATE, text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=JST)
    except ValueError:
        return None


def _number(request: Request, name: str, *, default: int) -> int:
    text = request.query_params.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise BadParameterError({name: "must be a number"}) from None


def _is_allowed_link(link: str) -> bool:
    parts = urlsplit(link)
    host = parts.hostname or ""
    return parts.scheme == "https" and any(host == one or host.endswith(f".{one}") for one in LINK_DOMAINS)
