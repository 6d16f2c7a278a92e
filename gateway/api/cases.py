"""Cases, and what stands in them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response, status
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.convertors import Convertor, register_url_convertor

from gateway.api import schemas
from gateway.api.conditional import RequiredRevision, tag_revision
from gateway.api.dependencies import Db, Surroundings
from gateway.api.fields import CaseId, ChannelId, PlainText, Time
from gateway.api.paging import Paged
from gateway.api.route import MERGE_PATCH, Route
from gateway.api.security import CasesReader, CasesWriter
from gateway.api.views import to_case, to_case_detail, to_mark, to_message, to_note
from gateway.casework import cases as casework
from gateway.casework import marks as marking
from gateway.casework import notes as noting
from gateway.casework.actions import allowed_actions
from gateway.casework.caller import Caller, get_case, visible_channels
from gateway.model import Case, CaseStatus
from gateway.runtime import Runtime
from gateway.sdk import Kind
from gateway.store import cases, channels, marks, messages
from gateway.store.cases import CaseFilter


class _AnyButCounts(Convertor[str]):
    """A case's id in a path; `counts` beside it is no id, so that a PATCH of the counts is not one of a case."""

    regex = "(?!counts$)[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("case", _AnyButCounts())
router = APIRouter(prefix="/v1/cases", tags=["cases"], route_class=Route)

Brands = Annotated[
    list[Annotated[PlainText, Query(min_length=1, max_length=100)]],
    Query(alias="brand", max_length=100, description="Only of these brands.", examples=[["hidamari"]]),
]
Channels = Annotated[list[ChannelId], Query(alias="channel_id", max_length=100, description="Only of these channels.")]
Statuses = Annotated[list[CaseStatus], Query(alias="status", max_length=10, description="Only with these statuses.")]
Kinds = Annotated[list[Kind], Query(alias="kind", max_length=20, description="Only of these kinds.")]
ReferenceValue = Annotated[
    PlainText | None,
    Query(
        alias="reference",
        min_length=1,
        max_length=200,
        description="Only with this order number or item code.",
        examples=["EM-1001"],
    ),
]
ExternalId = Annotated[
    PlainText | None,
    Query(min_length=1, max_length=300, description="Only the thread that the mall calls so.", examples=["em-12"]),
]
UpdatedSince = Annotated[Time | None, Query(description="Only what changed at or after this time.")]


async def _filter(
    db: AsyncSession,
    caller: Caller,
    brands: Brands,
    channel_ids: Channels,
    statuses: Statuses,
    kinds: Kinds,
    reference: str | None,
    external_id: str | None,
    updated_since: Time | None,
) -> CaseFilter | None:
    """Return what a list is about; None when it can hold nothing."""
    visible = await visible_channels(db, caller, brands=brands, ids=channel_ids)
    if visible == ():
        return None
    return CaseFilter(
        channels=visible or (),
        statuses=tuple(statuses),
        kinds=tuple(kinds),
        reference=reference,
        external_id=external_id,
        updated_since=updated_since,
    )


@router.get("", operation_id="list_cases", summary="List cases")
async def list_cases(
    db: Db,
    caller: CasesReader,
    paging: Paged,
    response: Response,
    brands: Brands = [],  # noqa: B006 - FastAPI copies it
    channel_ids: Channels = [],  # noqa: B006
    statuses: Statuses = [],  # noqa: B006
    kinds: Kinds = [],  # noqa: B006
    reference: ReferenceValue = None,
    external_id: ExternalId = None,
    updated_since: UpdatedSince = None,
    sort: Annotated[
        str, Query(pattern="^-?last_message_at$", description="`-` means newest first.", examples=["-last_message_at"])
    ] = "-last_message_at",
) -> schemas.Page[schemas.CasePublic]:
    """The cases that the filter lets through, by the time of their last message."""
    wanted = await _filter(db, caller, brands, channel_ids, statuses, kinds, reference, external_id, updated_since)
    found = (
        []
        if wanted is None
        else await cases.list_cases(
            db, wanted, after=paging.time_and_id, limit=paging.more, is_ascending=not sort.startswith("-")
        )
    )
    rows, links = paging.cut(found, response, "last_message_at", "id")
    references = await cases.list_references(db, [case.id for case in rows])
    return schemas.Page[schemas.CasePublic](items=[to_case(case, references) for case in rows], links=links)


@router.get("/counts", operation_id="count_cases", summary="Count cases")
async def count_cases(
    db: Db,
    caller: CasesReader,
    brands: Brands = [],  # noqa: B006 - FastAPI copies it
    channel_ids: Channels = [],  # noqa: B006
    statuses: Statuses = [],  # noqa: B006
    kinds: Kinds = [],  # noqa: B006
    reference: ReferenceValue = None,
    external_id: ExternalId = None,
    updated_since: UpdatedSince = None,
) -> schemas.CaseCounts:
    """How many cases the filter lets through, by status."""
    wanted = await _filter(db, caller, brands, channel_ids, statuses, kinds, reference, external_id, updated_since)
    counts = {} if wanted is None else await cases.count_cases(db, wanted)
    return schemas.CaseCounts(
        total=sum(counts.values()), by_status={one.value: counts.get(one, 0) for one in CaseStatus}
    )


@router.get("/{case_id:case}", operation_id="get_case", summary="Get a case")
async def read_case(
    case_id: CaseId, db: Db, runtime: Surroundings, caller: CasesReader, response: Response
) -> schemas.CaseDetail:
    """One case, with what can be done now and the reasons for what cannot."""
    return await _shown(db, runtime, await get_case(db, caller, case_id), response)


@router.patch("/{case_id:case}", operation_id="update_case", summary="Change a case")
async def update_case(
    case_id: CaseId,
    body: Annotated[schemas.CaseUpdate, Body(media_type=MERGE_PATCH)],
    revision: RequiredRevision,
    db: Db,
    runtime: Surroundings,
    caller: CasesWriter,
    response: Response,
) -> schemas.CaseDetail:
    """Change what a case says. Solving it completes the thread at the mall, where the mall knows that."""
    change = casework.CaseChange(**body.model_dump(exclude_unset=True))  # type: ignore[typeddict-item]
    case = await casework.update(db, runtime, caller, case_id, change, runtime.clock(), revision=revision)
    await db.commit()
    return await _shown(db, runtime, case, response)


async def _shown(db: AsyncSession, runtime: Runtime, case: Case, response: Response) -> schemas.CaseDetail:
    channel = await channels.get_channel(db, case.channel_id)
    actions = await allowed_actions(runtime, case, channel)
    tag_revision(response, case.revision)
    return to_case_detail(case, await cases.list_references(db, [case.id]), actions)


@router.get("/{case_id}/messages", operation_id="list_messages", tags=["messages"], summary="List messages of a case")
async def list_messages(
    case_id: CaseId, db: Db, caller: CasesReader, paging: Paged, response: Response
) -> schemas.Page[schemas.MessagePublic]:
    """What was said, oldest first."""
    case = await get_case(db, caller, case_id)
    found = await messages.list_messages(db, case.id, after=paging.time_and_id, limit=paging.more)
    rows, links = paging.cut(found, response, "sent_at", "id")
    attachments = await messages.list_attachments(
        db,
        message_ids=[message.id for message in rows],
        reply_ids=[message.reply_id for message in rows if message.reply_id],
    )
    return schemas.Page[schemas.MessagePublic](items=[to_message(one, attachments) for one in rows], links=links)


@router.get("/{case_id}/notes", operation_id="list_notes", tags=["notes"], summary="List notes of a case")
async def list_notes(
    case_id: CaseId, db: Db, caller: CasesReader, paging: Paged, response: Response
) -> schemas.Page[schemas.NotePublic]:
    """What the team said to itself, oldest first. No connector ever sees it."""
    case = await get_case(db, caller, case_id)
    found = await cases.list_notes(db, case.id, after=paging.id_, limit=paging.more)
    rows, links = paging.cut(found, response, "id")
    return schemas.Page[schemas.NotePublic](items=[to_note(note) for note in rows], links=links)


@router.post(
    "/{case_id}/notes",
    operation_id="create_note",
    tags=["notes"],
    summary="Add a note",
    status_code=status.HTTP_201_CREATED,
)
async def create_note(
    case_id: CaseId, body: schemas.NoteCreate, db: Db, runtime: Surroundings, caller: CasesWriter
) -> schemas.NotePublic:
    """Say something to the team."""
    note = await noting.add(db, caller, case_id, body.text, runtime.clock(), author=body.author)
    await db.commit()
    return to_note(note)


@router.get("/{case_id}/marks", operation_id="list_marks", tags=["marks"], summary="List marks of a case")
async def list_marks(
    case_id: CaseId, db: Db, caller: CasesReader, paging: Paged, response: Response
) -> schemas.Page[schemas.MarkPublic]:
    """Flags that were to be written to the mall, oldest first."""
    case = await get_case(db, caller, case_id)
    found = await marks.list_marks(db, case.id, after=paging.id_, limit=paging.more)
    rows, links = paging.cut(found, response, "id")
    return schemas.Page[schemas.MarkPublic](items=[to_mark(mark) for mark in rows], links=links)


@router.post(
    "/{case_id}/marks",
    operation_id="create_mark",
    tags=["marks"],
    summary="Write a flag to the mall",
    status_code=status.HTTP_202_ACCEPTED,
)
async def create_mark(
    case_id: CaseId, body: schemas.MarkCreate, db: Db, runtime: Surroundings, caller: CasesWriter
) -> schemas.MarkPublic:
    """Have a flag of the thread written; a worker does it in the next batch."""
    mark = await marking.want_mark(db, runtime, caller, case_id, body.mark, runtime.clock())
    await db.commit()
    return to_mark(mark)
