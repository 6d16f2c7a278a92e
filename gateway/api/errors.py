"""Error class to status; and one shape, RFC 9457, for every answer that is an error."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from gateway.api.problems import PROBLEMS, type_of
from gateway.api.schemas import ProblemItem, ProblemPublic
from gateway.api.views import to_message
from gateway.model.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    Problem,
    StaleError,
)
from gateway.sdk import Language, Text
from gateway.vault import VaultError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One broken rule, before its language is known."""

    code: str
    text: Text
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class ApiError(Exception):
    """Something is wrong with the request itself."""

    def __init__(
        self,
        status: int,
        code: str,
        text: Text,
        complaints: Sequence[Complaint] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text.en)
        self.status = status
        self.code = code
        self.text = text
        self.complaints = tuple(complaints)
        self.headers = dict(headers or {})


def language_of(request: Request) -> Language:
    """Return the language that the caller prefers, of the two that there are."""
    default: Language = request.app.state.runtime.config.language
    best, best_weight = default, 0.0
    for part in request.headers.get("accept-language", "").split(","):
        name, _, parameter = part.strip().partition(";")
        word = name.strip().lower().split("-")[0]
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if word in {"ja", "en"} and weight > best_weight:
            best, best_weight = ("ja" if word == "ja" else "en"), weight
    return best


