"""A fault for each promise: nothing missed, nothing doubled, nothing lost, and every case tells its story.

The tests run over every connector that is found, by what it says it can do, never by its name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from gateway.model import (
    AttachmentState,
    CaseStatus,
    ChannelState,
    EventType,
    Outcome,
    RecordState,
    ReplyStatus,
    ThreadMark,
)
from gateway.runtime import Runtime
from gateway.sdk import AnyConnector, Mark
from gateway.sdk.discovery import discover
from gateway.sdk.testing import Fault, FaultKind, SimulatedClock, SimulatedFile
from gateway.sdk.testing.packages import simulator_for
from gateway.store import marks, messages, records, replies
from gateway.sync import inbound
from gateway.sync.replay import replay_records
from tests.support.engine import Bench
from tests.support.malls import Malls

CONNECTORS = sorted(discover().connectors.items())
OpenBench = Callable[..., Awaitable[Bench]]
PNG = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452000000010000000108060000001f15c489") + bytes(40)
LATER = timedelta(minutes=30)


@pytest.fixture(params=[pytest.param(connector, id=key) for key, connector in CONNECTORS])
def connector(request: pytest.FixtureRequest) -> type[AnyConnector]:
    found: type[AnyConnector] = request.param
    return found


@pytest.fixture
async def bench(connector: type[AnyConnector], runtime: Runtime, clock: SimulatedClock, malls: Malls) -> Bench:
    """A channel at the connector's own simulated mall, and one thread in it that has been read."""
    return await Bench.open(runtime, clock, simulator_for(connector)(clock), malls)


def needs(connector: type[AnyConnector], *abilities: str) -> None:
    """Skip what the mall cannot do; the reason is the missing ability."""
    for ability in abilities:
        if not getattr(connector.capabilities, ability):
            pytest.skip(f"{connector.key} declares no {ability}")


async def posting_of(bench: Bench) -> str:
    """Learn which request posts a reply, by a clean send to a thread of its own."""
    thread = bench.simulator.customer_writes("練習の問い合わせです。")
    await bench.pull()
    reply = await bench.answer(thread, "練習の返信です。")
    bench.simulator.requests.clear()
    assert await bench.deliver(reply) is ReplyStatus.SENT
    operation = [one.operation for one in bench.simulator.requests if not one.operation.startswith("GET ")][-1]
    # Some malls name the thread in the path: what stands behind it tells the operation.
    return operation.split(thread)[-1] or operation


async def asked(bench: Bench, text: str = "いつ届きますか？") -> str:
    """A customer asks, and the question has become a case."""
    bench.clock.advance(LATER)
    thread = bench.simulator.customer_writes(text)
    await bench.pull()
    return thread


async def test_an_answer_reaches_the_customer_and_is_recognised_when_it_comes_back(
    bench: Bench, clock: SimulatedClock, connector: type[AnyConnector]
) -> None:
    needs(connector, "can_reply")
    thread = await asked(bench)
    assert (await bench.case(thread)).status is CaseStatus.NEW

    reply = await bench.answer(thread, "明日お届けします。")
    await bench.settle_all()
    clock.advance(LATER)
    await bench.pull()

    assert (await bench.reply(reply)).status is ReplyStatus.SENT
    assert bench.simulator.thread(thread).shop_texts == ["明日お届けします。"]
    assert [m.reply_id for m in await bench.messages(thread)] == [None, reply]
    assert (await bench.case(thread)).status is CaseStatus.PENDING


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.CUT_AFTER),
        Fault(kind=FaultKind.CUT_MIDWAY),
        Fault(kind=FaultKind.TIME_OUT_AFTER),
        Fault(kind=FaultKind.ANSWER_AFTER, status=500, body=b"<html>oops</html>"),
        Fault(kind=FaultKind.ANSWER_AFTER, status=503),
        Fault(kind=FaultKind.GARBLE),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
async def test_a_reply_that_the_mall_stored_but_did_not_confirm_is_found_and_never_sent_again(
    bench: Bench, connector: type[AnyConnector], fault: Fault
) -> None:
    needs(connector, "can_reply")
    operation = await posting_of(bench)
    thread = await asked(bench)
    reply = await bench.answer(thread, "在庫がございます。")
    bench.simulator.faults.add(Fault(**{**_fields(fault), "operation": operation}))

    first = await bench.deliver(reply)
    await bench.settle_all()

    settled = await bench.reply(reply)
    assert settled.status is ReplyStatus.SENT
    assert bench.simulator.thread(thread).shop_texts == ["在庫がございます。"]
    if first is not ReplyStatus.SENT:
        statuses = [
            event.detail["status"] for event in await bench.story(thread) if event.type == EventType.REPLY_CHANGED
        ]
        assert "unknown" in statuses
        assert statuses[-1] == "sent"


