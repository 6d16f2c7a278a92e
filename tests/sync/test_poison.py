"""What nobody can store or map costs itself and nothing else: the records before and behind it go in."""

from __future__ import annotations

import json

import pytest

from connectors.example.connector import ExampleConnector
from connectors.example.simulator import ExampleSimulator
from gateway.model import Record, RecordState
from gateway.runtime import Runtime
from gateway.sdk import Inquiry, RawRecord
from gateway.sdk.testing import SimulatedClock
from gateway.store import records
from gateway.sync import inbound
from tests.support.engine import Bench
from tests.support.malls import Malls


@pytest.fixture
async def bench(runtime: Runtime, clock: SimulatedClock, malls: Malls) -> Bench:
    return await Bench.open(runtime, clock, ExampleSimulator(clock), malls)


async def _by_state(bench: Bench) -> dict[RecordState, list[Record]]:
    async with bench.runtime.database.session() as db:
        found = await records.list_records(db, channel_ids=[bench.channel_id], limit=100)
    return {state: [record for record in found if record.state is state] for state in RecordState}


@pytest.mark.parametrize("poison", ["ヌル\x00文字", "半分の\ud83d絵文字"], ids=["nul", "surrogate"])
async def test_a_text_that_no_database_takes_is_set_aside_and_the_others_go_in(bench: Bench, poison: str) -> None:
    class Careless(ExampleConnector):
        """A connector that hands on whatever the mall says."""

        def normalise(self, record: RawRecord) -> Inquiry:
            inquiry = super().normalise(record)
            messages = tuple(m.model_copy(update={"text": m.text.replace("毒", poison)}) for m in inquiry.messages)
            return inquiry.model_copy(update={"messages": messages})

    threads = [bench.simulator.customer_writes(text) for text in ("一つ目", "毒", "三つ目")]
    channel = await bench.channel()
    async with bench.runtime.connector(channel) as connector:
        page = await connector.fetch(None)
        stored = await inbound.take_in(bench.runtime, connector, channel.id, page.records)
        careless = Careless(connector.settings, connector.context)
        applied = await inbound.apply(bench.runtime, careless, channel.id, stored)

    assert (applied.records, applied.messages, applied.quarantined) == (3, 2, 1)
    assert {case.external_id for case in await bench.cases()} == {threads[0], threads[2]}
    (aside,) = (await _by_state(bench))[RecordState.QUARANTINED]
    assert (aside.external_id, aside.reason_code) == (threads[1], "not_storable")


async def test_a_mapping_that_fails_on_one_record_costs_that_record(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    class Mistaken(ExampleConnector):
        """A connector whose author forgot a case."""

        def normalise(self, record: RawRecord) -> Inquiry:
            if "毒".encode() in record.payload or "毒" in json.dumps(json.loads(record.payload), ensure_ascii=False):
                raise KeyError("毒の入った顧客の言葉")
            return super().normalise(record)

    for text in ("一つ目", "毒", "三つ目"):
        bench.simulator.customer_writes(text)
    channel = await bench.channel()
    async with bench.runtime.connector(channel) as connector:
        page = await connector.fetch(None)
        stored = await inbound.take_in(bench.runtime, connector, channel.id, page.records)
        mistaken = Mistaken(connector.settings, connector.context)
        applied = await inbound.apply(bench.runtime, mistaken, channel.id, stored)
        (aside,) = (await _by_state(bench))[RecordState.QUARANTINED]
        again = await inbound.apply(bench.runtime, connector, channel.id, stored)

    assert (applied.messages, applied.quarantined) == (2, 1)
    assert aside.reason_code == "mapper_failed"
    assert "record.mapper_failed" in caplog.messages
    assert "顧客の言葉" not in caplog.text + str(aside.reason)
    assert (again.messages, again.quarantined) == (1, 0)
    assert (await _by_state(bench))[RecordState.QUARANTINED] == []


@pytest.mark.parametrize("key", ["x" * 5000, "ヌル\x00", "半分の\ud83d", ""])
async def test_a_thread_id_that_no_database_takes_still_leaves_its_record(bench: Bench, key: str) -> None:
    async with bench.runtime.database.session() as db:
        await records.save(db, bench.channel_id, [RawRecord(payload=b"?", external_id=key)], bench.clock.now())
        await db.commit()

    (kept,) = (await _by_state(bench))[RecordState.RECEIVED]
    assert kept.external_id.startswith("unreadable:")


async def test_a_thread_that_the_mall_lists_but_does_not_show_stops_no_other(bench: Bench) -> None:
    threads = [bench.simulator.customer_writes(text) for text in ("一つ目", "隠れた質問", "三つ目")]
    hidden = bench.simulator.inquiries[threads[1]]
    channel = await bench.channel()
    bench.simulator.inquiries[threads[1]] = {**hidden, "messages": "not a list"}

    await bench.pull()
    bench.simulator.inquiries[threads[1]] = {**hidden, "revision": hidden["revision"] + 1}
    bench.clock.advance(inbound.LONGEST_BACK_OFF)
    await bench.pull()

    assert channel.id == bench.channel_id
    assert {case.external_id for case in await bench.cases()} == set(threads)


async def test_html_from_a_customer_is_sanitised_before_anybody_can_read_it(bench: Bench) -> None:
    hostile = (
        '<p onclick="x()">返品<script>alert(1)</script><a href="javascript:x()">こちら</a><img src=x onerror=x()></p>'
    )

    class Html(ExampleConnector):
        """A connector of a mall that delivers HTML."""

        def normalise(self, record: RawRecord) -> Inquiry:
            inquiry = super().normalise(record)
            messages = tuple(m.model_copy(update={"html": hostile}) for m in inquiry.messages)
            return inquiry.model_copy(update={"messages": messages})

    thread = bench.simulator.customer_writes("返品")
    async with bench.runtime.connector(await bench.channel()) as connector:
        page = await connector.fetch(None)
        stored = await inbound.take_in(bench.runtime, connector, bench.channel_id, page.records)
        await inbound.apply(bench.runtime, Html(connector.settings, connector.context), bench.channel_id, stored)

    (message,) = await bench.messages(thread)
    assert message.html is not None
    assert "返品" in message.html
    for danger in ("script", "alert", "onclick", "onerror", "javascript:"):
        assert danger not in message.html
