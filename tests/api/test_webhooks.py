"""The public doors: what is pushed becomes a case, and a stranger learns nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete
from sqlmodel import col
from starlette.requests import Request

from connectors.storefront.simulator import StorefrontSimulator
from gateway.api.webhooks import client_ip
from gateway.model import MemoEntry
from gateway.runtime import Runtime
from gateway.sdk import WebhookRequest
from gateway.sdk.testing import SimulatedClock, SimulatedFile
from gateway.store import channels
from tests.api.conftest import Client
from tests.support.engine import Bench
from tests.support.malls import Malls

PREFLIGHT = {"Origin": "https://shop.example.jp", "Access-Control-Request-Method": "POST"}


@pytest.fixture
async def shop(runtime: Runtime, clock: SimulatedClock, malls: Malls) -> Bench:
    """A shop's own site that pushes to us."""
    return await Bench.open(runtime, clock, StorefrontSimulator(clock), malls)


@pytest.fixture
async def door(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a token."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.example") as client:
        yield client


async def push(door: httpx.AsyncClient, request: WebhookRequest) -> httpx.Response:
    return await door.request(request.method, request.path, content=request.body, headers=dict(request.headers))


async def push_all(door: httpx.AsyncClient, shop: Bench) -> list[httpx.Response]:
    waiting = list(shop.simulator.pending_webhooks)
    shop.simulator.pending_webhooks.clear()
    return [await push(door, request) for request in waiting]


def simulator_of(shop: Bench) -> StorefrontSimulator:
    assert isinstance(shop.simulator, StorefrontSimulator)
    return shop.simulator


async def test_what_a_shop_pushes_is_a_case_before_the_shop_is_answered(
    client: Client, door: httpx.AsyncClient, shop: Bench
) -> None:
    shop.simulator.customer_writes("サイズ表はありますか？")

    answers = await push_all(door, shop)

    case = (await client.get("/v1/cases"))["items"][0]
    assert {answer.status_code for answer in answers} == {202}
    assert answers[-1].json()["case_id"] == case["id"]
    assert answers[-1].headers["x-request-id"]
    messages = (await client.get(f"/v1/cases/{case['id']}/messages"))["items"]
    assert [message["text"] for message in messages] == ["サイズ表はありますか？"]


async def test_the_same_push_twice_is_one_case_and_one_answer(
    client: Client, door: httpx.AsyncClient, shop: Bench
) -> None:
    shop.simulator.customer_writes("サイズ表はありますか？")
    request = next(iter(shop.simulator.pending_webhooks))

    first = await push(door, request)
    second = await push(door, request)

    assert (first.is_success, second.is_success) == (True, True)
    assert second.json()["case_id"] == first.json()["case_id"]
    assert len((await client.get("/v1/records"))["items"]) == 1
    assert len((await client.get("/v1/cases"))["items"]) == 1


async def test_a_push_whose_answer_was_lost_in_a_crash_is_answered_when_it_comes_again(
    client: Client, door: httpx.AsyncClient, shop: Bench, clock: SimulatedClock
) -> None:
    shop.simulator.customer_writes("サイズ表はありますか？")
    request = next(iter(shop.simulator.pending_webhooks))
    await shop.receive(request)
    async with shop.runtime.database.session() as db:
        await db.exec(delete(MemoEntry).where(col(MemoEntry.channel_id) == shop.channel_id))
        await db.commit()

    answer = await push(door, request)

    assert answer.status_code == 202
    assert answer.json()["case_id"] == (await client.get("/v1/cases"))["items"][0]["id"]
    assert len((await client.get("/v1/records"))["items"]) == 1


async def test_every_wrong_push_gets_the_answer_it_deserves_and_stores_nothing(
    client: Client, door: httpx.AsyncClient, shop: Bench
) -> None:
    for wrong, (request, status) in simulator_of(shop).bad_webhooks().items():
        answer = await push(door, request)

        assert answer.status_code == status, wrong
    assert (await client.get("/v1/records"))["items"] == []


