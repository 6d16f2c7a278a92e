"""A token that is limited to a brand or to channels sees nothing of the others, wherever it looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.example.simulator import ExampleSimulator
from gateway.ids import to_public
from gateway.model import Scope
from gateway.runtime import Runtime
from gateway.sdk.testing import SimulatedClock, SimulatedFile
from gateway.store import channels
from tests.api.conftest import Client
from tests.api.test_errors import assert_problem
from tests.support.engine import Bench
from tests.support.malls import Malls

OpenClient = Callable[..., Awaitable[Client]]
LISTS = ("/v1/cases", "/v1/channels", "/v1/replies", "/v1/records", "/v1/jobs", "/v1/events")


@pytest.fixture
async def two_brands(client: Client, runtime: Runtime, clock: SimulatedClock, malls: Malls) -> list[Bench]:
    """Two channels of two brands, each with one of everything."""
    benches = []
    for brand in ("hidamari", "komorebi"):
        bench = await Bench.open(runtime, clock, ExampleSimulator(clock), malls)
        async with runtime.database.session() as db:
            channel = await channels.get_channel(db, bench.channel_id, for_update=True)
            channel.brand = brand
            db.add(channel)
            await db.commit()
        file = SimulatedFile(name="写真.png", content_type="image/png", content=b"\x89PNG\r\n\x1a\n invented")
        thread = bench.simulator.customer_writes("割れていました。", order="EM-1", files=[file])
        await bench.pull()
        await bench.work()
        case = await bench.case(thread)
        path = f"/v1/cases/{to_public('case', case.id)}/replies"
        await client.send(path, {"text": f"{brand}です。", "base_revision": case.revision})
        await client.ask("POST", f"/v1/channels/{to_public('chan', bench.channel_id)}/pull")
        benches.append(bench)
    return benches


async def everything(client: Client) -> dict[str, Any]:
    """Return the channel of every row of every list."""
    found = {}
    for path in LISTS:
        rows = (await client.get(path))["items"]
        found[path] = {row["id"] if path == "/v1/channels" else row["channel_id"] for row in rows}
    return found


async def test_a_limit_by_brand_holds_in_every_list(open_client: OpenClient, two_brands: list[Bench]) -> None:
    limited = await open_client(brands=["hidamari"])

    seen = await everything(limited)

    own = to_public("chan", two_brands[0].channel_id)
    assert seen == {key: {own} for key in LISTS}
    assert (await limited.get("/v1/cases/counts"))["total"] == 1


async def test_a_limit_by_channel_holds_in_every_list(open_client: OpenClient, two_brands: list[Bench]) -> None:
    limited = await open_client(channel_ids=[two_brands[1].channel_id])

    seen = await everything(limited)

    assert seen == {key: {to_public("chan", two_brands[1].channel_id)} for key in LISTS}


async def test_a_limit_that_fits_no_channel_shows_nothing(open_client: OpenClient, two_brands: list[Bench]) -> None:
    limited = await open_client(brands=["hidamari"], channel_ids=[two_brands[1].channel_id])

    assert await everything(limited) == {key: set() for key in LISTS}


async def test_a_filter_cannot_reach_behind_the_limit(open_client: OpenClient, two_brands: list[Bench]) -> None:
    limited = await open_client(brands=["hidamari"])
    other = to_public("chan", two_brands[1].channel_id)

    assert (await limited.get("/v1/cases?brand=komorebi"))["items"] == []
    for path in ("/v1/cases", "/v1/replies", "/v1/records", "/v1/jobs", "/v1/events"):
        assert (await limited.get(f"{path}?channel_id={other}"))["items"] == []


async def test_a_thing_outside_the_limit_is_not_there(
    client: Client, open_client: OpenClient, two_brands: list[Bench]
) -> None:
    limited = await open_client(brands=["hidamari"])
    other = to_public("chan", two_brands[1].channel_id)
    query = f"?channel_id={other}"
    case = (await client.get(f"/v1/cases{query}"))["items"][0]["id"]
    reply = (await client.get(f"/v1/replies{query}"))["items"][0]["id"]
    record = (await client.get(f"/v1/records{query}"))["items"][0]["id"]
    job = (await client.get(f"/v1/jobs{query}"))["items"][0]["id"]
    message = (await client.get(f"/v1/cases/{case}/messages"))["items"][0]
    attachment = message["attachments"][0]["id"]
    reads = [
        f"/v1/channels/{other}",
        f"/v1/cases/{case}",
        f"/v1/cases/{case}/messages",
        f"/v1/cases/{case}/notes",
        f"/v1/cases/{case}/marks",
        f"/v1/cases/{case}/replies",
        f"/v1/replies/{reply}",
        f"/v1/records/{record}",
        f"/v1/records/{record}/payload",
        f"/v1/jobs/{job}",
        f"/v1/attachments/{attachment}",
        f"/v1/attachments/{attachment}/content",
    ]
    writes: list[tuple[str, Any]] = [
        (f"/v1/cases/{case}/notes", {"text": "x"}),
        (f"/v1/cases/{case}/marks", {"mark": "read"}),
        (f"/v1/cases/{case}/replies", {"text": "x", "base_revision": 1}),
        (f"/v1/cases/{case}/replies/check", {"text": "x"}),
        (f"/v1/replies/{reply}/cancel", None),
        (f"/v1/replies/{reply}/retry", None),
        (f"/v1/replies/{reply}/resolve", {"resolution": "sent"}),
        (f"/v1/records/{record}/replay", None),
        (f"/v1/channels/{other}/pause", None),
        (f"/v1/channels/{other}/pull", None),
        (f"/v1/channels/{other}/test", None),
        (f"/v1/channels/{other}/replay", None),
    ]

    for path in reads:
        assert (await client.ask("GET", path)).status_code == 200, path
        assert_problem(await limited.ask("GET", path), 404, "not_found")
    for path, body in writes:
        assert_problem(await limited.send(path, body), 404, "not_found")
    assert_problem(await limited.patch(f"/v1/cases/{case}", {}, '"1"'), 404, "not_found")


async def test_an_upload_is_seen_by_its_own_token_until_it_went_out(client: Client, open_client: OpenClient) -> None:
    other = await open_client(name="other")
    uploaded = (await client.ask("POST", "/v1/attachments", files={"file": ("a.png", b"\x89PNG\r\n\x1a\n")})).json()

    assert (await client.ask("GET", f"/v1/attachments/{uploaded['id']}")).status_code == 200
    assert_problem(await other.ask("GET", f"/v1/attachments/{uploaded['id']}"), 404, "not_found")
    assert_problem(await other.ask("GET", f"/v1/attachments/{uploaded['id']}/content"), 404, "not_found")


async def test_a_limited_token_adds_no_channel_outside_its_limits(
    open_client: OpenClient, two_brands: list[Bench]
) -> None:
    by_brand = await open_client(brands=["hidamari"])
    by_channel = await open_client(channel_ids=[two_brands[0].channel_id])
    wish = {"connector": "example", "name": "x", "settings": {"api_key": "em-key"}}

    allowed = await by_brand.ask("POST", "/v1/channels", json={**wish, "brand": "hidamari"})
    refused = await by_brand.ask("POST", "/v1/channels", json={**wish, "brand": "komorebi"})
    refused_too = await by_channel.ask("POST", "/v1/channels", json=wish)

    assert allowed.status_code == 201
    assert_problem(refused, 403, "outside_limits")
    assert_problem(refused_too, 403, "outside_limits")


@pytest.mark.parametrize("scope", list(Scope))
async def test_each_scope_opens_its_own_doors_alone(open_client: OpenClient, scope: Scope) -> None:
    client = await open_client(scopes=[scope])
    doors = {
        "/v1/cases": Scope.CASES_READ,
        "/v1/events": Scope.CASES_READ,
        "/v1/replies": Scope.CASES_READ,
        "/v1/channels": Scope.CHANNELS_READ,
        "/v1/connectors": Scope.CHANNELS_READ,
        "/v1/jobs": Scope.CHANNELS_READ,
        "/v1/records": Scope.RECORDS_READ,
    }

    for path, needed in doors.items():
        assert (await client.ask("GET", path)).status_code == (200 if needed is scope else 403), path


async def test_an_expired_token_opens_nothing(open_client: OpenClient, clock: SimulatedClock) -> None:
    client = await open_client(expires_at=clock.now() + timedelta(hours=1))
    before = await client.ask("GET", "/v1/cases")

    clock.advance(timedelta(hours=1))

    assert before.status_code == 200
    assert_problem(await client.ask("GET", "/v1/cases"), 401, "token_invalid")
