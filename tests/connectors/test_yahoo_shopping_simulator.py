"""The simulated mall keeps the checklist of its specification where the connector's own tests do not reach."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio

from connectors.yahoo_shopping.connector import YahooShoppingConnector
from connectors.yahoo_shopping.settings import YahooShoppingSettings
from connectors.yahoo_shopping.signature import Signature
from connectors.yahoo_shopping.simulator import YahooShoppingSimulator
from gateway.sdk.testing import SimulatedClock, memory_context, serving

START = datetime(2026, 11, 18, 1, 23, 45, tzinfo=UTC)
API = "/ShoppingWebService/V1/"
CALLBACK = "https://gateway.example.jp/oauth/yahoo/callback"


class Caller:
    """A program that calls the mall as its documents say, one header at a time."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(START)
        self.mall = YahooShoppingSimulator(self.clock)
        self.http = httpx.AsyncClient(transport=self.mall.transport, base_url="http://127.0.0.1:9")
        self.basic = base64.b64encode(f"{self.mall.tokens.client_id}:{self.mall.tokens.client_secret}".encode())
        self.access_token = ""

    async def token(self, **form: str) -> httpx.Response:
        headers = {"Authorization": f"Basic {self.basic.decode()}"}
        return await self.http.post("/yconnect/v2/token", data=form, headers=headers)

    async def refresh(self) -> httpx.Response:
        answer = await self.token(grant_type="refresh_token", refresh_token=self.mall.tokens.grant.refresh_token)
        self.access_token = answer.json().get("access_token", "")
        return answer

    async def code(self, **query: str) -> str:
        asked = {
            "response_type": "code",
            "client_id": self.mall.tokens.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid profile",
            "state": "q8Jw2n",
            **query,
        }
        answer = await self.http.get("/yconnect/v2/authorization", params=asked)
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    async def call(
        self, method: str, name: str, *, seller_id: str = "hidamari-zakka", **request: Any
    ) -> httpx.Response:
        if not self.access_token:
            await self.refresh()
        settings = YahooShoppingSettings.model_validate(self.mall.settings("http://127.0.0.1:9"))
        headers = {
            "Authorization": f"Bearer {self.access_token}",
            **Signature(settings).headers(self.clock.now()),
            **request.pop("headers", {}),
        }
        if "json" in request:
            request["json"] = {"sellerId": seller_id, **request["json"]}
        else:
            request["params"] = {"sellerId": seller_id, **request.get("params", {})}
        return await self.http.request(method, name if "/" in name else API + name, headers=headers, **request)

    async def rows(self, **params: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.call("GET", "externalTalkList", params=params)).json()["headlines"]
        return rows


@pytest_asyncio.fixture
async def caller() -> AsyncIterator[Caller]:
    caller = Caller()
    yield caller
    await caller.http.aclose()


# Tokens


async def test_a_code_is_good_once_and_for_ten_minutes(caller: Caller) -> None:
    code, late = await caller.code(), await caller.code()

    first = await caller.token(grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
    second = await caller.token(grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
    caller.clock.advance(timedelta(minutes=10))
    third = await caller.token(grant_type="authorization_code", code=late, redirect_uri=CALLBACK)

    assert first.json().keys() >= {"access_token", "refresh_token", "expires_in", "id_token"}
    assert [answer.status_code for answer in (first, second, third)] == [200, 400, 400]
    assert third.json()["error"] == "invalid_grant"


async def test_the_redirect_address_is_compared_exactly(caller: Caller) -> None:
    code = await caller.code()

    wrong = await caller.token(grant_type="authorization_code", code=code, redirect_uri=CALLBACK + "/")
    page = await caller.http.get(
        "/yconnect/v2/authorization",
        params={"response_type": "code", "client_id": caller.mall.tokens.client_id, "redirect_uri": CALLBACK + "/"},
    )

    assert wrong.json()["error"] == "invalid_grant"
    assert page.status_code == 400


@pytest.mark.parametrize(("verifier", "status"), [("a-long-verifier", 200), ("another", 400)])
async def test_a_code_challenge_is_verified(caller: Caller, verifier: str, status: int) -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"a-long-verifier").digest()).rstrip(b"=").decode()
    code = await caller.code(code_challenge=digest, code_challenge_method="S256")

    answer = await caller.token(
        grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=verifier
    )

    assert answer.status_code == status


