"""Connectors: which malls and storefronts this gateway knows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from gateway import registry
from gateway.api import schemas
from gateway.api.route import Route
from gateway.api.security import needs
from gateway.api.views import to_connector
from gateway.model import Scope

router = APIRouter(
    prefix="/v1/connectors", tags=["connectors"], route_class=Route, dependencies=[needs(Scope.CHANNELS_READ)]
)


@router.get("", operation_id="list_connectors", summary="List connectors")
async def list_connectors(request: Request) -> schemas.ConnectorList:
    """Every connector that was found, with what it can do, and those that cannot be loaded."""
    found: registry.Discovery = request.app.state.discovery
    return schemas.ConnectorList(
        items=[to_connector(found.connectors[key]) for key in sorted(found.connectors)],
        problems=[
            schemas.BrokenConnectorPublic(key=problem.key, place=problem.place, reason=problem.reason)
            for problem in found.problems
        ],
    )


@router.get("/{key}", operation_id="get_connector", summary="Get a connector")
async def read_connector(
    key: Annotated[
        str, Path(pattern=r"^[a-z][a-z0-9_]{0,49}$", description="The connector's key.", examples=["example"])
    ],
) -> schemas.ConnectorPublic:
    """One connector, with the JSON Schema of its settings."""
    return to_connector(registry.get_connector(key))
