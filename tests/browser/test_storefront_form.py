"""The storefront's form in a real browser: what a page of the shop can do, and what a page of somebody else cannot."""

from __future__ import annotations

import asyncio
import base64
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.storefront.simulator import PHOTO
from gateway.sdk.testing import serving
from tests.browser.shop import Shop
from tests.browser.site import Line, Site
from tests.support.processes import until

pytestmark = pytest.mark.browser

VALUES = {
    "name": "佐藤 花子",
    "email": "hanako@example.jp",
    "subject": "サイズ交換について",
    "body": "MからSに交換できますか？🎁\n<b>急いでいます。</b>",
    "order_refs": "1001",
}
PHOTO_FILE = {"name": "写真.png", "type": "image/png", "content": base64.b64encode(PHOTO).decode()}
OPENED = ("GET", "", 200)
ASKED = ("OPTIONS", "", 204)


class _Page:
    """The shop's own contact page."""

    def __init__(self, shop: Shop, site: Site) -> None:
        self.shop = shop
        self._site = site

    async def send(self, *, encoding: str = "json", clicks: int = 1, files: Any = (), **values: str) -> Any:
        """Fill the form, wait as long as a person needs at least, click, and return the answers to all clicks."""
        plan = {"encoding": encoding, "clicks": clicks, "files": list(files), "values": {**VALUES, **values}}
        return await self.shop.visit(self._site, self.shop.origin, plan)

    @property
    def heard(self) -> list[tuple[str, str, int]]:
        """Method, media type and status of everything that went over the line."""
        return [exchange.summary for exchange in self.shop.line.exchanges]


@pytest.fixture
def options() -> dict[str, Any]:
    """How the shop's form differs from the usual one: it lets people be quick, as these tests have little time."""
    return {"form_min_age": 0.5}


@pytest.fixture
async def page(
    chromium: str, gateway: httpx.Client, line: tuple[Line, str], tmp_path: Path, options: dict[str, Any]
) -> AsyncIterator[_Page]:
    # No script of others, no frame, no request but to the shop itself and to the gateway.
    policy = f"default-src 'none'; img-src data:; script-src 'self'; connect-src 'self' {line[1]}; base-uri 'none'"
    site = Site("contact", policy)
    async with serving(site.app) as origin:
        shop = await Shop.open(gateway, *line, origin=origin, chromium=chromium, folder=tmp_path, **options)
        yield _Page(shop, site)


@pytest.mark.parametrize("options", [{}], ids=["with_the_usual_settings"])
async def test_a_question_from_the_shops_page_becomes_a_case(page: _Page) -> None:
    (answer,) = await page.send()

    (case,) = await page.shop.cases()
    (message,) = await page.shop.messages()
    assert page.heard == [OPENED, ASKED, ("POST", "application/json", 202)]
    assert {exchange.origin for exchange in page.shop.line.exchanges} == {page.shop.origin}
    assert {exchange.permission for exchange in page.shop.line.exchanges} == {page.shop.origin}
    assert answer["status"] == 202
    assert set(answer["body"]) == {"reference"}
    assert re.fullmatch(r"Q-[2-9A-Z]{4}-[2-9A-Z]{2}", answer["body"]["reference"])
    assert (case["subject"], message["text"]) == (VALUES["subject"], VALUES["body"])
    assert [reference["value"] for reference in case["references"]] == ["1001"]


async def test_a_form_with_a_file_arrives_with_its_file(page: _Page) -> None:
    (answer,) = await page.send(encoding="multipart", files=[PHOTO_FILE])

    async def is_copied() -> bool:
        messages = await page.shop.messages()
        return [file["state"] for message in messages for file in message["attachments"]] == ["stored"]

    await until(is_copied, within=30)
    (message,) = await page.shop.messages()
    (file,) = message["attachments"]
    content = await asyncio.to_thread(page.shop.gateway.get, f"/v1/attachments/{file['id']}/content")
    assert answer["status"] == 202
    assert page.heard == [OPENED, ASKED, ("POST", "multipart/form-data", 202)]
    assert message["text"] == VALUES["body"]
    assert file["name"] == "写真.png"
    assert content.content == PHOTO


async def test_a_double_click_makes_one_case(page: _Page) -> None:
    first, second = await page.send(clicks=2)

    posted = [exchange for exchange in page.shop.line.exchanges if exchange.method == "POST"]
    assert len(posted) >= 2
    assert first == second
    assert first["status"] == 202
    assert len(await page.shop.records()) == 1
    assert len(await page.shop.messages()) == 1


async def test_a_filled_honeypot_gets_the_same_answer_and_waits_in_quarantine(page: _Page) -> None:
    (answer,) = await page.send(website="https://cheap.example")

    (record,) = await page.shop.records()
    assert answer["status"] == 202
    assert set(answer["body"]) == {"reference"}
    assert (record["state"], record["reason"]) == ("quarantined", "honeypot")
    assert await page.shop.cases() == []


async def test_plain_text_is_refused_even_from_the_shops_page(page: _Page) -> None:
    (answer,) = await page.send(encoding="text")

    assert (answer["status"], answer["body"]["error"]["code"]) == (415, "unsupported_media_type")
    assert page.heard == [OPENED, ("POST", "text/plain", 415)]
    assert await page.shop.records() == []


@pytest.mark.parametrize("is_sandboxed", [False, True], ids=["on_another_port", "in_a_sandbox_on_the_shops_site"])
async def test_a_strangers_page_reads_nothing_and_stores_nothing(
    chromium: str,
    gateway: httpx.Client,
    line: tuple[Line, str],
    tmp_path: Path,
    options: dict[str, Any],
    is_sandboxed: bool,
) -> None:
    site = Site("stranger", "sandbox allow-scripts" if is_sandboxed else "default-src * data:")
    async with serving(site.app) as address:
        # A page in a sandbox has the origin `null`, wherever it comes from.
        origin = address if is_sandboxed else "http://127.0.0.1:1"
        shop = await Shop.open(gateway, *line, origin=origin, chromium=chromium, folder=tmp_path, **options)
        opened = await asyncio.to_thread(httpx.get, f"{shop.form}/config", headers={"origin": origin})
        values = {**VALUES, "form_token": opened.json()["form_token"]}
        line[0].exchanges.clear()

        tried = await shop.visit(
            site,
            address,
            {
                "values": values,
                "min_seconds": opened.json()["limits"]["min_seconds"],
                "idempotency_key": str(uuid.uuid4()),
            },
        )

    assert tried == {
        "config": "refused by the browser",
        "json": "refused by the browser",
        "text": "opaque",
        "multipart": "opaque",
        "urlencoded": "opaque",
    }
    assert [exchange.summary for exchange in line[0].exchanges] == [
        ("GET", "", 403),
        ("OPTIONS", "", 403),
        ("POST", "text/plain", 403),
        ("POST", "multipart/form-data", 403),
        ("POST", "application/x-www-form-urlencoded", 403),
    ]
    assert {exchange.origin for exchange in line[0].exchanges} == {"null" if is_sandboxed else address}
    assert {exchange.permission for exchange in line[0].exchanges} == {None}
    assert await shop.records() == []
    # Nothing but the origin was wrong: the same text with the same token is taken from the shop's own site.
    sent = await asyncio.to_thread(httpx.post, f"{shop.form}/submissions", json=values, headers={"origin": origin})
    assert sent.status_code == 202
    assert len(await shop.records()) == 1