async def test_a_wrong_client_is_refused_by_header_and_by_form(caller: Caller) -> None:
    caller.basic = base64.b64encode(b"somebody:else")
    by_header = await caller.refresh()
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "somebody", "client_secret": "else"}
    by_form = await caller.http.post("/yconnect/v2/token", data=form)

    assert [answer.status_code for answer in (by_header, by_form)] == [401, 401]
    assert by_form.json()["error"] == "invalid_client"


async def test_a_refresh_does_not_lengthen_the_28_days(caller: Caller) -> None:
    caller.clock.advance(timedelta(days=27, hours=23))
    before = await caller.refresh()
    caller.clock.advance(timedelta(hours=1))

    after = await caller.refresh()

    assert "refresh_token" not in before.json()
    assert (after.status_code, after.json()["error"]) == (400, "invalid_grant")


# Gate


async def test_an_expired_token_is_answered_as_documented(caller: Caller) -> None:
    await caller.refresh()
    caller.clock.advance(timedelta(hours=1))

    answer = await caller.call("GET", "externalTalkList")

    assert answer.status_code == 401
    assert 'error="invalid_token", error_description="expired token"' in answer.headers["www-authenticate"]
    assert answer.headers["x-yahooj-autherror"] == "Requested Token is expired."
    assert answer.headers["content-type"].startswith("application/xml")
    assert b"<Code>" not in answer.content


@pytest.mark.parametrize("skew", [timedelta(minutes=5), timedelta(minutes=5, seconds=1)])
async def test_a_key_header_may_be_five_minutes_off(caller: Caller, skew: timedelta) -> None:
    settings = YahooShoppingSettings.model_validate(caller.mall.settings("http://127.0.0.1:9"))

    answer = await caller.call("GET", "externalTalkList", headers=Signature(settings).headers(START - skew))

    assert answer.status_code == 200
    assert ("x-sws-authorize-status" in answer.headers) is (skew == timedelta(minutes=5))


@pytest.mark.parametrize("status", [429, 503])
async def test_a_run_of_hurried_calls_is_shut_out_for_a_minute(caller: Caller, status: Any) -> None:
    caller.mall.options.rate_limit_status = status
    statuses = [(await caller.call("GET", "externalTalkList")).status_code for _ in range(7)]

    caller.clock.advance(timedelta(seconds=30))
    during = await caller.call("GET", "externalTalkList")
    caller.clock.advance(timedelta(seconds=31))
    after = await caller.call("GET", "externalTalkList")

    assert statuses == [200] + [status] * 6
    assert (during.status_code, after.status_code) == (status, 200)


async def test_foreign_stores_and_unknown_paths_are_refused_by_code(caller: Caller) -> None:
    foreign = await caller.call("GET", "externalTalkList", seller_id="sonota-zakka")
    unknown = await caller.call("GET", "externalStoreTopic")

    assert (foreign.status_code, b"px-14304" in foreign.content) == (403, True)
    assert (unknown.status_code, b"px-04400" in unknown.content) == (404, True)


# List


async def test_rows_are_counted_from_one_and_come_20_at_most(caller: Caller) -> None:
    caller.mall.seed()

    first = (await caller.call("GET", "externalTalkList", params={"results": "3"})).json()
    second = (await caller.call("GET", "externalTalkList", params={"start": "21"})).json()
    too_many = await caller.call("GET", "externalTalkList", params={"result": "21"})

    count = len(caller.mall.threads())
    assert first["summary"]["topic"] == {"start": 1, "end": 20, "count": count}
    assert second["summary"]["topic"] == {"start": 21, "end": count, "count": count}
    assert len(first["headlines"]) + len(second["headlines"]) == count
    assert too_many.status_code == 400


async def test_a_window_needs_dates_and_includes_both_ends(caller: Caller) -> None:
    topic = caller.mall.customer_writes("質問です。")
    second = str(int(START.timestamp()))

    without = await caller.call("GET", "externalTalkList", params={"dateType": "userPostTime"})
    rows = await caller.rows(dateType="userPostTime", startDate=second, endDate=second)

    assert without.status_code == 400
    assert [row["topicId"] for row in rows] == [topic]


async def test_a_post_of_the_store_moves_a_topic_in_one_order_only(caller: Caller) -> None:
    old, new = (caller.mall.customer_writes("質問です。", at=START - timedelta(hours=ago)) for ago in (5, 1))
    third = caller.mall.customer_writes("質問です。", at=START - timedelta(hours=9))
    caller.mall.staff_writes(new, "回答です。")
    caller.clock.advance(timedelta(minutes=1))
    caller.mall.staff_writes(old, "回答です。")

    by_customer = await caller.rows()
    by_store = await caller.rows(sort="sellerPostTime")

    assert [row["topicId"] for row in by_customer] == [new, old, third]
    # No time sorts last.
    assert [row["topicId"] for row in by_store] == [old, new, third]


async def test_every_topic_is_in_one_group_of_the_filter(caller: Caller) -> None:
    caller.mall.seed()
    groups = {}
    for group in ("answered", "unanswered", "completed"):
        answer = (await caller.call("GET", "externalTalkList", params={"requestFilter": group})).json()
        groups[answer["summary"]["filter"]] = answer["summary"]["topic"]["count"]

    both = (await caller.call("GET", "externalTalkList", params={"requestFilter": "answered,completed"})).json()

    assert set(groups) == {"ANSWERED", "UNANSWERED", "COMPLETED"}
    assert sum(groups.values()) == len(caller.mall.threads())
    assert both["summary"]["topic"]["count"] == groups["ANSWERED"] + groups["COMPLETED"]
    assert both["summary"]["unansweredCount"] == groups["UNANSWERED"]


async def test_the_data_set_has_every_sort_of_topic(caller: Caller) -> None:
    caller.mall.seed()
    rows = (await caller.rows()) + (await caller.rows(start="21"))
    details = [
        (await caller.call("GET", "externalTalkDetail", params={"topicId": row["topicId"]})).json() for row in rows
    ]

    assert {row["isPrivate"] for row in rows} == {True, False}
    assert {row["qaType"] for row in rows} == {"item", "order"}
    assert {row["firstPoster"] for row in rows} == {"user", "seller"}
    assert {row["serviceType"] for row in rows} == {"shp", "auc"}
    assert {row["completeConditionId"] for row in rows} == {0, None, 1, 2, 3, 4, 5}
    assert {type(row["userPostTime"]) for row in rows} == {str, type(None)}
    assert any(row["memo"] and isinstance(row["memo"][0]["updateDate"], int) for row in rows)
    assert any(row["isCompleted"] and row["completeConditionShortName"] is None for row in rows)
    assert any("🍵" in row["body"] for row in rows)
    assert any(row["messageCount"] == 40 for row in rows)
    assert any(detail["topic"]["isMail"] for detail in details)
    assert any({"itemcode", "orderid"}.isdisjoint(detail["topic"]) for detail in details)
    assert len({row["userMaskedId"] for row in rows}) == len(rows) - 1
    assert all(
        row["userMaskedId"] != detail["topic"]["userMaskedIdx"] for row, detail in zip(rows, details, strict=True)
    )


async def test_only_posts_of_the_store_name_a_member_of_staff(caller: Caller) -> None:
    topic = caller.mall.customer_writes("質問です。")
    caller.mall.staff_writes(topic, "回答です。")

    detail = (await caller.call("GET", "externalTalkDetail", params={"topicId": topic})).json()

    assert [(one["messageId"], one["bid"]) for one in detail["messages"]] == [(1, None), (2, "biz-mori01")]
    assert all("fileList" not in message for message in detail["messages"])


# Writing


