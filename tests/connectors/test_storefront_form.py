"""The own site: the browser form, signed-in customers and the bot check."""

import asyncio
import base64
import dataclasses
import hashlib
import hmac
import json
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.storefront.connector import CONFIG, SUBMISSIONS, StorefrontConnector
from connectors.storefront.settings import StorefrontSettings
from connectors.storefront.simulator import (
    PHOTO,
    SHOP_ORIGIN,
)
from connectors.storefront.tokens import new_identity_token, read_identity_token
from gateway.sdk import (
    AuthorRole,
    WebhookResponse,
)
from gateway.sdk.testing import (
    Fault,
    FaultKind,
    MemoryBudget,
)
from tests.connectors.storefront_shop import (
    ADDRESS,
    JSON,
    KEYS,
    START,
    VISITOR,
    Recorder,
    Shop,
    code,
    expect_documented,
    fuzz,
    refused_fields,
    told,
)


@pytest.fixture
def shop() -> Shop:
    return Shop()


# B2: the browser form


async def test_the_form_describes_itself(shop: Shop) -> None:
    response = await shop.deliver(shop.browser("GET", CONFIG))

    described = told(response)
    required = [field["name"] for field in described["fields"] if field["is_required"]]
    assert required == ["email", "body"]
    assert all(field["label"]["ja"] and field["label"]["en"] for field in described["fields"])
    assert described["bot_check"] == {
        "provider": "turnstile",
        "site_key": shop.settings["bot_check_site_key"],
        "action": "inquiry",
    }
    assert described["limits"]["max_files"] == 5
    assert response.headers["cache-control"] == "no-store"


async def test_a_submission_becomes_a_case_and_gets_a_reference(shop: Shop) -> None:
    response = await shop.deliver(shop.submission(await shop.filled(order_refs="1001", consents={"privacy": "1"})))

    assert response.status == 202
    assert set(told(response)) == {"reference"}
    assert re.fullmatch(r"Q-[2-9A-Z]{4}-[2-9A-Z]{2}", told(response)["reference"])
    inquiry = shop.inquiries[0]
    assert inquiry.subject == "再入荷について"
    assert inquiry.customer.address == "ichiro@example.jp"
    assert inquiry.customer.external_id is None
    assert inquiry.context["reference"] == told(response)["reference"]
    assert [(one.value, one.is_verified) for one in inquiry.references] == [("1001", False)]


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (SHOP_ORIGIN, True),
        ("https://www.shop.example.jp", False),
        ("https://shop.example.jp.evil.example", False),
        ("http://shop.example.jp", False),
        ("https://shop.example.jp:8443", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
        (None, False),
    ],
)
async def test_only_sites_on_the_list_may_open_the_form(shop: Shop, origin: str | None, is_allowed: bool) -> None:
    response = await shop.deliver(shop.browser("GET", CONFIG, origin=origin))

    assert response.status == (200 if is_allowed else 403)
    assert response.headers["vary"] == "Origin"
    assert response.headers.get("access-control-allow-origin") == (origin if is_allowed else None)


async def test_a_missing_origin_is_allowed_on_our_own_pages_only() -> None:
    own = Shop(public_base_url="https://shop.example.jp/gateway")
    fields = await own.filled()

    refused = await own.deliver(own.submission(fields, origin=None))
    cross = await own.deliver(own.submission(fields, origin=None, sec_fetch_site="cross-site"))
    taken = await own.deliver(own.submission(fields, origin=None, sec_fetch_site="same-origin"))

    assert [answer.status for answer in (refused, cross, taken)] == [403, 403, 202]


async def test_a_preflight_names_exactly_what_is_allowed(shop: Shop) -> None:
    response = await shop.deliver(shop.browser("OPTIONS", SUBMISSIONS, access_control_request_method="POST"))

    assert response.status == 204
    assert response.headers == {
        "access-control-allow-origin": SHOP_ORIGIN,
        "access-control-expose-headers": "retry-after",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "content-type, idempotency-key",
        "access-control-max-age": "600",
        "vary": "Origin",
    }


