"""What is peculiar to Rakuten; the contract kit checks the rest."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
import respx

from connectors.rakuten.client import authorization
from connectors.rakuten.connector import RakutenConnector, to_record
from connectors.rakuten.settings import RakutenSettings
from connectors.rakuten.simulator import RakutenSimulator
from gateway.sdk import (
    Attachment,
    AuthenticationError,
    AuthorRole,
    ConnectorError,
    Inquiry,
    Kind,
    MappingError,
    Mark,
    Moment,
    OutboundFile,
    OutboundReply,
    Page,
    RateLimitedError,
    RawRecord,
    RejectedError,
    RetryableError,
    Thread,
    UnknownOutcomeError,
)
from gateway.sdk.testing import Fault, FaultKind, MemoryBudget, SimulatedClock, SimulatedFile, memory_context

NOW = datetime(2026, 10, 6, 3, 0, tzinfo=UTC)
LIST = "GET /es/1.0/inquirymng-api/inquiries"
REPLY = "POST /es/1.0/inquirymng-api/inquiry/reply"
DOWNLOAD = "GET /es/1.0/inquirymng-api/attachment"
PDF = OutboundFile(name="denpyo.pdf", content_type="application/pdf", size=4, content=b"%PDF")


class Shop:
    """A channel at a simulated Rakuten, by a clock that stands still."""

    def __init__(self, **options: Any) -> None:
        self.clock = SimulatedClock(NOW)
        self.mall = RakutenSimulator(self.clock)
        self.budget = MemoryBudget()
        self.options = options
        self.connector = self.connect()

    def connect(self, **changes: Any) -> RakutenConnector:
        """Return a connector with the mall's present credentials and `changes`."""
        settings = {**self.mall.settings("http://mall.invalid"), **self.options, **changes}
        context = replace(memory_context(self.clock.now, self.mall.transport), budget=self.budget)
        return RakutenConnector(RakutenSettings.model_validate(settings), context)

    async def read(
        self, cursor: str | None = None, *, until: Callable[[Page], bool] = lambda page: False
    ) -> list[Page]:
        """Fetch until nothing is due, or `until` is true."""
        pages = [await self.connector.fetch(cursor)]
        while pages[-1].has_more and not until(pages[-1]):
            pages.append(await self.connector.fetch(pages[-1].cursor))
        return pages

    def opened(self, text: str = "まだ届きません。", **written: Any) -> str:
        """Return the number of a thread that a customer has opened."""
        return self.mall.customer_writes(text, **written)

    def reply(self, number: str, text: str = "確認いたします。", **changes: Any) -> OutboundReply:
        """Return an answer to the thread `number`."""
        thread = Thread(external_id=number, context={"shop_id": "377001"})
        reply = {"reply_id": "rpl_1", "case_id": "case_1", "thread": thread, "text": text, "created_at": NOW, **changes}
        return OutboundReply(**reply)


def external_ids(pages: list[Page]) -> set[str | None]:
    return {record.external_id for page in pages for record in page.records}


def row(**changes: Any) -> dict[str, Any]:
    """Return a small thread as the mall lists it."""
    return {
        "inquiryNumber": "377001-20261005-49610233o",
        "shopId": 377001,
        "userName": "佐倉 美晴",
        "message": "まだ届きません。",
        "regDate": "2026-10-05T09:02:41+09:00",
        "lastUpdateDate": "2026-10-05T09:02:41+09:00",
        "type": "受注問い合わせ",
        "category": "送料・商品配送",
        "replies": [],
        "attachments": [],
        **changes,
    }


def reply_row(**changes: Any) -> dict[str, Any]:
    return {"id": 0, "message": "はい。", "regDate": "2026-10-05T10:00:00+09:00", "replyFrom": "merchant", **changes}


def normalise(payload: Any) -> Inquiry:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Shop().connector.normalise(RawRecord(payload=data))


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    yield shop
    await shop.connector.aclose()


@pytest.fixture
def router() -> respx.MockRouter:
    """A mall that answers as the test says."""
    return respx.MockRouter(base_url="https://api.rms.rakuten.co.jp/es/1.0", assert_all_called=False)


@pytest_asyncio.fixture
async def mocked(router: respx.MockRouter) -> AsyncIterator[RakutenConnector]:
    settings = RakutenSettings.model_validate(
        {"service_secret": "SP377001_aB3dE5fG7h", "license_key": "SL377001_Zy9Xw8Vu7Ts"}
    )
    transport = httpx.MockTransport(router.async_handler)
    connector = RakutenConnector(settings, memory_context(lambda: NOW, transport))
    yield connector
    await connector.aclose()


