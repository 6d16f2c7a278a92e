"""The own site: the signed intake and its files."""

import asyncio
import dataclasses
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.storefront.connector import INQUIRIES, UPLOAD, UPLOADS, StorefrontConnector
from connectors.storefront.files import clean_name, sniff
from connectors.storefront.settings import StorefrontSettings
from connectors.storefront.signature import new_secret
from connectors.storefront.simulator import (
    FIRST_SECRET,
    PHOTO,
    SECOND_SECRET,
    StorefrontSimulator,
)
from gateway.sdk import (
    AuthorRole,
    Kind,
    RejectedError,
    WebhookRequest,
    WebhookResponse,
)
from gateway.sdk.testing import (
    SimulatedClock,
    SimulatedFile,
)
from tests.connectors.storefront_shop import (
    ADDRESS,
    FAR,
    JSON,
    START,
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


# B1: the signed intake


async def test_a_signed_event_becomes_a_case(shop: Shop) -> None:
    request = shop.simulator.signed(shop.event())

    response = await shop.deliver(request)

    assert response.status == 202
    assert told(response) == {
        "inquiry_id": "rec_1",
        "case_id": "case_1",
        "status": "accepted",
        "idempotent": False,
    }
    assert shop.records[0].payload == request.body


@pytest.mark.parametrize("signing", [[FIRST_SECRET], [SECOND_SECRET], [new_secret(), SECOND_SECRET]])
async def test_during_a_rotation_either_secret_is_accepted(signing: list[str]) -> None:
    shop = Shop(secrets=[SECOND_SECRET, FIRST_SECRET])

    response = await shop.deliver(shop.simulator.signed(shop.event(), secrets=signing))

    assert response.status == 202


@pytest.mark.parametrize("wrong", sorted(StorefrontSimulator(SimulatedClock(START)).bad_webhooks()))
async def test_a_wrong_request_gets_its_status_and_stores_nothing(shop: Shop, wrong: str) -> None:
    request, status = shop.simulator.bad_webhooks()[wrong]
    request = dataclasses.replace(request, body=request.body[: StorefrontConnector.webhook_limit(INQUIRIES) + 1])

    response = await shop.deliver(request)

    assert response.status == status
    assert shop.records == []
    assert shop.memo.written == []


async def test_checks_come_in_the_order_of_the_protocol(shop: Shop) -> None:
    """Each request is wrong in one more way than the one before; the first check that fails answers."""
    stranger = [new_secret()]
    old = shop.clock.now() - FAR
    body = b"not json"
    long_body = b"x" * (256 * 1024 + 1)
    bad_id = shop.simulator.signed_bytes(body, at=old, event_id="a.b", secrets=stranger)
    no_headers = dataclasses.replace(bad_id, headers={"content-type": "application/json"})
    requests = [
        shop.simulator.signed_bytes(body),
        shop.simulator.signed_bytes(body, secrets=stranger),
        shop.simulator.signed_bytes(body, at=old, secrets=stranger),
        bad_id,
        dataclasses.replace(no_headers, body=long_body),
    ]

    answers = [(await shop.deliver(request)) for request in requests]

    assert [code(answer) for answer in answers] == [
        "invalid",
        "signature_mismatch",
        "timestamp_out_of_tolerance",
        "malformed",
        "too_large",
    ]


@pytest.mark.parametrize(("seconds", "status"), [(-300, 202), (300, 202), (-301, 401), (301, 401)])
async def test_the_tolerance_is_five_minutes_either_way(shop: Shop, seconds: int, status: int) -> None:
    request = shop.simulator.signed(shop.event(), at=shop.clock.now() + timedelta(seconds=seconds))

    response = await shop.deliver(request)

    assert response.status == status


async def test_an_unknown_storefront_answers_exactly_like_a_wrong_signature(shop: Shop) -> None:
    decoy = StorefrontConnector(StorefrontSettings.decoy(), shop.context)
    request = shop.simulator.signed(shop.event())
    forged = shop.simulator.signed(shop.event(), secrets=[new_secret()])

    unknown = await decoy.receive(request)
    wrong = await shop.connector.receive(forged)

    assert unknown == wrong
    assert unknown.response is not None
    assert unknown.response.status == 401


async def test_a_decoy_differs_every_time() -> None:
    secrets = {StorefrontSettings.decoy().secrets[0].get_secret_value() for _ in range(3)}

    assert len(secrets) == 3


async def test_an_answer_speaks_the_callers_language(shop: Shop) -> None:
    request = shop.simulator.bad_webhooks()["wrong secret"][0]
    english = dataclasses.replace(request, headers={**request.headers, "accept-language": "en-GB,en;q=0.9"})

    answers = [told(await shop.deliver(one))["error"]["message"] for one in (request, english)]

    assert answers == ["署名が一致しません。", "The signature does not match."]


@pytest.mark.parametrize(
    ("changes", "path", "problem"),
    [
        ({"body": ""}, "data.body", "too_short"),
        ({"body": "あ" * 10_001}, "data.body", "too_long"),
        ({"body": "a\x00b"}, "data.body", "control_character"),
        ({"body": "a\x1bb"}, "data.body", "control_character"),
        ({"body": None}, "data.body", "invalid"),
        ({"subject": "あ" * 201}, "data.subject", "too_long"),
        ({"subject": "a\nb"}, "data.subject", "control_character"),
        ({"external_id": ""}, "data.external_id", "too_short"),
        ({"external_id": "x" * 129}, "data.external_id", "too_long"),
        ({"order_refs": ["1"] * 11}, "data.order_refs", "too_long"),
        ({"order_refs": ["x" * 65]}, "data.order_refs.0", "too_long"),
        ({"item_refs": [""]}, "data.item_refs.0", "too_short"),
        ({"customer": {"email": "nobody"}}, "data.customer.email", "not_an_email"),
        ({"customer": {"email": "a b@example.jp"}}, "data.customer.email", "not_an_email"),
        ({"customer": {"email": "x" * 65 + "@example.jp"}}, "data.customer.email", "not_an_email"),
        ({"customer": {"email": "a@" + "x" * 250 + ".jp"}}, "data.customer.email", "not_an_email"),
        ({"customer": {"email": "a@example..jp"}}, "data.customer.email", "not_an_email"),
    ],
)
async def test_a_member_that_breaks_a_rule_is_named(
    shop: Shop, changes: dict[str, Any], path: str, problem: str
) -> None:
    response = await shop.deliver(shop.simulator.signed(shop.event(**changes)))

    assert response.status == 422
    assert refused_fields(response)[path] == problem
    assert shop.memo.written == []


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "あ" * 10_000},
        {"body": "\ttab\r\nline"},
        {"subject": ""},
        {"external_id": "x" * 128},
        {"customer": {"email": "佐藤@例え.jp", "phone": ""}},
        {"customer": {"email": "x" * 64 + "@example.jp"}},
        {"customer": None} | {"customer": {}},
        {"order_refs": ["x" * 64] * 10, "unknown": {"deeply": ["nested"]}},
    ],
)
async def test_members_at_their_limits_and_unknown_ones_are_taken(shop: Shop, changes: dict[str, Any]) -> None:
    response = await shop.deliver(shop.simulator.signed(shop.event(**changes)))

    assert response.status == 202
    assert shop.inquiries[0].messages[0].text


