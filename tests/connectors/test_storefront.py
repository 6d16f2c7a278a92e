"""The own site: signatures and the reply callback."""

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook

import connectors.storefront
from connectors.storefront.connector import StorefrontConnector
from connectors.storefront.settings import StorefrontSettings
from connectors.storefront.signature import is_signed, parse_secret, sign
from connectors.storefront.simulator import (
    FIRST_SECRET,
    PHOTO,
    SECOND_SECRET,
)
from gateway.sdk import (
    AuthenticationError,
    ConnectorError,
    Mark,
    OutboundFile,
    RateLimitedError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from gateway.sdk.testing import (
    Fault,
    FaultKind,
    MemoryBudget,
    serving,
)
from tests.connectors.storefront_shop import KEYS, Recorder, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()


# Signatures

VECTORS = [
    (
        FIRST_SECRET,
        "inq_01JD3ZQ8M6X1",
        1795137330,
        '{"type":"inquiry.created","timestamp":"2026-11-20T01:15:30Z","data":{"external_id":"form-000123",'
        '"subject":"サイズ交換について"}}',
        "v1,v67aNIfdP1+w6HM0trM/sKopF2W+MT/hvZe/pb7fnbI=",
    ),
    (
        SECOND_SECRET,
        "inq_01JD3ZQ8M6X1",
        1795137330,
        '{"type":"inquiry.created","timestamp":"2026-11-20T01:15:30Z","data":{"external_id":"form-000123",'
        '"subject":"サイズ交換について"}}',
        "v1,tQyUDmZTL9FIVubjIwGd30JlDAptXMVmT3604Mt9uvI=",
    ),
    (
        FIRST_SECRET,
        "rpl_01JD40B7Y2K9",
        1795140000,
        '{"type":"inquiry.reply.created","timestamp":"2026-11-20T02:00:00Z","data":{"external_id":"form-000123",'
        '"body":"お問い合わせありがとうございます。"}}',
        "v1,/4t2fJ5ZEyuFV6DJc1bjM4AnUYyeClxhUBQCxh6T8yw=",
    ),
]


@pytest.mark.parametrize(("secret", "event_id", "seconds", "body", "signature"), VECTORS)
def test_the_vectors_are_signed_and_recognised(
    secret: str, event_id: str, seconds: int, body: str, signature: str
) -> None:
    key = parse_secret(secret)

    made = sign([key], event_id, datetime.fromtimestamp(seconds, UTC), body)
    is_right = is_signed([key], event_id=event_id, timestamp=str(seconds), signatures=signature, body=body.encode())

    assert made == signature
    assert is_right


def test_the_readmes_python_example_makes_the_vectors() -> None:
    readme = (Path(connectors.storefront.__file__).parent / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {}

    exec(example.group(1), names)  # noqa: S102 - the page's own example, to prove that it works

    for secret, event_id, seconds, body, signature in VECTORS:
        assert names["sign"](secret, event_id, seconds, body) == signature
    assert VECTORS[0][3] in readme
    assert VECTORS[0][4] in readme


def test_a_rotation_signs_with_both_and_either_key_accepts() -> None:
    _, event_id, seconds, body, first = VECTORS[0]
    header = sign(KEYS, event_id, datetime.fromtimestamp(seconds, UTC), body)

    accepted = [
        is_signed([key], event_id=event_id, timestamp=str(seconds), signatures=header, body=body.encode())
        for key in KEYS
    ]

    assert header == f"{first} {VECTORS[1][4]}"
    assert accepted == [True, True]


@pytest.mark.parametrize("noise", ["nonsense", "v1", "v1,", "v1,###", "v1a,AAAA", "v2,AAAA", ",", "v1,あ", ""])
def test_entries_that_say_nothing_do_not_hide_the_right_one(noise: str) -> None:
    _, event_id, seconds, body, signature = VECTORS[0]

    is_right = is_signed(
        KEYS[:1],
        event_id=event_id,
        timestamp=str(seconds),
        signatures=f"{noise} {signature}",
        body=body.encode(),
    )

    assert is_right


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "whsec_!!!!", "whsec_" + "A" * 92])
def test_a_secret_that_is_no_key_is_refused_in_the_settings(secret: str) -> None:
    with pytest.raises(ValidationError):
        StorefrontSettings.model_validate({"secrets": [secret]})


