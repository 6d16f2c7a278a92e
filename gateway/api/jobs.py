"""Jobs: long work that somebody started and looks at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from gateway.api import schemas
from gateway.api.cases import Brands, Channels
from gateway.api.dependencies import Db
from gateway.api.fields import JobId
from gateway.api.paging import Paged
from gateway.api.route import Route
from gateway.api.security import ChannelsReader
from gateway.api.views import to_job
from gateway.casework import jobs as casework
from gateway.casework.caller import visible_channels
from gateway.model import JobKind, JobState
from gateway.store import jobs

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=Route)


@router.get("", operation_id="list_jobs", summary="List jobs")
async def list_jobs(
    db: Db,
    caller: ChannelsReader,
    paging: Paged,
    response: Response,
    kind: Annotated[JobKind | None, Query(description="Only of this kind.")] = None,
    state: Annotated[JobState | None, Query(description="Only in this state.")] = None,
    brands: Brands = [],  # noqa: B006 - FastAPI copies it
    channel_ids: Channels = [],  # noqa: B006
) -> schemas.Page[schemas.JobPublic]:
    """Jobs, newest first."""
    visible = await visible_channels(db, caller, brands=brands, ids=channel_ids)
    found = await jobs.list_jobs(db, channel_ids=visible, kind=kind, state=state, before=paging.id_, limit=paging.more)
    rows, links = paging.cut(found, response, "id")
    return schemas.Page[schemas.JobPublic](items=[to_job(job) for job in rows], links=links)


@router.get("/{job_id}", operation_id="get_job", summary="Get a job")
async def read_job(job_id: JobId, db: Db, caller: ChannelsReader) -> schemas.JobPublic:
    """How far one job has come, and what it counted."""
    return to_job(await casework.get_job(db, caller, job_id))
