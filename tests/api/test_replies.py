"""Answers by REST: sent once however often asked, refused when the customer has written since."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import literal_column
from sqlmodel import select

from gateway.ids import parse_id
from gateway.model import IdempotencyKey, Outcome, Reply, ReplyStatus
from gateway.sdk import Text
from gateway.sdk.testing import Fault, FaultKind
from gateway.store import replies
from tests.api.conftest import Client
from tests.api.test_errors import assert_problem
from tests.support.engine import Bench

OpenClient = Callable[..., Awaitable[Client]]
PNG = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452000000010000000108060000001f15c489") + bytes(40)
DOUBT = Text(ja="確認が必要です。", en="Somebody has to look.")


@pytest.fixture
async def case(client: Client, bench: Bench) -> Any:
    """A case with one question, as the API shows it."""
    bench.simulator.customer_writes("届いたお皿が割れていました。", order="EM-1001")
    await bench.pull()
    return (await client.get("/v1/cases"))["items"][0]


def path_of(case: Any) -> str:
    return f"/v1/cases/{case['id']}/replies"


def draft(case: Any, text: str = "新しいお皿をお送りします。", **more: Any) -> dict[str, Any]:
    return {"text": text, "base_revision": case["revision"], **more}


async def count_replies(bench: Bench) -> int:
    async with bench.runtime.database.session() as db:
        return len((await db.exec(select(Reply))).all())


async def put_into(bench: Bench, reply_id: str, status: ReplyStatus) -> None:
    """Bring a queued reply to where an engine that had no luck leaves it."""
    now = bench.clock.now()
    async with bench.runtime.database.session() as db:
        reply = await replies.get_reply(db, parse_id("rpl", reply_id), for_update=True)
        reply.take(now, timedelta(minutes=2))
        if status is ReplyStatus.FAILED:
            reply.fail(now, "gave_up", DOUBT)
        else:
            reply.doubt(now, now, "unknown", DOUBT)
            reply.ask_person(now, "cannot_tell", DOUBT)
        db.add(reply)
        await db.commit()


async def test_an_answer_reaches_the_mall_and_the_case_shows_it(client: Client, bench: Bench, case: Any) -> None:
    uploaded = await client.ask("POST", "/v1/attachments", files={"file": ("送り状.png", PNG, "image/png")})

    accepted = await client.send(path_of(case), draft(case, attachment_ids=[uploaded.json()["id"]]))
    await bench.work()

    assert accepted.status_code == 202
    assert accepted.json()["status"] == "queued"
    reply = await client.get(accepted.headers["location"])
    assert (reply["status"], [one["outcome"] for one in reply["attempts"]]) == ("sent", ["sent"])
    stands = bench.simulator.thread(case["external_id"]).messages[-1]
    assert (stands.text, [file.name for file in stands.files]) == ("新しいお皿をお送りします。", ["送り状.png"])
    shown = (await client.get(f"/v1/cases/{case['id']}/messages"))["items"][-1]
    assert (shown["text"], shown["reply_id"]) == (reply["text"], reply["id"])
    assert (await client.get(f"/v1/cases/{case['id']}"))["status"] == "pending"


async def test_the_same_key_gets_the_same_answer_and_sends_once(client: Client, bench: Bench, case: Any) -> None:
    first = await client.send(path_of(case), draft(case), **{"Idempotency-Key": "one"})
    second = await client.send(path_of(case), draft(case), **{"Idempotency-Key": "one"})
    await bench.work()

    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert (second.status_code, second.json(), second.headers["location"]) == (
        202,
        first.json(),
        first.headers["location"],
    )
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(bench.simulator.thread(case["external_id"]).shop_texts) == 1


async def test_the_same_key_with_another_content_is_refused(client: Client, bench: Bench, case: Any) -> None:
    await client.send(path_of(case), draft(case), **{"Idempotency-Key": "one"})

    response = await client.send(path_of(case), draft(case, "別の文面です。"), **{"Idempotency-Key": "one"})

    problem = assert_problem(response, 422, "idempotency_key_reused")
    assert problem["errors"][0]["header"] == "Idempotency-Key"
    assert await count_replies(bench) == 1


async def test_two_callers_may_use_the_same_key(
    client: Client, open_client: OpenClient, bench: Bench, case: Any
) -> None:
    other = await open_client(name="other")

    await client.send(path_of(case), draft(case), **{"Idempotency-Key": "one"})
    response = await other.send(path_of(case), draft(case), **{"Idempotency-Key": "one"})

    assert response.status_code == 202
    assert await count_replies(bench) == 2


async def test_while_the_first_request_runs_the_second_is_told_to_wait(client: Client, bench: Bench, case: Any) -> None:
    path = path_of(case)
    first = await client.send(path, draft(case), **{"Idempotency-Key": "one"})
    async with bench.runtime.database.session() as db:
        entry = (await db.exec(select(IdempotencyKey))).one()
        entry.status = entry.headers = entry.body = None
        db.add(entry)
        await db.commit()

    while_it_runs = await client.send(path, draft(case), **{"Idempotency-Key": "one"})
    bench.clock.advance(timedelta(minutes=2))
    after_it_died = await client.send(path, draft(case), **{"Idempotency-Key": "one"})

    assert first.status_code == 202
    assert_problem(while_it_runs, 409, "idempotency_key_in_use")
    assert while_it_runs.headers["retry-after"] == "1"
    assert after_it_died.status_code == 202


async def test_many_at_once_with_one_key_make_one_reply(client: Client, bench: Bench, case: Any) -> None:
    answers = await asyncio.gather(
        *(client.send(path_of(case), draft(case), **{"Idempotency-Key": "one"}) for _ in range(8))
    )

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert await count_replies(bench) == 1


async def test_what_was_refused_may_be_mended_under_the_same_key(client: Client, bench: Bench, case: Any) -> None:
    refused = await client.send(path_of(case), draft(case, "長" * 1001), **{"Idempotency-Key": "one"})
    mended = await client.send(path_of(case), draft(case), **{"Idempotency-Key": "one"})

    assert (refused.status_code, mended.status_code) == (422, 202)
    assert await count_replies(bench) == 1


async def test_the_kept_answer_and_the_change_are_one_commit(client: Client, bench: Bench, case: Any) -> None:
    await client.send(path_of(case), draft(case), **{"Idempotency-Key": "one"})

    async with bench.runtime.database.session() as db:
        entry = (await db.exec(select(IdempotencyKey))).one()
        reply = (await db.exec(select(Reply))).one()
        same_transaction = (
            await db.exec(
                select(1).where(  # xmin names the transaction that wrote a row
                    select(IdempotencyKey.key)
                    .where(IdempotencyKey.key == "one")
                    .with_only_columns(_xmin("idempotency_key"))
                    .scalar_subquery()
                    == select(Reply.id).where(Reply.id == reply.id).with_only_columns(_xmin("reply")).scalar_subquery()
                )
            )
        ).first()

    assert entry.status == 202
    assert same_transaction == 1


def _xmin(table: str) -> Any:
    return literal_column(f"{table}.xmin::text")


async def test_an_answer_to_an_old_state_is_refused_with_what_the_customer_wrote(
    client: Client, bench: Bench, case: Any
) -> None:
    bench.clock.advance(timedelta(minutes=5))
    bench.simulator.customer_writes("やはり返金してください。", thread_id=case["external_id"])
    await bench.pull()

    response = await client.send(path_of(case), draft(case))

    problem = assert_problem(response, 409, "stale_revision")
    assert [message["text"] for message in problem["new_messages"]] == ["やはり返金してください。"]
    assert problem["revision"] > case["revision"]
    assert await count_replies(bench) == 0


async def test_a_change_of_the_case_by_the_team_does_not_stop_an_answer(
    client: Client, bench: Bench, case: Any
) -> None:
    path = f"/v1/cases/{case['id']}"
    await client.patch(path, {"kind": "claim"}, (await client.ask("GET", path)).headers["etag"])

    response = await client.send(path_of(case), draft(case))

    assert response.status_code == 202


async def test_a_revision_that_never_was_is_refused(client: Client, case: Any) -> None:
    response = await client.send(path_of(case), {"text": "x", "base_revision": case["revision"] + 1})

    assert assert_problem(response, 422, "revision_unknown")["errors"][0]["pointer"] == "/base_revision"


async def test_what_the_mall_would_refuse_is_shown_with_its_place_and_a_fix(
    client: Client, bench: Bench, case: Any
) -> None:
    text = "詳しくは http://market.example/help をご覧ください。"

    checked = await client.ask("POST", f"{path_of(case)}/check", json={"text": text})
    submitted = await client.send(path_of(case), draft(case, text))

    found = checked.json()["problems"][0]
    assert not checked.json()["is_sendable"]
    assert text[: found["start"]] + found["fix"] + text[found["end"] :] == text.replace("http:", "https:")
    problem = assert_problem(submitted, 422, "reply_breaks_rules")
    assert problem["errors"] == checked.json()["problems"]


async def test_a_file_that_the_mall_does_not_take_is_refused_by_name(client: Client, case: Any) -> None:
    uploaded = await client.ask("POST", "/v1/attachments", files={"file": ("手順.txt", "手順".encode(), "image/png")})

    response = await client.send(path_of(case), draft(case, attachment_ids=[uploaded.json()["id"]]))

    found = assert_problem(response, 422, "reply_breaks_rules")["errors"][0]
    assert (found["code"], found["pointer"]) == ("file_type_not_allowed", "/attachment_ids/0")
    assert "手順.txt" in found["detail"]


async def test_a_file_goes_out_once_and_only_by_who_uploaded_it(
    client: Client, open_client: OpenClient, case: Any
) -> None:
    other = await open_client(name="other")
    uploaded = (await client.ask("POST", "/v1/attachments", files={"file": ("a.png", PNG)})).json()["id"]

    stolen = await other.send(path_of(case), draft(case, attachment_ids=[uploaded]))
    doubled = await client.send(path_of(case), draft(case, attachment_ids=[uploaded, uploaded]))
    sent = await client.send(path_of(case), draft(case, attachment_ids=[uploaded]))
    again = await client.send(path_of(case), draft(case, attachment_ids=[uploaded]))

    assert sent.status_code == 202
    assert_problem(stolen, 422, "attachment_not_usable")
    assert assert_problem(doubled, 422, "attachment_not_usable")["errors"][0]["pointer"] == "/attachment_ids/1"
    assert_problem(again, 422, "attachment_not_usable")


async def test_an_answer_that_waits_can_be_taken_back(client: Client, bench: Bench, case: Any) -> None:
    reply = (await client.send(path_of(case), draft(case))).json()

    cancelled = await client.ask("POST", f"/v1/replies/{reply['id']}/cancel")
    again = await client.ask("POST", f"/v1/replies/{reply['id']}/cancel")
    await bench.work()

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert_problem(again, 409, "reply_state")
    assert bench.simulator.thread(case["external_id"]).shop_texts == []


async def test_an_answer_that_certainly_did_not_leave_can_be_taken_back(
    client: Client, bench: Bench, case: Any
) -> None:
    reply = (await client.send(path_of(case), draft(case))).json()
    bench.simulator.faults.add(Fault(kind=FaultKind.NOT_CONNECTED, times=20))
    await bench.work()

    cancelled = await client.ask("POST", f"/v1/replies/{reply['id']}/cancel")

    assert cancelled.json()["status"] == "cancelled"
    assert {one["outcome"] for one in cancelled.json()["attempts"]} == {Outcome.NOT_SENT.value}


async def test_a_failed_answer_is_sent_after_all_once(client: Client, bench: Bench, case: Any) -> None:
    reply = (await client.send(path_of(case), draft(case))).json()
    path = f"/v1/replies/{reply['id']}/retry"
    too_early = await client.send(path, None)
    await put_into(bench, reply["id"], ReplyStatus.FAILED)

    accepted = await client.send(path, None, **{"Idempotency-Key": "again"})
    replayed = await client.send(path, None, **{"Idempotency-Key": "again"})
    await bench.work()

    assert_problem(too_early, 409, "reply_state")
    assert (accepted.status_code, accepted.json()["status"]) == (202, "queued")
    assert replayed.headers["idempotency-replayed"] == "true"
    assert bench.simulator.thread(case["external_id"]).shop_texts == [reply["text"]]


@pytest.mark.parametrize(
    ("resolution", "status", "case_status"),
    [("sent", "sent", "pending"), ("send_again", "queued", "open"), ("give_up", "failed", "open")],
)
async def test_a_person_settles_what_reading_could_not(
    client: Client, bench: Bench, case: Any, resolution: str, status: str, case_status: str
) -> None:
    reply = (await client.send(path_of(case), draft(case))).json()
    await put_into(bench, reply["id"], ReplyStatus.NEEDS_PERSON)
    waiting = await client.get("/v1/replies?status=needs_person")

    settled = await client.send(f"/v1/replies/{reply['id']}/resolve", {"resolution": resolution})

    assert [one["id"] for one in waiting["items"]] == [reply["id"]]
    assert (settled.status_code, settled.json()["status"]) == (202, status)
    assert (await client.get(f"/v1/cases/{case['id']}"))["status"] == case_status
    texts = [message["text"] for message in (await client.get(f"/v1/cases/{case['id']}/messages"))["items"]]
    assert (reply["text"] in texts) is (resolution == "sent")
    who = [event["actor"] for event in (await client.get("/v1/events?type=reply.changed"))["items"]]
    assert who[-1] == "console"


async def test_the_next_answer_leaves_when_a_person_has_settled_the_one_before(
    client: Client, bench: Bench, case: Any
) -> None:
    first = (await client.send(path_of(case), draft(case, "一通目です。"))).json()
    await client.send(path_of(case), draft(case, "二通目です。"))
    await put_into(bench, first["id"], ReplyStatus.NEEDS_PERSON)
    await bench.work()
    held_back = bench.simulator.thread(case["external_id"]).shop_texts

    await client.send(f"/v1/replies/{first['id']}/resolve", {"resolution": "give_up"})
    await bench.work()

    assert held_back == []
    assert bench.simulator.thread(case["external_id"]).shop_texts == ["二通目です。"]


async def test_a_customer_never_sees_the_name_of_a_token(client: Client, bench: Bench, case: Any) -> None:
    reply = (await client.send(path_of(case), draft(case))).json()
    named = (await client.send(path_of(case), draft(case, author_name="佐藤"))).json()

    async with bench.runtime.database.session() as db:
        authors = [
            (await replies.get_reply(db, UUID(str(parse_id("rpl", one["id"]))))).author for one in (reply, named)
        ]

    assert authors == ["", "佐藤"]
    assert (reply["author_name"], named["author_name"]) == (None, "佐藤")


async def test_the_key_of_a_token_is_kept_as_a_digest_alone(client: Client, bench: Bench, case: Any) -> None:
    body = draft(case)

    await client.send(path_of(case), body, **{"Idempotency-Key": "one"})

    async with bench.runtime.database.session() as db:
        entry = (await db.exec(select(IdempotencyKey))).one()
    assert len(entry.request_hash) == hashlib.sha256().digest_size
