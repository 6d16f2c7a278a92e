"""What is peculiar to Yahoo! Shopping; the contract kit tests the rest."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import ValidationError

from connectors.yahoo_shopping.category import CATEGORIES, kind_of, moment_of, name_of
from connectors.yahoo_shopping.client import YahooShoppingClient
from connectors.yahoo_shopping.connector import YahooShoppingConnector
from connectors.yahoo_shopping.refusal import Refusal, parse_refusal
from connectors.yahoo_shopping.settings import YahooShoppingSettings
from connectors.yahoo_shopping.simulator import YahooShoppingSimulator
from connectors.yahoo_shopping.tokens import TokenAnswer
from connectors.yahoo_shopping.wire import parse_unix_seconds
from gateway.sdk import (
    AuthenticationError,
    AuthorRole,
    Kind,
    MappingError,
    Mark,
    Moment,
    OutboundFile,
    RateLimitedError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from gateway.sdk.testing import Fault, FaultKind, SimulatedFile
from gateway.sdk.testing.contract.rig import Rig

LIST, DETAIL = "/ShoppingWebService/V1/externalTalkList", "/ShoppingWebService/V1/externalTalkDetail"
ADD, TOKEN = "/ShoppingWebService/V1/externalTalkAdd", "/yconnect/v2/token"
PNG = OutboundFile(name="zu.png", content_type="image/png", size=12, content=b"\x89PNG\r\n\x1a\n....")
EXPIRED = {
    "www-authenticate": 'Bearer realm="yahooapis.jp", error="invalid_token", error_description="expired token"',
    "x-yahooj-autherror": "Requested Token is expired.",
    "content-type": "application/xml",
}


class YahooRig(Rig):
    """A channel of this mall, with the mall's own types."""

    simulator: YahooShoppingSimulator
    connector: YahooShoppingConnector

    @property
    def options(self) -> Any:
        return self.simulator.options

    def asked(self, path: str) -> list[int | None]:
        """The statuses of the calls of one path."""
        return [request.status for request in self.simulator.requests if request.operation.endswith(path)]

    def fault(self, path: str, **members: Any) -> None:
        body = members.pop("body", b"")
        members.setdefault("kind", FaultKind.ANSWER)
        self.simulator.faults.add(
            Fault(operation=path, body=body if isinstance(body, bytes) else json.dumps(body).encode(), **members)
        )

    def ask(self, text: str = "在庫はありますか？", *, is_private: bool = True) -> str:
        external_id = self.simulator.customer_writes(text)
        self.simulator.topics.all[external_id].is_private = is_private
        return external_id

    async def opened(self, *, is_private: bool = True) -> str:
        external_id = self.ask(is_private=is_private)
        await self.read_after(timedelta(minutes=5))
        return external_id


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[YahooRig]:
    rig = YahooRig(YahooShoppingConnector, YahooShoppingSimulator)
    yield rig
    await rig.aclose()


def pdf(content: bytes) -> OutboundFile:
    return OutboundFile(name="denpyo.pdf", content_type="application/pdf", size=len(content), content=content)


# Access and refresh tokens


async def test_an_access_token_is_renewed_five_minutes_before_its_end(rig: YahooRig) -> None:
    await rig.connector.test()
    rig.clock.advance(timedelta(minutes=54))
    await rig.connector.test()
    before = rig.simulator.tokens.refreshes

    rig.clock.advance(timedelta(minutes=1))
    await rig.connector.test()

    assert (before, rig.simulator.tokens.refreshes) == (1, 2)


async def test_many_workers_renew_a_token_once(rig: YahooRig) -> None:
    workers = [YahooShoppingConnector(rig.connector.settings, rig.context) for _ in range(8)]

    await asyncio.gather(*(worker.test() for worker in workers))
    rig.simulator.tokens.expire_access_tokens()
    await asyncio.gather(*(worker.test() for worker in workers))

    assert rig.simulator.tokens.refreshes == 2
    for worker in workers:
        await worker.aclose()


async def test_a_token_that_ends_in_the_middle_of_a_page_is_renewed_unnoticed(rig: YahooRig) -> None:
    rig.simulator.seed()
    page = await rig.connector.fetch(None)
    for number, record in enumerate(page.records):
        if number == 5:
            rig.simulator.tokens.expire_access_tokens()
        await rig.keep(record)

    assert len(rig.inquiries) == len(page.records) == 20
    assert rig.asked(DETAIL).count(401) == 1
    assert rig.simulator.tokens.refreshes == 2


