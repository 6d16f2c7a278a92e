"""ETag, If-None-Match and If-Match (RFC 9110, section 13)."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Header, Request, Response

from gateway.api.errors import ApiError, Complaint
from gateway.sdk import Text

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
# Of the headers of an answer, those that its "not modified" repeats.
_REPEATED = ("etag", "link", "cache-control", "content-location", "x-request-id")


def tag_revision(response: Response, revision: int) -> None:
    """Let the ETag begin with the revision that If-Match is compared with; `with_etag` adds the digest."""
    response.headers["ETag"] = f'"{revision}"'


def with_etag(request: Request, response: Response) -> Response:
    """Give a JSON answer its ETag, and answer 304 if the caller has it already."""
    if response.status_code != 200 or response.media_type != "application/json":
        return response
    digest = hashlib.sha256(bytes(response.body)).hexdigest()[:16]
    revision = response.headers.get("etag", "").strip('"')
    tag = f'"{revision}-{digest}"' if revision else f'"{digest}"'
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    wanted = request.headers.get("if-none-match")
    if request.method != "GET" or wanted is None or not _names(wanted, tag):
        return response
    return Response(
        status_code=304, headers={name: response.headers[name] for name in _REPEATED if name in response.headers}
    )


def _names(condition: str, tag: str) -> bool:
    # Weak comparison: a prefix W/ does not matter. What is malformed matches nothing.
    return condition.strip() == "*" or tag in {one.removeprefix("W/") for one in _TAG.findall(condition)}


def _required_revision(
    if_match: Annotated[
        str | None,
        Header(
            description="The ETag of what you have read; without it the answer is 428.",
            examples=['"7-0a1b2c3d4e5f6071"'],
        ),
    ] = None,
) -> int:
    if if_match is None or if_match.strip() == "*":
        text = Text(
            ja="変更には、読み取った ETag を If-Match で指定してください。",
            en="A change names the ETag that you have read as If-Match.",
        )
        complaint = Complaint(code="missing", text=text, header="If-Match")
        raise ApiError(428, "if_match_missing", text, [complaint])
    tags = _TAG.findall(if_match)
    if not tags or _TAG.sub("", if_match).strip(" ,\t"):
        text = Text(ja='If-Match は "…" の形のETagです。', en='If-Match is an ETag of the form "…".')
        complaint = Complaint(code="etag_form", text=text, header="If-Match")
        raise ApiError(400, "invalid_header", text, [complaint])
    # Strong comparison: a weak tag matches nothing; 0 is no revision.
    revisions = [re.match(r'"(\d{1,9})(?:-[0-9a-f]{16})?"$', tag) for tag in tags]
    return next((int(found[1]) for found in revisions if found), 0)


RequiredRevision = Annotated[int, Depends(_required_revision)]