# Credentials


def test_the_header_is_the_base64_of_secret_and_key() -> None:
    header = authorization("SP377001_aB3dE5fG7h", "SL377001_Zy9Xw8Vu7Ts")

    assert header == "ESA U1AzNzcwMDFfYUIzZEU1Zkc3aDpTTDM3NzAwMV9aeTlYdzhWdTdUcw=="


async def test_a_key_that_was_copied_with_a_line_break_works(shop: Shop) -> None:
    connector = shop.connect(license_key=f"  {shop.mall.license_key}\n")

    access = await connector.test()

    assert access.account == "Rakuten Ichiba"


async def test_the_test_names_the_shop_and_the_end_of_its_key_in_utc(shop: Shop) -> None:
    shop.opened()

    access = await shop.connector.test()

    assert access.account == "Rakuten Ichiba 377001"
    assert access.expires_at == NOW + timedelta(days=90)
    assert access.warnings == ()


async def test_a_new_key_ends_the_old_one_at_once_and_works_only_after_a_while(shop: Shop) -> None:
    shop.mall.switches.new_key_delay = timedelta(minutes=20)

    renewed = shop.connect(**shop.mall.renew_credentials())

    with pytest.raises(AuthenticationError):
        await shop.connector.fetch(None)
    with pytest.raises(AuthenticationError, match="30 minutes"):
        await renewed.fetch(None)
    shop.clock.advance(timedelta(minutes=20))
    assert (await renewed.test()).expires_at == NOW + timedelta(days=90)


async def test_a_key_ends_after_90_days(shop: Shop) -> None:
    shop.clock.advance(timedelta(days=90))
    await shop.connector.fetch(None)
    shop.clock.advance(timedelta(seconds=1))

    with pytest.raises(AuthenticationError) as caught:
        await shop.connector.fetch(None)

    assert (caught.value.code, caught.value.status) == ("GA0001", 401)


async def test_a_function_that_is_off_is_named(shop: Shop) -> None:
    shop.mall.switches.disabled_functions.add("inquirymngapi.reply.post")
    number = shop.opened()

    with pytest.raises(AuthenticationError, match=r"inquirymngapi\.reply\.post is not allowed") as caught:
        await shop.connector.send(shop.reply(number))

    assert caught.value.status == 403
    assert shop.mall.thread(number).shop_texts == []


async def test_the_channel_works_without_the_function_that_tells_the_keys_end(shop: Shop) -> None:
    shop.mall.switches.disabled_functions.add("license.expiryDate.get")

    access = await shop.connector.test()

    assert access.expires_at is None
    assert "license.expiryDate.get" in access.warnings[0]


