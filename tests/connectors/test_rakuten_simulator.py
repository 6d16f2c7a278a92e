"""The simulated R-Messe answers as its specification says, also where the connector never asks."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from connectors.rakuten.client import authorization
from connectors.rakuten.simulator import LICENSE_KEY, SERVICE_SECRET, RakutenSimulator
from gateway.sdk import Mark
from gateway.sdk.testing import SimulatedClock, SimulatedFile

NOW = datetime(2026, 10, 6, 3, 0, tzinfo=UTC)
OCTOBER = {"fromDate": "2026-10-01T00:00:00", "toDate": "2026-10-06T23:59:59"}
UNAUTHORISED = {"errors": [{"code": "GA0001", "message": "Un-Authorised"}]}
PDF = ("denpyo.pdf", b"%PDF", "application/pdf")


class Wire:
    """The mall by its wire alone, and its people beside it."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(NOW)
        self.mall = RakutenSimulator(self.clock)
        self.http = httpx.AsyncClient(
            transport=self.mall.transport,
            base_url="http://mall.invalid/es/1.0/inquirymng-api",
            headers={"Authorization": authorization(SERVICE_SECRET, LICENSE_KEY)},
        )

    async def page(self, **query: Any) -> dict[str, Any]:
        answer = await self.http.get("/inquiries", params={**OCTOBER, **query})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def numbers(self, **query: Any) -> list[str]:
        return [row["inquiryNumber"] for row in (await self.page(**query))["list"]]

    async def row(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get(f"/inquiry/{number}")).json()["result"]
        return found

    async def reply(self, number: str, message: str = "はい。", **changes: Any) -> httpx.Response:
        body = {"inquiryNumber": number, "shopId": "377001", "message": message, **changes}
        return await self.http.post("/inquiry/reply", json={k: v for k, v in body.items() if v is not None})

    async def upload(self, *parts: tuple[str, bytes, str]) -> httpx.Response:
        return await self.http.post("/attachment", files=[("file", part) for part in parts])

    async def refusal(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 400, answer.text
        error: dict[str, Any] = answer.json()["error"]
        return error


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    yield wire
    await wire.http.aclose()


# Authentication


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        authorization(SERVICE_SECRET, LICENSE_KEY).replace("ESA", "Basic"),
        authorization(SERVICE_SECRET, LICENSE_KEY).replace("ESA ", "ESA"),
        authorization("SP377001_wrong", LICENSE_KEY),
        authorization(SERVICE_SECRET, "SL377001_wrong"),
        "ESA %%%",
        "ESA " + base64.b64encode(b"without a colon").decode(),
    ],
)
async def test_every_wrong_header_gets_one_answer(wire: Wire, header: str | None) -> None:
    del wire.http.headers["Authorization"]

    answer = await wire.http.get("/inquiries", headers={} if header is None else {"Authorization": header})

    assert (answer.status_code, answer.json()) == (401, UNAUTHORISED)
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"


async def test_a_function_that_is_off_is_refused_by_the_gateway(wire: Wire) -> None:
    wire.mall.switches.disabled_functions.add("inquirymngapi.counts.get")

    off, on = await wire.http.get("/inquiries/count", params=OCTOBER), await wire.http.get("/inquiries", params=OCTOBER)

    assert (off.status_code, list(off.json())) == (403, ["errors"])
    assert on.status_code == 200


async def test_the_keys_end_is_told_without_a_zone(wire: Wire) -> None:
    address = "http://mall.invalid/es/1.0/license-management/license-key/expiry-date"

    answer = await wire.http.get(address, params={"licenseKey": LICENSE_KEY})

    assert answer.json() == {"expiryDate": "2027-01-04T12:00:00"}


# Reading


@pytest.mark.parametrize(
    ("query", "targets"),
    [
        ({"fromDate": "2026-10-01T00:00:00+09:00"}, {"fromDate"}),
        ({"toDate": "2026-10-06"}, {"toDate"}),
        ({"toDate": "2026-13-06T00:00:00"}, {"toDate"}),
        ({"fromDate": "", "toDate": ""}, {"fromDate", "toDate"}),
        ({"fromDate": "2026-10-07T00:00:00"}, {"fromDate", "toDate"}),
        ({"fromDate": "2026-09-05T23:59:58"}, {"fromDate", "toDate"}),
    ],
)
@pytest.mark.parametrize("path", ["/inquiries", "/inquiries/count"])
async def test_dates_are_checked(wire: Wire, path: str, query: dict[str, str], targets: set[str]) -> None:
    error = await wire.refusal(await wire.http.get(path, params={**OCTOBER, **query}))

    assert (error["code"], error["message"], set(error["targets"])) == ("IE001", "bad parameter", targets)


@pytest.mark.parametrize(("allows", "status"), [(True, 200), (False, 400)])
async def test_exactly_31_days_are_a_matter_of_a_switch(wire: Wire, allows: bool, status: int) -> None:
    wire.mall.switches.allows_exactly_31_days = allows

    answer = await wire.http.get("/inquiries", params={**OCTOBER, "fromDate": "2026-09-05T23:59:59"})

    assert answer.status_code == status


async def test_dates_are_japan_time_with_both_ends_included(wire: Wire) -> None:
    first = wire.mall.customer_writes("一", at=datetime(2026, 9, 30, 15, 0, 0, tzinfo=UTC))
    wire.mall.customer_writes("前", at=datetime(2026, 9, 30, 14, 59, 59, tzinfo=UTC))

    assert await wire.numbers() == [first]
    assert (await wire.row(first))["regDate"] == "2026-10-01T00:00:00+09:00"


async def test_a_follow_up_does_not_move_a_thread_into_a_newer_window(wire: Wire) -> None:
    old = wire.mall.customer_writes("昔の件", at=NOW - timedelta(days=200))

    wire.mall.customer_writes("続きです", thread_id=old)

    assert await wire.numbers() == []
    assert await wire.numbers(fromDate="2026-03-20T00:00:00", toDate="2026-03-20T23:59:59") == [old]
    assert (await wire.row(old))["lastUpdateDate"] == "2026-10-06T12:00:00+09:00"


async def test_pages_hold_ten_rows_newest_first_and_shift_with_a_new_thread(wire: Wire) -> None:
    opened = [wire.mall.customer_writes(str(n), at=NOW - timedelta(hours=20 - n)) for n in range(15)]
    first = await wire.page()
    wire.mall.customer_writes("新しい")

    second = await wire.page(page=2)

    assert [row["inquiryNumber"] for row in first["list"]] == opened[:4:-1]
    assert (first["totalCount"], first["totalPageCount"], first["page"]) == (15, 2, 1)
    assert [row["inquiryNumber"] for row in second["list"]] == opened[5::-1]
    assert (second["totalCount"], second["page"]) == (16, 2)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (
            {"limit": 101},
            {"code": "IE001", "message": "bad parameter", "targets": {"limit": "should be less than equal 100"}},
        ),
        ({"page": 10_001}, {"code": "IE001", "message": "400 Bad Request"}),
        ({"limit": 100, "page": 101}, {"code": "IE000", "message": "400 Bad Request"}),
    ],
)
async def test_the_bounds_of_pages_have_each_their_answer(
    wire: Wire, query: dict[str, int], error: dict[str, Any]
) -> None:
    answer = await wire.http.get("/inquiries", params={**OCTOBER, **query})

    assert await wire.refusal(answer) == error


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": "ten"}, {"page": 0}, {"page": "two"}])
async def test_pages_and_limits_are_numbers_from_one(wire: Wire, query: dict[str, Any]) -> None:
    error = await wire.refusal(await wire.http.get("/inquiries", params={**OCTOBER, **query}))

    assert error["code"] == "IE001"


async def test_an_empty_window_and_a_page_past_the_end_are_empty(wire: Wire) -> None:
    empty = await wire.page()
    wire.mall.customer_writes("一")

    past = await wire.page(page=3)

    assert empty == {"totalCount": 0, "totalPageCount": 0, "page": 1, "list": []}
    assert past == {"totalCount": 1, "totalPageCount": 1, "page": 3, "list": []}


async def test_unanswered_means_never_answered_whoever_wrote_last(wire: Wire) -> None:
    answered, fresh = wire.mall.customer_writes("一"), wire.mall.customer_writes("二")
    wire.mall.staff_writes(answered, "はい。")
    wire.mall.customer_writes("続き", thread_id=answered)

    assert await wire.numbers(noMerchantReply="true") == [fresh]
    counted = await wire.http.get("/inquiries/count", params={**OCTOBER, "noMerchantReply": "true"})
    assert counted.json() == {"result": {"count": 1}}


async def test_an_unknown_number_is_not_found_and_a_wrong_one_is_refused(wire: Wire) -> None:
    assert (await wire.http.get("/inquiry/377001-20261005-0x")).status_code == 404
    assert (await wire.http.get("/inquiry/no_number")).status_code == 400
    assert (await wire.http.get(f"/inquiry/{'1' * 41}")).status_code == 400


async def test_the_data_set_has_every_peculiarity(wire: Wire) -> None:
    wire.mall.seed()
    rows = [await wire.row(thread.external_id) for thread in wire.mall.threads()]

    types = {row["type"] for row in rows}
    replies = [reply for row in rows for reply in row["replies"]]
    assert {"店舗問い合わせ", "商品問い合わせ", "受注問い合わせ", "店舗からの問い合わせ"} < types
    assert any(row["category"] == "" for row in rows)
    assert any("userMaskEmail" not in row and "orderNumber" not in row for row in rows)
    assert any(row["isMessageDeleted"] and row["message"] == "" for row in rows)
    assert any(reply["isMessageDeleted"] and reply["message"] == "" for reply in replies)
    assert any(row.get("socialGiftUserType") == "受取人" for row in rows)
    assert any("\r\n" in row["message"] and "𠮷" in row["message"] for row in rows)
    dates = [[reply["regDate"] for reply in row["replies"]] for row in rows]
    assert any(one != sorted(one) for one in dates)
    oldest = min(rows, key=lambda row: str(row["regDate"]))
    assert oldest["regDate"] < "2026-03-21" < "2026-10-06" <= oldest["replies"][-1]["regDate"]


# Writing


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"shopId": None}, "shopId"),
        ({"shopId": "377002"}, "shopId"),
        ({"message": None}, "message"),
        ({"message": ""}, "message"),
        ({"message": "\n".join(["あ" * 290] * 7)}, "message"),
        ({"message": "あ" * 301}, "message"),
        ({"message": "http://www.rakuten.co.jp/"}, "message"),
        ({"message": "ftp://www.rakuten.co.jp/"}, "message"),
        ({"inquiryNumber": "1" * 41}, "inquiryNumber"),
        ({"attachments": "a"}, "attachments"),
        ({"attachments": [{"label": "", "path": "p"}]}, "attachments[0].label"),
        ({"attachments": [{"label": "あ" * 101, "path": "p"}]}, "attachments[0].label"),
        ({"attachments": [{"label": "a.pdf", "path": "p"}]}, "attachments[0].path"),
        ({"attachments": [{"label": "a.pdf", "path": "p" * 1001}]}, "attachments[0].path"),
    ],
)
async def test_a_reply_is_checked(wire: Wire, changes: dict[str, Any], target: str) -> None:
    number = wire.mall.customer_writes("一")

    error = await wire.refusal(await wire.reply(number, **changes))

    assert (error["code"], list(error["targets"])) == ("IE001", [target])
    assert wire.mall.thread(number).shop_texts == []


async def test_a_reply_carries_one_file_of_its_own_kind(wire: Wire) -> None:
    number = wire.mall.customer_writes("一")
    file = (await wire.upload(PDF)).json()["result"]

    two = await wire.refusal(await wire.reply(number, attachments=[file, file]))
    other = await wire.refusal(await wire.reply(number, attachments=[{**file, "label": "a.png"}]))

    assert two["targets"] == {"attachments": "size must be between 0 and 1"}
    assert list(other["targets"]) == ["attachments[0].label"]


async def test_a_reply_is_answered_without_an_id_and_stands_in_the_thread_with_the_next_one(wire: Wire) -> None:
    number = wire.mall.customer_writes("一", at=NOW - timedelta(hours=1))
    wire.mall.customer_writes("二", thread_id=number, at=NOW - timedelta(minutes=30))
    before = await wire.row(number)
    file = (await wire.upload(PDF)).json()["result"]

    answer = await wire.reply(number, "はい。\r\n承知しました。", shopId=377001, attachments=[file])

    stored = (await wire.row(number))["replies"][-1]
    assert answer.status_code == 201
    assert answer.json()["result"] == {
        "message": "はい。\r\n承知しました。",
        "regDate": "2026-10-06T12:00:00+09:00",
        "replyFrom": "merchant",
        "isRead": False,
        "attachments": [file],
    }
    assert (stored["id"], stored["replyFrom"], stored["isRead"]) == (1, "merchant", False)
    assert (await wire.row(number))["lastUpdateDate"] > before["lastUpdateDate"]
    assert not (await wire.row(number))["readByMerchant"]


async def test_a_reply_to_an_unknown_thread_is_not_found(wire: Wire) -> None:
    assert (await wire.reply("377001-20261005-0x")).status_code == 404


async def test_a_body_that_is_no_json_object_is_refused(wire: Wire) -> None:
    for body in (b"", b"{", b"[]"):
        error = await wire.refusal(await wire.http.post("/inquiry/reply", content=body))

        assert error["code"] == "IE001"


async def test_a_repeated_text_clashes_for_a_minute_where_that_is_switched_on(wire: Wire) -> None:
    wire.mall.switches.refuses_repeated_text = True
    number = wire.mall.customer_writes("一")

    statuses = [(await wire.reply(number)).status_code, (await wire.reply(number)).status_code]
    wire.clock.advance(timedelta(seconds=61))
    statuses.append((await wire.reply(number)).status_code)

    assert statuses == [201, 409, 201]


async def test_what_a_reply_does_to_the_flags_is_a_matter_of_switches(wire: Wire) -> None:
    wire.mall.switches.reply_sets_read = True
    number = wire.mall.customer_writes("一")
    await wire.reply(number)
    read = (await wire.row(number))["readByMerchant"]
    wire.mall.staff_marks(number, Mark.COMPLETED)

    wire.mall.customer_writes("二", thread_id=number)
    kept = await wire.row(number)
    wire.mall.switches.customer_reply_reopens = True
    wire.mall.customer_writes("三", thread_id=number)
    reopened = await wire.row(number)

    assert read
    assert (kept["readByMerchant"], kept["isCompleted"]) == (False, True)
    assert (reopened["isCompleted"], reopened["completedDate"]) == (False, None)


async def test_a_customers_reading_shows_on_the_shops_messages(wire: Wire) -> None:
    number = wire.mall.customer_writes("一")
    await wire.reply(number)

    wire.mall.customer_reads(number)

    assert (await wire.row(number))["replies"][0]["isRead"]


async def test_what_the_mall_deletes_stays_without_its_text(wire: Wire) -> None:
    number = wire.mall.customer_writes("一")
    await wire.reply(number)

    wire.mall.mall_deletes(number)
    wire.mall.mall_deletes(number, reply_id=0)

    row = await wire.row(number)
    assert (row["isMessageDeleted"], row["message"]) == (True, "")
    assert (row["replies"][0]["isMessageDeleted"], row["replies"][0]["message"]) == (True, "")


# Files


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (("a.pdf", b"", "application/pdf"), "attachment file is empty."),
        (("a" * 97 + ".pdf", b"%PDF", "application/pdf"), "too long attachment file name."),
        (("a.exe", b"MZ", "application/pdf"), "unsupported attachment file type."),
    ],
)
async def test_a_file_is_checked(wire: Wire, part: tuple[str, bytes, str], text: str) -> None:
    error = await wire.refusal(await wire.upload(part))

    assert error["targets"] == {"file": text}


async def test_five_million_bytes_are_too_many(wire: Wire) -> None:
    fits = await wire.upload(("a.pdf", b"x" * 4_999_999, "application/pdf"))
    over = await wire.upload(("a.pdf", b"x" * 5_000_000, "application/pdf"))

    assert fits.status_code == 201
    assert over.status_code == 413
    assert over.json() == {"errors": [{"code": "GF0003", "message": "Request entity too large"}]}


async def test_of_several_files_the_last_one_wins(wire: Wire) -> None:
    answer = await wire.upload(("a.pdf", b"1", "application/pdf"), ("b.pdf", b"2", "application/pdf"))

    assert answer.status_code == 201
    assert answer.json()["result"]["label"] == "b.pdf"


async def test_a_file_is_had_by_its_exact_path_and_name_for_90_days(wire: Wire) -> None:
    file = (await wire.upload(PDF)).json()["result"]

    found = await wire.http.get("/attachment", params=file)
    other = await wire.http.get("/attachment", params={**file, "label": "other.pdf"})
    wire.clock.advance(timedelta(days=90, seconds=1))
    wire.mall.renew_credentials()
    wire.http.headers["Authorization"] = authorization(SERVICE_SECRET, wire.mall.license_key)
    late = await wire.http.get("/attachment", params=file)
    reply = await wire.reply(wire.mall.customer_writes("一"), attachments=[file])

    assert (found.content, found.headers["content-type"]) == (b"%PDF", "application/pdf")
    assert (other.status_code, late.status_code, reply.status_code) == (404, 404, 400)


async def test_a_name_with_brackets_goes_up_and_not_down(wire: Wire) -> None:
    answer = await wire.upload(("a[1].pdf", b"%PDF", "application/pdf"))

    assert answer.status_code == 201
    assert (await wire.http.get("/attachment", params=answer.json()["result"])).status_code == 404


# Flags


@pytest.mark.parametrize(("action", "before"), [("read", None), ("complete", None), ("incomplete", Mark.COMPLETED)])
async def test_flags_are_set_thread_by_thread(wire: Wire, action: str, before: Mark | None) -> None:
    number = wire.mall.customer_writes("一")
    if before:
        wire.mall.staff_marks(number, before)
    body = {"inquiryNumbers": [number, "377001-20260912-00000000x"]}

    first = (await wire.http.patch(f"/inquiries/{action}", json=body)).json()["result"]
    again = (await wire.http.patch(f"/inquiries/{action}", json=body)).json()["result"]

    unknown = {"inquiryNumber": "377001-20260912-00000000x", "errorMessage": "not found."}
    repeated = {"inquiryNumber": number, "errorMessage": "already set value as specified"}
    assert first == {"ok": [number], "error": [unknown]}
    assert again == {"ok": [], "error": [repeated, unknown]}


async def test_completing_sets_a_date_that_reopening_takes_away(wire: Wire) -> None:
    number = wire.mall.customer_writes("一")

    await wire.http.patch("/inquiries/complete", json={"inquiryNumbers": [number]})
    completed = await wire.row(number)
    await wire.http.patch("/inquiries/incomplete", json={"inquiryNumbers": [number]})
    reopened = await wire.row(number)

    assert (completed["isCompleted"], completed["completedDate"]) == (True, "2026-10-06T12:00:00+09:00")
    assert (reopened["isCompleted"], reopened["completedDate"]) == (False, None)


async def test_a_blank_number_spoils_the_call_with_either_of_two_texts(wire: Wire) -> None:
    errors = [
        await wire.refusal(await wire.http.patch("/inquiries/read", json={"inquiryNumbers": [""]})) for _ in range(20)
    ]

    texts = {error["targets"]["inquiryNumbers[]"] for error in errors}
    assert texts == {"must not be blank", 'must match "^[0-9a-zA-Z-]+$"'}


@pytest.mark.parametrize(("refuses", "status"), [(True, 400), (False, 200)])
async def test_the_21st_number_is_a_matter_of_a_switch(wire: Wire, refuses: bool, status: int) -> None:
    wire.mall.switches.refuses_21_numbers = refuses
    numbers = [wire.mall.customer_writes(str(n)) for n in range(21)]

    answer = await wire.http.patch("/inquiries/read", json={"inquiryNumbers": numbers})

    assert answer.status_code == status


async def test_a_call_without_numbers_is_refused(wire: Wire) -> None:
    for body in ({}, {"inquiryNumbers": "1"}, {"inquiryNumbers": [1]}):
        error = await wire.refusal(await wire.http.patch("/inquiries/read", json=body))

        assert error["code"] == "IE001"


# Trouble


@pytest.mark.parametrize(("retry_after", "header"), [(3, "3"), (None, None)])
async def test_two_calls_within_a_second_are_one_too_many(
    wire: Wire, retry_after: int | None, header: str | None
) -> None:
    wire.mall.switches.limits_rate = True
    wire.mall.switches.retry_after = retry_after
    wire.mall.switches.rate_limit_body = b"slow down"

    answers = [await wire.http.get("/inquiries", params=OCTOBER) for _ in range(2)]
    wire.clock.advance(timedelta(seconds=1))
    answers.append(await wire.http.get("/inquiries", params=OCTOBER))

    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert (answers[1].headers.get("retry-after"), answers[1].content) == (header, b"slow down")


async def test_a_file_name_may_be_of_any_language_and_form(wire: Wire) -> None:
    photo = SimulatedFile(name="写真 (1)&#.png", content_type="image/png", content=b"\x89PNG")
    number = wire.mall.customer_writes("一", files=[photo])

    file = (await wire.row(number))["attachments"][0]

    assert (await wire.http.get("/attachment", params=file)).content == b"\x89PNG"