async def test_a_renewed_token_that_is_refused_again_needs_a_person(rig: YahooRig) -> None:
    rig.fault(LIST, status=401, headers=EXPIRED, times=99)

    with pytest.raises(AuthenticationError) as caught:
        await rig.connector.test()

    assert caught.value.code == "expired_token"
    assert rig.asked(LIST) == [401, 401]


@pytest.mark.parametrize("rotates", [False, True], ids=["kept", "replaced"])
async def test_a_refresh_token_is_kept_or_replaced_as_the_answer_says(rig: YahooRig, rotates: bool) -> None:
    rig.options.rotates_refresh_token = rotates
    entered = rig.simulator.tokens.grant.refresh_token

    for _ in range(3):
        await rig.connector.test()
        rig.clock.advance(timedelta(hours=1))

    saved = await rig.context.tokens.load()
    assert saved["refresh_token"] == rig.simulator.tokens.grant.refresh_token
    assert (saved["refresh_token"] != entered) is rotates


async def test_an_entered_refresh_token_wins_over_stored_tokens(rig: YahooRig) -> None:
    await rig.connector.test()
    stored = await rig.context.tokens.load()

    await rig.change_settings(rig.simulator.renew_credentials())
    await rig.connector.test()

    tokens = await rig.context.tokens.load()
    assert tokens["origin"] != stored["origin"]
    assert tokens["refresh_token"] == rig.simulator.tokens.grant.refresh_token
    assert rig.simulator.tokens.refreshes == 2


async def test_a_new_authorisation_with_the_same_token_text_starts_its_own_28_days(rig: YahooRig) -> None:
    rig.options.reuses_refresh_token_text = True
    await rig.connector.test()
    rig.clock.advance(timedelta(days=29))
    with pytest.raises(AuthenticationError):
        await rig.connector.test()

    changes = rig.simulator.renew_credentials()
    await rig.change_settings(changes)
    access = await rig.connector.test()

    assert changes["refresh_token"] == rig.settings["refresh_token"]
    assert access.expires_at == rig.clock.now() + timedelta(days=28)


async def test_the_28_days_count_from_the_authorisation_and_not_from_the_last_refresh(rig: YahooRig) -> None:
    authorised_at = rig.clock.now()
    rig.clock.advance(timedelta(days=20, hours=23))
    silent = await rig.connector.test()
    rig.clock.advance(timedelta(hours=1))
    warning = await rig.connector.test()
    rig.clock.advance(timedelta(days=7))

    with pytest.raises(AuthenticationError) as caught:
        await rig.connector.test()

    assert silent.warnings == ()
    assert silent.expires_at == warning.expires_at == authorised_at + timedelta(days=28)
    assert "2026-12-16 10:23" in warning.warnings[0]
    assert caught.value.code == "invalid_grant"


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client"])
async def test_a_refused_refresh_says_what_to_do_in_both_languages(rig: YahooRig, error: str) -> None:
    rig.fault(TOKEN, status=400, body={"error": error, "error_description": "x", "error_code": "anything"})

    with pytest.raises(AuthenticationError) as caught:
        await rig.connector.test()

    assert caught.value.code == error
    assert any("ぁ" <= letter <= "ん" for letter in caught.value.message)
    assert rig.asked(LIST) == []


async def test_an_unreadable_token_answer_is_tried_again_and_never_quoted(rig: YahooRig) -> None:
    rig.fault(TOKEN, status=200, body=b'{"access_token": "hzA1.not-to-be-seen", "expires_in"')

    with pytest.raises(RetryableError) as caught:
        await rig.connector.test()

    told = "".join(traceback.format_exception(caught.value)) + caught.value.evidence
    assert "not-to-be-seen" not in told
    assert (await rig.connector.test()).account == "hidamari-zakka"


@pytest.mark.parametrize("expires_in", [3600, "3600"])
def test_the_life_of_a_token_may_come_in_quotes(expires_in: object) -> None:
    answer = TokenAnswer.model_validate({"access_token": "a", "token_type": "Bearer", "expires_in": expires_in})

    assert answer.expires_in == 3600


async def test_a_token_that_lives_shorter_than_the_margin_is_still_used(rig: YahooRig) -> None:
    await rig.change_settings({"refresh_early": timedelta(hours=2)})

    await rig.connector.test()
    await rig.connector.test()

    assert rig.simulator.tokens.refreshes == 1


