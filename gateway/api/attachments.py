"""Files: uploaded for replies, downloaded from messages and replies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, File, Request, Response, UploadFile, status

from gateway.api import schemas
from gateway.api.dependencies import Db, Surroundings
from gateway.api.errors import ApiError, Complaint
from gateway.api.fields import AttachmentId
from gateway.api.route import Route
from gateway.api.security import CasesReader, RepliesWriter
from gateway.api.views import to_attachment
from gateway.casework import attachments as casework
from gateway.sdk import Text

router = APIRouter(prefix="/v1/attachments", tags=["attachments"], route_class=Route)


def download(content: bytes, name: str, content_type: str) -> Response:
    """Return bytes from outside in a way that no browser shows or runs."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in " ._-") else "_" for c in name)
    return Response(
        content,
        media_type=content_type,
        headers={
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-store",
        },
    )


@router.post(
    "",
    operation_id="upload_attachment",
    summary="Upload a file",
    status_code=status.HTTP_201_CREATED,
)
async def upload_attachment(
    file: Annotated[
        UploadFile, File(description="The file; its type is found from its bytes.", json_schema_extra={"minLength": 1})
    ],
    db: Db,
    runtime: Surroundings,
    caller: RepliesWriter,
    request: Request,
) -> schemas.AttachmentPublic:
    """Keep a file for a reply; name its id in `attachment_ids`. Only the same token can use it."""
    _refuse_other_parts([name for name, _ in (await request.form()).multi_items()])
    attachment = await casework.upload(
        db,
        runtime,
        caller,
        name=file.filename or "file",
        content=await file.read(runtime.config.max_file_bytes + 1),
        claimed_type=file.content_type,
        now=runtime.clock(),
    )
    await db.commit()
    return to_attachment(attachment)


def _refuse_other_parts(names: Sequence[str]) -> None:
    if names == ["file"]:
        return
    text = Text(ja="file という部分を1つだけ送ってください。", en="Send one part, named file, and no other.")
    pointers = sorted({f"/{name[:100]}" for name in names if name != "file"})[:20] or ["/file"]
    complaints = [Complaint(code="extra_forbidden", text=text, pointer=pointer) for pointer in pointers]
    raise ApiError(422, "invalid_request", text, complaints)


@router.get("/{attachment_id}", operation_id="get_attachment", summary="Get a file's description")
async def read_attachment(attachment_id: AttachmentId, db: Db, caller: CasesReader) -> schemas.AttachmentPublic:
    """What is known about a file."""
    return to_attachment(await casework.get_attachment(db, caller, attachment_id))


@router.get(
    "/{attachment_id}/content",
    operation_id="get_attachment_content",
    summary="Download a file",
    response_class=Response,
    responses={
        200: {
            "description": "The bytes, as a download.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def read_content(attachment_id: AttachmentId, db: Db, runtime: Surroundings, caller: CasesReader) -> Response:
    """The bytes of a file, always as a download that no browser runs."""
    attachment = await casework.get_attachment(db, caller, attachment_id)
    content = await casework.read(runtime, attachment)
    return download(content, attachment.name, "application/octet-stream")