@pytest.mark.parametrize("timestamp", ["2026-11-20T10:15:30", 1795137330, "0001-01-01T00:00:00+14:00", None, "soon"])
async def test_an_events_time_needs_an_offset_and_a_plausible_year(shop: Shop, timestamp: object) -> None:
    response = await shop.deliver(shop.simulator.signed({**shop.event(), "timestamp": timestamp}))

    assert response.status == 422
    assert "timestamp" in refused_fields(response)


async def test_text_is_normalised_and_the_raw_event_kept(shop: Shop) -> None:
    request = shop.simulator.signed(shop.event(body="ガ\r\nb\rc"))

    await shop.deliver(request)

    assert shop.inquiries[0].messages[0].text == "ガ\nb\nc"
    assert shop.records[0].payload == request.body


async def test_an_address_may_be_required(shop: Shop) -> None:
    strict = Shop(requires_email=True)

    refused = await strict.deliver(strict.simulator.signed(strict.event()))
    taken = await shop.deliver(shop.simulator.signed(shop.event()))

    assert refused_fields(refused) == {"data.customer.email": "required"}
    assert taken.status == 202


async def test_what_only_our_form_may_say_is_refused_from_a_server(shop: Shop) -> None:
    forged = {"submission": "x", "digest": "x", "reference": "Q-AAAA-AA", "identity": "verified"}

    response = await shop.deliver(shop.simulator.signed({**shop.event(), "gateway_form": forged}))

    assert refused_fields(response) == {"gateway_form": "reserved"}


