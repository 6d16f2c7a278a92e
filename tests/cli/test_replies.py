"""`gateway replies`, and what `gateway sync` does with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from gateway.casework import replies as casework
from gateway.casework.caller import Caller
from gateway.casework.replies import Draft
from gateway.clock import utc_now
from gateway.config import Config
from gateway.db import Database
from gateway.ids import to_public
from gateway.model import Case, Reply
from gateway.runtime import Runtime
from gateway.sdk import Text
from gateway.sdk.testing import Fault, FaultKind
from gateway.store import replies
from gateway.store.cases import CaseFilter, list_cases
from tests.cli.conftest import Cli, RunningMall

T = TypeVar("T")
TEXT = "お問い合わせありがとうございます。確認いたします。"
REASON = Text(ja="理由", en="a reason")


def with_database(work: Callable[[Runtime], Awaitable[T]]) -> T:
    """Do something at the command line's own database."""

    async def run() -> T:
        config = Config()
        assert config.database_url is not None
        database = Database(config.database_url.get_secret_value())
        try:
            return await work(Runtime.of(config, database))
        finally:
            await database.close()

    return asyncio.run(run())


async def submit(runtime: Runtime) -> tuple[str, str]:
    """Answer the newest case; return the reply's id and the thread's."""
    async with runtime.database.session() as db:
        cases: list[Case] = await list_cases(db, CaseFilter(), after=None, limit=1)
        draft = Draft(text=TEXT, base_revision=cases[0].revision)
        reply = await casework.submit(db, runtime, Caller.operator("test"), cases[0].id, draft, utc_now())
        await db.commit()
    return to_public("rpl", reply.id), cases[0].external_id


@pytest.fixture
def answered(cli: Cli, channel: str, mall: RunningMall) -> tuple[str, str]:
    """A reply that waits to be sent, and its thread at the mall."""
    mall.simulator.customer_writes("在庫はありますか？")
    cli("sync")
    return with_database(submit)


def move(reply_id: str, step: Callable[[Reply], None]) -> None:
    async def work(runtime: Runtime) -> None:
        async with runtime.database.session() as db:
            [reply] = [one for one in await replies.list_replies(db) if to_public("rpl", one.id) == reply_id]
            step(reply)
            db.add(reply)
            await db.commit()

    with_database(work)


def test_a_waiting_reply_is_sent_by_sync(cli: Cli, mall: RunningMall, answered: tuple[str, str]) -> None:
    reply_id, thread_id = answered
    before = cli("replies", "list", "--json").json

    synced = cli("sync", "--json").json

    assert [(one["id"], one["status"]) for one in before] == [(reply_id, "queued")]
    assert synced["replies"] == {"sent": 1}
    assert mall.simulator.thread(thread_id).shop_texts == [TEXT]
    assert cli("replies", "list", "--status", "sent", "--json").json[0]["id"] == reply_id


def test_a_reply_in_doubt_is_settled_by_a_later_sync_and_stands_once(
    cli: Cli, mall: RunningMall, answered: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_SETTLE_AFTER", "0.01,0.02,0.03")
    _, thread_id = answered
    mall.simulator.faults.add(Fault(kind=FaultKind.CUT_AFTER, operation="POST "))

    first = cli("sync", "--json").json["replies"]
    second = cli("sync", "--json").json["replies"]

    assert first in ({"unknown": 1}, {"sent": 1})
    assert len(mall.simulator.faults.struck) == 1
    assert second in ({"sent": 1}, {})
    assert mall.simulator.thread(thread_id).shop_texts == [TEXT]
    assert cli("replies", "list", "--json").json[0]["status"] == "sent"


def test_the_list_says_why_a_reply_waits_and_not_what_it_says(cli: Cli, answered: tuple[str, str]) -> None:
    cli("channels", "pause", "本店")
    cli("sync")

    listed = cli("replies", "list")

    assert "channel_paused" in listed.out
    assert "The channel is paused." in listed.out
    assert TEXT not in listed.out


def test_a_failed_reply_is_sent_after_all(cli: Cli, mall: RunningMall, answered: tuple[str, str]) -> None:
    reply_id, thread_id = answered
    move(reply_id, lambda reply: reply.fail(utc_now(), "gave_up", REASON))

    retried = cli("replies", "retry", reply_id)
    cli("sync")

    assert retried.out == f"{reply_id} is queued\n"
    assert mall.simulator.thread(thread_id).shop_texts == [TEXT]


def test_a_reply_that_has_not_failed_is_not_sent_again(cli: Cli, answered: tuple[str, str]) -> None:
    reply_id, _ = answered

    refused = cli("replies", "retry", reply_id)

    assert refused.exit_code == 1
    assert refused.err == "gateway: Only a failed reply can be sent again.\n"


def into_doubt(reply: Reply) -> None:
    reply.take(utc_now(), Config().lease)
    reply.doubt(utc_now(), utc_now(), "unknown", REASON)
    reply.ask_person(utc_now(), "cannot_tell", REASON)


@pytest.mark.parametrize(("seen", "status"), [("sent", "sent"), ("send_again", "queued"), ("give_up", "failed")])
def test_a_person_settles_a_reply_by_what_they_saw(cli: Cli, answered: tuple[str, str], seen: str, status: str) -> None:
    reply_id, _ = answered
    move(reply_id, into_doubt)

    resolved = cli("replies", "resolve", reply_id, "--as", seen)

    assert resolved.exit_code == 0, resolved.err
    assert resolved.out == f"{reply_id} is {status}\n"


@pytest.mark.parametrize(
    "id_", ["rpl_x", "case_01jd3zq9b7e8x9y6z2w3v4t5s6", "", "../../etc/passwd", "rpl_" + "z" * 500]
)
def test_what_is_no_reply_id_is_said_in_one_line(cli: Cli, id_: str) -> None:
    refused = cli("replies", "retry", id_)

    assert refused.exit_code == 2
    assert refused.err.startswith("gateway: ")
    assert refused.err.count("\n") == 1
    assert len(refused.err) < 200


def test_a_reply_that_does_not_exist_is_said(cli: Cli) -> None:
    refused = cli("replies", "retry", "rpl_01jd3zq9b7e8x9y6z2w3v4t5s6")

    assert refused.exit_code == 2
    assert refused.err == "gateway: There is no reply rpl_01jd3zq9b7e8x9y6z2w3v4t5s6.\n"


def test_reasons_speak_the_language_of_the_gateway(
    cli: Cli, answered: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_LANGUAGE", "ja")

    refused = cli("replies", "retry", answered[0])

    assert refused.err == "gateway: 失敗した返信だけを再送できます。\n"