# The public-key header


async def test_every_request_has_a_key_header_of_its_own(rig: YahooRig) -> None:
    seen: list[httpx.Request] = []
    inner = rig.transport.inner

    class Watch(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return await inner.handle_async_request(request)

    rig.transport.inner = Watch()
    await rig.connector.test()
    access = await rig.connector.test()

    signatures = [request.headers["x-sws-signature"] for request in seen if request.url.path == LIST]
    assert len(set(signatures)) == 2
    assert access.warnings == ()


async def test_a_refused_key_header_is_noticed_long_before_access_ends(
    rig: YahooRig, caplog: pytest.LogCaptureFixture
) -> None:
    authorised_at = rig.clock.now()
    rig.simulator.keys.issue(rig.clock.now())
    rig.simulator.keys.delete(3)
    caplog.set_level(logging.INFO)

    accesses = [await rig.connector.test()]
    await rig.change_settings({})
    accesses.append(await rig.connector.test())
    rig.clock.advance(timedelta(hours=12))
    with pytest.raises(AuthenticationError) as caught:
        await rig.connector.test()

    assert [access.expires_at for access in accesses] == [authorised_at + timedelta(hours=12)] * 2
    assert all("public_key" in access.warnings[0] for access in accesses)
    assert [record.message for record in caplog.records].count("signature.refused") == 1
    assert caught.value.code == "px-04102"


async def test_refreshing_does_not_cure_the_12_hour_cap(rig: YahooRig) -> None:
    rig.options.is_signature_strict = True
    await rig.change_settings({"public_key_version": 99})

    with pytest.raises(AuthenticationError) as caught:
        await rig.connector.test()

    assert caught.value.code == "px-04102"
    assert rig.simulator.tokens.refreshes == 1
    assert rig.asked(LIST) == [401]


async def test_a_key_can_be_replaced_while_the_old_one_is_still_active(rig: YahooRig, caplog: Any) -> None:
    rig.simulator.keys.issue(rig.clock.now())

    old = await rig.connector.test()
    await rig.change_settings(rig.simulator.key_settings())
    rig.simulator.keys.delete(3)
    new = await rig.connector.test()

    assert old.warnings == new.warnings == ()
    assert rig.settings["public_key_version"] == 4


async def test_the_end_of_a_key_is_announced_and_then_noticed(rig: YahooRig) -> None:
    rig.clock.advance(timedelta(days=335))
    await rig.change_settings(rig.simulator.renew_credentials())
    announced = await rig.connector.test()
    rig.clock.advance(timedelta(days=30))
    await rig.change_settings(rig.simulator.renew_credentials())
    ended = await rig.connector.test()

    assert len(announced.warnings) == 1
    assert "2027-11-18" in announced.warnings[0]
    assert any("not accepted" in warning for warning in ended.warnings)


async def test_a_clock_that_is_wrong_is_reported(rig: YahooRig) -> None:
    late = replace(rig.context, now=lambda: rig.clock.now() + timedelta(minutes=10))
    connector = YahooShoppingConnector(rig.connector.settings, late)

    access = await connector.test()

    assert any("600 seconds" in warning for warning in access.warnings)
    assert any("not accepted" in warning for warning in access.warnings)
    await connector.aclose()


@pytest.mark.parametrize("key", ["", "not a key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_settings_refuse_what_is_no_public_key(key: str) -> None:
    settings = {**YahooShoppingSimulator().settings("http://127.0.0.1:9"), "public_key": key}

    with pytest.raises(ValidationError, match="public_key"):
        YahooShoppingSettings.model_validate(settings)


# Refusals


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (
            b'<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n <Message>No.</Message><Code>px-04306</Code></Error>',
            Refusal("px-04306", "No."),
        ),
        (b"<Error><Message>No.</Message></Error>", Refusal("", "No.")),
        (b'<Error xmlns="urn:yahoo:api"><Message>No.</Message></Error>', Refusal("", "No.")),
        (b'{"Error": {"Message": "Your Request was Forbidden"}}', Refusal("", "Your Request was Forbidden")),
        (b'{"error": {"reason": "topicId is invalid"}}', Refusal("", "topicId is invalid")),
        (b'{"error": "invalid_grant", "error_description": "gone", "error_code": 1}', Refusal("invalid_grant", "gone")),
        (b"<html><body>Service Unavailable</body></html>", Refusal()),
        (b'<!DOCTYPE a [<!ENTITY b "bb">]><Error><Message>&b;</Message></Error>', Refusal()),
        (b'<?xml version="1.0" encoding="no-such"?><Error/>', Refusal()),
        (b"[1, 2]", Refusal()),
        (b'{"error": [1]}', Refusal()),
        (b"", Refusal()),
        (b"\xff\xfe\x00", Refusal()),
    ],
)
def test_error_bodies_are_read_in_all_their_shapes(body: bytes, refusal: Refusal) -> None:
    assert parse_refusal(body) == refusal


@pytest.mark.parametrize("shape", [1, 2, 3])
async def test_the_malls_reason_reaches_the_agent_in_every_shape(rig: YahooRig, shape: int) -> None:
    external_id = await rig.opened()
    rig.options.question_error_shape = shape
    reply = rig.reply(external_id, "はい。")
    unknown = replace(reply, thread=replace(reply.thread, external_id="0" * 64))

    with pytest.raises(RejectedError, match="topicId is invalid") as caught:
        await rig.connector.send(unknown)

    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("switch", "code"),
    [
        ({"registered_addresses": frozenset({"203.0.113.7"})}, "px-04306"),
        ({"is_application_registered": False}, "px-04303"),
        ({"has_inquiry_right": False}, "px-14303"),
        ({"has_store_scope": False}, "insufficient_scope"),
    ],
)
async def test_a_closed_gate_tells_the_operator_what_is_missing(
    rig: YahooRig, switch: dict[str, Any], code: str
) -> None:
    for name, value in switch.items():
        setattr(rig.options, name, value)

    with pytest.raises(AuthenticationError) as caught:
        await rig.connector.test()

    assert caught.value.code == code
    assert any("ぁ" <= letter <= "ん" for letter in caught.value.message)
    assert len(rig.asked(LIST)) == 1


