"""The mall's answers: JSON, and errors in their four shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from fastapi import Response

from connectors.yahoo_shopping.simulator.options import Options

EXPIRED_TOKEN = (
    'Please provide valid credentials. Bearer realm="yahooapis.jp", error="invalid_token", '
    'error_description="expired token"'
)


class Refused(Exception):  # noqa: N818 - an answer, not a failure of the simulator
    """An error answer of the platform (`code`, `message`) or, with `is_question`, of the inquiry API itself."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        headers: Mapping[str, str] | None = None,
        is_question: bool = False,
        is_always_xml: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})
        self.is_question = is_question
        self.is_always_xml = is_always_xml

    def response(self, options: Options) -> Response:
        """Return the answer in the shape that the options ask for."""
        shape = options.question_error_shape if self.is_question else options.platform_error_shape
        if self.is_always_xml or shape == 1:
            return xml_error(self.status, self.message, self.code, self.headers, options.xml_content_type)
        body: dict[str, Any] = (
            {"Error": {"Message": self.message}} if shape == 2 else {"error": {"reason": self.message}}
        )
        return json_answer(body, self.status, self.headers)


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON as the mall writes it, with Japanese as it is."""
    return Response(
        json.dumps(body, ensure_ascii=False).encode(),
        status,
        headers=dict(headers or {}),
        media_type="application/json; charset=utf-8",
    )


def xml_error(status: int, message: str, code: str, headers: Mapping[str, str], content_type: str) -> Response:
    """Return an error of shape 1, or shape 2 in XML where there is no code."""
    code_line = f"\n  <Code>{escape(code)}</Code>" if code else ""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n'
        f"  <Message>{escape(message)}</Message>{code_line}\n</Error>\n"
    )
    return Response(body.encode(), status, headers=dict(headers), media_type=content_type)
