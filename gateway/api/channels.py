"""Channels: one shop's account on one mall."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response, status

from gateway import registry
from gateway.api import schemas
from gateway.api.cases import Brands
from gateway.api.conditional import RequiredRevision, tag_revision
from gateway.api.dependencies import Db, Surroundings
from gateway.api.fields import ChannelId
from gateway.api.paging import Paged
from gateway.api.route import MERGE_PATCH, Route
from gateway.api.security import ChannelsReader, ChannelsWriter, RecordsWriter
from gateway.api.views import to_capabilities, to_channel, to_job, to_text
from gateway.casework import channels as casework
from gateway.casework import jobs as working
from gateway.casework.actions import limits_of
from gateway.casework.caller import get_channel, visible_channels
from gateway.model import Channel, ChannelState
from gateway.model.errors import DomainError
from gateway.runtime import Runtime
from gateway.sdk import ConnectorError, Text
from gateway.store import channels

router = APIRouter(prefix="/v1/channels", tags=["channels"], route_class=Route)


@router.get("", operation_id="list_channels", summary="List channels")
async def list_channels(
    db: Db,
    runtime: Surroundings,
    caller: ChannelsReader,
    paging: Paged,
    response: Response,
    brands: Brands = [],  # noqa: B006 - FastAPI copies it
    state: Annotated[ChannelState | None, Query(description="Only in this state.")] = None,
    connector: Annotated[
        str | None,
        Query(pattern=r"^[a-z][a-z0-9_]{0,49}$", description="Only of this connector.", examples=["example"]),
    ] = None,
) -> schemas.Page[schemas.ChannelPublic]:
    """The channels in the order in which they were added, with their state and how fresh they are."""
    visible = await visible_channels(db, caller, brands=brands)
    found = (
        []
        if visible == ()
        else await channels.list_channels(
            db, ids=visible or (), after=paging.id_, limit=paging.more, state=state, connector=connector
        )
    )
    rows, links = paging.cut(found, response, "id")
    return schemas.Page[schemas.ChannelPublic](items=[_public(runtime, channel) for channel in rows], links=links)


@router.post("", operation_id="create_channel", summary="Add a channel", status_code=status.HTTP_201_CREATED)
async def create_channel(
    body: schemas.ChannelCreate, db: Db, runtime: Surroundings, caller: ChannelsWriter, response: Response
) -> schemas.ChannelDetail:
    """Add a channel; it is read from now on. Credentials among the settings are encrypted and never shown again."""
    channel = await casework.add(
        db,
        runtime,
        caller,
        connector=body.connector,
        name=body.name,
        brand=body.brand,
        settings=body.settings,
        address=body.address,
        pull_interval=body.pull_interval,
        now=runtime.clock(),
    )
    await db.commit()
    shown = await _detail(runtime, channel, response)
    response.headers["Location"] = f"/v1/channels/{shown.id}"
    return shown


@router.get("/{channel_id}", operation_id="get_channel", summary="Get a channel")
async def read_channel(
    channel_id: ChannelId, db: Db, runtime: Surroundings, caller: ChannelsReader, response: Response
) -> schemas.ChannelDetail:
    """One channel, with what it can do by its own settings."""
    return await _detail(runtime, await get_channel(db, caller, channel_id), response)


@router.patch("/{channel_id}", operation_id="update_channel", summary="Change a channel")
async def update_channel(
    channel_id: ChannelId,
    body: Annotated[schemas.ChannelUpdate, Body(media_type=MERGE_PATCH)],
    revision: RequiredRevision,
    db: Db,
    runtime: Surroundings,
    caller: ChannelsWriter,
    response: Response,
) -> schemas.ChannelDetail:
    """Change a channel, also its credentials; what is not mentioned stays."""
    change = casework.ChannelChange(**body.model_dump(exclude_unset=True))  # type: ignore[typeddict-item]
    channel = await casework.update(db, runtime, caller, channel_id, change, runtime.clock(), revision=revision)
    await db.commit()
    return await _detail(runtime, channel, response)


@router.post("/{channel_id}/test", operation_id="test_channel", summary="Test a channel")
async def test_channel(channel_id: ChannelId, runtime: Surroundings, caller: ChannelsWriter) -> schemas.AccessPublic:
    """Ask the mall whether the credentials are good, and until when."""
    try:
        access = await casework.test(runtime, caller, channel_id)
    except ConnectorError as error:
        return schemas.AccessPublic(
            is_working=False,
            account=None,
            expires_at=None,
            warnings=[],
            error_code=error.code or type(error).__name__,
            error=error.message,
        )
    return schemas.AccessPublic(
        is_working=True,
        account=access.account,
        expires_at=access.expires_at,
        warnings=list(access.warnings),
        error_code=None,
        error=None,
    )


@router.post("/{channel_id}/pause", operation_id="pause_channel", summary="Pause a channel")
async def pause_channel(
    channel_id: ChannelId,
    db: Db,
    runtime: Surroundings,
    caller: ChannelsWriter,
    response: Response,
    body: schemas.ChannelPause | None = None,
) -> schemas.ChannelDetail:
    """Stop reading and sending; answers that wait go on waiting."""
    reason = body.reason if body else None
    channel = await casework.pause(db, caller, channel_id, runtime.clock(), reason=reason)
    await db.commit()
    return await _detail(runtime, channel, response)


@router.post("/{channel_id}/resume", operation_id="resume_channel", summary="Resume a channel")
async def resume_channel(
    channel_id: ChannelId, db: Db, runtime: Surroundings, caller: ChannelsWriter, response: Response
) -> schemas.ChannelDetail:
    """Read and send again; what waited is woken."""
    channel = await casework.resume(db, caller, channel_id, runtime.clock())
    await db.commit()
    return await _detail(runtime, channel, response)


@router.post(
    "/{channel_id}/pull",
    operation_id="pull_channel",
    summary="Read a channel now",
    status_code=status.HTTP_202_ACCEPTED,
)
async def pull_channel(
    channel_id: ChannelId, db: Db, runtime: Surroundings, caller: ChannelsWriter, response: Response
) -> schemas.JobPublic:
    """Read the channel at once; the answer is the job to look at."""
    job = await working.pull_now(db, caller, channel_id, runtime.clock())
    await db.commit()
    shown = to_job(job)
    response.headers["Location"] = f"/v1/jobs/{shown.id}"
    return shown


@router.post(
    "/{channel_id}/replay",
    operation_id="replay_channel",
    tags=["records"],
    summary="Apply stored records again",
    status_code=status.HTTP_202_ACCEPTED,
)
async def replay_channel(
    channel_id: ChannelId,
    db: Db,
    runtime: Surroundings,
    caller: RecordsWriter,
    response: Response,
    body: schemas.ReplayCreate | None = None,
) -> schemas.JobPublic:
    """Apply the quarantined records of the channel again, or all of them; doing it twice changes nothing."""
    only_quarantined = body.only_quarantined if body else True
    job = await working.replay_channel(db, caller, channel_id, runtime.clock(), only_quarantined=only_quarantined)
    await db.commit()
    shown = to_job(job)
    response.headers["Location"] = f"/v1/jobs/{shown.id}"
    return shown


def _public(runtime: Runtime, channel: Channel) -> schemas.ChannelPublic:
    try:
        paths = registry.get_connector(channel.connector).webhook_paths
    except DomainError:
        paths = ()
    return to_channel(channel, casework.credential_names(channel, runtime), paths)


async def _detail(runtime: Runtime, channel: Channel, response: Response) -> schemas.ChannelDetail:
    limits = await limits_of(runtime, channel)
    tag_revision(response, channel.revision)
    return schemas.ChannelDetail(
        **dict(_public(runtime, channel)),
        capabilities=None if isinstance(limits, Text) else to_capabilities(limits),
        obstacle=to_text(limits) if isinstance(limits, Text) else None,
    )