# B3: the reply callback


async def test_a_reply_is_signed_so_that_the_reference_library_accepts_it(shop: Shop) -> None:
    recorder = Recorder()
    context = dataclasses.replace(shop.context, transport=recorder, now=lambda: datetime.now(UTC))
    settings = {**shop.settings, "callback_secrets": [SECOND_SECRET, FIRST_SECRET]}
    connector = StorefrontConnector(StorefrontSettings.model_validate(settings), context)

    await connector.send(shop.reply())

    for secret in (FIRST_SECRET, SECOND_SECRET):
        event = Webhook(secret).verify(recorder.requests[0].content, dict(recorder.requests[0].headers))
        assert event["type"] == "inquiry.reply.created"
    assert recorder.requests[0].headers["webhook-id"] == "rpl_01jd40b7y2k9"
    assert event["data"] == {
        "case_id": "case_1",
        "external_id": "form-000123",
        "reply_id": "rpl_01jd40b7y2k9",
        "author": {"kind": "agent", "display_name": "カスタマーサポート"},
        "body": "承ります。",
        "attachments": [],
        "channel_actions": {"send_email_by": "storefront"},
    }


async def test_over_retries_the_id_stays_and_the_timestamp_is_fresh(shop: Shop) -> None:
    shop.simulator.faults.add(Fault(kind=FaultKind.ANSWER_AFTER, status=500))
    with pytest.raises(UnknownOutcomeError):
        await shop.connector.send(shop.reply())
    shop.clock.advance(timedelta(minutes=30))

    await shop.connector.send(shop.reply())

    first, second = shop.simulator.deliveries
    assert first.event_id == second.event_id
    assert second.timestamp - first.timestamp == 1800
    assert second.is_repeated
    assert shop.shop_texts() == ["承ります。"]


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_any_2xx_is_a_delivery(shop: Shop, status: int) -> None:
    shop.simulator.faults.add(Fault(kind=FaultKind.ANSWER_AFTER, status=status))

    receipt = await shop.connector.send(shop.reply())

    assert receipt.external_id == "form-000123:rpl_01jd40b7y2k9"
    assert receipt.sent_at == shop.clock.now()


@pytest.mark.parametrize(
    ("status", "error", "problem"),
    [
        (301, RejectedError, "redirected"),
        (308, RejectedError, "redirected"),
        (400, RejectedError, "rejected"),
        (404, RejectedError, "rejected"),
        (401, AuthenticationError, "unauthorised"),
        (410, AuthenticationError, "endpoint_disabled"),
        (429, RateLimitedError, "rate_limited"),
        (500, UnknownOutcomeError, "server_error"),
        (502, UnknownOutcomeError, "server_error"),
        (503, UnknownOutcomeError, "server_error"),
        (504, UnknownOutcomeError, "server_error"),
    ],
)
async def test_the_shops_answer_says_what_happens_next(
    shop: Shop, status: int, error: type[ConnectorError], problem: str
) -> None:
    elsewhere = {"location": "https://elsewhere.example/", "content-type": "text/html"}
    shop.simulator.faults.add(
        Fault(kind=FaultKind.ANSWER, status=status, headers=elsewhere, body="社外秘の内容".encode())
    )

    with pytest.raises(error) as caught:
        await shop.connector.send(shop.reply())

    assert caught.value.code == problem
    assert caught.value.status == status
    assert "社外秘" not in caught.value.evidence + caught.value.message
    assert str(status) in caught.value.evidence
    assert len(shop.simulator.requests) == 1


async def test_a_busy_shop_gets_the_time_it_asks_for(shop: Shop) -> None:
    assert isinstance(shop.context.budget, MemoryBudget)
    for status in (429, 502, 504):
        answer = Fault(kind=FaultKind.ANSWER, status=status, headers={"retry-after": "77"})
        shop.simulator.faults.add(answer)
        with pytest.raises(ConnectorError):
            await shop.connector.send(shop.reply())

    assert shop.context.budget.pauses == [timedelta(seconds=77)] * 3