async def test_no_credential_stands_in_an_error_or_a_log_line(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    secrets = [
        shop.mall.service_secret,
        shop.mall.license_key,
        authorization(shop.mall.service_secret, shop.mall.license_key),
    ]
    echo = json.dumps({"errors": [{"code": "X", "message": " ".join(secrets)}], "error": None}).encode()
    number = shop.opened()
    caplog.set_level(logging.DEBUG)
    told = []

    await shop.connector.test()
    for status in (302, 400, 401, 403, 404, 409, 413, 429, 500, 503):
        shop.mall.faults.add(Fault(kind=FaultKind.ANSWER, operation=REPLY, status=status, body=echo))
        with pytest.raises(ConnectorError) as caught:
            await shop.connector.send(shop.reply(number))
        told.append(f"{caught.value!r} {caught.value.evidence} {caught.value.code}")

    leaked = [text for text in [*told, caplog.text] for secret in secrets if secret.removeprefix("ESA ") in text]
    assert leaked == []
    assert "expiry-date" in caplog.text


# Reading


async def test_dates_go_out_as_japan_time_without_offset(mocked: RakutenConnector, router: respx.MockRouter) -> None:
    empty = {"totalCount": 0, "totalPageCount": 0, "page": 1, "list": []}
    route = router.get("/inquirymng-api/inquiries").respond(json=empty)

    await mocked.fetch(None)

    query = route.calls.last.request.url.params
    assert dict(query) == {
        "fromDate": "2026-09-29T12:00:00",
        "toDate": "2026-10-06T12:00:01",
        "limit": "100",
        "page": "1",
    }


async def test_neighbouring_windows_overlap_since_nobody_knows_whether_their_ends_belong_to_them(
    mocked: RakutenConnector, router: respx.MockRouter
) -> None:
    empty = {"totalCount": 0, "totalPageCount": 0, "page": 1, "list": []}
    route = router.get("/inquirymng-api/inquiries").respond(json=empty)

    younger = await mocked.fetch(None)
    await mocked.fetch(younger.cursor)

    first, second = (call.request.url.params for call in route.calls)
    assert second["toDate"] > first["fromDate"]


async def test_windows_keep_within_31_days_and_leave_no_gap_back_to_a_year(shop: Shop) -> None:
    pages = await shop.read()

    spans = sorted((span for page in pages for span in page.covered), key=lambda span: span.start)
    assert max(span.end - span.start for span in spans) <= timedelta(days=30)
    assert [one.end for one in spans[:-1]] == [following.start for following in spans[1:]]
    assert (spans[0].start, spans[-1].end) == (NOW - timedelta(days=365), NOW)


async def test_the_list_is_read_again_when_a_sweep_is_due(shop: Shop) -> None:
    first = (await shop.read())[-1]

    early = await shop.connector.fetch(first.cursor)
    shop.clock.advance(timedelta(minutes=5))
    shop.opened()
    due = await shop.connector.fetch(early.cursor)

    assert (early.records, early.next_at) == ((), NOW + timedelta(minutes=5))
    assert len(due.records) == 1


async def test_a_row_that_shifts_in_while_a_window_is_read_makes_it_start_again() -> None:
    shop = Shop(page_size=10)
    old = {shop.opened(at=NOW - timedelta(hours=hour)) for hour in range(1, 26)}
    first = await shop.connector.fetch(None)

    late = shop.opened(at=NOW - timedelta(minutes=1))
    second = await shop.connector.fetch(first.cursor)
    rest = await shop.read(second.cursor)

    assert second.covered == ()
    assert external_ids(rest) == {*old, late}


async def test_a_window_with_more_rows_than_can_be_reached_is_halved_until_it_fits() -> None:
    shop = Shop(page_size=30, max_window_rows=100)
    opened = {shop.opened(at=NOW - timedelta(minutes=40 * number)) for number in range(250)}

    pages = await shop.read(
        until=lambda page: len(page.covered) > 0 and page.covered[0].start <= NOW - timedelta(days=7)
    )

    assert external_ids(pages) == opened
    spans = [span for page in pages for span in page.covered]
    # 100 rows are reached by three pages of 30: a fourth page would cross the bound.
    assert max(span.count or 0 for span in spans) <= 90
    assert sum(span.count or 0 for span in spans) >= 250
    assert [one.start for one in spans[:-1]] == [following.end for following in spans[1:]]


async def test_a_page_over_the_malls_bound_makes_the_window_smaller() -> None:
    shop = Shop(max_window_rows=20_000)
    opened = {shop.opened(at=NOW - timedelta(seconds=50 * number)) for number in range(10_050)}

    pages = await shop.read(
        until=lambda page: len(page.covered) > 0 and page.covered[0].start <= NOW - timedelta(days=7)
    )

    refused = [request for request in shop.mall.requests if request.status == 400]
    assert len(refused) == 1
    assert external_ids(pages) == opened


async def test_more_rows_in_a_second_than_can_be_reached_are_read_as_far_as_they_go_and_not_claimed() -> None:
    shop = Shop(page_size=30, max_window_rows=100)
    crowded = NOW - timedelta(days=1)
    for number in range(120):
        shop.opened(str(number), at=crowded)
    before = shop.opened(at=crowded - timedelta(hours=1))

    pages = await shop.read()

    found = external_ids(pages)
    assert before in found
    assert len(found) == 91
    spans = [span for page in pages for span in page.covered]
    assert [span for span in spans if span.start <= crowded < span.end] == []


async def test_a_404_of_the_list_is_an_empty_page(shop: Shop) -> None:
    shop.mall.switches.answers_empty_list_with_404 = True

    pages = await shop.read()

    assert external_ids(pages) == set()
    assert pages[0].covered[0].count == 0


async def test_a_404_behind_the_last_page_ends_the_window() -> None:
    shop = Shop(page_size=10)
    shop.mall.switches.answers_page_past_end_with_404 = True
    opened = {shop.opened(at=NOW - timedelta(hours=hour)) for hour in range(1, 21)}

    pages = await shop.read()

    assert external_ids(pages) == opened


async def test_reading_starts_over_from_a_cursor_of_another_form(shop: Shop) -> None:
    number = shop.opened()

    pages = await shop.read('{"sweeps":"damaged"}')

    assert external_ids(pages) == {number}


async def test_unknown_members_are_kept_in_the_record_and_ignored(shop: Shop) -> None:
    shop.mall.switches.adds_unknown_members = True
    number = shop.opened()

    record = (await shop.connector.fetch(None)).records[0]

    assert b'"brandNew"' in record.payload
    assert shop.connector.normalise(record).external_id == number


async def test_a_list_without_its_count_is_tried_again_later(
    mocked: RakutenConnector, router: respx.MockRouter
) -> None:
    router.get("/inquirymng-api/inquiries").respond(json={"list": []})

    with pytest.raises(RetryableError) as caught:
        await mocked.fetch(None)

    assert caught.value.code == "unreadable_answer"


async def test_a_detail_answer_without_result_is_tried_again_later(
    mocked: RakutenConnector, router: respx.MockRouter
) -> None:
    router.get("/inquirymng-api/inquiry/377001-1").respond(json=row())

    with pytest.raises(RetryableError):
        await mocked.fetch_inquiry("377001-1")


async def test_what_cannot_be_an_inquiry_number_is_not_asked_for(shop: Shop) -> None:
    record = await shop.connector.fetch_inquiry("../inquiries")

    assert record is None
    assert shop.mall.requests == []


def test_a_row_without_a_readable_number_is_a_record_without_id() -> None:
    rows = [row(inquiryNumber=7), row(inquiryNumber=""), row(inquiryNumber="a\x00"), "text", None, [1]]

    ids = [to_record(one).external_id for one in rows]

    assert ids == [None] * len(rows)


def test_half_a_surrogate_pair_stays_in_the_record_and_becomes_a_replacement_character() -> None:
    record = to_record(row(message="絵文字\ud83d です\x00"))

    inquiry = Shop().connector.normalise(record)

    assert b"\\ud83d" in record.payload
    assert inquiry.messages[0].text == "絵文字\ufffd です\ufffd"


# Understanding


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"inquiryNumber": None}, "/inquiryNumber"),
        ({"inquiryNumber": 7}, "/inquiryNumber"),
        ({"regDate": "きのう"}, "/regDate"),
        ({"regDate": "0001-01-01T00:00:00+09:00"}, "/regDate"),
        ({"regDate": None, "lastUpdateDate": None}, "/regDate"),
        ({"message": ["？"]}, "/message"),
        ({"isCompleted": "たぶん"}, "/isCompleted"),
        ({"replies": {"id": 0}}, "/replies"),
        ({"replies": [reply_row(), reply_row(id=None)]}, "/replies/1/id"),
        ({"replies": [reply_row(attachments=[{"path": 5}])]}, "/replies/0/attachments/0/path"),
        ({"replies": [reply_row(), reply_row(message="いいえ。")]}, "/replies/1/id"),
    ],
)
def test_damage_is_named_by_its_place(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(MappingError) as caught:
        normalise(row(**changes))

    assert caught.value.pointer == pointer


def test_everything_but_the_number_and_one_date_may_be_missing() -> None:
    inquiry = normalise({"inquiryNumber": "377001-1", "lastUpdateDate": "2026-10-05T09:02:41"})

    assert inquiry.opened_at == datetime(2026, 10, 5, 0, 2, 41, tzinfo=UTC)
    assert inquiry.messages[0].external_id == "377001-1#0-root"
    assert (inquiry.subject, inquiry.kind, inquiry.moment) == ("お問い合わせ", Kind.OTHER, Moment.UNKNOWN)


def test_a_reply_of_an_unknown_author_is_shown_as_the_systems() -> None:
    inquiry = normalise(row(replies=[reply_row(replyFrom="robot")]))

    assert inquiry.messages[1].author_role is AuthorRole.SYSTEM


def test_the_gift_recipient_is_no_customer_of_the_order() -> None:
    inquiry = normalise(row(socialGiftUserType="受取人", replies=[reply_row(replyFrom="user")]))

    assert {message.author_role for message in inquiry.messages} == {AuthorRole.GIFT_RECIPIENT}


def test_the_shop_wrote_the_first_message_of_a_thread_that_it_opened() -> None:
    inquiry = normalise(row(type="店舗からの問い合わせ", replies=[reply_row(replyFrom="user")]))

    assert [message.author_role for message in inquiry.messages] == [AuthorRole.SHOP, AuthorRole.CUSTOMER]
    assert [message.author_name for message in inquiry.messages] == [None, "佐倉 美晴"]


def test_a_deleted_message_loses_its_text_and_files_even_if_they_are_delivered() -> None:
    file = {"label": "a.png", "path": "2026/10/05/377001/1"}

    inquiry = normalise(row(replies=[reply_row(isMessageDeleted=True, attachments=[file])]))

    assert (inquiry.messages[1].text, inquiry.messages[1].attachments) == ("", ())
    assert inquiry.messages[1].is_deleted


def test_a_reply_that_is_listed_twice_is_one_message() -> None:
    inquiry = normalise(row(replies=[reply_row(), reply_row()]))

    assert len(inquiry.messages) == 2


@pytest.mark.parametrize(
    ("type_", "category", "order", "kind", "moment"),
    [
        ("商品問い合わせ", "", None, Kind.PRODUCT, Moment.BEFORE),
        ("商品問い合わせ", "配送", None, Kind.DELIVERY, Moment.BEFORE),
        ("店舗問い合わせ", "再入荷・在庫", None, Kind.PRODUCT, Moment.BEFORE),
        ("店舗問い合わせ", "返品・交換・キャンセル", None, Kind.RETURN_REFUND, Moment.UNKNOWN),
        ("店舗問い合わせ", "", None, Kind.OTHER, Moment.UNKNOWN),
        ("受注問い合わせ", "決済方法・購入金額", "377001-20261003-0512345678", Kind.PAYMENT, Moment.AFTER),
        ("店舗からの問い合わせ", "注文内容の確認", None, Kind.ORDER_CHANGE, Moment.AFTER),
        ("ライブ問い合わせ", "配信中の質問", None, Kind.OTHER, Moment.UNKNOWN),
        ("ライブ問い合わせ", "配信中の質問", "377001-20261003-0512345678", Kind.OTHER, Moment.AFTER),
    ],
)
def test_type_and_category_tell_what_is_asked_and_when(
    type_: str, category: str, order: str | None, kind: Kind, moment: Moment
) -> None:
    inquiry = normalise(row(type=type_, category=category, orderNumber=order))

    assert (inquiry.kind, inquiry.moment) == (kind, moment)


def test_only_a_path_becomes_a_link_to_the_item() -> None:
    sound = normalise(row(itemNumber="mug", itemUrl="/hidamari-zakka/mug/")).references[0]
    strange = normalise(row(itemNumber="mug", itemUrl=".evil.example/mug")).references[0]

    assert sound.url == "https://item.rakuten.co.jp/hidamari-zakka/mug/"
    assert strange.url is None


# Files


async def test_the_path_of_a_file_goes_out_encoded_once(mocked: RakutenConnector, router: respx.MockRouter) -> None:
    route = router.get("/inquirymng-api/attachment").respond(content=b"GIF89a", headers={"content-type": "image/gif"})
    file = Attachment(external_id="1", name="花 1.gif", reference={"path": "2026/10/05/1_a", "label": "花 1.gif"})

    await mocked.download(file, max_bytes=100)

    raw = route.calls.last.request.url.raw_path.decode()
    assert raw.endswith("?path=2026%2F10%2F05%2F1_a&label=%E8%8A%B1%201.gif")


async def test_an_error_in_json_under_200_is_no_file(shop: Shop) -> None:
    number = shop.opened(files=[SimulatedFile(name="a.png", content_type="image/png", content=b"\x89PNG")])
    record = await shop.connector.fetch_inquiry(number)
    assert record is not None
    attachment = shop.connector.normalise(record).messages[0].attachments[0]
    body = b'{"error":{"code":"IE001","message":"bad parameter"}}'
    shop.mall.faults.add(
        Fault(
            kind=FaultKind.ANSWER,
            operation=DOWNLOAD,
            status=200,
            body=body,
            headers={"content-type": "application/json;charset=UTF-8"},
        )
    )

    with pytest.raises(RejectedError, match="bad parameter") as caught:
        await shop.connector.download(attachment, max_bytes=1000)

    assert caught.value.code == "IE001"


async def test_a_file_whose_name_has_brackets_cannot_be_had(shop: Shop) -> None:
    number = shop.opened(files=[SimulatedFile(name="a[1].png", content_type="image/png", content=b"\x89PNG")])
    record = await shop.connector.fetch_inquiry(number)
    assert record is not None
    attachment = shop.connector.normalise(record).messages[0].attachments[0]

    with pytest.raises(RejectedError) as caught:
        await shop.connector.download(attachment, max_bytes=1000)

    assert caught.value.status == 404


async def test_a_file_without_a_path_is_refused_without_a_call(shop: Shop) -> None:
    attachment = normalise(row(attachments=[{"label": "a.png"}])).messages[0].attachments[0]

    with pytest.raises(RejectedError) as caught:
        await shop.connector.download(attachment, max_bytes=1000)

    assert caught.value.code == "file_unavailable"
    assert shop.mall.requests == []


async def test_an_upload_that_failed_behind_a_201_sends_no_reply(shop: Shop) -> None:
    shop.mall.switches.upload_error_message = "ウイルスが検出されました。"
    number = shop.opened()

    with pytest.raises(RejectedError, match=r"denpyo\.pdf: ウイルスが検出されました。") as caught:
        await shop.connector.send(shop.reply(number, files=(PDF,)))

    assert caught.value.code == "upload_failed"
    assert shop.mall.thread(number).shop_texts == []


async def test_an_upload_without_a_path_has_sent_nothing(mocked: RakutenConnector, router: respx.MockRouter) -> None:
    router.post("/inquirymng-api/attachment").respond(201, json={"result": {"label": "denpyo.pdf"}})
    reply = router.post("/inquirymng-api/inquiry/reply")

    with pytest.raises(RetryableError, match="named no path"):
        await mocked.send(Shop().reply("377001-1", files=(PDF,)))

    assert not reply.called


async def test_an_upload_is_tried_again_and_leaves_one_reply(shop: Shop) -> None:
    shop.mall.faults.add(Fault(kind=FaultKind.CUT_AFTER, operation="POST /es/1.0/inquirymng-api/attachment"))
    number = shop.opened()

    await shop.connector.send(shop.reply(number, files=(PDF,)))

    answer = shop.mall.thread(number).messages[-1]
    assert [(file.name, file.content) for file in answer.files] == [("denpyo.pdf", b"%PDF")]
    assert shop.mall.thread(number).shop_texts == ["確認いたします。"]


async def test_an_upload_over_the_malls_limit_is_the_gateways_error(
    mocked: RakutenConnector, router: respx.MockRouter
) -> None:
    too_large = {"errors": [{"code": "GF0003", "message": "Request entity too large"}]}
    router.post("/inquirymng-api/attachment").respond(413, json=too_large)

    with pytest.raises(RejectedError, match="Request entity too large") as caught:
        await mocked.send(Shop().reply("377001-1", files=(PDF,)))

    assert caught.value.code == "GF0003"


# Answering


async def test_the_shops_number_goes_out_as_text(mocked: RakutenConnector, router: respx.MockRouter) -> None:
    answer = {"result": {"message": "はい。", "regDate": "2026-10-06T12:00:00+09:00"}}
    route = router.post("/inquirymng-api/inquiry/reply").respond(201, json=answer)

    receipt = await mocked.send(Shop().reply("377001-1", "はい。\r\n承知しました。"))

    request = route.calls.last.request
    assert json.loads(request.content) == {
        "inquiryNumber": "377001-1",
        "shopId": "377001",
        "message": "はい。\n承知しました。",
    }
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert (receipt.external_id, receipt.sent_at) == (None, NOW)


async def test_a_thread_whose_shop_is_not_known_is_read_first(shop: Shop) -> None:
    number = shop.opened()

    await shop.connector.send(shop.reply(number, thread=Thread(external_id=number)))

    assert shop.mall.thread(number).shop_texts == ["確認いたします。"]


async def test_a_reply_to_a_thread_that_is_gone_is_refused(shop: Shop) -> None:
    reply = shop.reply("377001-1", thread=Thread(external_id="377001-1"))

    with pytest.raises(RejectedError) as caught:
        await shop.connector.send(reply)

    assert caught.value.code == "thread_unknown"


async def test_a_conflict_may_hide_an_earlier_try_that_arrived(shop: Shop) -> None:
    shop.mall.switches.refuses_repeated_text = True
    number = shop.opened()
    shop.mall.break_reply(FaultKind.CUT_AFTER)
    with pytest.raises(UnknownOutcomeError):
        await shop.connector.send(shop.reply(number))

    with pytest.raises(UnknownOutcomeError, match="earlier try may have arrived") as caught:
        await shop.connector.send(shop.reply(number))

    assert caught.value.status == 409
    assert shop.mall.thread(number).shop_texts == ["確認いたします。"]


async def test_a_conflict_is_a_refusal_where_the_shop_says_so(shop: Shop) -> None:
    shop.mall.switches.refuses_repeated_text = True
    number = shop.opened()
    await shop.connector.send(shop.reply(number))

    with pytest.raises(RejectedError):
        await shop.connect(is_conflict_unknown=False).send(shop.reply(number))


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"[]", b'{"result":[]}', b'{"result":null}'])
async def test_a_confirmation_that_cannot_be_read_is_no_confirmation(shop: Shop, body: bytes) -> None:
    number = shop.opened()
    shop.mall.faults.add(Fault(kind=FaultKind.ANSWER_AFTER, operation=REPLY, status=201, body=body))

    with pytest.raises(UnknownOutcomeError):
        await shop.connector.send(shop.reply(number))

    assert shop.mall.thread(number).shop_texts == ["確認いたします。"]


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("body", ["json", "html", "empty"])
async def test_a_breakdown_is_judged_by_its_status_whatever_its_body(shop: Shop, status: int, body: Any) -> None:
    number = shop.opened()
    shop.mall.break_down(status, body=body, operation=REPLY)
    shop.mall.break_down(status, body=body, operation=LIST, times=2)

    with pytest.raises(UnknownOutcomeError):
        await shop.connector.send(shop.reply(number))
    page = await shop.connector.fetch(None)

    assert page.records[0].external_id == number


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b'{"error":{"code":"IE001","message":"bad parameter","targets":{"message":"too long"}}}', "IE001", "too long"),
        (b'{"error":{"code":"IE001","message":"bad parameter","targets":"message"}}', "IE001", "bad parameter"),
        (b'{"errors":[{"code":"GX0001","message":"Bad gateway"}]}', "GX0001", "Bad gateway"),
        (b'{"errors":[]}', "rejected", "400"),
        (b'{"MessageModelList":[{"message":"no"}]}', "rejected", "400"),
        (b"[" * 100_000, "rejected", "400"),
        (b"<html>\xff</html>", "rejected", "400"),
        (b"", "rejected", "400"),
    ],
)
async def test_a_refusal_is_read_in_every_shape(shop: Shop, body: bytes, code: str, words: str) -> None:
    number = shop.opened()
    shop.mall.faults.add(Fault(kind=FaultKind.ANSWER, operation=REPLY, status=400, body=body))

    with pytest.raises(RejectedError) as caught:
        await shop.connector.send(shop.reply(number))

    assert caught.value.code == code
    assert words in caught.value.message