async def test_another_shops_account_is_refused_as_such(rig: YahooRig) -> None:
    rig.simulator.gate._seller_id = "sonota-zakka"  # the key and the right belong to another store

    with pytest.raises(AuthenticationError) as caught:
        await rig.connector.test()

    assert caught.value.code == "px-14304"


async def test_an_unknown_path_is_no_missing_topic(rig: YahooRig) -> None:
    rig.fault(DETAIL, status=404, body=b"<Error><Message>No API.</Message><Code>px-04400</Code></Error>")

    with pytest.raises(RejectedError) as caught:
        await rig.connector.fetch_inquiry("0" * 64)

    assert caught.value.code == "px-04400"


@pytest.mark.parametrize("shape", [1, 2])
async def test_the_daily_limit_waits_until_midnight_in_japan(rig: YahooRig, shape: int) -> None:
    rig.options.platform_error_shape = shape
    rig.options.daily_limit = 1
    await rig.connector.test()

    with pytest.raises(RateLimitedError) as caught:
        await rig.connector.test()

    # 10:23:45 in Japan
    assert caught.value.retry_after == timedelta(hours=13, minutes=36, seconds=15)
    assert caught.value.code == "daily_limit"
    assert rig.budget.pauses == [caught.value.retry_after]
    rig.clock.advance(caught.value.retry_after)
    assert (await rig.connector.test()).account == "hidamari-zakka"


@pytest.mark.parametrize("status", [429, 503])
async def test_a_burst_is_answered_by_waiting_2_4_and_8_seconds(rig: YahooRig, status: int) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    connector = YahooShoppingConnector(rig.connector.settings, replace(rig.context, sleep=sleep))
    rig.fault(LIST, status=status, body=b"<html>Service Unavailable</html>", times=99)

    with pytest.raises(RateLimitedError):
        await connector.test()

    assert waits == [2, 4, 8]
    assert rig.asked(LIST) == [status] * 4
    await connector.aclose()


async def test_waiting_between_calls_keeps_the_malls_one_request_a_second(rig: YahooRig) -> None:
    rig.options.rate_limit_status = 429

    async def sleep(seconds: float) -> None:
        rig.clock.advance(timedelta(seconds=seconds))

    connector = YahooShoppingConnector(rig.connector.settings, replace(rig.context, sleep=sleep))
    await connector.test()
    await connector.test()

    assert rig.asked(LIST) == [200, 429, 200]
    await connector.aclose()


