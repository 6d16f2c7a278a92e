"""Answers: checked, submitted, looked at, taken back, tried again, settled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.api import schemas
from gateway.api.cases import Brands, Channels
from gateway.api.dependencies import Db, Surroundings
from gateway.api.errors import language_of, of_problem, to_item
from gateway.api.fields import CaseId, ReplyId
from gateway.api.idempotency import Key, once
from gateway.api.paging import Paged
from gateway.api.route import Route
from gateway.api.security import CasesReader, RepliesWriter
from gateway.api.views import to_reply, to_reply_detail
from gateway.casework import replies as casework
from gateway.casework.caller import get_case, visible_channels
from gateway.model import Reply, ReplyStatus
from gateway.store import messages, replies

router = APIRouter(tags=["replies"], route_class=Route)

Statuses = Annotated[list[ReplyStatus], Query(alias="status", max_length=10, description="Only with these statuses.")]


@router.post("/v1/cases/{case_id}/replies/check", operation_id="check_reply", summary="Check an answer")
async def check_reply(
    case_id: CaseId,
    body: schemas.ReplyCheck,
    db: Db,
    runtime: Surroundings,
    caller: CasesReader,
    request: Request,
) -> schemas.CheckPublic:
    """What the mall would refuse, with the place and a fix. The same code runs at submission and before sending."""
    problems = await casework.check(db, runtime, caller, case_id, body.text, body.attachment_ids)
    language = language_of(request)
    items = [to_item(of_problem(problem), language) for problem in problems]
    return schemas.CheckPublic(is_sendable=all(item.is_warning for item in items), problems=items)


@router.post(
    "/v1/cases/{case_id}/replies",
    operation_id="create_reply",
    summary="Submit an answer",
    status_code=status.HTTP_202_ACCEPTED,
)
async def create_reply(
    case_id: CaseId,
    body: schemas.ReplyCreate,
    key: Key,
    runtime: Surroundings,
    caller: RepliesWriter,
    request: Request,
) -> schemas.ReplyDetail:
    """Accept an answer for sending. It is refused with the new messages if the customer has written since."""
    draft = casework.Draft(
        text=body.text,
        base_revision=body.base_revision,
        attachment_ids=body.attachment_ids,
        author_name=body.author_name,
    )

    async def work(db: AsyncSession) -> Response:
        reply = await casework.submit(db, runtime, caller, case_id, draft, runtime.clock())
        return await _accepted(db, reply)

    return await once(request, runtime, caller, key, work)  # type: ignore[return-value]  # the schema is of its body


@router.get("/v1/cases/{case_id}/replies", operation_id="list_case_replies", summary="List answers of a case")
async def list_case_replies(
    case_id: CaseId, db: Db, caller: CasesReader, paging: Paged, response: Response
) -> schemas.Page[schemas.ReplyPublic]:
    """The answers of one case, newest first."""
    case = await get_case(db, caller, case_id)
    found = await replies.list_replies(db, case_id=case.id, before=paging.id_, limit=paging.more)
    rows, links = paging.cut(found, response, "id")
    attachments = await messages.list_attachments(db, reply_ids=[reply.id for reply in rows])
    return schemas.Page[schemas.ReplyPublic](items=[to_reply(one, attachments) for one in rows], links=links)


@router.get("/v1/replies", operation_id="list_replies", summary="List answers")
async def list_replies(
    db: Db,
    caller: CasesReader,
    paging: Paged,
    response: Response,
    statuses: Statuses = [],  # noqa: B006 - FastAPI copies it
    brands: Brands = [],  # noqa: B006
    channel_ids: Channels = [],  # noqa: B006
) -> schemas.Page[schemas.ReplyPublic]:
    """Answers of all cases, newest first; `status=needs_person` and `status=failed` wait for somebody."""
    visible = await visible_channels(db, caller, brands=brands, ids=channel_ids)
    found = await replies.list_replies(db, channel_ids=visible, statuses=statuses, before=paging.id_, limit=paging.more)
    rows, links = paging.cut(found, response, "id")
    attachments = await messages.list_attachments(db, reply_ids=[reply.id for reply in rows])
    return schemas.Page[schemas.ReplyPublic](items=[to_reply(one, attachments) for one in rows], links=links)


@router.get("/v1/replies/{reply_id}", operation_id="get_reply", summary="Get an answer")
async def read_reply(reply_id: ReplyId, db: Db, caller: CasesReader) -> schemas.ReplyDetail:
    """One answer with every attempt to deliver it."""
    return await _shown(db, await casework.get_reply(db, caller, reply_id))


@router.post("/v1/replies/{reply_id}/cancel", operation_id="cancel_reply", summary="Take an answer back")
async def cancel_reply(reply_id: ReplyId, db: Db, runtime: Surroundings, caller: RepliesWriter) -> schemas.ReplyDetail:
    """Take back an answer that waits, if nothing of it can have left."""
    reply = await casework.cancel(db, caller, reply_id, runtime.clock())
    await db.commit()
    return await _shown(db, reply)


@router.post(
    "/v1/replies/{reply_id}/retry",
    operation_id="retry_reply",
    summary="Send a failed answer again",
    status_code=status.HTTP_202_ACCEPTED,
)
async def retry_reply(
    reply_id: ReplyId, key: Key, runtime: Surroundings, caller: RepliesWriter, request: Request
) -> schemas.ReplyDetail:
    """Send a failed answer after all; nothing of it had been sent."""

    async def work(db: AsyncSession) -> Response:
        return await _accepted(db, await casework.retry(db, caller, reply_id, runtime.clock()))

    return await once(request, runtime, caller, key, work)  # type: ignore[return-value]  # the schema is of its body


@router.post(
    "/v1/replies/{reply_id}/resolve",
    operation_id="resolve_reply",
    summary="Settle an answer in doubt",
    status_code=status.HTTP_202_ACCEPTED,
)
async def resolve_reply(
    reply_id: ReplyId,
    body: schemas.ReplyResolve,
    key: Key,
    runtime: Surroundings,
    caller: RepliesWriter,
    request: Request,
) -> schemas.ReplyDetail:
    """Say what a person has seen in the mall's own screen, when reading could not settle it."""

    async def work(db: AsyncSession) -> Response:
        reply = await casework.resolve(db, caller, reply_id, body.resolution, runtime.clock())
        return await _accepted(db, reply)

    return await once(request, runtime, caller, key, work)  # type: ignore[return-value]  # the schema is of its body


async def _shown(db: AsyncSession, reply: Reply) -> schemas.ReplyDetail:
    attachments = await messages.list_attachments(db, reply_ids=[reply.id])
    return to_reply_detail(reply, attachments, await replies.list_attempts(db, [reply.id]))


async def _accepted(db: AsyncSession, reply: Reply) -> Response:
    shown = await _shown(db, reply)
    return Response(
        shown.model_dump_json(),
        status_code=status.HTTP_202_ACCEPTED,
        media_type="application/json",
        headers={"Location": f"/v1/replies/{shown.id}"},
    )