def test_a_file_needs_the_extension_of_its_kind(shop: Shop) -> None:
    files = (OutboundFile(name="写真", content_type="image/jpeg", size=10),)

    violations = shop.connector.check(shop.reply("377001-1", files=files))

    assert [(one.code, one.pointer, one.fix) for one in violations] == [
        ("file_name_extension", "/files/0/name", "写真.jpg")
    ]


def test_a_text_that_emoji_may_make_too_long_gets_a_warning(shop: Shop) -> None:
    text = "\n".join(["あ" * 198 + "😀"] * 10)

    violations = shop.connector.check(shop.reply("377001-1", text))

    assert [(one.code, one.is_warning) for one in violations] == [("text_may_be_too_long", True)]


@pytest.mark.parametrize(
    ("link", "codes"),
    [
        ("https://item.rakuten.co.jp/hidamari-zakka/", []),
        ("https://payment.sej.co.jp/od/hi.asp", []),
        ("http://www.rakuten.co.jp/", ["link_not_https"]),
        ("https://track.carrier.example/123", ["link_not_allowed"]),
        ("https://rakuten.co.jp.example/", ["link_not_allowed"]),
        ("https://notrakuten.co.jp/", ["link_not_allowed"]),
    ],
)
async def test_gateway_and_mall_agree_on_links(shop: Shop, link: str, codes: list[str]) -> None:
    reply = shop.reply(shop.opened(), f"こちらです。\n{link} をご覧ください。")

    found = [one.code for one in shop.connector.check(reply)]

    assert found == codes
    answer = await _post_unchecked(shop, reply)
    assert answer.status_code == (400 if codes else 201)