@pytest.mark.parametrize("kind", [FaultKind.TIME_OUT_AFTER, FaultKind.CUT_AFTER, FaultKind.CUT_MIDWAY])
async def test_a_reply_whose_answer_is_lost_is_sent_again_without_a_second_copy(shop: Shop, kind: FaultKind) -> None:
    shop.simulator.faults.add(Fault(kind=kind))
    with pytest.raises(UnknownOutcomeError):
        await shop.connector.send(shop.reply())

    await shop.connector.send(shop.reply())

    assert shop.shop_texts() == ["承ります。"]


async def test_files_of_a_reply_come_inside_the_callback(shop: Shop) -> None:
    file = OutboundFile(name="案内.png", content_type="image/png", size=len(PHOTO), content=PHOTO)

    await shop.connector.send(shop.reply(files=(file,)))

    kept = shop.simulator.thread("form-000123").messages[0].files
    assert [(one.name, one.content) for one in kept] == [("案内.png", PHOTO)]


async def test_limits_of_a_reply_are_settings() -> None:
    shop = Shop(max_reply_chars=5, max_reply_files=0)

    with pytest.raises(RejectedError) as caught:
        await shop.connector.send(shop.reply(text="123456"))

    assert caught.value.code == "text_too_long"
    assert shop.simulator.requests == []


async def test_without_an_address_there_is_no_reply_and_the_reason_is_told() -> None:
    shop = Shop(callback_url=None)

    violations = shop.connector.check(shop.reply())
    access = await shop.connector.test()

    assert shop.connector.limits.reply is None
    assert shop.connector.limits.marks == frozenset()
    assert "callback_url" in violations[0].message.ja
    assert "callback_url" in access.warnings[0]


@pytest.mark.parametrize("reply_id", ["rpl.with.stops", "x", "あ" * 9, "r" * 65])
async def test_an_id_that_does_not_fit_the_protocol_is_replaced_by_a_fixed_one(shop: Shop, reply_id: str) -> None:
    for _ in range(2):
        await shop.connector.send(shop.reply(reply_id=reply_id))

    ids = {delivery.event_id for delivery in shop.simulator.deliveries}
    assert len(ids) == 1
    assert re.fullmatch(r"[A-Za-z0-9_-]{8,64}", ids.pop())


async def test_the_channel_test_proves_the_callback(shop: Shop) -> None:
    access = await shop.connector.test()

    assert access.account == "127.0.0.1"
    assert [delivery.type for delivery in shop.simulator.deliveries] == ["endpoint.test"]


async def test_the_channel_test_warns_of_what_is_not_closed() -> None:
    shop = Shop(bot_check="none", secrets=[SECOND_SECRET, FIRST_SECRET])

    access = await shop.connector.test()

    assert len(access.warnings) == 2


async def test_a_status_is_told_once_and_every_change_anew(shop: Shop) -> None:
    shop.simulator.customer_writes("在庫はありますか？")
    await shop.deliver_all()
    thread = shop.inquiries[0].external_id

    for mark in (Mark.COMPLETED, Mark.COMPLETED, Mark.REOPENED, Mark.COMPLETED):
        shop.clock.advance(timedelta(minutes=1))
        assert [result.is_done for result in await shop.connector.mark(mark, [thread])] == [True]

    statuses = [delivery.body["data"]["status"] for delivery in shop.simulator.deliveries]
    assert statuses == ["closed", "open", "closed"]
    assert len({delivery.event_id for delivery in shop.simulator.deliveries}) == 3


async def test_a_status_whose_answer_was_lost_is_told_again_under_its_id(shop: Shop) -> None:
    thread = shop.simulator.customer_writes("在庫はありますか？")
    shop.simulator.faults.add(Fault(kind=FaultKind.ANSWER_AFTER, status=500, times=3))
    with pytest.raises(RetryableError):
        await shop.connector.mark(Mark.COMPLETED, [thread])
    shop.clock.advance(timedelta(minutes=5))

    await shop.connector.mark(Mark.COMPLETED, [thread])

    assert len({delivery.event_id for delivery in shop.simulator.deliveries}) == 1
    assert shop.simulator.thread(thread).flags.is_completed


