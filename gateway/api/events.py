"""The change feed."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from gateway.api import schemas
from gateway.api.cases import Brands, Channels
from gateway.api.dependencies import Db
from gateway.api.fields import CaseId
from gateway.api.paging import MOST_ROWS, link_header
from gateway.api.route import Route
from gateway.api.security import CasesReader
from gateway.api.views import to_event
from gateway.casework.caller import visible_channels
from gateway.model import EventType
from gateway.store import events

router = APIRouter(prefix="/v1/events", tags=["events"], route_class=Route)

Types = Annotated[list[EventType], Query(alias="type", max_length=20, description="Only of these types.")]


@router.get("", operation_id="list_events", summary="Follow changes")
async def list_events(
    db: Db,
    caller: CasesReader,
    request: Request,
    response: Response,
    after: Annotated[int, Query(ge=0, lt=2**63, description="The `position` of the last answer.", examples=[0])] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Most events of the answer.", examples=[50])] = 50,
    types: Types = [],  # noqa: B006 - FastAPI copies it
    brands: Brands = [],  # noqa: B006
    channel_ids: Channels = [],  # noqa: B006
    case_id: Annotated[CaseId | None, Query(description="Only of this case.")] = None,
) -> schemas.EventPage:
    """What changed behind a position, oldest first. Positions have no gaps and follow the order of commits, so a reader
    that goes on from the last one misses nothing; a filter, or the token's limits, leave some out."""
    await events.place_events(db)
    await db.commit()
    visible = await visible_channels(db, caller, brands=brands, ids=channel_ids)
    found = (
        []
        if visible == ()
        else await events.list_events(
            db, after=after, limit=limit + 1, channels=visible or (), types=types, case_id=case_id
        )
    )
    rows = [event for event in found[:limit] if event.position is not None]
    position = max((event.position or after for event in rows), default=after)
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]

    def address(start: int) -> str:
        return f"{request.url.path}?{urlencode([('after', start), *others])}"

    has_more = len(found) > limit
    links = schemas.Links(self=address(after), first=address(0), next=address(position) if has_more else None)
    link_header(response, links)
    return schemas.EventPage(
        items=[to_event(event) for event in rows], position=position, has_more=has_more, links=links
    )