# Reading


async def test_a_topic_that_leaves_the_window_between_two_pages_hides_no_other(rig: YahooRig) -> None:
    start = rig.clock.now()
    topics = [
        rig.simulator.customer_writes(f"{number}件目です。", at=start - timedelta(minutes=40 - number))
        for number in range(23)
    ]
    page = await rig.connector.fetch(None)
    rig.cursor = page.cursor
    for record in page.records:
        await rig.keep(record)

    # The newest row moves behind the window's end, so row 21 becomes row 20.
    rig.clock.advance(timedelta(seconds=30))
    rig.simulator.customer_writes("もう一つ質問です。", thread_id=topics[-1])
    pages = 0
    while len(rig.inquiries) < 23:
        page = await rig.connector.fetch(rig.cursor)
        rig.cursor = page.cursor
        for record in page.records:
            await rig.keep(record)
        pages += 1

    assert pages == 2


async def test_completing_in_the_malls_own_tool_is_seen_on_old_topics_too(rig: YahooRig) -> None:
    external_id = rig.simulator.customer_writes("配送について。", at=rig.clock.now() - timedelta(days=60))
    await rig.read()

    rig.simulator.staff_marks(external_id, Mark.COMPLETED)
    await rig.read_after(timedelta(hours=12))

    assert rig.inquiries[external_id].flags.is_completed is True


async def test_a_topic_that_the_store_started_is_found_although_no_customer_wrote(rig: YahooRig) -> None:
    client = YahooShoppingClient(rig.connector.settings, rig.context)
    topic_id = await client.start_topic(
        order_id="hidamari-zakka-10052311", category_id=36, title="発送日のご連絡", body="明日発送いたします。"
    )

    await rig.read_after(timedelta(minutes=1))

    inquiry = rig.inquiries[topic_id]
    assert [message.author_role for message in inquiry.messages] == [AuthorRole.SHOP]
    assert inquiry.context["first_poster"] == "seller"
    assert inquiry.kind is Kind.DELIVERY
    await client.aclose()


async def test_a_parent_category_cannot_start_a_topic(rig: YahooRig) -> None:
    client = YahooShoppingClient(rig.connector.settings, rig.context)

    with pytest.raises(RejectedError, match="categoryId is invalid"):
        await client.start_topic(order_id="hidamari-zakka-1", category_id=34, title="発送", body="発送します。")
    auction = await client.start_auction_topic(
        category_id=47, title="送料", body="800円です。", auction=("x1000000001", "pre-00000012")
    )

    assert rig.simulator.topics.all[auction].service_type == "auc"
    await client.aclose()


async def test_an_unreadable_row_and_half_an_emoji_do_not_spoil_their_page(rig: YahooRig) -> None:
    good = rig.ask()
    row = rig.simulator.topics.all[good].row()
    rows = [None, {**row, "topicId": 5}, {**row, "title": "\ud83d"}, row]
    body = {"summary": {"filter": 7, "topic": {"start": 1, "end": 4, "count": 4}}, "headlines": rows}
    rig.fault(LIST, status=200, body=body)

    page = await rig.connector.fetch(None)

    assert [record.external_id for record in page.records] == [None, None, good, good]
    for record in page.records[:2]:
        with pytest.raises(MappingError):
            rig.connector.normalise(await rig.connector.complete(record))
    assert rig.connector.normalise(await rig.connector.complete(page.records[3])).external_id == good


async def test_a_listed_topic_that_the_mall_then_denies_is_set_aside_alone(rig: YahooRig) -> None:
    denied, good = rig.ask("一件目です。"), rig.ask("二件目です。")
    (row,) = [one for one in (await rig.connector.fetch(None)).records if one.external_id == denied]
    rig.fault(DETAIL, status=400, body={"error": {"reason": "topicId is invalid"}})

    whole = await rig.connector.complete(row)
    await rig.read()

    assert (whole.external_id, whole.version) == (denied, row.version)
    with pytest.raises(MappingError, match="/detail"):
        rig.connector.normalise(whole)
    assert good in rig.inquiries


async def test_a_list_that_promises_rows_and_shows_none_is_not_taken_for_read(rig: YahooRig) -> None:
    rig.fault(LIST, status=200, body={"summary": {"topic": {"start": 1, "end": 0, "count": 3}}, "headlines": []})

    with pytest.raises(RetryableError):
        await rig.connector.fetch(None)


async def test_a_topic_read_twice_is_the_same_version_although_thumbnails_are_signed_anew(rig: YahooRig) -> None:
    photo = SimulatedFile(name="kake.jpg", content_type="image/jpeg", content=b"\xff\xd8\xff\xe0....")
    external_id = rig.simulator.customer_writes("欠けていました。", files=[photo])

    first = await rig.connector.fetch_inquiry(external_id)
    second = await rig.connector.fetch_inquiry(external_id)

    assert first is not None
    assert second is not None
    assert first.version == second.version
    assert b"thumbnailUrl" not in first.payload


async def test_the_customer_is_the_lists_hash_and_never_the_masked_text(rig: YahooRig) -> None:
    rig.simulator.seed()
    await rig.read()
    topics = rig.simulator.topics.all
    same = [inquiry for key, inquiry in rig.inquiries.items() if topics[key].customer == 1]

    single = await rig.connector.fetch_inquiry(same[0].external_id)

    assert single is not None
    assert len(same) == 2
    assert same[0].customer.external_id == same[1].customer.external_id == topics[same[0].external_id].masked_id
    assert rig.connector.normalise(single).customer.external_id is None
    assert not any("*****" in inquiry.model_dump_json() for inquiry in rig.inquiries.values())


async def test_the_stores_internal_memo_becomes_no_message(rig: YahooRig) -> None:
    rig.simulator.seed()

    await rig.read()

    assert not any("本部に確認済み" in inquiry.model_dump_json() for inquiry in rig.inquiries.values())


async def test_a_reply_counts_as_read_once_the_customer_has_read_it(rig: YahooRig) -> None:
    external_id = await rig.opened()
    await rig.answer(external_id, "ございます。")
    await rig.read_after(timedelta(hours=1))
    before = rig.messages(external_id)[-1].is_read

    rig.simulator.customer_reads(external_id)
    await rig.read_after(timedelta(hours=1))

    assert (before, rig.messages(external_id)[-1].is_read) == (False, True)


@pytest.mark.parametrize("value", [1791162933, "1791162933"])
def test_times_are_seconds_as_text_or_number(value: object) -> None:
    at = parse_unix_seconds(value)

    assert at is not None
    assert at.isoformat() == "2026-10-05T01:15:33+00:00"


@pytest.mark.parametrize("value", ["1791162933000", "きのう", True, 1.5, "9" * 400])
def test_milliseconds_and_words_are_no_time(value: object) -> None:
    with pytest.raises(ValueError, match="not UNIX seconds"):
        parse_unix_seconds(value)


@pytest.mark.parametrize("value", [None, "", "0", 0])
def test_no_time_is_no_time(value: object) -> None:
    assert parse_unix_seconds(value) is None


def test_every_documented_category_has_a_name_and_a_kind() -> None:
    assert set(CATEGORIES) == {*range(1, 29), *range(30, 45)}
    assert kind_of(24) is Kind.RETURN_REFUND
    assert kind_of(9) is Kind.ORDER_CHANGE
    assert kind_of(16) is Kind.DELIVERY
    assert kind_of(22) is Kind.PAYMENT
    assert [moment_of(number) for number in (3, 24, 36, 50, None)] == [
        Moment.BEFORE,
        Moment.AFTER,
        Moment.AFTER,
        Moment.UNKNOWN,
        Moment.UNKNOWN,
    ]


@pytest.mark.parametrize("number", [29, 50, 77, -1])
def test_an_unknown_category_is_kept_by_its_number(number: int) -> None:
    assert name_of(number) == str(number)
    assert kind_of(number) is Kind.OTHER


# Files from customers


async def test_an_error_in_xml_is_never_taken_for_a_file(rig: YahooRig) -> None:
    photo = SimulatedFile(name="kake.jpg", content_type="image/jpeg", content=b"\xff\xd8\xff\xe0....")
    external_id = rig.simulator.customer_writes("欠けていました。", files=[photo])
    await rig.read_after(timedelta(minutes=1))
    attachment = rig.messages(external_id)[0].attachments[0]
    error = b"<Error><Message>The requested file does not exist.</Message></Error>"
    rig.fault("FileDownload", status=200, headers={"content-type": "image/jpeg"}, body=error)
    rig.fault("FileDownload", status=200, headers={"content-type": "text/html"}, body=b"<html>sorry</html>")

    for _ in range(2):
        with pytest.raises(RejectedError) as caught:
            await rig.connector.download(attachment, max_bytes=1000)
        assert caught.value.code == "not_a_file"
    del rig.simulator.topics.files[attachment.external_id]
    with pytest.raises(RejectedError, match="does not exist"):
        await rig.connector.download(attachment, max_bytes=1000)


# Replies


async def test_an_expired_token_repeats_a_post_exactly_once(rig: YahooRig) -> None:
    external_id = await rig.opened()
    rig.simulator.tokens.expire_access_tokens()

    await rig.answer(external_id, "はい、ございます。")

    assert rig.asked(ADD) == [401, 200]
    assert rig.copies(external_id, "はい、ございます。") == 1


async def test_a_post_refused_twice_for_its_token_is_not_tried_a_third_time(rig: YahooRig) -> None:
    external_id = await rig.opened()
    rig.fault(ADD, status=401, headers=EXPIRED, times=99)

    with pytest.raises(AuthenticationError):
        await rig.answer(external_id, "はい、ございます。")

    assert rig.asked(ADD) == [401, 401]
    assert rig.copies(external_id, "はい、ございます。") == 0


@pytest.mark.parametrize("body", [b"{}", b'{"messageid": null}', b'{"messageid": ""}', b"", b"<html></html>", b"[]"])
async def test_a_post_without_a_message_id_in_its_answer_is_unknown(rig: YahooRig, body: bytes) -> None:
    external_id = await rig.opened()
    rig.fault(ADD, kind=FaultKind.ANSWER_AFTER, status=200, body=body)

    with pytest.raises(UnknownOutcomeError):
        await rig.answer(external_id, "はい、ございます。")

    assert rig.asked(ADD) == [200]
    assert rig.copies(external_id, "はい、ございます。") == 1


async def test_a_503_says_nothing_about_a_post(rig: YahooRig) -> None:
    external_id = await rig.opened()
    rig.fault(ADD, status=503, body=b"<html>Service Unavailable</html>")

    with pytest.raises(UnknownOutcomeError):
        await rig.answer(external_id, "はい、ございます。")

    assert rig.asked(ADD) == [503]


@pytest.mark.parametrize("is_number", [False, True], ids=["text", "number"])
async def test_the_message_id_of_a_receipt_may_be_text_or_number(rig: YahooRig, is_number: bool) -> None:
    rig.options.message_id_is_number = is_number
    external_id = await rig.opened()

    receipt = await rig.answer(external_id, "はい、ございます。")

    assert receipt.external_id == f"{external_id}#2"
    assert receipt.sent_at == rig.clock.now()


async def test_line_ends_count_once_and_leave_as_lf(rig: YahooRig) -> None:
    external_id = await rig.opened()
    text = "あ\r\n" * 999 + "終わり"

    assert rig.connector.check(rig.reply(external_id, text + "。")) != []
    assert rig.connector.check(rig.reply(external_id, text[:-1])) == []
    await rig.answer(external_id, text[:-1])

    assert "\r" not in rig.simulator.thread(external_id).shop_texts[0]


async def test_a_reply_to_a_public_topic_is_warned_about_and_still_goes(rig: YahooRig) -> None:
    external_id = await rig.opened(is_private=False)

    (warning,) = rig.connector.check(rig.reply(external_id, "来月入荷します。"))
    await rig.answer(external_id, "来月入荷します。")

    assert (warning.code, warning.is_warning) == ("topic_is_public", True)
    assert rig.copies(external_id, "来月入荷します。") == 1


async def test_files_wait_until_a_public_topic_is_private(rig: YahooRig) -> None:
    external_id = await rig.opened(is_private=False)
    with pytest.raises(RejectedError) as caught:
        await rig.answer(external_id, "図をご覧ください。", [PNG])

    await rig.connector.mark(Mark.PRIVATE, [external_id])
    await rig.read_after(timedelta(hours=12))
    await rig.answer(external_id, "図をご覧ください。", [PNG])

    assert [(one.code, one.pointer) for one in caught.value.violations] == [("files_need_private_topic", "/files/0")]
    assert rig.simulator.thread(external_id).messages[-1].files[0].content == PNG.content