@pytest.mark.parametrize("kind", [FaultKind.CUT_BEFORE, FaultKind.TIME_OUT])
async def test_a_reply_that_never_arrived_is_proven_absent_and_sent_once(
    bench: Bench, connector: type[AnyConnector], kind: FaultKind
) -> None:
    needs(connector, "can_reply")
    operation = await posting_of(bench)
    thread = await asked(bench)
    reply = await bench.answer(thread, "返品を承ります。")
    bench.simulator.faults.add(Fault(kind=kind, operation=operation))

    assert await bench.deliver(reply) is ReplyStatus.UNKNOWN
    await bench.settle_all()

    assert (await bench.reply(reply)).status is ReplyStatus.SENT
    assert bench.simulator.thread(thread).shop_texts == ["返品を承ります。"]
    async with bench.runtime.database.session() as db:
        attempts = await replies.list_attempts(db, [reply])
    assert [attempt.outcome for attempt in attempts] == [Outcome.UNKNOWN, Outcome.SENT]


@pytest.mark.parametrize("headers", [{"retry-after": "90"}, {}], ids=["with", "without"])
async def test_a_mall_that_is_too_busy_gets_the_reply_later_and_once(
    bench: Bench, connector: type[AnyConnector], clock: SimulatedClock, headers: dict[str, str]
) -> None:
    needs(connector, "can_reply")
    operation = await posting_of(bench)
    thread = await asked(bench)
    reply = await bench.answer(thread, "少々お待ちください。")
    bench.simulator.faults.add(Fault(kind=FaultKind.ANSWER, operation=operation, status=429, headers=headers))
    before = clock.now()

    assert await bench.deliver(reply) is ReplyStatus.QUEUED
    waiting = await bench.reply(reply)
    await bench.settle_all()

    assert waiting.due_at is not None
    assert waiting.due_at >= before + timedelta(seconds=90 if headers else 1)
    assert (await bench.reply(reply)).status is ReplyStatus.SENT
    assert bench.simulator.thread(thread).shop_texts == ["少々お待ちください。"]


async def test_a_mall_that_is_down_gets_the_reply_when_it_is_back(bench: Bench, connector: type[AnyConnector]) -> None:
    needs(connector, "can_reply")
    operation = await posting_of(bench)
    thread = await asked(bench)
    reply = await bench.answer(thread, "発送しました。")
    bench.simulator.faults.add(Fault(kind=FaultKind.NOT_CONNECTED, operation=operation, times=3))

    await bench.settle_all()

    assert (await bench.reply(reply)).status is ReplyStatus.SENT
    assert bench.simulator.thread(thread).shop_texts == ["発送しました。"]


async def test_a_reply_that_can_never_be_sent_fails_opens_the_case_and_says_so(
    bench: Bench, connector: type[AnyConnector]
) -> None:
    needs(connector, "can_reply")
    operation = await posting_of(bench)
    thread = await asked(bench)
    reply = await bench.answer(thread, "発送しました。")
    bench.simulator.faults.add(Fault(kind=FaultKind.NOT_CONNECTED, operation=operation, times=1000))

    await bench.settle_all()

    failed = await bench.reply(reply)
    assert failed.status is ReplyStatus.FAILED
    assert failed.reason is not None
    assert (await bench.case(thread)).status is CaseStatus.OPEN
    assert bench.simulator.thread(thread).shop_texts == []