async def test_an_address_that_nobody_has_answers_like_one_to_a_stranger(
    client: Client, door: httpx.AsyncClient, shop: Bench
) -> None:
    for wrong, (request, status) in simulator_of(shop).bad_webhooks().items():
        if status == 422:
            # These are signed with the right secret: no stranger's work.
            continue
        elsewhere = replace(request, path=request.path.replace(simulator_of(shop).address, "nobody-has-this"))

        known, unknown = await push(door, request), await push(door, elsewhere)

        assert unknown.status_code == known.status_code, wrong
        assert set(unknown.headers) == set(known.headers), wrong
        assert {**unknown.json(), "request_id": None} == {**known.json(), "request_id": None}, wrong
    assert (await client.get("/v1/records"))["items"] == []


async def test_even_a_well_signed_push_to_a_paused_channel_is_answered_like_a_strangers(
    client: Client, door: httpx.AsyncClient, shop: Bench, clock: SimulatedClock
) -> None:
    shop.simulator.customer_writes("サイズ表はありますか？")
    async with shop.runtime.database.session() as db:
        channel = await channels.get_channel(db, shop.channel_id, for_update=True)
        channel.pause("paused_by_person", "棚卸し")
        db.add(channel)
        await db.commit()

    answers = await push_all(door, shop)

    assert {answer.status_code for answer in answers} == {401}
    assert (await client.get("/v1/records"))["items"] == []


async def test_a_body_over_the_limit_is_not_read_to_its_end(door: httpx.AsyncClient, shop: Bench) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 65_536
            yield bytes(65_536)

    request = simulator_of(shop).signed_bytes(b"{}")

    answer = await door.post(request.path, content=endless(), headers=dict(request.headers))

    assert answer.status_code == 413
    assert sent < 10 * 65_536


async def test_a_browser_may_ask_before_it_posts(door: httpx.AsyncClient, shop: Bench) -> None:
    path = f"/intake/v1/forms/{simulator_of(shop).address}/submissions"

    answer = await door.options(path, headers=PREFLIGHT)
    unknown = await door.options("/intake/v1/forms/nobody-has-this/submissions", headers=PREFLIGHT)

    assert answer.status_code in {200, 204}
    assert answer.headers["access-control-allow-origin"] == PREFLIGHT["Origin"]
    assert "access-control-allow-origin" not in unknown.headers


async def test_a_strangers_many_tries_are_limited_whether_the_address_exists_or_not(
    door: httpx.AsyncClient, shop: Bench
) -> None:
    known = f"/intake/v1/forms/{simulator_of(shop).address}/config"

    for path in (known, "/intake/v1/forms/nobody-has-this/config"):
        answers = {
            (await door.get(path, headers={"Origin": "https://elsewhere.example"})).status_code for _ in range(5)
        }
        assert answers == {403}, path


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("198.51.100.1", "203.0.113.9", (), "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9", ("10.0.0.1",), "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, not-an-address", ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", "", ("10.0.0.0/8",), "10.0.0.1"),
        ("10.0.0.1", "2001:db8::7", ("10.0.0.0/8",), "2001:db8::7"),
    ],
)
def test_only_trusted_proxies_may_say_who_called(
    peer: str, forwarded: str, trusted: tuple[str, ...], expected: str
) -> None:
    scope = {
        "type": "http",
        "client": (peer, 1),
        "headers": [(b"x-forwarded-for", forwarded.encode())] if forwarded else [],
    }

    assert client_ip(Request(scope), trusted) == expected


async def test_a_file_that_comes_in_parts_is_taken_as_one_with_its_message(
    client: Client, door: httpx.AsyncClient, shop: Bench, clock: SimulatedClock
) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452000000010000000108060000001f15c489") + bytes(40)
    shop.simulator.customer_writes(
        "割れていました。", files=[SimulatedFile(name="割れ.png", content_type="image/png", content=png)]
    )

    answers = await push_all(door, shop)
    clock.advance(timedelta(seconds=1))
    await shop.work()

    assert all(answer.is_success for answer in answers), [answer.text for answer in answers]
    case = (await client.get("/v1/cases"))["items"][0]
    attachment = (await client.get(f"/v1/cases/{case['id']}/messages"))["items"][0]["attachments"][0]
    assert (await client.ask("GET", attachment["content_url"])).content == png