async def _post_unchecked(shop: Shop, reply: OutboundReply) -> httpx.Response:
    body = {"inquiryNumber": reply.thread.external_id, "shopId": "377001", "message": reply.text}
    header = {"Authorization": authorization(shop.mall.service_secret, shop.mall.license_key)}
    async with httpx.AsyncClient(
        transport=shop.mall.transport, base_url="http://mall.invalid", headers=header
    ) as client:
        return await client.post("/es/1.0/inquirymng-api/inquiry/reply", json=body)


# Rate limit


async def test_reads_wait_longer_after_each_429_without_retry_after(shop: Shop) -> None:
    shop.mall.switches.limits_rate, shop.mall.switches.retry_after = True, None
    await shop.connector.fetch(None)

    with pytest.raises(RateLimitedError) as caught:
        await shop.connector.fetch(None)

    assert shop.budget.pauses == [timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4)]
    assert caught.value.retry_after == timedelta(seconds=4)


async def test_a_retry_after_is_obeyed(shop: Shop) -> None:
    shop.mall.switches.limits_rate, shop.mall.switches.retry_after = True, 7
    await shop.connector.fetch(None)

    with pytest.raises(RateLimitedError) as caught:
        await shop.connector.fetch(None)

    assert shop.budget.pauses == [timedelta(seconds=7)] * 3
    assert caught.value.retry_after == timedelta(seconds=7)