async def test_a_repetition_gets_the_stored_answer(shop: Shop) -> None:
    request = shop.simulator.signed(shop.event(), event_id="evt_00000001")
    first = await shop.deliver(request)
    shop.clock.advance(timedelta(hours=71))
    again = shop.simulator.signed(shop.event(), event_id="evt_00000001")

    second = await shop.deliver(again)

    assert second.status == 200
    assert told(second) == {**told(first), "idempotent": True}
    assert len(shop.records) == 1


async def test_the_same_id_with_another_body_is_refused(shop: Shop) -> None:
    await shop.deliver(shop.simulator.signed(shop.event(), event_id="evt_00000001"))

    response = await shop.deliver(shop.simulator.signed(shop.event("form-2"), event_id="evt_00000001"))

    assert response.status == 409
    assert code(response) == "id_reused"
    assert len(shop.records) == 1


async def test_of_two_requests_at_the_same_time_one_is_taken(shop: Shop) -> None:
    request = shop.simulator.signed(shop.event())

    receptions = await asyncio.gather(*(shop.connector.receive(request) for _ in range(2)))
    answers = [await shop.store(request, reception) for reception in receptions]

    assert sorted(answer.status for answer in answers) == [202, 503]
    assert len(shop.records) == 1
    refused = next(answer for answer in answers if answer.status == 503)
    assert code(refused) == "unavailable"
    assert int(refused.headers["retry-after"]) > 0


async def test_after_a_crash_the_sender_gets_in_again_and_the_message_stays_one(shop: Shop) -> None:
    crashed = await shop.connector.receive(shop.simulator.signed(shop.event(), event_id="evt_00000001"))
    shop.clock.advance(timedelta(seconds=61))

    response = await shop.deliver(shop.simulator.signed(shop.event(), event_id="evt_00000001"))

    assert response.status == 202
    assert shop.connector.normalise(crashed.records[0]) == shop.inquiries[0]
    assert (crashed.records[0].external_id, crashed.records[0].version) == ("form-000123", "evt_00000001")


async def test_a_refused_request_may_be_mended_under_its_id(shop: Shop) -> None:
    file = {"name": "a.png", "size": 1, "sha256": "0" * 64, "upload_id": "up_0000000000000000"}
    refused = await shop.deliver(shop.simulator.signed(shop.event(attachments=[file]), event_id="evt_00000001"))

    mended = await shop.deliver(shop.simulator.signed(shop.event(), event_id="evt_00000001"))

    assert refused_fields(refused) == {"data.attachments.0.upload_id": "unknown_upload"}
    assert mended.status == 202


async def test_a_thread_is_created_once(shop: Shop) -> None:
    await shop.deliver(shop.simulator.signed(shop.event()))

    twice = await shop.deliver(shop.simulator.signed(shop.event(body="もう一度")))

    assert twice.status == 422
    assert refused_fields(twice) == {"data.external_id": "already_exists"}
    assert len(shop.records) == 1


async def test_a_follow_up_joins_by_external_id_alone(shop: Shop) -> None:
    await shop.deliver(shop.simulator.signed(shop.event()))
    follow_up = {**shop.event(body="追伸", thread_id="case_of_somebody_else"), "type": "inquiry.message.created"}

    response = await shop.deliver(shop.simulator.signed(follow_up))

    first, second = shop.inquiries
    assert response.status == 202
    assert second.external_id == first.external_id
    assert [message.text for message in second.messages] == ["追伸"]
    assert second.messages[0].external_id != first.messages[0].external_id


