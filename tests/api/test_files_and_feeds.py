"""Files, records, events and health by REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from fastapi import FastAPI

from gateway.config import Config
from gateway.db import Database
from gateway.ids import parse_id, to_public
from gateway.model import EventType
from gateway.runtime import Runtime
from gateway.sdk.testing import SimulatedFile
from gateway.store.events import record_event
from gateway.sync.replay import run_replay_job
from tests.api.conftest import Client
from tests.api.test_errors import assert_problem
from tests.support.engine import Bench

PNG = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452000000010000000108060000001f15c489") + bytes(40)
HTML = b"<html><script>alert(1)</script></html>"


async def test_a_file_is_taken_for_what_its_bytes_are(client: Client) -> None:
    uploaded = await client.ask("POST", "/v1/attachments", files={"file": ("割れ.pdf", PNG, "application/pdf")})

    assert uploaded.status_code == 201
    shown = uploaded.json()
    assert (shown["name"], shown["content_type"], shown["size"]) == ("割れ.pdf", "image/png", len(PNG))


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ([("file", ("a.png", PNG)), ("file", ("b.png", PNG))], "/file"),
        ([("file", ("a.png", PNG)), ("case_id", (None, "case_1"))], "/case_id"),
    ],
)
async def test_one_file_at_a_time_and_nothing_beside_it(
    client: Client, parts: list[tuple[str, Any]], pointer: str
) -> None:
    response = await client.ask("POST", "/v1/attachments", files=parts)

    assert assert_problem(response, 422, "invalid_request")["errors"][0]["pointer"] == pointer


async def test_a_file_leaves_as_a_download_that_no_browser_runs(client: Client) -> None:
    uploaded = await client.ask("POST", "/v1/attachments", files={"file": ("返金 申請.html", HTML, "text/html")})

    response = await client.ask("GET", uploaded.json()["content_url"])

    assert response.content == HTML
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"].startswith("sandbox")
    disposition = response.headers["content-disposition"]
    assert disposition.startswith("attachment;")
    assert unquote(disposition.rpartition("''")[2]) == "返金 申請.html"


async def test_a_file_over_the_limit_is_refused_by_name(app: FastAPI, client: Client, runtime: Runtime) -> None:
    small = runtime.config.model_copy(update={"max_file_bytes": 100})
    app.state.runtime = Runtime.of(small, runtime.database, clock=runtime.clock)

    over = await client.ask("POST", "/v1/attachments", files={"file": ("写真.png", PNG + bytes(100))})
    far_over = await client.ask("POST", "/v1/attachments", files={"file": ("写真.png", bytes(50_000))})

    problem = assert_problem(over, 422, "file_too_large")
    assert "写真.png" in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/file"
    assert_problem(far_over, 413, "body_too_large")


async def test_a_customers_file_is_there_when_it_has_been_copied(client: Client, bench: Bench) -> None:
    file = SimulatedFile(name="割れ.png", content_type="image/png", content=PNG)
    bench.simulator.customer_writes("割れていました。", files=[file])
    await bench.pull()
    case = (await client.get("/v1/cases"))["items"][0]["id"]
    waiting = (await client.get(f"/v1/cases/{case}/messages"))["items"][0]["attachments"][0]
    too_early = await client.ask("GET", f"/v1/attachments/{waiting['id']}/content")

    await bench.work()

    assert (waiting["state"], waiting["content_url"]) == ("waiting", None)
    assert_problem(too_early, 409, "attachment_not_stored")
    stored = await client.get(f"/v1/attachments/{waiting['id']}")
    assert (await client.ask("GET", stored["content_url"])).content == PNG


async def test_an_unreadable_record_waits_with_its_bytes_and_its_reason(client: Client, bench: Bench) -> None:
    bench.simulator.customer_writes("届きません。")
    bench.simulator.add_unreadable()
    await bench.pull()

    rows = (await client.get("/v1/records?state=quarantined"))["items"]
    payload = await client.ask("GET", rows[0]["payload_url"])

    assert len(rows) == 1
    assert rows[0]["reason"]
    assert payload.content
    assert payload.headers["content-type"] == "application/octet-stream"
    assert payload.headers["content-disposition"].startswith("attachment;")
    assert len((await client.get("/v1/records?state=applied"))["items"]) == 1


async def test_a_replay_is_a_job_that_counts(client: Client, bench: Bench) -> None:
    bench.simulator.add_unreadable()
    await bench.pull()
    record = (await client.get("/v1/records"))["items"][0]
    path = f"/v1/channels/{to_public('chan', bench.channel_id)}/replay"

    one = await client.ask("POST", f"/v1/records/{record['id']}/replay")
    all_ = await client.ask("POST", path, json={"only_quarantined": False})
    quarantined = await client.ask("POST", path)
    for job in (await client.get("/v1/jobs?kind=replay"))["items"]:
        await run_replay_job(bench.runtime, parse_id("job", job["id"]))

    assert {one.status_code, all_.status_code, quarantined.status_code} == {202}
    assert one.json()["record_id"] == record["id"]
    done = await client.get(one.headers["location"])
    assert (done["state"], done["counts"]) == ("succeeded", {"records": 1, "messages": 0, "quarantined": 1})
    assert {job["state"] for job in (await client.get("/v1/jobs"))["items"]} == {"succeeded"}


async def test_the_change_feed_has_every_change_once_and_no_gap(client: Client, bench: Bench) -> None:
    for number in range(4):
        bench.simulator.customer_writes(f"質問{number}")
    await bench.pull()

    found, position, has_more = [], 0, True
    while has_more:
        page = await client.get(f"/v1/events?after={position}&limit=3")
        found += page["items"]
        position, has_more = page["position"], page["has_more"]
    bench.clock.advance(timedelta(minutes=5))
    bench.simulator.customer_writes("また質問")
    await bench.pull()
    news = await client.get(f"/v1/events?after={position}")

    assert [event["position"] for event in found] == list(range(1, 9))
    assert {event["type"] for event in found} == {"case.opened", "message.received"}
    assert [event["position"] for event in news["items"]] == [9, 10]
    assert (await client.get(f"/v1/events?after={news['position']}"))["position"] == news["position"]


async def test_an_event_of_a_commit_that_has_not_ended_is_not_passed_over(client: Client, bench: Bench) -> None:
    now = bench.clock.now()

    async with bench.runtime.database.session() as slow:
        record_event(slow, EventType.CHANNEL_CHANGED, actor="slow", now=now, channel_id=bench.channel_id)
        await slow.flush()
        async with bench.runtime.database.session() as fast:
            record_event(fast, EventType.CHANNEL_CHANGED, actor="fast", now=now, channel_id=bench.channel_id)
            await fast.commit()
        first = await client.get("/v1/events?after=0")
        await slow.commit()
    second = await client.get(f"/v1/events?after={first['position']}")

    assert [event["actor"] for event in first["items"]] == ["fast"]
    assert [event["actor"] for event in second["items"]] == ["slow"]


async def test_what_an_event_is_about_can_be_followed(client: Client, bench: Bench) -> None:
    bench.simulator.customer_writes("質問")
    await bench.pull()
    case = (await client.get("/v1/cases"))["items"][0]
    await client.send(f"/v1/cases/{case['id']}/replies", {"text": "承ります。", "base_revision": case["revision"]})

    events = (await client.get(f"/v1/events?case_id={case['id']}&type=reply.changed"))["items"]

    assert (await client.get(f"/v1/replies/{events[0]['subject_id']}"))["status"] == "queued"
    assert events[0]["actor"] == "console"


async def test_health_needs_no_token(app: FastAPI, client: Client) -> None:
    alive = await client.ask("GET", "/healthz", headers={"Authorization": ""})
    ready = await client.ask("GET", "/readyz", headers={"Authorization": ""})

    assert alive.json() == {"status": "alive"}
    assert ready.status_code == 200
    assert {check["name"] for check in ready.json()["checks"]} == {"database", "schema", "connectors"}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_gateway_without_its_database_says_why_it_is_not_ready(
    app: FastAPI, client: Client, config: Config, runtime: Runtime
) -> None:
    away = Database("postgresql://nobody:geheim@127.0.0.1:1/nothing")
    app.state.runtime = Runtime.of(config, away, clock=runtime.clock)

    ready = await client.ask("GET", "/readyz")

    assert ready.status_code == 503
    reasons = {check["name"]: check["reason"] for check in ready.json()["checks"]}
    assert reasons["database"]
    assert reasons["schema"]
    assert "geheim" not in ready.text
    await away.close()