async def test_a_thread_that_the_shop_opened_again_is_closed_again(shop: Shop) -> None:
    thread = shop.simulator.customer_writes("在庫はありますか？")
    await shop.deliver_all()
    await shop.connector.mark(Mark.COMPLETED, [thread])
    shop.clock.advance(timedelta(minutes=1))
    shop.simulator.staff_marks(thread, Mark.REOPENED)
    await shop.deliver_all()

    await shop.connector.mark(Mark.COMPLETED, [thread])

    assert shop.inquiries[-1].flags.is_completed is False
    assert shop.simulator.thread(thread).flags.is_completed is True


async def test_a_thread_that_the_shop_does_not_know_fails_alone(shop: Shop) -> None:
    thread = shop.simulator.customer_writes("在庫はありますか？")

    results = await shop.connector.mark(Mark.COMPLETED, ["form-unknown", thread])

    assert [(result.external_id, result.is_done) for result in results] == [("form-unknown", False), (thread, True)]
    assert "404" in results[0].reason


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34/callback",
        "https://127.0.0.1/callback",
        "https://[::ffff:10.0.0.1]/callback",
        "https://169.254.169.254/latest/meta-data",
        "https://100.100.100.200/",
        "https://93.184.216.34:8443/callback",
    ],
)
async def test_a_callback_never_calls_into_our_own_network(shop: Shop, url: str) -> None:
    recorder = Recorder()
    context = dataclasses.replace(shop.context, transport=recorder, allows_private_addresses=False)
    connector = StorefrontConnector(StorefrontSettings.model_validate({**shop.settings, "callback_url": url}), context)

    with pytest.raises(AuthenticationError) as caught:
        await connector.send(shop.reply())

    assert caught.value.code == "address_refused"
    assert recorder.requests == []


async def test_a_callback_to_a_public_address_is_made(shop: Shop) -> None:
    recorder = Recorder()
    context = dataclasses.replace(shop.context, transport=recorder, allows_private_addresses=False)
    settings = {**shop.settings, "callback_url": "https://93.184.216.34:8443/callback", "callback_ports": [443, 8443]}
    connector = StorefrontConnector(StorefrontSettings.model_validate(settings), context)

    await connector.send(shop.reply())

    assert [str(request.url) for request in recorder.requests] == ["https://93.184.216.34:8443/callback"]


@pytest.mark.parametrize(
    "url", ["https://user:pw@shop.example.jp/", "https://user@shop.example.jp/", "ftp://shop.example.jp/", "shop", ""]
)
def test_an_address_with_a_user_or_without_a_host_is_no_setting(url: str) -> None:
    with pytest.raises(ValidationError):
        StorefrontSettings.model_validate({"secrets": [FIRST_SECRET], "callback_url": url})


@pytest.mark.parametrize(
    "origin", ["https://shop.example.jp/", "shop.example.jp", "https://Shop.example.jp", "null", "*", "https://a@b"]
)
def test_an_origin_that_could_never_match_is_no_setting(origin: str) -> None:
    with pytest.raises(ValidationError):
        StorefrontSettings.model_validate({"secrets": [FIRST_SECRET], "form_origins": [origin]})


async def test_a_reply_travels_over_a_real_socket_also_when_the_line_is_cut(shop: Shop) -> None:
    async with serving(shop.simulator.app) as base_url:
        context = dataclasses.replace(shop.context, transport=None)
        settings = StorefrontSettings.model_validate(shop.simulator.settings(base_url))
        connector = StorefrontConnector(settings, context)
        shop.simulator.faults.add(Fault(kind=FaultKind.CUT_AFTER))
        with pytest.raises(UnknownOutcomeError):
            await connector.send(shop.reply())

        await connector.send(shop.reply())

    assert shop.shop_texts() == ["承ります。"]
    assert [delivery.is_repeated for delivery in shop.simulator.deliveries] == [False, True]
