"""The answers of the intake: one shape for every refusal, in the language of the caller."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from pydantic import ValidationError

from connectors.storefront.wire import place
from gateway.sdk import Language, Text, WebhookRequest, WebhookResponse

_TEXTS = {
    "malformed": Text(ja="リクエストの形式が正しくありません。", en="The request is malformed."),
    "signature_mismatch": Text(ja="署名が一致しません。", en="The signature does not match."),
    "timestamp_out_of_tolerance": Text(
        ja="webhook-timestamp が許容範囲にありません。", en="webhook-timestamp is out of tolerance."
    ),
    "origin_refused": Text(ja="このサイトからは送信できません。", en="This site may not use the form."),
    "form_token_refused": Text(
        ja="フォームを開き直して、もう一度お試しください。", en="Please open the form again and try once more."
    ),
    "form_token_too_young": Text(ja="少し待ってから送信してください。", en="Please wait a moment before sending."),
    "bot_check_refused": Text(ja="自動送信の確認に失敗しました。", en="The check against automatic senders failed."),
    "method_not_allowed": Text(ja="このメソッドは使えません。", en="This method is not allowed."),
    "id_reused": Text(ja="同じIDで内容が異なります。", en="The same id came with another body."),
    "too_large": Text(ja="大きすぎます。", en="The request is too large."),
    "unsupported_media_type": Text(ja="Content-Type が対応していません。", en="This Content-Type is not supported."),
    "invalid": Text(ja="入力内容に誤りがあります。", en="Some fields are not valid."),
    "rate_limited": Text(ja="しばらくしてからお試しください。", en="Too many requests; please wait."),
    "unavailable": Text(ja="ただいま受け付けられません。", en="Not available at the moment; please try again."),
}
_STATUS = {
    "malformed": 400,
    "signature_mismatch": 401,
    "timestamp_out_of_tolerance": 401,
    "origin_refused": 403,
    "form_token_refused": 403,
    "form_token_too_young": 403,
    "bot_check_refused": 403,
    "method_not_allowed": 405,
    "id_reused": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "invalid": 422,
    "rate_limited": 429,
    "unavailable": 503,
}
# pydantic's words and ours.
_FIELD_CODES = {
    "missing": "required",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_long",
    "too_short": "too_short",
    "control_character": "control_character",
    "not_an_email": "not_an_email",
    "not_plausible": "not_plausible",
    "union_tag_invalid": "unknown_type",
    "union_tag_not_found": "required",
    "json_invalid": "not_json",
}
MAX_FIELD_ERRORS = 20


@dataclass(frozen=True, slots=True)
class FieldError:
    """A member that breaks a rule, such as `data.body` and `too_long`."""

    path: str
    code: str


class RefusalError(Exception):
    """Ends a request with an answer that stores nothing.

    `code` is one of the documented codes; `retry_after` tells when it is worth trying again.
    """

    def __init__(
        self, code: str, *, fields: Sequence[FieldError] = (), retry_after: timedelta | None = None, detail: str = ""
    ) -> None:
        super().__init__(code)
        self.code = code
        self.fields = tuple(fields)
        self.retry_after = retry_after
        self.detail = detail

    @classmethod
    def invalid(cls, *fields: FieldError) -> RefusalError:
        """Members break rules."""
        return cls("invalid", fields=fields)

    @classmethod
    def of(cls, error: ValidationError) -> RefusalError:
        """Translate what pydantic found."""
        found = error.errors(include_url=False, include_input=False, include_context=False)
        fields = []
        for one in found[:MAX_FIELD_ERRORS]:
            path = ".".join(str(part) for part in place(one["loc"]))
            if one["type"] in {"union_tag_invalid", "union_tag_not_found"}:
                path = "type"
            fields.append(FieldError(path, _FIELD_CODES.get(one["type"], "invalid")))
        return cls("invalid", fields=fields)


def refuse(request: WebhookRequest, refusal: RefusalError, headers: Mapping[str, str] | None = None) -> WebhookResponse:
    """Return the answer of a refusal."""
    extra = dict(headers or {})
    if refusal.retry_after is not None:
        extra["retry-after"] = str(max(1, ceil(refusal.retry_after.total_seconds())))
    message = refusal.detail or _TEXTS[refusal.code].in_(_language(request))
    error: dict[str, Any] = {"code": refusal.code, "message": message}
    if refusal.fields:
        error["fields"] = [{"path": field.path, "code": field.code} for field in refusal.fields]
    return answer(_STATUS[refusal.code], {"error": error}, extra)


def answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> WebhookResponse:
    """Return a JSON answer that no cache keeps."""
    fixed = {"content-type": "application/json; charset=utf-8", "cache-control": "no-store"}
    # A caller's own words may come back in a path, and they need not be valid Unicode.
    text = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    return WebhookResponse(status=status, body=text, headers={**fixed, **(headers or {})})


def require_method(request: WebhookRequest, method: str) -> None:
    """Refuse every other method."""
    if request.method != method:
        raise RefusalError("method_not_allowed")


def _language(request: WebhookRequest) -> Language:
    return "en" if request.headers.get("accept-language", "").lower().startswith("en") else "ja"
