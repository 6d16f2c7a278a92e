"""A shop with a form: what its channel holds, and browsers that visit pages."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from connectors.storefront.connector import CONFIG
from connectors.storefront.signature import new_secret
from tests.browser.site import Line, Site
from tests.support.chromium import showing


@dataclass(frozen=True)
class Shop:
    """One storefront channel at a running gateway, which browsers reach through a line that is listened to."""

    gateway: httpx.Client
    line: Line
    line_address: str
    chromium: str
    folder: Path
    name: str
    origin: str
    channel: dict[str, Any]

    @classmethod
    async def open(
        cls,
        gateway: httpx.Client,
        line: Line,
        line_address: str,
        *,
        origin: str,
        chromium: str,
        folder: Path,
        **options: Any,
    ) -> Shop:
        """Add a channel whose form may be shown by the pages of `origin` alone."""
        name = f"shop-{uuid.uuid4().hex[:8]}"
        settings = {"secrets": [new_secret()], "form_origins": [origin], **options}
        body = {"connector": "storefront", "name": "窓口商店", "settings": settings, "address": name}
        created = await asyncio.to_thread(gateway.post, "/v1/channels", json=body)
        assert created.status_code == 201, created.text
        return cls(gateway, line, line_address, chromium, folder, name, origin, created.json())

    @property
    def form(self) -> str:
        """The address of the form, as a page of the shop knows it."""
        return self.line_address + CONFIG.format(address=self.name).removesuffix("/config")

    async def visit(self, site: Site, address: str, plan: dict[str, Any]) -> Any:
        """Let a browser open the page of a site, and return what the page tells when its plan is done."""
        site.plan = {"form": self.form, **plan}
        with showing(address, chromium=self.chromium, folder=self.folder) as log:
            return await site.result(log=log)

    async def ask(self, path: str, **query: str) -> list[dict[str, Any]]:
        """Return what the REST API lists."""
        answer = await asyncio.to_thread(self.gateway.get, path, params=query)
        assert answer.is_success, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def cases(self) -> list[dict[str, Any]]:
        return await self.ask("/v1/cases", channel_id=self.channel["id"])

    async def records(self) -> list[dict[str, Any]]:
        return await self.ask("/v1/records", channel_id=self.channel["id"])

    async def messages(self) -> list[dict[str, Any]]:
        """Return the messages of all cases."""
        return [
            message for case in await self.cases() for message in await self.ask(f"/v1/cases/{case['id']}/messages")
        ]
