"""What is peculiar to Example Market."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from connectors.example import connector as connector_type
from connectors.example.mapping import to_inquiry
from connectors.example.simulator import ExampleSimulator
from gateway.sdk import AuthorRole, Kind, MappingError, Mark, Moment, ReferenceKind
from gateway.sdk.testing import Fault, FaultKind
from gateway.sdk.testing.contract.rig import Rig

FIXTURES = Path(__file__).parents[2] / "connectors" / "example" / "fixtures"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig(connector_type, ExampleSimulator)
    yield rig
    await rig.aclose()


def payload(scenario: str) -> bytes:
    return (FIXTURES / f"{scenario}.raw.json").read_bytes()


def test_messages_listed_out_of_order_are_put_in_order() -> None:
    inquiry = to_inquiry(payload("damage_after_order_with_image"))

    assert [message.external_id for message in inquiry.messages] == ["m-6", "m-7", "m-8"]
    assert [message.author_role for message in inquiry.messages] == [
        AuthorRole.CUSTOMER,
        AuthorRole.SHOP,
        AuthorRole.CUSTOMER,
    ]


def test_an_order_makes_the_moment_and_a_verified_reference() -> None:
    inquiry = to_inquiry(payload("damage_after_order_with_image"))

    assert inquiry.moment is Moment.AFTER
    assert [(one.kind, one.value, one.is_verified) for one in inquiry.references] == [
        (ReferenceKind.ORDER, "EM-1001", True),
        (ReferenceKind.ITEM, "DISH-BLUE", True),
    ]


def test_words_that_nobody_knows_yet_become_other_and_are_kept() -> None:
    inquiry = to_inquiry(payload("unknown_words"))

    assert inquiry.kind is Kind.OTHER
    assert inquiry.category == "lucky-draw"
    assert inquiry.messages[0].author_role is AuthorRole.SYSTEM


def test_a_damaged_member_is_pointed_at() -> None:
    thread = json.loads(payload("question_before_order"))
    del thread["messages"][1]["sentAt"]

    with pytest.raises(MappingError) as caught:
        to_inquiry(json.dumps(thread).encode())

    assert caught.value.pointer == "/messages/1/sentAt"


def test_a_damaged_payload_is_not_quoted() -> None:
    thread = json.loads(payload("question_before_order"))
    thread["messages"][0]["sentAt"] = "090-1234-5678 佐倉"

    with pytest.raises(MappingError) as caught:
        to_inquiry(json.dumps(thread).encode())

    assert "佐倉" not in str(caught.value)


async def test_a_thread_that_vanishes_between_list_and_detail_is_set_aside_as_its_headline(rig: Rig) -> None:
    external_id = rig.simulator.customer_writes("在庫はありますか？")
    (headline,) = (await rig.connector.fetch(None)).records
    del rig.simulator.inquiries[external_id]  # type: ignore[attr-defined]

    whole = await rig.connector.complete(headline)

    assert whole.payload == headline.payload
    with pytest.raises(MappingError):
        rig.connector.normalise(whole)


async def test_the_list_is_asked_for_windows_that_end_now(rig: Rig) -> None:
    asked: list[httpx.URL] = []
    real = rig.transport.inner

    class Noting(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            asked.append(request.url)
            return await real.handle_async_request(request)

    rig.transport.inner = Noting()

    await rig.read()

    spans = [
        (datetime.fromisoformat(url.params["updatedFrom"]), datetime.fromisoformat(url.params["updatedTo"]))
        for url in asked
    ]
    now = rig.clock.now()
    assert spans[0] == (now - timedelta(days=2), now)
    assert min(start for start, _ in spans) == now - timedelta(days=400)
    assert all(end - start <= timedelta(days=100) for start, end in spans)


async def test_after_a_reading_the_next_wish_is_two_minutes_away(rig: Rig) -> None:
    pages = await rig.read()

    assert pages[-1].next_at == rig.clock.now() + timedelta(minutes=2)


async def test_a_thread_that_the_market_does_not_mention_is_not_marked(rig: Rig) -> None:
    external_id = rig.simulator.customer_writes("在庫はありますか？")
    rig.simulator.faults.add(Fault(kind=FaultKind.ANSWER, operation="PUT /flags", status=200, body=b'{"results": []}'))

    (result,) = await rig.connector.mark(Mark.READ, [external_id])

    assert (result.is_done, result.reason) == (False, "the market did not mention it")


async def test_the_key_ends_after_180_days(rig: Rig) -> None:
    access = await rig.connector.test()

    assert access.account == "ひだまり雑貨店"
    assert access.expires_at == datetime(2027, 5, 17, 1, 23, 45, tzinfo=UTC)