async def test_a_reply_that_meets_the_rate_limit_is_tried_once_and_not_stored(shop: Shop) -> None:
    shop.mall.switches.limits_rate = True
    number = shop.opened()
    await shop.connector.fetch(None)

    with pytest.raises(RateLimitedError):
        await shop.connector.send(shop.reply(number))

    assert [request.operation for request in shop.mall.requests].count(REPLY) == 1
    assert shop.mall.thread(number).shop_texts == []


# Flags


async def test_a_batch_is_judged_thread_by_thread(shop: Shop) -> None:
    fresh, read = shop.opened("一"), shop.opened("二")
    shop.mall.staff_marks(read, Mark.READ)

    results = await shop.connector.mark(Mark.READ, [fresh, read, "377001-20260912-00000000x", "", "番号"])

    assert [(one.external_id, one.is_done, one.reason) for one in results] == [
        (fresh, True, ""),
        (read, True, ""),
        ("377001-20260912-00000000x", False, "not found."),
        ("", False, "not an inquiry number of Rakuten"),
        ("番号", False, "not an inquiry number of Rakuten"),
    ]
    assert shop.mall.thread(fresh).flags.is_read


async def test_more_threads_than_one_call_takes_are_several_calls(shop: Shop) -> None:
    numbers = [shop.opened(str(number)) for number in range(45)]

    results = await shop.connector.mark(Mark.COMPLETED, numbers)

    assert [one.external_id for one in results if one.is_done] == numbers
    assert len(shop.mall.requests) == 3