async def test_a_preflight_from_elsewhere_gets_no_permission(shop: Shop) -> None:
    response = await shop.deliver(shop.browser("OPTIONS", SUBMISSIONS, origin="https://evil.example"))

    assert response.status == 403
    assert [name for name in response.headers if name.startswith("access-control")] == []
    assert response.headers["vary"] == "Origin"


async def test_every_answer_to_a_browser_varies_by_origin_and_never_allows_credentials(shop: Shop) -> None:
    fields = await shop.filled()
    requests = [
        shop.submission({**fields, "body": ""}),
        shop.submission(fields, content_type="text/plain"),
        shop.submission({**fields, "form_token": "forged"}),
        *[shop.submission(fields)] * 4,
    ]

    answers = [await shop.deliver(request) for request in requests]

    assert [answer.status for answer in answers] == [422, 415, 403, 202, 202, 202, 429]
    for answer in answers:
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["access-control-allow-origin"] == SHOP_ORIGIN
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", None])
async def test_a_body_that_needs_no_preflight_is_refused(shop: Shop, content_type: str | None) -> None:
    response = await shop.deliver(shop.submission(await shop.filled(), content_type=content_type))

    assert response.status == 415
    assert shop.records == []


async def test_a_form_that_no_site_may_show_does_not_exist(shop: Shop) -> None:
    decoy = StorefrontConnector(StorefrontSettings.decoy(), shop.context)

    at_decoy = await decoy.receive(shop.browser("GET", CONFIG))
    foreign = await shop.connector.receive(shop.browser("GET", CONFIG, origin="https://evil.example"))

    assert at_decoy == foreign


@pytest.mark.parametrize(
    ("age", "status", "problem"),
    [
        (timedelta(seconds=2), 403, "form_token_too_young"),
        (timedelta(seconds=3), 202, ""),
        (timedelta(hours=2), 202, ""),
        (timedelta(hours=2, seconds=1), 403, "form_token_refused"),
    ],
)
async def test_a_form_is_sent_neither_too_early_nor_too_late(
    shop: Shop, age: timedelta, status: int, problem: str
) -> None:
    fields = await shop.filled()
    shop.clock.advance(age - timedelta(seconds=10))
    fields["bot_token"] = shop.simulator.solve_bot_check()

    response = await shop.deliver(shop.submission(fields))

    assert response.status == status
    assert problem == "" or code(response) == problem


async def test_a_form_token_is_good_for_one_submission(shop: Shop) -> None:
    fields = await shop.filled()
    await shop.deliver(shop.submission(fields, idempotency_key=str(uuid.uuid4())))
    again = {**fields, "bot_token": shop.simulator.solve_bot_check()}

    response = await shop.deliver(shop.submission(again, idempotency_key=str(uuid.uuid4())))

    assert refused_fields(response) == {"form_token": "reused"}
    assert len(shop.records) == 1


async def test_a_form_token_is_bound_to_its_site_and_form() -> None:
    shop = Shop(form_origins=[SHOP_ORIGIN, "https://other.example.jp"])
    fields = await shop.filled()
    elsewhere = shop.submission(fields, origin="https://other.example.jp")
    other_form = dataclasses.replace(shop.submission(fields), params={"address": "shop-two"})

    answers = [await shop.deliver(request) for request in (elsewhere, other_form)]

    assert [refused_fields(answer) for answer in answers] == [{"form_token": "invalid"}] * 2


async def test_a_form_token_made_by_somebody_else_is_refused(shop: Shop) -> None:
    fields = await shop.filled()
    payload, _, signature = fields["form_token"].partition(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    forged = base64.urlsafe_b64encode(hmac.new(b"", payload.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()

    answers = [
        await shop.deliver(shop.submission({**fields, "form_token": token}))
        for token in (f"{payload}.{flipped}", f"{payload}.{forged}", payload, "")
    ]

    assert [code(answer) for answer in answers] == ["form_token_refused"] * 4


async def test_without_a_server_key_there_is_no_form(shop: Shop) -> None:
    keyless = StorefrontConnector(shop.connector.settings, dataclasses.replace(shop.context, server_secret=b""))

    reception = await keyless.receive(shop.browser("GET", CONFIG))

    assert reception.response is not None
    assert reception.response.status == 503


async def test_a_mended_submission_may_use_the_same_form(shop: Shop) -> None:
    fields = await shop.filled()
    refused = await shop.deliver(shop.submission({**fields, "email": "nobody"}))

    taken = await shop.deliver(shop.submission(fields))

    assert refused_fields(refused) == {"email": "not_an_email"}
    assert taken.status == 202


async def test_a_filled_honeypot_is_answered_as_ever_and_set_aside(shop: Shop) -> None:
    response = await shop.deliver(shop.submission(await shop.filled(website="https://spam.example")))

    assert response.status == 202
    assert set(told(response)) == {"reference"}
    assert shop.quarantined == ["honeypot"]


@pytest.mark.parametrize(
    ("body", "is_suspicious"),
    [
        ("https://a.example https://b.example を見ましたが、在庫はありますか？", False),
        ("buy https://a.example https://b.example https://c.example https://d.example now", True),
        ("[url=https://a.example]cheap[/url]", True),
        ("在庫はありますか？", False),
    ],
)
async def test_a_suspicious_text_is_set_aside_and_never_refused(shop: Shop, body: str, is_suspicious: bool) -> None:
    response = await shop.deliver(shop.submission(await shop.filled(body=body)))

    assert response.status == 202
    assert shop.quarantined == (["spam_score"] if is_suspicious else [])


async def test_a_double_click_and_a_retry_give_one_inquiry(shop: Shop) -> None:
    fields = await shop.filled()
    key = str(uuid.uuid4())

    first = await shop.deliver(shop.submission(fields, idempotency_key=key))
    second = await shop.deliver(shop.submission(fields, idempotency_key=key))

    assert first == second
    assert len(shop.records) == 1


async def test_a_double_click_without_a_key_is_known_by_its_form(shop: Shop) -> None:
    fields = await shop.filled()

    first, second = [await shop.deliver(shop.submission(fields)) for _ in range(2)]

    assert first == second
    assert len(shop.records) == 1


async def test_two_clicks_at_the_same_time_are_one_submission(shop: Shop) -> None:
    request = shop.submission(await shop.filled(), idempotency_key=str(uuid.uuid4()))

    receptions = await asyncio.gather(*(shop.connector.receive(request) for _ in range(2)))

    assert sorted(bool(reception.records) for reception in receptions) == [False, True]
    refused = next(reception.response for reception in receptions if reception.response)
    assert refused.status == 503


async def test_one_key_with_another_text_is_refused(shop: Shop) -> None:
    fields = await shop.filled()
    key = str(uuid.uuid4())
    await shop.deliver(shop.submission(fields, idempotency_key=key))

    response = await shop.deliver(shop.submission({**fields, "body": "別の質問です。"}, idempotency_key=key))

    assert code(response) == "id_reused"


async def test_a_key_that_is_no_uuid_is_refused(shop: Shop) -> None:
    response = await shop.deliver(shop.submission(await shop.filled(), idempotency_key="1"))

    assert code(response) == "malformed"


async def test_a_submission_cut_off_by_a_crash_may_be_sent_again(shop: Shop) -> None:
    fields = await shop.filled()
    key = str(uuid.uuid4())
    crashed = await shop.connector.receive(shop.submission(fields, idempotency_key=key))
    shop.clock.advance(timedelta(seconds=61))

    response = await shop.deliver(shop.submission(fields, idempotency_key=key))

    assert response.status == 202
    first, second = crashed.records[0], shop.records[0]
    assert (first.external_id, first.version) == (second.external_id, second.version)


async def test_twenty_one_posts_from_one_address_end_at_the_sixth_in_ten_minutes(shop: Shop) -> None:
    answers = [await shop.deliver(shop.submission({})) for _ in range(21)]

    assert [answer.status for answer in answers] == [422] * 5 + [429] * 16
    assert int(answers[5].headers["retry-after"]) == 120


async def test_one_address_has_twenty_posts_a_day() -> None:
    shop = Shop(submissions_per_ip=1000)

    answers = [await shop.deliver(shop.submission({})) for _ in range(21)]

    assert [answer.status for answer in answers] == [422] * 20 + [429]


@pytest.mark.parametrize(
    ("neighbour", "status"),
    [
        ("2001:db8:0:1:ffff::9", 429),
        ("2001:db8:0:2::1", 422),
        ("203.0.113.9", 422),
        ("::ffff:203.0.113.9", 422),
    ],
)
async def test_a_whole_ipv6_network_counts_as_one(neighbour: str, status: int) -> None:
    shop = Shop(submissions_per_ip=1)
    await shop.deliver(dataclasses.replace(shop.submission({}), client_ip="2001:db8:0:1::1"))

    response = await shop.deliver(dataclasses.replace(shop.submission({}), client_ip=neighbour))

    assert response.status == status


async def test_visitors_without_an_address_share_one_budget() -> None:
    shop = Shop(submissions_per_ip=1)

    answers = [
        await shop.deliver(dataclasses.replace(shop.submission({}), client_ip=unknown)) for unknown in (None, "proxy")
    ]

    assert [answer.status for answer in answers] == [422, 429]


async def test_one_mailbox_is_not_flooded_from_many_addresses(shop: Shop) -> None:
    statuses = []
    for number in range(4):
        fields = await shop.filled(email="Ichiro@example.jp" if number % 2 else "ichiro@example.jp")
        request = dataclasses.replace(shop.submission(fields), client_ip=f"198.51.100.{number}")
        statuses.append((await shop.deliver(request)).status)

    assert statuses == [202, 202, 202, 429]


async def test_the_whole_form_has_a_limit() -> None:
    shop = Shop(submissions_per_minute=1)
    filled = [await shop.filled(email=f"a{number}@example.jp") for number in range(2)]

    answers = [await shop.deliver(shop.submission(fields)) for fields in filled]

    assert [answer.status for answer in answers] == [202, 429]


async def test_openings_have_a_limit() -> None:
    shop = Shop(config_reads_per_ip=2)

    answers = [await shop.deliver(shop.browser("GET", CONFIG)) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods_are_refused(shop: Shop, method: str) -> None:
    response = await shop.deliver(shop.browser(method, SUBMISSIONS))

    assert response.status == 405


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"null", b'{"a":' * 3000, b"1" * 5000])
async def test_a_body_that_is_no_object_is_malformed(shop: Shop, body: bytes) -> None:
    response = await shop.deliver(shop.browser("POST", SUBMISSIONS, body, content_type="application/json"))

    assert code(response) == "malformed"


@pytest.mark.parametrize(("text", "status"), [("\\ud800", 400), ("a\\u0000b", 422)])
async def test_text_that_is_no_text_is_refused(shop: Shop, text: str, status: int) -> None:
    fields = json.dumps(await shop.filled(body="X")).replace('"X"', f'"{text}"')

    response = await shop.deliver(shop.browser("POST", SUBMISSIONS, fields.encode(), content_type="application/json"))

    assert response.status == status


async def test_files_come_with_the_form_and_a_refused_one_is_named_while_the_text_is_kept(shop: Shop) -> None:
    request = shop.multipart(
        await shop.filled(order_refs=["1001", "1002"], consents='{"privacy_policy":"2026-04"}'),
        [
            ("写真.png", PHOTO, "application/octet-stream"),
            ("../tool.exe", b"MZ\x90\x00" + bytes(60), "image/png"),
            ("empty.txt", b"", "text/plain"),
        ],
    )

    response = await shop.deliver(request)

    assert response.status == 202
    assert told(response)["refused_files"] == [
        {"name": "tool.exe", "code": "type_not_allowed"},
        {"name": "empty.txt", "code": "empty"},
    ]
    said, note = shop.inquiries[0].messages
    assert [file.name for file in said.attachments] == ["写真.png"]
    assert (await shop.connector.download(said.attachments[0], max_bytes=1000)).content == PHOTO
    assert [one.value for one in shop.inquiries[0].references] == ["1001", "1002"]
    assert note.author_role is AuthorRole.SYSTEM
    assert "tool.exe" in note.text


async def test_files_over_number_and_size_are_refused_by_name() -> None:
    shop = Shop(max_files=2, max_file_bytes=100)
    files = [(f"{number}.png", PHOTO[:90], "image/png") for number in range(3)]
    files.insert(0, ("large.png", PHOTO + bytes(100), "image/png"))

    response = await shop.deliver(shop.multipart(await shop.filled(), files))

    assert told(response)["refused_files"] == [
        {"name": "large.png", "code": "too_large"},
        {"name": "2.png", "code": "too_many_files"},
    ]
    assert len(shop.inquiries[0].messages[0].attachments) == 2


async def test_a_repeated_multipart_is_the_same_submission_whatever_its_boundary(shop: Shop) -> None:
    fields = await shop.filled()
    files = [("写真.png", PHOTO, "image/png")]
    first, second = shop.multipart(fields, files), shop.multipart(fields, files)

    answers = [await shop.deliver(request) for request in (first, second)]

    assert first.body != second.body
    assert answers[0] == answers[1]
    assert len(shop.records) == 1


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b; charset=utf-99", b"--b\r\n\r\n"),
        ("multipart/form-data; boundary=" + "b" * 300, b"--b"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="body"\r\n\r\ncut'),
    ],
)
async def test_damaged_multipart_is_refused(shop: Shop, content_type: str, body: bytes) -> None:
    response = await shop.deliver(shop.browser("POST", SUBMISSIONS, body, content_type=content_type))

    assert response.status in {400, 422}


@fuzz
@given(body=st.binary(max_size=300), boundary=st.text(max_size=20))
def test_any_multipart_gets_a_documented_answer(body: bytes, boundary: str) -> None:
    shop = Shop()
    framed = b"--" + boundary.encode() + b"\r\n" + body
    content_type = f"multipart/form-data; boundary={boundary}"

    answer = asyncio.run(shop.deliver(shop.browser("POST", SUBMISSIONS, framed, content_type=content_type)))

    expect_documented(answer, accepted=set())


@fuzz
@given(changes=st.dictionaries(st.sampled_from(["name", "email", "body", "order_refs", "consents", "website"]), JSON))
def test_any_submission_gets_a_documented_answer_and_what_is_taken_can_be_read(changes: dict[str, Any]) -> None:
    shop = Shop()

    async def submit() -> WebhookResponse:
        return await shop.deliver(shop.submission(await shop.filled(**changes)))

    answer = asyncio.run(submit())

    expect_documented(answer, accepted={202})
    assert len(shop.inquiries) == (answer.status == 202)


# Signed-in customers


async def test_a_signed_in_customer_is_known(shop: Shop) -> None:
    token = shop.simulator.sign_in("C-5567")

    await shop.deliver(shop.submission(await shop.filled(identity_token=token)))

    assert shop.inquiries[0].customer.external_id == "C-5567"
    assert shop.inquiries[0].context["identity"] == "verified"


async def test_an_outdated_identity_costs_the_trust_and_not_the_text(shop: Shop) -> None:
    token = shop.simulator.sign_in("C-5567")
    shop.clock.advance(timedelta(minutes=10))

    response = await shop.deliver(shop.submission(await shop.filled(identity_token=token)))

    assert response.status == 202
    assert shop.inquiries[0].customer.external_id is None
    assert shop.inquiries[0].context["identity"] == "refused"


async def test_a_reference_that_a_visitor_types_is_not_believed(shop: Shop) -> None:
    await shop.deliver(shop.submission(await shop.filled(customer_ref="C-5567", customer={"customer_ref": "C-5567"})))

    assert shop.inquiries[0].customer.external_id is None


def jwt(key: bytes, header: object, claims: object) -> str:
    signed = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    )
    digest = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