async def test_a_post_changes_the_row_and_is_never_recognised_as_double(caller: Caller) -> None:
    topic = caller.mall.customer_writes("質問です。")
    request = {"params": {"topicId": topic}, "json": {"body": "回答です。"}}

    answers = [(await caller.call("POST", "externalTalkAdd", **request)).json() for _ in range(2)]

    (row,) = await caller.rows()
    assert [answer["messageid"] for answer in answers] == ["2", "3"]
    assert row["messageCount"] == 3
    assert (row["isNoAnswer"], row["isUserUnRead"], row["isUnread"]) == (False, True, True)
    assert row["sellerPostTime"] == str(int(START.timestamp()))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"body": ""},
        {"body": "あ" * 2001},
        {"body": "x", "fileList": [{"fileName": "a.png"}]},
        {"body": "x", "fileList": [{"fileName": "a.png", "filePath": "no/such_SELLER.png", "fileExt": "png"}]},
    ],
)
async def test_a_post_that_breaks_a_rule_is_refused(caller: Caller, body: dict[str, Any]) -> None:
    topic = caller.mall.customer_writes("質問です。")

    answer = await caller.call("POST", "externalTalkAdd", params={"topicId": topic}, json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["reason"]
    assert caller.mall.thread(topic).shop_texts == []


async def test_a_customer_who_writes_again_changes_flags_as_the_switches_say(caller: Caller) -> None:
    topic = caller.mall.customer_writes("質問です。")
    await caller.call("POST", "externalTalkAdd", params={"topicId": topic}, json={"body": "回答です。"})
    await caller.call("PUT", "externalTalkComplete", params={"topicId": topic}, json={})
    caller.mall.options.customer_post_reopens = True
    caller.mall.options.customer_post_clears_answer = False

    caller.mall.customer_writes("もう一つ。", thread_id=topic)

    (row,) = await caller.rows()
    assert (row["isCompleted"], row["isNoAnswer"], row["isUnread"]) == (False, False, True)


@pytest.mark.parametrize("condition", ["1", None])
async def test_normal_completion_needs_a_post_of_a_program(caller: Caller, condition: str | None) -> None:
    topic = caller.mall.customer_writes("質問です。")
    caller.mall.staff_writes(topic, "回答です。")
    body = {"completeConditionId": condition} if condition else {}

    refused = await caller.call("PUT", "externalTalkComplete", params={"topicId": topic}, json=body)
    caller.mall.options.screen_replies_count_as_posts = True
    allowed = await caller.call("PUT", "externalTalkComplete", params={"topicId": topic}, json=body)

    assert (refused.status_code, allowed.json()) == (400, {"status": "ok"})


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"\xff\xd8\xff\xe0", 200),
        (b"GIF89a", 200),
        (b"%PDF-1.4 <</Root 1 0 R>>", 200),
        (b"%PDF-1.6 <</Encrypt 5 0 R>>", 400),
        (b"MZ", 400),
        (b"\x89PNG\r\n\x1a\n".ljust(5_000_001), 400),
    ],
)
async def test_an_upload_is_judged_by_its_content(caller: Caller, content: bytes, status: int) -> None:
    topic = caller.mall.customer_writes("質問です。")
    files = {"file": ("a.png", content, "image/png")}

    answer = await caller.call("POST", "externalTalkFileAdd", params={"topicId": topic}, files=files)

    assert answer.status_code == status


async def test_a_file_can_be_deleted_until_it_is_posted(caller: Caller) -> None:
    topic = caller.mall.customer_writes("質問です。")
    files = {"file": ("a.gif", b"GIF89a", "image/gif")}
    keys = [
        (await caller.call("POST", "externalTalkFileAdd", params={"topicId": topic}, files=files)).json()["objectKey"]
        for _ in range(2)
    ]
    named = [{"fileName": "a.gif", "filePath": keys[0], "fileExt": "gif"}]
    await caller.call(
        "POST", "externalTalkAdd", params={"topicId": topic}, json={"body": "図です。", "fileList": named}
    )

    deleted = [(await caller.call("DELETE", "externalTalkFileDelete", params={"key": key})).json() for key in keys]
    gone = await caller.call("GET", "externalTalkFileDownload", params={"key": keys[1]})
    kept = await caller.call("GET", "externalTalkFileDownload", params={"key": keys[0]})

    assert keys[0].startswith(f"{topic}/")
    assert keys[0].endswith("_SELLER.gif")
    assert deleted == [{"status": "ng"}, {"status": "ok"}]
    assert (gone.status_code, gone.content[:5]) == (404, b"<?xml")
    assert (kept.content, kept.headers["content-type"]) == (b"GIF89a", "image/gif")


async def test_topics_are_started_on_version_2_only(caller: Caller) -> None:
    topic = {"categoryId": 36, "orderId": "hidamari-zakka-1", "title": "発送日", "body": "明日です。"}

    first = await caller.call("POST", "/ShoppingWebService/V1/externalStoreTopic", json=topic)
    second = await caller.call("POST", "/ShoppingWebService/V2/externalStoreTopic", json=topic)

    assert first.status_code == 404
    assert second.json()["topicid"] in caller.mall.topics.all


# A real server


async def test_the_mall_tells_its_own_time_also_behind_a_real_socket() -> None:
    simulator = YahooShoppingSimulator(SimulatedClock(START))

    async with serving(simulator.app) as address:
        settings = YahooShoppingSettings.model_validate(simulator.settings(address))
        connector = YahooShoppingConnector(settings, memory_context(simulator.clock.now))
        access = await connector.test()
        await connector.aclose()

    assert access.warnings == ()
    assert access.expires_at == START + timedelta(days=28)