async def test_a_follow_up_on_a_forgotten_thread_is_taken(shop: Shop) -> None:
    response = await shop.deliver(shop.simulator.signed({**shop.event(), "type": "inquiry.message.created"}))

    assert response.status == 202


async def test_the_seeded_shop_is_understood(shop: Shop) -> None:
    shop.simulator.rotate_secrets()
    shop.connector = shop.connect(secrets=list(shop.simulator.secrets))
    shop.simulator.seed()

    answers = await shop.deliver_all()

    assert {answer.status for answer in answers} <= {200, 201, 202}
    withdrawn = [inquiry.external_id for inquiry in shop.inquiries if inquiry.is_withdrawn]
    assert len(withdrawn) == 1
    assert len({inquiry.external_id for inquiry in shop.inquiries}) == 4


async def test_claims_stay_claims_and_only_the_shops_reference_is_an_identity(shop: Shop) -> None:
    customer = {"name": "佐藤 花子", "email": "hanako@example.jp"}
    await shop.deliver(shop.simulator.signed(shop.event("f-1", customer=customer, order_refs=["1001", "1001"])))
    await shop.deliver(shop.simulator.signed(shop.event("f-2", customer={**customer, "customer_ref": "C-1"})))

    by_address, by_reference = shop.inquiries

    assert [(one.value, one.is_verified) for one in by_address.references] == [("1001", False)]
    assert by_address.customer.external_id is None
    assert by_address.customer.address == "hanako@example.jp"
    assert by_reference.customer.external_id == "C-1"


async def test_the_shops_own_categories_can_be_given_a_kind() -> None:
    shop = Shop(category_kinds={"サイズ交換": "return_refund"})
    for number, category in enumerate(["サイズ交換", "shipping", "何か"]):
        await shop.deliver(shop.simulator.signed(shop.event(f"f-{number}", category=category)))

    assert [inquiry.kind for inquiry in shop.inquiries] == [Kind.RETURN_REFUND, Kind.DELIVERY, Kind.OTHER]
    assert shop.inquiries[2].category == "何か"


async def test_a_flood_of_signed_requests_is_slowed_down() -> None:
    shop = Shop(intake_rate_per_minute=2)

    answers = [await shop.deliver(shop.simulator.signed(shop.event(f"f-{number}"))) for number in range(3)]

    assert [answer.status for answer in answers] == [202, 202, 429]
    assert int(answers[2].headers["retry-after"]) > 0


async def test_a_stranger_does_not_use_up_the_shops_rate() -> None:
    shop = Shop(intake_rate_per_minute=1)
    for _ in range(3):
        await shop.deliver(shop.simulator.signed(shop.event(), secrets=[new_secret()]))

    response = await shop.deliver(shop.simulator.signed(shop.event()))

    assert response.status == 202


async def test_our_reply_repeated_by_the_shop_has_the_receipts_id(shop: Shop) -> None:
    shop.simulator.customer_writes("在庫はありますか？")
    await shop.deliver_all()
    thread = shop.inquiries[0].external_id
    receipt = await shop.connector.send(shop.reply(thread))
    echo = {"external_id": thread, "reply_id": "rpl_01jd40b7y2k9", "body": "承ります。"}

    await shop.deliver(shop.simulator.signed({**shop.event(), "type": "inquiry.reply.created", "data": echo}))

    message = shop.inquiries[-1].messages[0]
    assert message.external_id == receipt.external_id
    assert message.author_role is AuthorRole.SHOP


