"""Records: what arrived, as it arrived; the quarantine is `state=quarantined`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from gateway.api import schemas
from gateway.api.attachments import download
from gateway.api.cases import Brands, Channels
from gateway.api.dependencies import Db, Surroundings
from gateway.api.fields import CaseId, PlainText, RecordId
from gateway.api.paging import Paged
from gateway.api.route import Route
from gateway.api.security import RecordsReader, RecordsWriter
from gateway.api.views import to_job, to_record
from gateway.casework import jobs as casework
from gateway.casework.caller import visible_channels
from gateway.model import RecordState
from gateway.store import records

router = APIRouter(prefix="/v1/records", tags=["records"], route_class=Route)

States = Annotated[list[RecordState], Query(alias="state", max_length=10, description="Only in these states.")]


@router.get("", operation_id="list_records", summary="List records")
async def list_records(
    db: Db,
    caller: RecordsReader,
    paging: Paged,
    response: Response,
    states: States = [],  # noqa: B006 - FastAPI copies it
    brands: Brands = [],  # noqa: B006
    channel_ids: Channels = [],  # noqa: B006
    case_id: Annotated[CaseId | None, Query(description="Only of this case.")] = None,
    external_id: Annotated[
        PlainText | None, Query(min_length=1, max_length=300, description="Only of this thread.")
    ] = None,
) -> schemas.Page[schemas.RecordPublic]:
    """Raw records, newest first."""
    visible = await visible_channels(db, caller, brands=brands, ids=channel_ids)
    found = await records.list_records(
        db,
        channel_ids=visible,
        states=states,
        case_id=case_id,
        external_id=external_id,
        before=paging.id_,
        limit=paging.more,
    )
    rows, links = paging.cut(found, response, "id")
    return schemas.Page[schemas.RecordPublic](items=[to_record(record) for record in rows], links=links)


@router.get("/{record_id}", operation_id="get_record", summary="Get a record")
async def read_record(record_id: RecordId, db: Db, caller: RecordsReader) -> schemas.RecordPublic:
    """What is known about one record, and why it is in quarantine."""
    return to_record(await casework.get_record(db, caller, record_id))


@router.get(
    "/{record_id}/payload",
    operation_id="get_record_payload",
    summary="Download a record's bytes",
    response_class=Response,
    responses={
        200: {
            "description": "The bytes as they were received, as a download.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def read_payload(record_id: RecordId, db: Db, caller: RecordsReader) -> Response:
    """The raw payload, unchanged. It holds personal data and whatever else somebody sent."""
    record = await casework.get_record(db, caller, record_id)
    return download(record.payload, f"record-{record.id}", "application/octet-stream")


@router.post(
    "/{record_id}/replay",
    operation_id="replay_record",
    summary="Apply a record again",
    status_code=status.HTTP_202_ACCEPTED,
)
async def replay_record(
    record_id: RecordId, db: Db, runtime: Surroundings, caller: RecordsWriter, response: Response
) -> schemas.JobPublic:
    """Try to understand one record again, after the fix."""
    job = await casework.replay_record(db, caller, record_id, runtime.clock())
    await db.commit()
    shown = to_job(job)
    response.headers["Location"] = f"/v1/jobs/{shown.id}"
    return shown