def respond(
    request: Request,
    status: int,
    code: str,
    text: Text,
    complaints: Sequence[Complaint] = (),
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """Return a problem document in the caller's language."""
    language = language_of(request)
    extra = extra or {}
    body = ProblemPublic(
        type=type_of(code),
        title=PROBLEMS[code].in_(language) if code in PROBLEMS else code,
        status=status,
        detail=text.in_(language),
        instance=quote(request.url.path, safe="/:@!$&'()*+,;=~-._"),
        code=code,
        request_id=request.state.request_id,
        errors=[to_item(complaint, language) for complaint in complaints],
        revision=extra.get("revision"),
        new_messages=[to_message(message, []) for message in extra.get("messages", [])],
    )
    return Response(
        body.model_dump_json(),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={
            "Content-Language": language,
            "Cache-Control": "no-store",
            "X-Request-Id": request.state.request_id,
            **(headers or {}),
        },
    )


def to_item(complaint: Complaint, language: Language) -> ProblemItem:
    """Return one broken rule in the public shape."""
    return ProblemItem(
        code=complaint.code,
        detail=complaint.text.in_(language),
        pointer=complaint.pointer,
        parameter=complaint.parameter,
        header=complaint.header,
        start=complaint.extra.get("start"),
        end=complaint.extra.get("end"),
        fix=complaint.extra.get("fix"),
        is_warning=complaint.extra.get("is_warning", False),
    )


def of_problem(problem: Problem, *, below: str = "") -> Complaint:
    """Return a broken rule of the domain; `below` is where the caller's body holds what was judged."""
    return Complaint(
        code=problem.code, text=problem.message, pointer=below + problem.pointer, extra=problem.extra or {}
    )


def install(app: FastAPI) -> None:
    """Have every error leave in the one shape."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(VaultError, _vault_error)
    for unreachable in (OperationalError, InterfaceError, PoolTimeoutError, psycopg.OperationalError):
        app.add_exception_handler(unreachable, _database_error)
    app.add_exception_handler(Exception, _unforeseen_error)


_STATUSES: Mapping[type[DomainError], int] = {
    NotFoundError: 404,
    InvalidError: 422,
    StaleError: 409,
    ConflictError: 409,
    ForbiddenError: 403,
}


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - registered for this class alone
    return respond(request, error.status, error.code, error.text, error.complaints, headers=error.headers)


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)  # noqa: S101 - registered for this class alone
    status = next(_STATUSES[one] for one in type(error).__mro__ if one in _STATUSES)
    headers = {}
    if isinstance(error, StaleError) and "if-match" in request.headers:
        status = 412
    if error.code == "scope_missing":
        headers["WWW-Authenticate"] = (
            f'Bearer realm="gateway", error="insufficient_scope", scope="{error.extra["scope"]}"'
        )
    below = "/settings" if error.code == "invalid_settings" else ""
    problems = error.problems if isinstance(error, InvalidError) else ()
    complaints = [of_problem(problem, below=below) for problem in problems]
    return respond(request, status, error.code, error.text, complaints, headers=headers, extra=error.extra)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class alone
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        place = next(one["loc"][-1] for one in found if one["type"] == "json_invalid")
        text = Text(
            ja=f"本文の{place}文字目でJSONとして読めなくなります。",
            en=f"The body stops being JSON at character {place}.",
        )
        return respond(request, 400, "malformed_json", text, [Complaint(code="malformed_json", text=text, pointer="")])
    complaints = [_of_validation(one) for one in found]
    where = ", ".join(str(one.pointer or one.parameter or one.header or "/") for one in complaints)
    text = Text(ja=f"正しくない項目があります: {where}", en=f"Some members are not valid: {where}")
    is_header = all(one.header for one in complaints)
    code = "invalid_header" if is_header else "invalid_request"
    return respond(request, 400 if is_header else 422, code, text, complaints)


_JAPANESE = {
    "missing": "この項目は必須です。",
    "extra_forbidden": "この項目はありません。",
    "enum": "使える値ではありません({expected})。",
    "string_too_short": "{min_length}文字以上で指定してください。",
    "string_too_long": "{max_length}文字以内で指定してください。",
    "string_type": "文字列で指定してください。",
    "string_pattern_mismatch": "形が正しくありません({pattern})。",
    "int_type": "整数で指定してください。",
    "int_parsing": "整数で指定してください。",
    "bool_type": "true または false で指定してください。",
    "bool_parsing": "true または false で指定してください。",
    "greater_than_equal": "{ge} 以上で指定してください。",
    "less_than_equal": "{le} 以下で指定してください。",
    "too_long": "{max_length}件以内で指定してください。",
    "list_type": "配列で指定してください。",
    "dict_type": "オブジェクトで指定してください。",
    "model_attributes_type": "オブジェクトで指定してください。",
}


def _of_validation(error: Mapping[str, Any]) -> Complaint:
    place, *path = error["loc"]
    context = error.get("ctx") or {}
    ja = context.get("ja") or _JAPANESE.get(error["type"], "値が正しくありません({message})。").format_map(
        {"message": error["msg"], **context}
    )
    text = Text(ja=ja, en=error["msg"].rstrip(".") + ".")
    name = str(path[0]) if path else ""
    match place:
        case "query" | "path":
            return Complaint(code=error["type"], text=text, parameter=name)
        case "header":
            return Complaint(code=error["type"], text=text, header=name)
        case _:
            pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
            # A lone surrogate in the name of a member could not be written back.
            pointer = (pointer + context.get("pointer", "")).encode("utf-8", "replace").decode()
            return Complaint(code=error["type"], text=text, pointer=pointer)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            text = Text(ja="このアドレスには何もありません。", en="There is nothing at this address.")
            return respond(request, 404, "not_found", text)
        case 405:
            allowed = allowed_methods(request)
            text = Text(
                ja=f"{request.method} は使えません。使えるのは {allowed} です。",
                en=f"{request.method} is not possible here; {allowed} is.",
            )
            return respond(request, 405, "method_not_allowed", text, headers={"Allow": allowed})
        case 413:
            text = Text(ja="本文が大きすぎます。", en="The body is too large.")
            return respond(request, 413, "body_too_large", text)
        case _:
            text = Text(
                ja="本文を読めません。形式と文字コードを確認してください。",
                en="The body cannot be read; look at its form and its encoding.",
            )
            return respond(request, 400, "malformed_body", text, headers=headers)


def allowed_methods(request: Request) -> str:
    """Return all methods of the path that was asked for, as `Allow` lists them."""
    routes: Mapping[str, set[str]] = request.app.state.methods
    path = request.url.path
    # A path that is written out goes before one with a placeholder in that place.
    fitting = [pattern for pattern in routes if matches(pattern, path)]
    best = min((pattern.count("{") for pattern in fitting), default=0)
    found = {method for pattern in fitting if pattern.count("{") == best for method in routes[pattern]}
    return ", ".join(sorted(found))


def matches(pattern: str, path: str) -> bool:
    """Whether `path` has the form of `pattern`, whose placeholders stand for one part each."""
    wanted, given = pattern.split("/"), path.split("/")
    return len(wanted) == len(given) and all(w.startswith("{") or w == g for w, g in zip(wanted, given, strict=True))


async def _vault_error(request: Request, _error: Exception) -> Response:
    logger.error("credentials.unreadable", extra={"request_id": request.state.request_id})
    text = Text(
        ja="保存された認証情報を開けません。GATEWAY_SECRET_KEYS を確認してください。",
        en="Stored credentials cannot be opened; look at GATEWAY_SECRET_KEYS.",
    )
    return respond(request, 500, "credentials_unreadable", text)


async def _database_error(request: Request, _error: Exception) -> Response:
    logger.error("database.unavailable", extra={"request_id": request.state.request_id})
    text = Text(ja="データベースに接続できません。しばらくお待ちください。", en="The database is away; try again soon.")
    return respond(request, 503, "database_unavailable", text, headers={"Retry-After": "5"})


async def _unforeseen_error(request: Request, error: Exception) -> Response:
    logger.error(
        "request.failed", exc_info=error, extra={"request_id": request.state.request_id, "method": request.method}
    )
    text = Text(
        ja="予期しないエラーが発生しました。お問い合わせの際は request_id をお知らせください。",
        en="Something unforeseen happened; name the request_id when you ask for help.",
    )
    return respond(request, 500, "internal_error", text)
