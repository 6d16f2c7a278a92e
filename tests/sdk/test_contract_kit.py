"""The contract kit notices what is wrong: one planted defect each, and the sentence that must fail on it."""

import inspect
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from connectors.example.connector import ExampleConnector
from connectors.storefront.connector import StorefrontConnector
from gateway.sdk import (
    Access,
    AnyConnector,
    AuthenticationError,
    ConnectorError,
    Inquiry,
    Mark,
    MarkResult,
    OutboundReply,
    Page,
    RateLimitedError,
    RawRecord,
    Receipt,
    Reception,
    RejectedError,
    RetryableError,
    SweepCursor,
    UnknownOutcomeError,
    WebhookRequest,
    WebhookResponse,
)
from gateway.sdk.testing import FaultKind, contract_for, simulator_for
from gateway.sdk.testing.contract.rig import Rig


class SendsAgain(ExampleConnector):
    async def send(self, reply: OutboundReply) -> Receipt:
        try:
            return await super().send(reply)
        except UnknownOutcomeError:
            return await super().send(reply)


class TakesSilenceForSuccess(ExampleConnector):
    async def send(self, reply: OutboundReply) -> Receipt:
        try:
            return await super().send(reply)
        except UnknownOutcomeError:
            return Receipt()


class TakesSilenceForFailure(ExampleConnector):
    async def send(self, reply: OutboundReply) -> Receipt:
        try:
            return await super().send(reply)
        except UnknownOutcomeError as error:
            raise RetryableError("try again") from error


class TakesPatienceForRefusal(ExampleConnector):
    async def send(self, reply: OutboundReply) -> Receipt:
        try:
            return await super().send(reply)
        except RateLimitedError as error:
            raise RejectedError("too many requests") from error


class ChecksNothing(ExampleConnector):
    def require_sendable(self, reply: OutboundReply) -> None:
        pass


class InventsAnId(ExampleConnector):
    async def send(self, reply: OutboundReply) -> Receipt:
        return replace(await super().send(reply), external_id=reply.reply_id)


class DropsTheFiles(ExampleConnector):
    async def send(self, reply: OutboundReply) -> Receipt:
        return await super().send(replace(reply, files=()))


class ForgetsTheVersion(ExampleConnector):
    async def fetch(self, cursor: str | None) -> Page:
        page = await super().fetch(cursor)
        return replace(page, records=tuple(replace(record, version="1") for record in page.records))


class LosesTheFirstThread(ExampleConnector):
    async def fetch(self, cursor: str | None) -> Page:
        page = await super().fetch(cursor)
        return replace(page, records=tuple(record for record in page.records if record.external_id != "em-1"))


class TrustsTheCursor(ExampleConnector):
    async def fetch(self, cursor: str | None) -> Page:
        if cursor is not None:
            json.loads(cursor)["version"]
        return await super().fetch(cursor)


class NeverEnds(ExampleConnector):
    async def fetch(self, cursor: str | None) -> Page:
        return replace(await super().fetch(cursor), has_more=True)


class ReadsTooMuch(ExampleConnector):
    async def fetch(self, cursor: str | None) -> Page:
        page = await super().fetch(cursor)
        return replace(page, records=page.records * 2)


class StopsAfterOnePage(ExampleConnector):
    async def fetch(self, cursor: str | None) -> Page:
        now = self.context.now()
        here = SweepCursor.parse(cursor, self._sweeps)
        step = here.step(now)
        page = await super().fetch(cursor)
        if step is None:
            return page
        there, covered = here.advance(step, now, next_position=None)
        return replace(page, cursor=str(there), has_more=there.has_more(now), covered=covered)


class MarksWhatItReads(ExampleConnector):
    async def complete(self, record: RawRecord) -> RawRecord:
        await self.mark(Mark.READ, [record.external_id or ""])
        return await super().complete(record)


class FailsOnOneBadRow(ExampleConnector):
    async def fetch(self, cursor: str | None) -> Page:
        page = await super().fetch(cursor)
        if any(record.external_id is None for record in page.records):
            raise RetryableError("a row cannot be read")
        return page


class BlamesTheSettings(ExampleConnector):
    async def fetch(self, cursor: str | None) -> Page:
        try:
            return await super().fetch(cursor)
        except RetryableError as error:
            raise AuthenticationError("something is wrong") from error


class HidesAnExpiredKey(ExampleConnector):
    async def fetch(self, cursor: str | None) -> Page:
        try:
            return await super().fetch(cursor)
        except AuthenticationError:
            return Page(records=(), cursor=cursor or "")


class SaysYesToAll(ExampleConnector):
    async def mark(self, mark: Mark, external_ids: Sequence[str]) -> list[MarkResult]:
        await super().mark(mark, external_ids)
        return [MarkResult(external_id=one, is_done=True) for one in external_ids]


