"""What stands between the browser and the gateway: web sites with one page each, and a line that is listened to."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

PAGES = Path(__file__).with_name("pages")
# What belongs to one connection and not to the message.
_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "date", "server"}


class Site:
    """A web site whose one page does what its plan says, and then posts here what came of it."""

    def __init__(self, page: str, policy: str) -> None:
        self.plan: dict[str, Any] = {}
        self._page = page
        self._policy = policy
        self._result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.app = Starlette(
            routes=[
                Route("/", self._show),
                Route(f"/{page}.js", self._script),
                Route("/result", self._take, methods=["POST"]),
            ]
        )

    async def result(self, *, log: Path, within: float = 45.0) -> Any:
        """Wait until the page has done its work, and return what it tells."""
        try:
            return await asyncio.wait_for(self._result, within)
        except TimeoutError as error:
            raise AssertionError(f"the page told nothing within {within:.0f} s; Chromium says: {_end(log)}") from error

    async def _show(self, request: Request) -> Response:
        html = (PAGES / f"{self._page}.html").read_text(encoding="utf-8")
        plan = json.dumps(self.plan).replace("<", "\\u003c")
        headers = {"content-security-policy": self._policy}
        return Response(html.replace("PLAN", plan), media_type="text/html", headers=headers)

    async def _script(self, request: Request) -> Response:
        return FileResponse(PAGES / f"{self._page}.js", media_type="text/javascript")

    async def _take(self, request: Request) -> Response:
        self._result.set_result(json.loads(await request.body()))
        return Response(status_code=204)


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as the browser made it, and what the gateway answered."""

    method: str
    path: str
    origin: str | None
    media_type: str
    status: int
    permission: str | None

    @property
    def summary(self) -> tuple[str, str, int]:
        return self.method, self.media_type, self.status


@dataclass
class Line:
    """Carries every request to the gateway and every answer back, unchanged, and notes both."""

    gateway: httpx.AsyncClient
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        app = Starlette()
        app.add_route("/{path:path}", self._carry, methods=["GET", "POST", "OPTIONS"])
        return app

    async def _carry(self, request: Request) -> Response:
        answer = await self.gateway.request(
            request.method,
            request.url.path,
            headers=[(name, value) for name, value in request.headers.items() if name not in _HOP],
            content=await request.body(),
        )
        self.exchanges.append(
            Exchange(
                method=request.method,
                path=request.url.path,
                origin=request.headers.get("origin"),
                media_type=request.headers.get("content-type", "").split(";")[0],
                status=answer.status_code,
                permission=answer.headers.get("access-control-allow-origin"),
            )
        )
        headers = {name: value for name, value in answer.headers.items() if name not in _HOP}
        return Response(answer.content, status_code=answer.status_code, headers=headers)
