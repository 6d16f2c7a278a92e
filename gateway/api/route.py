"""How every request under /v1 is received: who asks, how much, in which form; then the endpoint's own turn."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from gateway.api.conditional import with_etag
from gateway.api.errors import ApiError, Complaint
from gateway.api.security import authenticate
from gateway.sdk import Text

MAX_BODY_BYTES = 1024 * 1024
# What multipart adds to a file: boundaries, headers, the name.
MULTIPART_OVERHEAD = 16 * 1024
MERGE_PATCH = "application/merge-patch+json"


class Route(APIRoute):
    """Authenticates before anything of the body is read, refuses what the endpoint does not know, adds the ETag."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        known = set(_query_names(self.dependant))
        media_types = self._media_types()

        async def receive(request: Request) -> Response:
            request.state.caller = await authenticate(request)
            _refuse_unknown_parameters(request, known)
            if media_types:
                _require_media_type(request, media_types)
            limit = MAX_BODY_BYTES
            if "multipart/form-data" in media_types:
                limit = request.app.state.runtime.config.max_file_bytes + MULTIPART_OVERHEAD
            limited = Request(request.scope, _limited(request, limit))
            return with_etag(request, await answer(limited))

        return receive

    def _media_types(self) -> tuple[str, ...]:
        if self.body_field is None:
            return ()
        media_type = getattr(self.body_field.field_info, "media_type", "application/json")
        return (media_type, "application/json") if media_type == MERGE_PATCH else (media_type,)


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for below in dependant.dependencies:
        yield from _query_names(below)


def _declared_length(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def _refuse_unknown_parameters(request: Request, known: set[str]) -> None:
    unknown = sorted({name for name in request.query_params if name not in known})
    if unknown:
        text = Text(
            ja=f"知らないパラメーターがあります。使えるのは {', '.join(sorted(known)) or 'なし'} です。",
            en=f"There are unknown parameters; known are: {', '.join(sorted(known)) or 'none'}.",
        )
        complaints = [Complaint(code="unknown_parameter", text=text, parameter=name[:100]) for name in unknown[:20]]
        raise ApiError(422, "invalid_request", text, complaints)


def _require_media_type(request: Request, allowed: tuple[str, ...]) -> None:
    header = request.headers.get("content-type")
    has_body = header is not None or _declared_length(request) > 0
    if not has_body and "transfer-encoding" not in request.headers:
        return
    given = (header or "").partition(";")[0].strip().lower()
    if given not in allowed:
        text = Text(ja=f"Content-Type は {allowed[0]} を使ってください。", en=f"Send the body as {allowed[0]}.")
        complaint = Complaint(code="unsupported_media_type", text=text, header="Content-Type")
        headers = {"Accept-Patch": allowed[0]} if request.method == "PATCH" else {"Accept": allowed[0]}
        raise ApiError(415, "unsupported_media_type", text, [complaint], headers=headers)


def _limited(request: Request, limit: int) -> Receive:
    """Return the request's body as a stream that ends the request when it grows over `limit`."""
    taken = 0
    if _declared_length(request) > limit:
        raise HTTPException(413)

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413)
        return message

    return receive