EVENTS = st.builds(
    lambda kind, timestamp, told, extra: {**extra, "type": kind, "timestamp": timestamp, "data": told},
    st.sampled_from(["inquiry.created", "inquiry.message.created", "inquiry.withdrawn", "inquiry.reply.created"])
    | JSON,
    st.just("2026-11-20T10:15:30+09:00") | JSON,
    st.fixed_dictionaries(
        {"external_id": st.text(min_size=1, max_size=5) | JSON, "body": st.text(max_size=30) | JSON},
        optional={
            "customer": st.fixed_dictionaries({}, optional={"email": st.text() | JSON, "name": JSON}) | JSON,
            "attachments": JSON,
            "order_refs": st.lists(st.text(max_size=4)) | JSON,
            "subject": st.text() | JSON,
        },
    ),
    st.dictionaries(st.text(max_size=8), JSON, max_size=2),
)


@fuzz
@given(event=EVENTS)
def test_any_signed_json_gets_a_documented_answer_and_what_is_taken_can_be_read(event: dict[str, Any]) -> None:
    shop = Shop()
    request = shop.simulator.signed_bytes(json.dumps(event).encode())

    answer = asyncio.run(shop.deliver(request))

    expect_documented(answer, accepted={202})
    assert len(shop.inquiries) == (answer.status == 202)


@fuzz
@given(body=st.binary(max_size=200), route=st.sampled_from([INQUIRIES, UPLOADS]))
def test_any_signed_bytes_get_a_documented_answer(body: bytes, route: str) -> None:
    shop = Shop()

    answer = asyncio.run(shop.deliver(shop.simulator.signed_bytes(body, route=route)))

    expect_documented(answer, accepted=set())


@fuzz
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "accept-language", "origin"]
        ),
        st.text(max_size=80)
        | st.sampled_from(["evt_00000001", "1795137330", "v1,AAAA v1", "application/json", "multipart/form-data"]),
    ),
    route=st.sampled_from(StorefrontConnector.webhook_paths),
    method=st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "DELETE", "HEAD"]),
    body=st.binary(max_size=100),
    upload_id=st.text(max_size=50),
)
def test_any_headers_get_a_documented_answer(
    headers: dict[str, str], route: str, method: str, body: bytes, upload_id: str
) -> None:
    shop = Shop()
    request = WebhookRequest(
        method=method,
        path="/",
        route=route,
        body=body,
        headers=headers,
        params={"address": ADDRESS, "upload_id": upload_id},
    )

    answer = asyncio.run(shop.deliver(request))

    expect_documented(answer, accepted=set())
    assert shop.records == []


# Files of the intake


def announced(content: bytes = PHOTO, **changes: Any) -> dict[str, Any]:
    return {
        "name": "写真.png",
        "content_type": "image/png",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **changes,
    }


def put(upload_id: str, content: bytes = PHOTO, method: str = "PUT") -> WebhookRequest:
    return WebhookRequest(
        method=method,
        path=UPLOAD.format(address=ADDRESS, upload_id=upload_id),
        route=UPLOAD,
        body=content,
        params={"address": ADDRESS, "upload_id": upload_id},
    )


async def announce(shop: Shop, **changes: Any) -> WebhookResponse:
    return await shop.deliver(shop.simulator.signed(announced(**changes), route=UPLOADS))


async def test_a_file_travels_from_its_announcement_to_the_download() -> None:
    shop = Shop(public_base_url="https://gateway.example.jp/")
    opened = told(await announce(shop))
    await shop.deliver(put(opened["upload_id"]))
    event = shop.event(attachments=[announced(upload_id=opened["upload_id"])])

    response = await shop.deliver(shop.simulator.signed(event))

    assert response.status == 202
    assert opened["put_url"] == f"https://gateway.example.jp{put(opened['upload_id']).path}"
    attachment = shop.inquiries[0].messages[0].attachments[0]
    assert attachment.name == "写真.png"
    shop.clock.advance(timedelta(days=13))
    assert (await shop.connector.download(attachment, max_bytes=1000)).content == PHOTO


async def test_an_upload_address_is_relative_without_a_public_address(shop: Shop) -> None:
    opened = told(await announce(shop))

    assert opened["put_url"] == f"/intake/v1/storefronts/{ADDRESS}/uploads/{opened['upload_id']}"
    assert datetime.fromisoformat(opened["expires_at"]) == START + timedelta(minutes=10)