async def test_files_cannot_go_to_an_auction_topic(rig: YahooRig) -> None:
    external_id = rig.ask()
    rig.simulator.topics.all[external_id].service_type = "auc"
    await rig.read_after(timedelta(minutes=5))

    violations = rig.connector.check(rig.reply(external_id, "図をご覧ください。", [PNG]))

    assert [(one.code, one.pointer) for one in violations] == [("files_need_shopping_topic", "/files/0")]


async def test_an_encrypted_pdf_is_refused_before_it_is_uploaded(rig: YahooRig) -> None:
    external_id = await rig.opened()
    locked = pdf(b"%PDF-1.6\ntrailer<</Root 1 0 R/Encrypt 5 0 R>>\n%%EOF\n")

    with pytest.raises(RejectedError) as caught:
        await rig.answer(external_id, "伝票です。", [PNG, locked])

    assert [(one.code, one.pointer) for one in caught.value.violations] == [("pdf_encrypted", "/files/1")]
    assert rig.asked("externalTalkFileAdd") == []


async def test_an_upload_may_be_repeated_and_posts_nothing(rig: YahooRig) -> None:
    external_id = await rig.opened()
    rig.fault("FileAdd", kind=FaultKind.CUT_AFTER)

    await rig.answer(external_id, "図をご覧ください。", [PNG])

    assert rig.copies(external_id, "図をご覧ください。") == 1
    assert [file.name for file in rig.simulator.thread(external_id).messages[-1].files] == [PNG.name]


async def test_files_of_a_rejected_post_are_deleted(rig: YahooRig) -> None:
    external_id = await rig.opened()
    rig.fault(ADD, status=400, body={"error": {"reason": "body is invalid"}})

    with pytest.raises(RejectedError, match="body is invalid"):
        await rig.answer(external_id, "図をご覧ください。", [PNG, PNG])

    assert rig.asked("externalTalkFileDelete") == [200, 200]
    assert rig.simulator.topics.files == {}


async def test_files_of_a_reply_whose_second_upload_is_refused_are_deleted(rig: YahooRig) -> None:
    external_id = await rig.opened()
    rig.fault("FileAdd", status=400, body={"error": {"reason": "the file is too large"}}, skip=1)

    with pytest.raises(RejectedError, match="too large"):
        await rig.answer(external_id, "図をご覧ください。", [PNG, PNG])

    assert rig.simulator.topics.files == {}
    assert rig.asked(ADD) == []


async def test_files_of_a_post_with_unknown_outcome_stay(rig: YahooRig) -> None:
    external_id = await rig.opened()
    rig.fault(ADD, kind=FaultKind.CUT_AFTER)

    with pytest.raises(UnknownOutcomeError):
        await rig.answer(external_id, "図をご覧ください。", [PNG])

    assert rig.asked("externalTalkFileDelete") == []
    assert len(rig.simulator.thread(external_id).messages[-1].files) == 1


# Flags


@pytest.mark.parametrize(
    ("answered", "setting", "condition"),
    [("by us", 5, 1), ("in the mall's tool", 5, 5), ("not at all", 5, 5), ("not at all", 2, 2)],
)
async def test_a_topic_is_completed_under_the_condition_that_fits(
    rig: YahooRig, answered: str, setting: int, condition: int
) -> None:
    await rig.change_settings({"complete_condition_without_answer": setting})
    external_id = await rig.opened()
    if answered == "by us":
        await rig.answer(external_id, "ございます。")
    elif answered == "in the mall's tool":
        rig.simulator.staff_writes(external_id, "ございます。")

    (result,) = await rig.connector.mark(Mark.COMPLETED, [external_id])

    assert result.is_done
    assert rig.simulator.topics.all[external_id].condition == condition


async def test_a_completed_topic_keeps_its_condition(rig: YahooRig) -> None:
    external_id = await rig.opened()
    rig.simulator.topics.all[external_id].condition = 2

    (result,) = await rig.connector.mark(Mark.COMPLETED, [external_id])

    assert result.is_done
    assert rig.asked("externalTalkComplete") == []


async def test_a_flag_that_the_mall_answers_with_ng_is_not_done(rig: YahooRig) -> None:
    external_id = await rig.opened()
    rig.fault("externalTalkRead", status=200, body={"status": "ng"})

    (result,) = await rig.connector.mark(Mark.READ, [external_id])

    assert (result.is_done, result.reason) == (False, "ng")


def test_reopening_is_not_offered() -> None:
    assert YahooShoppingConnector.capabilities.marks == {Mark.READ, Mark.COMPLETED, Mark.PRIVATE}
