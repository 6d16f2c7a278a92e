"""Channels by REST: credentials go in and never come out."""

from __future__ import annotations

from typing import Any

from connectors.example.simulator import ExampleSimulator
from gateway.ids import parse_id, to_public
from gateway.runtime import Runtime
from gateway.sdk.testing import Fault, FaultKind, SimulatedClock
from gateway.store import channels
from tests.api.conftest import Client
from tests.api.test_errors import assert_problem
from tests.support.engine import Bench
from tests.support.malls import Malls


def wish(**settings: Any) -> dict[str, Any]:
    return {"connector": "example", "name": "ひだまり雑貨店", "brand": "hidamari", "settings": settings}


async def test_a_channel_is_added_tested_and_read(
    client: Client, runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    simulator = ExampleSimulator(clock)
    added = await client.ask("POST", "/v1/channels", json=wish(**simulator.settings(malls.add(simulator))))

    tested = await client.ask("POST", f"{added.headers['location']}/test")

    assert added.status_code == 201
    assert added.json()["capabilities"]["reply"]["max_chars"] == 1000
    assert tested.json()["is_working"]
    assert tested.json()["account"] == "ひだまり雑貨店"
    shown = await client.get(added.headers["location"])
    assert shown["credential_expires_at"] == tested.json()["expires_at"] is not None


async def test_a_credential_is_sealed_and_never_shown(client: Client, runtime: Runtime) -> None:
    added = await client.ask("POST", "/v1/channels", json=wish(api_key="em-very-secret", look_back_days=30))

    async with runtime.database.session() as db:
        row = await channels.get_channel(db, parse_id("chan", added.json()["id"]))
    shown = await client.ask("GET", added.headers["location"])
    assert (shown.json()["settings"], shown.json()["credentials_set"]) == ({"look_back_days": 30}, ["api_key"])
    assert "em-very-secret" not in shown.text + added.text + str(row.settings)
    assert b"em-very-secret" not in row.credentials
    assert runtime.settings_of(row)["api_key"] == "em-very-secret"


async def test_a_merge_patch_changes_what_it_names_and_removes_what_is_null(client: Client, runtime: Runtime) -> None:
    added = await client.ask("POST", "/v1/channels", json=wish(api_key="old", look_back_days=30))
    path = added.headers["location"]

    changed = await client.patch(
        path, {"name": "木漏れ日", "settings": {"api_key": "new", "look_back_days": None}}, added_tag(added)
    )

    async with runtime.database.session() as db:
        row = await channels.get_channel(db, parse_id("chan", added.json()["id"]))
    assert (changed.json()["name"], changed.json()["brand"]) == ("木漏れ日", "hidamari")
    assert runtime.settings_of(row) == {"api_key": "new"}
    assert changed.json()["revision"] == added.json()["revision"] + 1


def added_tag(response: Any) -> str:
    return f'"{response.json()["revision"]}"'


async def test_a_patch_that_would_break_the_settings_leaves_all_as_it_was(client: Client) -> None:
    added = await client.ask("POST", "/v1/channels", json=wish(api_key="old"))

    refused = await client.patch(
        added.headers["location"], {"name": "x", "settings": {"look_back_days": 0}}, added_tag(added)
    )

    problem = assert_problem(refused, 422, "invalid_settings")
    assert problem["errors"][0]["pointer"] == "/settings/look_back_days"
    assert (await client.get(added.headers["location"]))["name"] == "ひだまり雑貨店"


async def test_a_change_of_a_channel_needs_the_revision_that_was_read(client: Client) -> None:
    added = await client.ask("POST", "/v1/channels", json=wish(api_key="old"))
    await client.patch(added.headers["location"], {"name": "x"}, added_tag(added))

    stale = await client.patch(added.headers["location"], {"name": "y"}, added_tag(added))

    assert_problem(stale, 412, "stale_revision")


async def test_a_public_address_is_given_once(client: Client) -> None:
    first = await client.ask("POST", "/v1/channels", json={**wish(api_key="k"), "address": "hidamari-zakka"})
    second = await client.ask("POST", "/v1/channels", json={**wish(api_key="k"), "address": "hidamari-zakka"})
    malformed = await client.ask("POST", "/v1/channels", json={**wish(api_key="k"), "address": "../x"})

    assert first.json()["address"] == "hidamari-zakka"
    assert_problem(second, 409, "address_taken")
    assert assert_problem(malformed, 422, "invalid_request")["errors"][0]["pointer"] == "/address"


async def test_a_test_that_fails_says_why_and_breaks_nothing(client: Client, bench: Bench) -> None:
    path = f"/v1/channels/{to_public('chan', bench.channel_id)}"
    bench.simulator.expire_credentials()

    tested = await client.ask("POST", f"{path}/test")

    assert tested.status_code == 200
    assert not tested.json()["is_working"]
    assert tested.json()["error"]
    assert (await client.get(path))["state"] == "active"


async def test_a_paused_channel_keeps_its_answers_until_it_goes_on(client: Client, bench: Bench) -> None:
    path = f"/v1/channels/{to_public('chan', bench.channel_id)}"
    thread = bench.simulator.customer_writes("割れていました。")
    await bench.pull()
    case = (await client.get("/v1/cases"))["items"][0]

    paused = await client.ask("POST", f"{path}/pause", json={"reason": "棚卸し"})
    await client.send(f"/v1/cases/{case['id']}/replies", {"text": "承ります。", "base_revision": case["revision"]})
    await bench.work()
    pulled = await client.ask("POST", f"{path}/pull")
    during = bench.simulator.thread(thread).shop_texts
    resumed = await client.ask("POST", f"{path}/resume")
    again = await client.ask("POST", f"{path}/resume")
    await bench.work()

    assert (paused.json()["state"], paused.json()["reason"]) == ("paused", "棚卸し")
    assert_problem(pulled, 409, "channel_paused")
    assert during == []
    assert resumed.json()["state"] == again.json()["state"] == "active"
    assert bench.simulator.thread(thread).shop_texts == ["承ります。"]


async def test_reading_now_is_a_job_to_look_at_and_the_same_while_it_waits(client: Client, bench: Bench) -> None:
    path = f"/v1/channels/{to_public('chan', bench.channel_id)}/pull"

    first = await client.ask("POST", path)
    second = await client.ask("POST", path)

    assert first.status_code == second.status_code == 202
    assert first.json() == second.json() == await client.get(first.headers["location"])
    assert (first.json()["kind"], first.json()["state"]) == ("pull", "queued")


async def test_a_channel_that_cannot_be_reached_says_so_when_it_is_tested(client: Client, bench: Bench) -> None:
    bench.simulator.faults.add(Fault(kind=FaultKind.NOT_CONNECTED, times=10))

    tested = await client.ask("POST", f"/v1/channels/{to_public('chan', bench.channel_id)}/test")

    assert not tested.json()["is_working"]


async def test_connectors_say_what_they_can_do_and_what_they_need(client: Client) -> None:
    listed = await client.get("/v1/connectors")
    example = await client.get("/v1/connectors/example")

    assert example in listed["items"]
    assert example["settings_schema"]["properties"]["api_key"]["writeOnly"]
    assert example["capabilities"]["marks"] == ["completed", "read", "reopened"]
    assert example["capabilities"]["request_interval_seconds"] == 1.0