class LeavesTheBudgetAside(ExampleConnector):
    async def test(self) -> Access:
        async with httpx.AsyncClient(transport=self.context.transport) as http:
            await http.get(f"{self.settings.base_url}/shop")
        return await super().test()

    async def send(self, reply: OutboundReply) -> Receipt:
        await self.test()
        return await super().send(reply)


class TellsTheKey(ExampleConnector):
    async def test(self) -> Access:
        try:
            return await super().test()
        except ConnectorError as error:
            raise AuthenticationError(f"refused: {self.settings.api_key.get_secret_value()}") from error


class LogsTheKey(ExampleConnector):
    async def test(self) -> Access:
        logging.getLogger(__name__).debug("asking", extra={"key": self.settings.api_key.get_secret_value()})
        return await super().test()


class FailsOnDamage(ExampleConnector):
    def normalise(self, record: RawRecord) -> Inquiry:
        json.loads(record.payload)["inquiryId"]
        return super().normalise(record)


class AsksForTheTime(ExampleConnector):
    def normalise(self, record: RawRecord) -> Inquiry:
        return super().normalise(record).model_copy(update={"updated_at": self.context.now()})


class TurnsTheOrder(ExampleConnector):
    def normalise(self, record: RawRecord) -> Inquiry:
        inquiry = super().normalise(record)
        return inquiry.model_copy(update={"messages": inquiry.messages[::-1]})


class LetsStrangersIn(StorefrontConnector):
    async def receive(self, request: WebhookRequest) -> Reception:
        reception = await super().receive(request)
        if reception.response is not None and reception.response.status == httpx.codes.UNAUTHORIZED:
            return Reception(records=(RawRecord(payload=request.body),))
        return reception


class TrustsTheHeaders(StorefrontConnector):
    async def receive(self, request: WebhookRequest) -> Reception:
        int(request.headers["webhook-timestamp"])
        return await super().receive(request)


class RefusesRepetition(StorefrontConnector):
    async def receive(self, request: WebhookRequest) -> Reception:
        seen = f"seen {request.headers.get('webhook-id')}"
        if await self.context.memo.remember(seen, b"1", ttl=timedelta(days=1)) is not None:
            return Reception(response=WebhookResponse(status=409))
        return await super().receive(request)


class TellsWhoIsThere(StorefrontConnector):
    async def receive(self, request: WebhookRequest) -> Reception:
        if self.settings.model_fields_set == {"secrets"}:
            return Reception(response=WebhookResponse(status=404))
        return await super().receive(request)