async def test_a_batch_that_is_refused_is_not_done(shop: Shop) -> None:
    number = shop.opened()
    shop.mall.break_down(400, operation="PATCH")

    (result,) = await shop.connector.mark(Mark.READ, [number])

    assert not result.is_done
    assert "inquirymngapi.inquiries.patch.read" in result.reason


async def test_a_thread_that_the_answer_forgets_is_not_done(mocked: RakutenConnector, router: respx.MockRouter) -> None:
    router.patch("/inquirymng-api/inquiries/complete").respond(json={"result": {"ok": [], "error": None}})

    (result,) = await mocked.mark(Mark.COMPLETED, ["377001-1"])

    assert not result.is_done


async def test_a_flag_that_rakuten_does_not_have_is_not_done(shop: Shop) -> None:
    (result,) = await shop.connector.mark(Mark.PRIVATE, ["377001-1"])

    assert not result.is_done
    assert shop.mall.requests == []


# Settings


def test_a_sweep_that_reaches_no_further_than_the_one_before_it_is_left_out() -> None:
    settings = Shop(archive_reach="P30D", deep_reach="P210D").connector.settings

    assert [sweep.name for sweep in settings.sweeps()] == ["recent", "month", "deep"]


def test_settings_change_what_the_channel_declares() -> None:
    limits = Shop(page_size=50, request_interval="PT2S", mark_batch_size=5, proves_absence=True).connector.limits

    assert (limits.page_size, limits.request_interval) == (50, timedelta(seconds=2))
    assert (limits.mark_batch_size, limits.proves_absence) == (5, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"license_key": "  "},
        {"base_url": "ftp://api.rms.rakuten.co.jp"},
        {"window": "P31D"},
        {"page_size": 101},
        {"recent_reach": "P40D"},
        {"item_link_prefix": "javascript:alert(1)"},
        {"licence_key": "SL"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\d validation error"):
        Shop(**wrong)