HS256 = {"alg": "HS256", "typ": "JWT"}
SECONDS = int(START.timestamp())
CLAIMS = {"aud": ADDRESS, "sub": "C-1", "iat": SECONDS, "exp": SECONDS + 600}


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "none"}, CLAIMS),
        ({"alg": "HS512"}, CLAIMS),
        ({**HS256, "crit": ["exp"]}, CLAIMS),
        (HS256, {**CLAIMS, "aud": "shop-two"}),
        (HS256, {**CLAIMS, "exp": SECONDS + 601}),
        (HS256, {**CLAIMS, "exp": SECONDS}),
        (HS256, {**CLAIMS, "iat": SECONDS + 61, "exp": SECONDS + 100}),
        (HS256, {**CLAIMS, "exp": 10**30}),
        (HS256, {**CLAIMS, "sub": ""}),
        (HS256, {"aud": ADDRESS, "sub": "C-1"}),
        (HS256, []),
        ([], CLAIMS),
    ],
)
def test_an_identity_that_breaks_a_rule_is_not_believed(header: object, claims: object) -> None:
    token = jwt(KEYS[0], header, claims)

    assert read_identity_token(KEYS, token, form_key=ADDRESS, now=START) is None


@pytest.mark.parametrize("key", KEYS)
def test_an_identity_by_either_secret_is_believed(key: bytes) -> None:
    token = jwt(key, HS256, CLAIMS)
    ours = new_identity_token(key, form_key=ADDRESS, customer_ref="C-1", now=START)

    assert read_identity_token(KEYS, token, form_key=ADDRESS, now=START) == "C-1"
    assert read_identity_token(KEYS, ours, form_key=ADDRESS, now=START) == "C-1"
    assert read_identity_token([b"x" * 32], token, form_key=ADDRESS, now=START) is None