WEBHOOK_DEFECTS: list[tuple[type[AnyConnector], str]] = [
    (LetsStrangersIn, "test_a_forged_request_is_refused_and_stores_nothing"),
    (LetsStrangersIn, "test_an_unknown_address_is_answered_like_a_forgery"),
    (TrustsTheHeaders, "test_random_requests_never_raise"),
    (TrustsTheHeaders, "test_a_forged_request_is_refused_and_stores_nothing"),
    (RefusesRepetition, "test_a_repeated_delivery_is_harmless"),
    (TellsWhoIsThere, "test_an_unknown_address_is_answered_like_a_forgery"),
]
DEFECTS: list[tuple[type[AnyConnector], str, tuple[object, ...]]] = [
    (SendsAgain, "test_a_send_is_never_repeated_by_itself", (FaultKind.ANSWER_AFTER,)),
    (SendsAgain, "test_a_send_whose_answer_is_lost_after_it_was_stored_is_unknown", (FaultKind.CUT_AFTER,)),
    (TakesSilenceForSuccess, "test_a_send_that_may_have_arrived_is_unknown", (FaultKind.TIME_OUT,)),
    (TakesSilenceForSuccess, "test_a_send_whose_answer_is_lost_after_it_was_stored_is_unknown", (FaultKind.GARBLE,)),
    (TakesSilenceForFailure, "test_a_send_that_may_have_arrived_is_unknown", (FaultKind.CUT_BEFORE,)),
    (TakesPatienceForRefusal, "test_a_send_that_the_mall_puts_off_has_sent_nothing", ({},)),
    (ChecksNothing, "test_every_declared_limit_is_checked_before_anything_is_sent", ()),
    (InventsAnId, "test_a_reply_comes_back_as_one_message_with_the_receipts_id", ()),
    (InventsAnId, "test_a_reply_can_be_read_back_at_once", ()),
    (DropsTheFiles, "test_files_go_with_a_reply", ()),
    (ForgetsTheVersion, "test_every_follow_up_gives_the_thread_another_version", ()),
    (ForgetsTheVersion, "test_a_follow_up_on_a_fresh_thread_is_found_within_an_hour", ()),
    (LosesTheFirstThread, "test_a_follow_up_on_a_thread_of_200_days_is_found_within_a_day", ()),
    (LosesTheFirstThread, "test_a_fresh_channel_finds_every_thread_and_comes_to_an_end", ()),
    (TrustsTheCursor, "test_a_strange_cursor_starts_over", ("",)),
    (TrustsTheCursor, "test_a_damaged_cursor_starts_over", ()),
    (NeverEnds, "test_a_fresh_channel_finds_every_thread_and_comes_to_an_end", ()),
    (ReadsTooMuch, "test_a_page_has_at_most_page_size_records", ()),
    (StopsAfterOnePage, "test_a_page_has_at_most_page_size_records", ()),
    (StopsAfterOnePage, "test_a_page_that_shifts_while_being_read_loses_nothing", (True,)),
    (MarksWhatItReads, "test_reading_changes_nothing_at_the_mall", ()),
    (FailsOnOneBadRow, "test_an_unreadable_record_does_not_hide_the_good_ones", ()),
    (BlamesTheSettings, "test_a_reading_without_a_connection_may_be_tried_again", ()),
    (HidesAnExpiredKey, "test_expired_credentials_stop_reading_and_sending_until_renewed", ()),
    (HidesAnExpiredKey, "test_credentials_that_end_in_the_middle_of_a_page_lose_nothing", ()),
    (SaysYesToAll, "test_a_batch_with_an_unknown_thread_has_one_result_each", (Mark.READ,)),
    (LeavesTheBudgetAside, "test_every_request_takes_its_turn_in_the_channels_budget", ()),
    (FailsOnDamage, "test_random_bytes_are_no_inquiry", ()),
    (FailsOnDamage, "test_random_json_is_no_inquiry", ()),
    (FailsOnDamage, "test_a_damaged_payload_gives_an_inquiry_or_a_mapping_error", ()),
    (AsksForTheTime, "test_normalising_uses_nothing_but_the_record_and_leaves_it_alone", ()),
    (TurnsTheOrder, "test_message_ids_are_unique_and_messages_come_oldest_first", ()),
    (TurnsTheOrder, "test_every_fixture_normalises_to_its_pair", ()),
]
SECRETS_TOLD: list[type[AnyConnector]] = [TellsTheKey, LogsTheKey]


async def _run(connector_type: type[AnyConnector], sentence: str, *values: object) -> None:
    # The planted classes live in this module; their fixtures and their simulator are those of what they spoil.
    whole = next(kind for kind in connector_type.__mro__ if kind in {ExampleConnector, StorefrontConnector})
    connector_type.__module__ = whole.__module__
    test = getattr(contract_for(connector_type)(), sentence)
    if "rig" not in inspect.signature(test).parameters:
        await test()
        return
    rig = Rig(connector_type, simulator_for(connector_type))
    try:
        await test(rig, *values)
    finally:
        await rig.aclose()


@pytest.mark.parametrize(
    ("connector_type", "sentence", "values"),
    DEFECTS,
    ids=[f"{one.__name__}-{sentence}" for one, sentence, _ in DEFECTS],
)
async def test_a_planted_defect_is_noticed(
    connector_type: type[AnyConnector], sentence: str, values: tuple[object, ...]
) -> None:
    await _run(ExampleConnector, sentence, *values)

    with pytest.raises((AssertionError, pytest.fail.Exception, ConnectorError, ValueError, TypeError, KeyError)):
        await _run(connector_type, sentence, *values)


@pytest.mark.parametrize(
    ("connector_type", "sentence"),
    WEBHOOK_DEFECTS,
    ids=[f"{one.__name__}-{sentence}" for one, sentence in WEBHOOK_DEFECTS],
)
async def test_a_defect_of_receiving_is_noticed(connector_type: type[AnyConnector], sentence: str) -> None:
    await _run(StorefrontConnector, sentence)

    with pytest.raises((AssertionError, KeyError, ValueError)):
        await _run(connector_type, sentence)


@pytest.mark.parametrize("connector_type", SECRETS_TOLD)
async def test_a_secret_that_is_told_is_noticed(
    connector_type: type[AnyConnector], caplog: pytest.LogCaptureFixture
) -> None:
    sentence = "test_a_mall_that_repeats_our_request_in_its_error_reveals_no_secret"
    await _run(ExampleConnector, sentence, 400, caplog)

    with pytest.raises(AssertionError):
        await _run(connector_type, sentence, 400, caplog)


def test_every_test_of_the_kit_is_a_sentence_that_pytest_collects() -> None:
    sentences = [name for name in dir(contract_for("example")) if name.startswith("test_")]

    assert len(sentences) > 50
    assert [name for name in sentences if name.count("_") < 4] == []