async def test_an_announcement_is_idempotent(shop: Shop) -> None:
    request = shop.simulator.signed(announced(), route=UPLOADS)

    first, second = await shop.deliver(request), await shop.deliver(request)

    assert (first.status, second.status) == (201, 200)
    assert told(second) == {**told(first), "idempotent": True}


async def test_one_id_cannot_stand_for_an_event_and_for_a_file(shop: Shop) -> None:
    await shop.deliver(shop.simulator.signed(shop.event(), event_id="evt_00000001"))

    response = await shop.deliver(shop.simulator.signed(announced(), event_id="evt_00000001", route=UPLOADS))

    assert code(response) == "id_reused"


@pytest.mark.parametrize(
    ("changes", "path", "problem"),
    [
        ({"size": 10 * 1024 * 1024 + 1}, "size", "too_large"),
        ({"size": 0}, "size", "invalid"),
        ({"content_type": "application/x-msdownload"}, "content_type", "type_not_allowed"),
        ({"sha256": "abc"}, "sha256", "invalid"),
        ({"upload_id": "up_guess"}, "upload_id", "invalid"),
    ],
)
async def test_an_announcement_that_could_not_be_kept_is_refused(
    shop: Shop, changes: dict[str, Any], path: str, problem: str
) -> None:
    response = await announce(shop, **changes)

    assert response.status == 422
    assert refused_fields(response) == {path: problem}


async def test_a_refused_file_is_named(shop: Shop) -> None:
    response = await announce(shop, name="請求書.exe", content_type="application/x-msdownload")

    assert "請求書.exe" in told(response)["error"]["message"]


async def test_an_upload_address_ends_after_ten_minutes(shop: Shop) -> None:
    upload_id = told(await announce(shop))["upload_id"]
    shop.clock.advance(timedelta(minutes=10, seconds=1))

    response = await shop.deliver(put(upload_id))

    assert response.status == 401


async def test_an_unknown_upload_address_looks_like_a_wrong_signature(shop: Shop) -> None:
    unknown = await shop.deliver(put("up_0000000000000000"))
    forged = await shop.deliver(shop.simulator.signed(announced(), route=UPLOADS, secrets=[new_secret()]))

    assert unknown == forged


@pytest.mark.parametrize(
    ("claimed", "content", "problems"),
    [
        (PHOTO, PHOTO + b"x", {"size": "mismatch", "sha256": "mismatch"}),
        (PHOTO, PHOTO[:-1] + b"x", {"sha256": "mismatch"}),
        (b"MZ\x90\x00" + bytes(60), None, {"content_type": "type_not_allowed"}),
        (b"<!DOCTYPE html><script>", None, {"content_type": "type_not_allowed"}),
        (b"%PDF-1.7\n1 0 obj", None, {"content_type": "mismatch"}),
    ],
    ids=["longer", "altered", "program", "page", "other type"],
)
async def test_bytes_that_are_not_what_was_announced_are_refused(
    shop: Shop, claimed: bytes, content: bytes | None, problems: dict[str, str]
) -> None:
    upload_id = told(await announce(shop, content=claimed))["upload_id"]

    response = await shop.deliver(put(upload_id, claimed if content is None else content))

    assert response.status == 422
    assert refused_fields(response) == problems


async def test_a_put_works_once_and_its_repetition_changes_nothing(shop: Shop) -> None:
    upload_id = told(await announce(shop))["upload_id"]
    first = await shop.deliver(put(upload_id))

    again = await shop.deliver(put(upload_id))
    other = await shop.deliver(put(upload_id, PHOTO[:-1] + b"x"))

    assert first == again
    assert other.status == 422


async def test_an_id_of_the_callers_choice_is_taken_once(shop: Shop) -> None:
    upload_id = "up_0123456789abcdefABCDEF"
    await announce(shop, upload_id=upload_id)
    await shop.deliver(put(upload_id))

    other = await announce(shop, upload_id=upload_id, content=b"%PDF-1.7\n", content_type="application/pdf")

    assert refused_fields(other) == {"upload_id": "already_exists"}