@fuzz
@given(token=st.text() | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
def test_no_random_text_is_an_identity(token: str) -> None:
    assert read_identity_token(KEYS, token, form_key=ADDRESS, now=START) is None


# The bot check


async def test_a_bot_token_counts_once(shop: Shop) -> None:
    fields = await shop.filled()
    await shop.deliver(shop.submission(fields))
    second = {**(await shop.filled()), "bot_token": fields["bot_token"]}

    response = await shop.deliver(shop.submission(second))

    assert code(response) == "bot_check_refused"
    assert len(shop.records) == 1


@pytest.mark.parametrize(
    "solved", [{"hostname": "evil.example"}, {"action": "login"}], ids=["other host", "other action"]
)
async def test_a_bot_token_from_elsewhere_is_refused(shop: Shop, solved: dict[str, str]) -> None:
    token = shop.simulator.solve_bot_check(**solved)

    response = await shop.deliver(shop.submission(await shop.filled(bot_token=token)))

    assert code(response) == "bot_check_refused"


@pytest.mark.parametrize("token", ["", "made up", "x" * 2049])
async def test_without_a_persons_token_nothing_is_taken(shop: Shop, token: str) -> None:
    response = await shop.deliver(shop.submission(await shop.filled(bot_token=token)))

    assert code(response) == "bot_check_refused"
    assert shop.records == []


async def test_turnstiles_own_field_name_is_known(shop: Shop) -> None:
    fields = await shop.filled()
    fields["cf-turnstile-response"] = fields.pop("bot_token")

    response = await shop.deliver(shop.submission(fields))

    assert response.status == 202


async def test_a_late_bot_token_is_refused(shop: Shop) -> None:
    fields = await shop.filled()
    shop.clock.advance(timedelta(seconds=301))

    response = await shop.deliver(shop.submission(fields))

    assert code(response) == "bot_check_refused"


DOWN = [
    Fault(kind=FaultKind.ANSWER, status=500, times=9),
    Fault(kind=FaultKind.ANSWER, status=200, body=b"<html>maintenance</html>", times=9),
    Fault(kind=FaultKind.ANSWER, status=200, body=b'{"success": "yes"}', times=9),
    Fault(kind=FaultKind.ANSWER, status=429, headers={"retry-after": "60"}, times=9),
    Fault(kind=FaultKind.TIME_OUT, times=9),
    Fault(kind=FaultKind.NOT_CONNECTED, times=9),
]


@pytest.mark.parametrize("fault", DOWN, ids=["500", "html", "odd json", "429", "slow", "unreachable"])
async def test_while_the_bot_check_is_down_the_form_is_closed_by_default(shop: Shop, fault: Fault) -> None:
    fields = await shop.filled()
    shop.simulator.faults.add(fault)

    refused = await shop.deliver(shop.submission(fields))
    shop.simulator.faults.clear()
    taken = await shop.deliver(shop.submission(fields))

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    assert taken.status == 202


@pytest.mark.parametrize("fault", DOWN, ids=["500", "html", "odd json", "429", "slow", "unreachable"])
async def test_while_the_bot_check_is_down_submissions_may_be_set_aside(fault: Fault) -> None:
    shop = Shop(when_bot_check_is_down="quarantine")
    fields = await shop.filled()
    shop.simulator.faults.add(fault)

    response = await shop.deliver(shop.submission(fields))

    assert response.status == 202
    assert shop.quarantined == ["bot_check_down"]


async def test_one_hiccup_of_the_bot_check_goes_unnoticed(shop: Shop) -> None:
    fields = await shop.filled()
    shop.simulator.faults.add(Fault(kind=FaultKind.CUT_AFTER))

    response = await shop.deliver(shop.submission(fields))

    assert response.status == 202


async def test_a_wrong_key_of_ours_is_not_the_visitors_fault() -> None:
    shop = Shop(bot_check_secret="wrong")

    response = await shop.deliver(shop.submission(await shop.filled()))

    assert response.status == 503


@pytest.mark.parametrize("sends_ip", [True, False])
async def test_the_bot_check_learns_the_visitors_address_only_if_it_may(sends_ip: bool) -> None:
    shop = Shop(bot_check_sends_ip=sends_ip)
    recorder = Recorder()
    shop.context = dataclasses.replace(shop.context, transport=recorder)
    shop.connector = shop.connect()

    await shop.deliver(shop.submission(await shop.filled()))

    question = json.loads(recorder.requests[0].content)
    assert question.get("remoteip") == (VISITOR if sends_ip else None)


async def test_a_form_may_do_without_a_bot_check() -> None:
    shop = Shop(bot_check="none")

    response = await shop.deliver(shop.submission(await shop.filled(bot_token="")))

    assert response.status == 202
    assert shop.simulator.requests == []


async def test_the_bot_check_is_no_call_to_the_shop(shop: Shop) -> None:
    fields = await shop.filled()
    shop.simulator.faults.add(Fault(kind=FaultKind.ANSWER, status=429, headers={"retry-after": "60"}, times=9))

    await shop.deliver(shop.submission(fields))

    assert isinstance(shop.context.budget, MemoryBudget)
    assert shop.context.budget.pauses == []