async def test_a_reply_whose_fate_the_mall_cannot_tell_goes_to_a_person(
    connector: type[AnyConnector], runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    needs(connector, "can_reply")
    if "proves_absence" not in connector.settings_type.model_fields:
        pytest.skip(f"{connector.key} leaves no doubt about what a read proves")
    bench = await Bench.open(runtime, clock, simulator_for(connector)(clock), malls, proves_absence=False)
    operation = await posting_of(bench)
    thread = await asked(bench)
    reply = await bench.answer(thread, "返品を承ります。")
    bench.simulator.faults.add(Fault(kind=FaultKind.CUT_BEFORE, operation=operation))

    await bench.settle_all()

    settled = await bench.reply(reply)
    assert (settled.status, settled.reason_code) == (ReplyStatus.NEEDS_PERSON, "cannot_tell")
    assert bench.simulator.thread(thread).shop_texts == []


async def test_replies_of_one_case_leave_in_order_even_if_the_first_is_in_doubt(
    bench: Bench, connector: type[AnyConnector]
) -> None:
    needs(connector, "can_reply")
    operation = await posting_of(bench)
    thread = await asked(bench)
    first = await bench.answer(thread, "一通目です。")
    second = await bench.answer(thread, "二通目です。")
    bench.simulator.faults.add(Fault(kind=FaultKind.TIME_OUT, operation=operation))

    assert await bench.deliver(second) is ReplyStatus.QUEUED
    assert (await bench.reply(second)).reason_code == "waits_for_earlier"
    assert await bench.deliver(first) is ReplyStatus.UNKNOWN
    assert await bench.deliver(second) is ReplyStatus.QUEUED
    await bench.settle_all()

    assert bench.simulator.thread(thread).shop_texts == ["一通目です。", "二通目です。"]
    assert (await bench.reply(second)).status is ReplyStatus.SENT


async def test_credentials_that_end_in_the_middle_of_reading_pause_the_channel_once_and_nothing_is_missed(
    bench: Bench, connector: type[AnyConnector], clock: SimulatedClock
) -> None:
    needs(connector, "can_pull", "credential_lifetime")
    threads = [
        bench.simulator.customer_writes(f"質問その{n}です。") for n in range(connector.capabilities.page_size + 5)
    ]
    requests = len(bench.simulator.requests)
    bench.simulator.faults.add(Fault(kind=FaultKind.ANSWER, operation="GET ", skip=1, times=1, status=401, body=b"{}"))
    bench.simulator.expire_credentials()

    report = await bench.pull()

    assert report.error is not None
    assert len(bench.simulator.requests) > requests
    channel = await bench.channel()
    assert (channel.state, channel.reason_code) == (ChannelState.PAUSED, "credentials_refused")

    clock.advance(timedelta(hours=30))
    during = bench.simulator.customer_writes("停止中に届いた質問です。")
    bench.simulator.faults.clear()
    await bench.change_settings(**bench.simulator.renew_credentials())
    await bench.resume()
    await bench.pull()

    assert {case.external_id for case in await bench.cases()} >= {*threads, during}


async def test_a_reply_waits_while_the_channel_is_paused_and_leaves_when_it_is_back(
    bench: Bench, connector: type[AnyConnector]
) -> None:
    needs(connector, "can_reply", "credential_lifetime")
    thread = await asked(bench)
    reply = await bench.answer(thread, "お待たせしました。")
    bench.simulator.expire_credentials()

    assert await bench.deliver(reply) is ReplyStatus.QUEUED
    assert (await bench.reply(reply)).reason_code == "channel_paused"
    assert (await bench.channel()).state is ChannelState.PAUSED

    await bench.change_settings(**bench.simulator.renew_credentials())
    await bench.resume()
    await bench.settle_all()

    assert (await bench.reply(reply)).status is ReplyStatus.SENT
    assert bench.simulator.thread(thread).shop_texts == ["お待たせしました。"]


async def test_rows_that_shift_while_pages_are_read_are_neither_missed_nor_doubled(
    bench: Bench, connector: type[AnyConnector], clock: SimulatedClock
) -> None:
    needs(connector, "can_pull")
    threads = [
        bench.simulator.customer_writes(f"質問その{n}です。") for n in range(connector.capabilities.page_size + 5)
    ]
    channel = await bench.channel()
    cursor = channel.cursor
    more = True
    while more:
        async with bench.runtime.connector(channel) as bound:
            page = await bound.fetch(cursor)
            stored = await inbound.take_in(bench.runtime, bound, channel.id, page.records, cursor=page.cursor)
            await inbound.apply(bench.runtime, bound, channel.id, stored)
        cursor, more = page.cursor, page.has_more
        if len(threads) < connector.capabilities.page_size + 8:
            clock.advance(timedelta(seconds=1))
            threads.append(bench.simulator.customer_writes("割り込みの質問です。"))

    clock.advance(LATER)
    await bench.pull()

    assert sorted(case.external_id for case in await bench.cases()) == sorted(threads)


async def test_an_unreadable_record_between_good_ones_is_set_aside_and_the_others_go_in(
    bench: Bench, connector: type[AnyConnector]
) -> None:
    # What is pushed is checked at the door: its sender is told, and nothing has to be set aside.
    needs(connector, "can_pull")
    before = bench.simulator.customer_writes("一つ目の質問です。")
    bench.simulator.add_unreadable()
    after = bench.simulator.customer_writes("二つ目の質問です。")

    report = await bench.pull()

    assert report.error is None
    assert {case.external_id for case in await bench.cases()} >= {before, after}
    async with bench.runtime.database.session() as db:
        aside = await records.list_records(
            db, channel_ids=[bench.channel_id], states=[RecordState.QUARANTINED], limit=10
        )
    assert len(aside) == 1
    assert aside[0].reason
    async with bench.runtime.database.session() as db:
        assert (await records.get_record(db, aside[0].id)).payload

    replayed = await replay_records(bench.runtime, bench.channel_id)

    assert (replayed.records, replayed.quarantined) == (1, 1)


async def test_the_same_inquiry_twice_is_one_case_with_each_message_once(
    bench: Bench, connector: type[AnyConnector], clock: SimulatedClock
) -> None:
    bench.simulator.customer_writes("同じ質問です。")
    pushed = list(bench.simulator.pending_webhooks)
    await bench.pull()
    bench.simulator.pending_webhooks += pushed
    clock.advance(LATER)
    await bench.pull()
    async with bench.runtime.database.session() as db:
        again = await records.list_for_replay(db, bench.channel_id, after=None, limit=100, only_quarantined=False)
    channel = await bench.channel()
    async with bench.runtime.connector(channel) as bound:
        await inbound.apply(bench.runtime, bound, bench.channel_id, again)

    cases = await bench.cases()

    assert len(cases) == 1
    assert [message.text for message in await bench.messages(cases[0].external_id)] == ["同じ質問です。"]


async def test_a_follow_up_on_a_thread_of_200_days_ago_is_found(
    bench: Bench, connector: type[AnyConnector], clock: SimulatedClock
) -> None:
    needs(connector, "can_pull")
    thread = bench.simulator.customer_writes("ずいぶん前の質問です。", at=clock.now() - timedelta(days=200))
    await bench.pull()
    clock.advance(LATER)
    bench.simulator.customer_writes("やはり教えてください。", thread_id=thread)

    for _ in range(24):
        clock.advance(timedelta(hours=1))
        await bench.pull()

    texts = [message.text for message in await bench.messages(thread)]
    assert texts == ["ずいぶん前の質問です。", "やはり教えてください。"]


async def test_a_customers_word_opens_a_solved_case_again(bench: Bench, clock: SimulatedClock) -> None:
    thread = await asked(bench)
    case = await bench.case(thread)
    async with bench.runtime.database.session() as db:
        case.status = CaseStatus.SOLVED
        db.add(case)
        await db.commit()
    clock.advance(LATER)

    bench.simulator.customer_writes("まだ解決していません。", thread_id=thread)
    await bench.pull()

    assert (await bench.case(thread)).status is CaseStatus.OPEN


async def test_what_staff_write_in_the_malls_own_screen_arrives_and_is_no_echo(
    bench: Bench, connector: type[AnyConnector], clock: SimulatedClock
) -> None:
    needs(connector, "can_pull")
    thread = await asked(bench)
    clock.advance(LATER)

    bench.simulator.staff_writes(thread, "モール画面からの返信です。")
    for _ in range(3):
        clock.advance(LATER)
        await bench.pull()

    assert [(m.text, m.reply_id) for m in await bench.messages(thread)][1:] == [("モール画面からの返信です。", None)]
    assert (await bench.case(thread)).status is CaseStatus.PENDING


async def test_two_answers_with_the_same_words_are_two_messages(
    bench: Bench, connector: type[AnyConnector], clock: SimulatedClock
) -> None:
    needs(connector, "can_reply")
    thread = await asked(bench)
    first = await bench.answer(thread, "承知しました。")
    await bench.settle_all()
    clock.advance(LATER)
    second = await bench.answer(thread, "承知しました。")
    await bench.settle_all()
    clock.advance(LATER)
    await bench.pull()

    assert bench.simulator.thread(thread).shop_texts == ["承知しました。"] * 2
    assert {m.reply_id for m in await bench.messages(thread) if m.reply_id} == {first, second}
    assert len(await bench.messages(thread)) == 3


async def test_a_customers_file_is_copied_with_its_hash_and_sniffed_type(
    bench: Bench, connector: type[AnyConnector]
) -> None:
    needs(connector, "can_download")
    photo = SimulatedFile(name="写真.png", content_type="image/png", content=PNG)
    thread = bench.simulator.customer_writes("写真を送ります。", files=[photo])
    await bench.pull()

    await bench.settle_all()

    held = await bench.messages(thread)
    async with bench.runtime.database.session() as db:
        (file,) = await messages.list_attachments(db, message_ids=[m.id for m in held])
    assert (file.state, file.content_type, file.size) == (AttachmentState.STORED, "image/png", len(PNG))
    assert await bench.runtime.files.get(str(file.storage_key)) == PNG


async def test_a_file_over_the_limit_is_refused_by_name_and_its_text_kept(
    bench: Bench, connector: type[AnyConnector]
) -> None:
    needs(connector, "can_download")
    limited = bench.runtime.config.model_copy(update={"max_file_bytes": len(PNG) - 1})
    object.__setattr__(bench.runtime, "config", limited)
    photo = SimulatedFile(name="写真.png", content_type="image/png", content=PNG)
    thread = bench.simulator.customer_writes("写真を送ります。", files=[photo])
    await bench.pull()

    await bench.settle_all()

    held = await bench.messages(thread)
    async with bench.runtime.database.session() as db:
        (file,) = await messages.list_attachments(db, message_ids=[m.id for m in held])
    assert held[0].text == "写真を送ります。"
    assert file.state is AttachmentState.REFUSED
    assert "写真.png" in (file.reason or "")


async def test_an_answer_takes_its_file_along(bench: Bench, connector: type[AnyConnector]) -> None:
    needs(connector, "can_reply")
    if not connector.capabilities.reply or not connector.capabilities.reply.max_attachments:
        pytest.skip(f"{connector.key} takes no files in replies")
    thread = bench.simulator.customer_writes("写真はありますか？", order="1001")
    await bench.pull()
    reply = await bench.answer(thread, "こちらです。", files=(("photo.png", PNG),))

    await bench.settle_all()

    assert (await bench.reply(reply)).status is ReplyStatus.SENT
    (sent,) = [m for m in bench.simulator.thread(thread).messages if m.text == "こちらです。"]
    assert [(file.name, file.content) for file in sent.files] == [("photo.png", PNG)]


@pytest.mark.parametrize("mark", [Mark.READ, Mark.COMPLETED])
async def test_a_flag_reaches_the_mall_and_comes_back(
    bench: Bench, connector: type[AnyConnector], clock: SimulatedClock, mark: Mark
) -> None:
    if mark not in connector.capabilities.marks:
        pytest.skip(f"{connector.key} cannot write {mark}")
    thread = await asked(bench)
    if connector.capabilities.can_reply:
        await bench.answer(thread, "対応いたしました。")
        await bench.settle_all()
    case = await bench.case(thread)
    async with bench.runtime.database.session() as db:
        now = clock.now()
        wish = ThreadMark(
            channel_id=bench.channel_id, case_id=case.id, mark=mark, wanted_by="agent", wanted_at=now, due_at=now
        )
        await marks.want(db, wish)
        await db.commit()
    bench.simulator.faults.add(Fault(kind=FaultKind.NOT_CONNECTED))

    await bench.work()
    clock.advance(LATER)
    await bench.work()

    flags = bench.simulator.thread(thread).flags
    wanted = flags.is_read if mark is Mark.READ else flags.is_completed
    assert wanted is True
    clock.advance(LATER)
    await bench.pull()
    assert (await bench.case(thread)).mall_flags.is_completed is (
        flags.is_completed or None
    ) or flags.is_completed is False


async def test_a_dead_channel_does_not_stop_another(
    bench: Bench, connector: type[AnyConnector], runtime: Runtime, clock: SimulatedClock, malls: Malls
) -> None:
    other = await Bench.open(runtime, clock, simulator_for(connector)(clock), malls)
    bench.simulator.faults.add(Fault(kind=FaultKind.NOT_CONNECTED, times=1000))
    bench.simulator.customer_writes("届かない質問です。")
    thread = other.simulator.customer_writes("届く質問です。")

    await bench.pull()
    await other.pull()

    assert [case.external_id for case in await other.cases()] == [thread]


def _fields(fault: Fault) -> dict[str, object]:
    return {name: getattr(fault, name) for name in Fault.__slots__}
