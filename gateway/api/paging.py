"""Cursors: opaque, signed, and good for the list and the filter that they came from alone."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from gateway.api.errors import ApiError, Complaint
from gateway.api.schemas import Links
from gateway.sdk import Text

MOST_ROWS = 200
_MAC_BYTES = 16

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is asked for; `position` is where the page before it ended."""

    request: Request
    limit: int
    position: tuple[str, ...] | None

    @property
    def more(self) -> int:
        """How many rows to ask for, to learn whether there is a further page."""
        return self.limit + 1

    @property
    def id_(self) -> UUID | None:
        """The position in a list that is ordered by id."""
        return UUID(self.position[0]) if self.position else None

    @property
    def time_and_id(self) -> tuple[datetime, UUID] | None:
        """The position in a list that is ordered by time, then id."""
        return (datetime.fromisoformat(self.position[0]), UUID(self.position[1])) if self.position else None

    def cut(self, rows: Sequence[T], response: Response, *key: str) -> tuple[list[T], Links]:
        """Return the rows of this page and its links; `key` names the members that make up a row's position."""
        shown = list(rows[: self.limit])
        following = None
        if len(rows) > self.limit:
            values = [getattr(shown[-1], name) for name in key]
            position = [v.isoformat() if isinstance(v, datetime) else str(v) for v in values]
            following = self._address(_sign(self.request, position))
        links = Links(
            self=self._address(self.request.query_params.get("cursor")), first=self._address(None), next=following
        )
        link_header(response, links)
        return shown, links

    def _address(self, cursor: str | None) -> str:
        items = [(name, value) for name, value in self.request.query_params.multi_items() if name != "cursor"]
        query = urlencode([*items, *([("cursor", cursor)] if cursor else [])])
        return f"{self.request.url.path}?{query}" if query else self.request.url.path


def link_header(response: Response, links: Links) -> None:
    """Repeat the links of a page in the Link header (RFC 8288)."""
    targets = {"first": links.first, "next": links.next}
    response.headers["Link"] = ", ".join(f'<{target}>; rel="{name}"' for name, target in targets.items() if target)


def _paging(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Most rows of the page.", examples=[50])] = 50,
    cursor: Annotated[
        str | None,
        Query(max_length=1000, description="From `links.next` of the page before; keep the other parameters."),
    ] = None,
) -> Paging:
    return Paging(request, limit, None if cursor is None else _open(request, cursor))


Paged = Annotated[Paging, Depends(_paging)]


def _mac(request: Request, position: bytes) -> bytes:
    filters = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in {"cursor", "limit"})
    key = request.app.state.runtime.vault.derive("cursors of lists")
    about = json.dumps([request.url.path, filters]).encode()
    return hmac.digest(key, about + b"\0" + position, "sha256")[:_MAC_BYTES]


def _sign(request: Request, position: Sequence[str]) -> str:
    content = json.dumps(position).encode()
    return base64.urlsafe_b64encode(_mac(request, content) + content).decode().rstrip("=")


def _open(request: Request, cursor: str) -> tuple[str, ...]:
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    content = raw[_MAC_BYTES:]
    if not hmac.compare_digest(raw[:_MAC_BYTES], _mac(request, content)):
        text = Text(
            ja="このカーソルは、この一覧とこの条件のものではありません。先頭から読み直してください。",
            en="This cursor does not belong to this list and filter; begin at the first page.",
        )
        raise ApiError(400, "invalid_cursor", text, [Complaint(code="invalid_cursor", text=text, parameter="cursor")])
    return tuple(json.loads(content))
