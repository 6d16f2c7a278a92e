"""Cases by REST: lists that go on where they ended, changes that name what they change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from gateway.ids import to_public
from gateway.model import MarkState
from gateway.sdk import Mark
from gateway.sdk.testing import SimulatedClock
from gateway.store import marks
from tests.api.conftest import Client
from tests.api.test_errors import assert_problem
from tests.support.engine import Bench

OpenClient = Callable[..., Awaitable[Client]]


async def ask_many(bench: Bench, count: int) -> None:
    """Open threads that are a minute apart, the last one first in time of writing."""
    for number in range(count):
        bench.simulator.customer_writes(f"質問{number}", order=f"EM-{number}")
        bench.clock.advance(timedelta(minutes=1))
    await bench.pull()


async def walk(client: Client, path: str) -> list[Any]:
    """Follow `links.next` to the end."""
    found: list[Any] = []
    following: str | None = path
    while following:
        page = await client.get(following)
        found += page["items"]
        following = page["links"]["next"]
    return found


@pytest.mark.parametrize("sort", ["-last_message_at", "last_message_at"])
async def test_a_list_shows_every_case_once_however_small_its_pages(client: Client, bench: Bench, sort: str) -> None:
    await ask_many(bench, 5)

    rows = await walk(client, f"/v1/cases?limit=2&sort={sort}")

    times = [row["last_message_at"] for row in rows]
    assert len({row["id"] for row in rows}) == 5
    assert times == sorted(times, reverse=sort.startswith("-"))


async def test_the_link_header_says_what_the_body_says(client: Client, bench: Bench) -> None:
    await ask_many(bench, 3)

    response = await client.ask("GET", "/v1/cases?limit=2&kind=return_refund")

    links = response.json()["links"]
    assert response.headers["link"] == f'<{links["first"]}>; rel="first", <{links["next"]}>; rel="next"'
    assert links["first"] == "/v1/cases?limit=2&kind=return_refund"


async def test_a_cursor_is_good_for_its_own_list_and_filter_alone(client: Client, bench: Bench) -> None:
    await ask_many(bench, 3)
    cursor = (await client.get("/v1/cases?limit=1&status=new"))["links"]["next"].rpartition("cursor=")[2]

    other_filter = await client.ask("GET", f"/v1/cases?status=open&cursor={cursor}")
    other_order = await client.ask("GET", f"/v1/cases?status=new&sort=last_message_at&cursor={cursor}")
    other_list = await client.ask("GET", f"/v1/records?cursor={cursor}")
    bent = await client.ask("GET", f"/v1/cases?status=new&cursor={cursor[:-2]}AA")
    other_limit = await client.ask("GET", f"/v1/cases?status=new&limit=2&cursor={cursor}")

    for response in (other_filter, other_order, other_list, bent):
        problem = assert_problem(response, 400, "invalid_cursor")
        assert problem["errors"][0]["parameter"] == "cursor"
    assert len(other_limit.json()["items"]) == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=new", 3),
        ("status=solved&status=pending", 0),
        ("kind=return_refund", 3),
        ("reference=EM-1", 1),
        ("reference=nothing", 0),
        ("external_id=em-1", 1),
        ("brand=other", 0),
        ("updated_since=2026-11-20T03:00:00Z", 3),
        ("updated_since=2026-11-20T12:00:00%2B09:00", 3),
        ("updated_since=2027-01-01T00:00:00Z", 0),
    ],
)
async def test_filters_hold_for_lists_and_counts_alike(client: Client, bench: Bench, query: str, expected: int) -> None:
    await ask_many(bench, 3)

    page = await client.get(f"/v1/cases?{query}")
    counts = await client.get(f"/v1/cases/counts?{query}")

    assert len(page["items"]) == expected
    assert counts["total"] == sum(counts["by_status"].values()) == expected


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/channels", "/v1/events", "/v1/connectors"])
async def test_what_has_not_changed_is_not_sent_again(client: Client, bench: Bench, path: str) -> None:
    await ask_many(bench, 1)
    first = await client.ask("GET", path)

    second = await client.ask("GET", path, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    third = await client.ask("GET", path, headers={"If-None-Match": '"other"'})

    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["x-request-id"]
    assert third.status_code == 200


async def test_a_change_needs_the_revision_that_was_read(client: Client, bench: Bench) -> None:
    await ask_many(bench, 1)
    path = f"/v1/cases/{(await client.get('/v1/cases'))['items'][0]['id']}"
    etag = (await client.ask("GET", path)).headers["etag"]

    first = await client.patch(path, {"kind": "claim"}, etag)
    second = await client.patch(path, {"kind": "delivery"}, etag)
    weak = await client.patch(path, {"kind": "delivery"}, f"W/{first.headers['etag']}")

    assert first.status_code == 200
    assert first.headers["etag"] == (await client.ask("GET", path)).headers["etag"]
    for response in (second, weak):
        problem = assert_problem(response, 412, "stale_revision")
        assert problem["revision"] == first.json()["revision"]
    assert (await client.get(path))["kind"] == "claim"


async def test_a_change_that_changes_nothing_keeps_the_revision(client: Client, bench: Bench) -> None:
    await ask_many(bench, 1)
    path = f"/v1/cases/{(await client.get('/v1/cases'))['items'][0]['id']}"
    before = await client.ask("GET", path)

    after = await client.patch(path, {}, before.headers["etag"])

    assert after.json() == before.json()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"status": "on_hold"}, "/hold_reason"),
        ({"status": "on_hold", "hold_reason": "  "}, "/hold_reason"),
        ({"hold_reason": "入荷待ち"}, "/hold_reason"),
        ({"cause": "product_error"}, "/cause"),
        ({"status": None}, "/status"),
        ({"status": "lost"}, "/status"),
        ({"subject": "x"}, "/subject"),
    ],
)
async def test_a_change_that_breaks_a_rule_names_the_member(
    client: Client, bench: Bench, change: dict[str, Any], pointer: str
) -> None:
    await ask_many(bench, 1)
    path = f"/v1/cases/{(await client.get('/v1/cases'))['items'][0]['id']}"
    before = await client.ask("GET", path)

    response = await client.patch(path, change, before.headers["etag"])

    assert response.status_code == 422
    assert [one["pointer"] for one in response.json()["errors"]] == [pointer]
    assert (await client.get(path)) == before.json()


async def test_solving_tells_the_mall_and_opening_again_takes_it_back(client: Client, bench: Bench) -> None:
    await ask_many(bench, 1)
    case = (await client.get("/v1/cases"))["items"][0]
    path = f"/v1/cases/{case['id']}"

    etag = (await client.ask("GET", path)).headers["etag"]
    solved = await client.patch(path, {"status": "solved", "cause": "information_shortage"}, etag)
    await bench.work()
    etag = (await client.ask("GET", path)).headers["etag"]
    stands_completed = bench.simulator.thread(case["external_id"]).flags.is_completed
    opened = await client.patch(path, {"status": "open"}, etag)
    await bench.work()

    assert (solved.status_code, opened.status_code) == (200, 200)
    assert stands_completed
    assert not bench.simulator.thread(case["external_id"]).flags.is_completed
    wanted = [(mark["mark"], mark["state"]) for mark in (await client.get(f"{path}/marks"))["items"]]
    assert wanted == [("completed", "done"), ("reopened", "done")]


async def test_a_completion_that_waits_is_replaced_when_the_case_opens_again(client: Client, bench: Bench) -> None:
    await ask_many(bench, 1)
    case = (await bench.cases())[0]
    path = f"/v1/cases/{to_public('case', case.id)}"

    solved = await client.patch(path, {"status": "solved"}, f'"{case.revision}"')
    await client.patch(path, {"status": "open"}, solved.headers["etag"])

    async with bench.runtime.database.session() as db:
        found = {mark.mark: mark.state for mark in await marks.list_marks(db, case.id)}
    assert found == {Mark.COMPLETED: MarkState.SUPERSEDED, Mark.REOPENED: MarkState.QUEUED}


async def test_a_case_says_what_can_be_done_and_why_not_the_rest(client: Client, bench: Bench) -> None:
    await ask_many(bench, 1)
    path = f"/v1/cases/{(await client.get('/v1/cases'))['items'][0]['id']}"

    actions = {one["action"]: one for one in (await client.get(path))["actions"]}

    assert actions["reply"] == {"action": "reply", "is_allowed": True, "reason": None}
    assert actions["attach_files"]["is_allowed"]
    assert not actions["mark_private"]["is_allowed"]
    assert set(actions["mark_private"]["reason"]) == {"ja", "en"}
    assert not actions["mark_reopened"]["is_allowed"]


async def test_a_flag_that_the_mall_does_not_know_is_refused(client: Client, bench: Bench) -> None:
    await ask_many(bench, 1)
    path = f"/v1/cases/{(await client.get('/v1/cases'))['items'][0]['id']}"

    wanted = await client.ask("POST", f"{path}/marks", json={"mark": "read"})
    refused = await client.ask("POST", f"{path}/marks", json={"mark": "private"})

    assert (wanted.status_code, wanted.json()["state"]) == (202, "queued")
    assert_problem(refused, 409, "mark_not_possible")


async def test_a_note_stays_with_the_team(client: Client, bench: Bench) -> None:
    await ask_many(bench, 1)
    case = (await client.get("/v1/cases"))["items"][0]

    made = await client.ask("POST", f"/v1/cases/{case['id']}/notes", json={"text": "倉庫に確認中", "author": "佐藤"})
    await bench.work()

    assert made.status_code == 201
    assert (await client.get(f"/v1/cases/{case['id']}/notes"))["items"] == [made.json()]
    messages = (await client.get(f"/v1/cases/{case['id']}/messages"))["items"]
    assert [message["text"] for message in messages] == ["質問0"]
    assert bench.simulator.thread(case["external_id"]).shop_texts == []


async def test_messages_come_oldest_first_with_their_files(client: Client, bench: Bench, clock: SimulatedClock) -> None:
    thread = bench.simulator.customer_writes("一", order="EM-1")
    for text in ("二", "三"):
        clock.advance(timedelta(minutes=1))
        bench.simulator.customer_writes(text, thread_id=thread)
    await bench.pull()
    case = (await client.get("/v1/cases"))["items"][0]

    rows = await walk(client, f"/v1/cases/{case['id']}/messages?limit=1")

    assert [row["text"] for row in rows] == ["一", "二", "三"]
    assert {row["direction"] for row in rows} == {"inbound"}