async def test_a_file_that_was_never_brought_is_named(shop: Shop) -> None:
    upload_id = told(await announce(shop))["upload_id"]

    response = await shop.deliver(shop.simulator.signed(shop.event(attachments=[announced(upload_id=upload_id)])))

    assert refused_fields(response) == {"data.attachments.0.upload_id": "unknown_upload"}


async def test_a_message_names_a_file_once(shop: Shop) -> None:
    upload_id = told(await announce(shop))["upload_id"]
    await shop.deliver(put(upload_id))
    file = announced(upload_id=upload_id)

    response = await shop.deliver(shop.simulator.signed(shop.event(attachments=[file, file])))

    assert refused_fields(response) == {"data.attachments": "duplicate"}


async def test_an_upload_under_way_is_not_announced_as_another_file(shop: Shop) -> None:
    upload_id = "up_0123456789abcdefABCDEF"
    await announce(shop, upload_id=upload_id)

    other = await announce(shop, upload_id=upload_id, content=PHOTO + b"x")

    assert refused_fields(other) == {"upload_id": "already_exists"}


async def test_a_message_cannot_say_of_a_file_what_is_not_true(shop: Shop) -> None:
    upload_id = told(await announce(shop))["upload_id"]
    await shop.deliver(put(upload_id))
    file = announced(upload_id=upload_id, content=PHOTO + b"x")

    response = await shop.deliver(shop.simulator.signed(shop.event(attachments=[file])))

    assert refused_fields(response) == {"data.attachments.0.sha256": "mismatch"}


async def test_a_message_may_name_five_files(shop: Shop) -> None:
    files = []
    for _ in range(6):
        upload_id = told(await announce(shop))["upload_id"]
        await shop.deliver(put(upload_id))
        files.append(announced(upload_id=upload_id))

    refused = await shop.deliver(shop.simulator.signed(shop.event(attachments=files)))
    taken = await shop.deliver(shop.simulator.signed(shop.event(attachments=files[:5])))

    assert refused_fields(refused) == {"data.attachments": "too_long"}
    assert taken.status == 202


async def test_a_file_that_is_no_longer_kept_says_so(shop: Shop) -> None:
    shop.simulator.customer_writes(
        "写真です。", files=[SimulatedFile(name="a.png", content_type="image/png", content=PHOTO)]
    )
    await shop.deliver_all()
    attachment = shop.inquiries[0].messages[0].attachments[0]
    shop.clock.advance(timedelta(days=15))

    with pytest.raises(RejectedError) as caught:
        await shop.connector.download(attachment, max_bytes=1000)

    assert caught.value.code == "file_gone"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PHOTO, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "image/jpeg"),
        (b"\xff\xd8\xff\xdb\x00\x43\x00", "image/jpeg"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1", "image/heic"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "image/heic"),
        (b"%PDF-1.4\n%\xe2\xe3\n1 0 obj\n", "application/pdf"),
        ("注文番号は1001です。".encode(), "text/plain"),
        ("注文番号は1001です。".encode("cp932"), "text/plain"),
        (b"BM is how this sentence begins", "text/plain"),
    ],
)
def test_a_file_is_known_by_its_bytes(content: bytes, media_type: str) -> None:
    assert sniff(content) == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html>",
        b"  <svg xmlns='http://www.w3.org/2000/svg'>",
        b"<?xml version='1.0'?><a/>",
        b"\xef\xbb\xbf<script>alert(1)</script>",
        b"GIF89a" + bytes(20),
        b"MZ\x90\x00" + bytes(60),
        b"PK\x03\x04" + bytes(30),
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
        bytes(range(256)),
    ],
)
def test_a_file_of_another_kind_is_not_taken_for_an_allowed_one(content: bytes) -> None:
    assert sniff(content) not in StorefrontSettings.decoy().file_types


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("写真.jpg", "写真.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\hanako\\写真.png", "写真.png"),
        ("a\u202egpj.exe", "a_gpj.exe"),
        ("", "file"),
        ("...", "file"),
        ("あ" * 300 + ".png", "あ" * 116 + ".png"),
    ],
)
def test_a_file_name_is_rewritten(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned
