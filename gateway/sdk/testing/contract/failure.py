"""Whatever fails becomes the error that says what to do next, and no error says a secret."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from gateway.sdk.errors import (
    AuthenticationError,
    ConnectorError,
    RateLimitedError,
    RetryableError,
    UnknownOutcomeError,
)
from gateway.sdk.reply import Receipt
from gateway.sdk.testing.contract.base import ContractPart, needs
from gateway.sdk.testing.contract.reading import expire_credentials
from gateway.sdk.testing.contract.rig import Rig
from gateway.sdk.testing.faults import Fault, FaultKind

TEXT = "明日発送いたします。"
FOR_EVER = 10_000
HANDLED = (
    FaultKind.CUT_AFTER,
    FaultKind.CUT_MIDWAY,
    FaultKind.TIME_OUT_AFTER,
    FaultKind.ANSWER_AFTER,
    FaultKind.GARBLE,
)
UNHANDLED = (FaultKind.CUT_BEFORE, FaultKind.TIME_OUT, FaultKind.ANSWER)
ERROR_STATUSES = (400, 401, 403, 404, 409, 413, 418, 422, 429, 500, 503)


class FailureContract(ContractPart):
    """Faults of the line, of the mall and of the credentials."""

    async def test_a_reading_without_a_connection_may_be_tried_again(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        external_id = rig.simulator.customer_writes("在庫はありますか？")
        rig.simulator.faults.add(Fault(kind=FaultKind.NOT_CONNECTED, times=FOR_EVER))

        with pytest.raises(RetryableError):
            await rig.read()
        rig.simulator.faults.clear()
        await rig.read_after(timedelta(minutes=1))

        assert external_id in rig.inquiries

    # A whole answer that cannot be read is not among them: its repetition is left to the engine.
    @pytest.mark.parametrize("kind", [kind for kind in (*HANDLED, *UNHANDLED) if kind is not FaultKind.GARBLE])
    async def test_a_reading_that_fails_once_is_repeated_unnoticed(self, rig: Rig, kind: FaultKind) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        external_id = rig.simulator.customer_writes("在庫はありますか？")
        rig.simulator.faults.add(Fault(kind=kind, status=500))

        await rig.read_after(timedelta(minutes=1))

        assert rig.simulator.faults.struck
        assert external_id in rig.inquiries

    @pytest.mark.parametrize("kind", [*HANDLED, *UNHANDLED])
    async def test_a_reading_that_keeps_failing_may_be_tried_again(self, rig: Rig, kind: FaultKind) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        external_id = rig.simulator.customer_writes("在庫はありますか？")
        rig.simulator.faults.add(Fault(kind=kind, status=500, times=FOR_EVER))

        with pytest.raises(RetryableError):
            await rig.read()
        rig.simulator.faults.clear()
        await rig.read_after(timedelta(minutes=1))

        assert external_id in rig.inquiries

    async def test_a_send_without_a_connection_has_sent_nothing(self, rig: Rig) -> None:
        external_id, operation = await self._posting(rig)
        reply = rig.reply(external_id, TEXT)
        rig.simulator.faults.add(Fault(kind=FaultKind.NOT_CONNECTED, operation=operation))

        with pytest.raises(RetryableError):
            await rig.connector.send(reply)

        assert rig.copies(external_id, TEXT) == 0
        await rig.connector.send(reply)
        assert rig.copies(external_id, TEXT) == 1

    @pytest.mark.parametrize("kind", HANDLED)
    async def test_a_send_whose_answer_is_lost_after_it_was_stored_is_unknown(self, rig: Rig, kind: FaultKind) -> None:
        external_id, operation = await self._posting(rig)
        reply = rig.reply(external_id, TEXT)
        rig.simulator.faults.add(Fault(kind=kind, operation=operation, status=500))

        await self._expect_unclear(rig, rig.connector.send(reply))

        assert rig.simulator.faults.struck
        assert rig.copies(external_id, TEXT) == 1
        if rig.connector.limits.is_send_idempotent:
            await rig.connector.send(reply)
            assert rig.copies(external_id, TEXT) == 1

    @pytest.mark.parametrize("kind", UNHANDLED)
    async def test_a_send_that_may_have_arrived_is_unknown(self, rig: Rig, kind: FaultKind) -> None:
        external_id, operation = await self._posting(rig)
        rig.simulator.faults.add(Fault(kind=kind, operation=operation, status=500))

        await self._expect_unclear(rig, rig.answer(external_id, TEXT))

        assert rig.copies(external_id, TEXT) == 0

    @pytest.mark.parametrize("kind", [FaultKind.ANSWER_AFTER, FaultKind.CUT_AFTER, FaultKind.TIME_OUT])
    async def test_a_send_is_never_repeated_by_itself(self, rig: Rig, kind: FaultKind) -> None:
        external_id, operation = await self._posting(rig)
        before = len(rig.simulator.requests)
        rig.simulator.faults.add(Fault(kind=kind, operation=operation, status=500))

        with pytest.raises(ConnectorError):
            await rig.answer(external_id, TEXT)

        asked = [request.operation for request in rig.simulator.requests[before:]]
        assert asked.count(operation) == 1

    @pytest.mark.parametrize("headers", [{"retry-after": "7"}, {}], ids=["with_retry_after", "without_retry_after"])
    async def test_a_send_that_the_mall_puts_off_has_sent_nothing(self, rig: Rig, headers: dict[str, str]) -> None:
        external_id, operation = await self._posting(rig)
        rig.simulator.faults.add(Fault(kind=FaultKind.ANSWER, operation=operation, status=429, headers=headers))

        with pytest.raises(RateLimitedError) as caught:
            await rig.answer(external_id, TEXT)

        assert rig.copies(external_id, TEXT) == 0
        if headers:
            assert caught.value.retry_after == timedelta(seconds=7)
        assert caught.value.retry_after > timedelta()

    @pytest.mark.parametrize("headers", [{"retry-after": "7"}, {}], ids=["with_retry_after", "without_retry_after"])
    async def test_a_reading_that_the_mall_puts_off_waits(self, rig: Rig, headers: dict[str, str]) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        external_id = rig.simulator.customer_writes("在庫はありますか？")
        rig.simulator.faults.add(Fault(kind=FaultKind.ANSWER, status=429, headers=headers, times=FOR_EVER))

        with pytest.raises(RateLimitedError) as caught:
            await rig.read()
        rig.simulator.faults.clear()
        await rig.read_after(timedelta(minutes=1))

        assert caught.value.retry_after == timedelta(seconds=7) if headers else caught.value.retry_after > timedelta()
        assert rig.budget.pauses, "the whole channel waits, not this call alone"
        assert external_id in rig.inquiries

    async def test_every_request_takes_its_turn_in_the_channels_budget(self, rig: Rig) -> None:
        await self._posting(rig)

        assert len(rig.budget.taken) == len(rig.simulator.requests)
        assert rig.budget.taken.count(True) == 1, "the one call that reaches a customer is a send, the others are not"

    async def test_expired_credentials_stop_reading_and_sending_until_renewed(self, rig: Rig) -> None:
        external_id = await rig.opened_thread("在庫はありますか？")
        expire_credentials(rig)
        calls: list[Callable[[], Awaitable[object]]] = [rig.connector.test]
        if rig.connector.limits.can_pull:
            calls.append(lambda: rig.connector.fetch(None))
        if rig.connector.limits.can_reply:
            calls.append(lambda: rig.answer(external_id, TEXT))

        for call in calls:
            with pytest.raises(AuthenticationError):
                await call()

        assert rig.simulator.thread(external_id).shop_texts == []
        await rig.change_settings(rig.simulator.renew_credentials())
        assert (await rig.connector.test()).account
        late = rig.simulator.customer_writes("停止中です。")
        await rig.read_after(timedelta(hours=1))
        assert late in rig.inquiries
        if rig.connector.limits.can_reply:
            await rig.answer(external_id, TEXT)
            assert rig.copies(external_id, TEXT) == 1

    @pytest.mark.parametrize("status", ERROR_STATUSES)
    async def test_a_mall_that_repeats_our_request_in_its_error_reveals_no_secret(
        self, rig: Rig, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        external_id = await rig.opened_thread("在庫はありますか？")
        caplog.set_level(logging.DEBUG)
        said: list[str] = []
        real = rig.transport.inner

        # The mirror stands behind none, one or two real answers, so that calls of several steps meet it in each.
        for passing in range(3):
            for call in self._every_call(rig, external_id):
                mirror = _Mirror(real, status=status, passing=passing)
                rig.transport.inner = mirror
                said += await _errors_of(call)
                credentials = {*rig.secrets, *mirror.credentials}
                assert [text for text in said if any(secret in text for secret in credentials)] == []

        logged = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
        assert said, "an error status raises an error"
        assert [text for text in logged if any(secret in text for secret in rig.secrets)] == []

    @pytest.mark.parametrize("kind", [*HANDLED, *UNHANDLED, FaultKind.NOT_CONNECTED])
    async def test_no_fault_reveals_a_secret(self, rig: Rig, kind: FaultKind, caplog: pytest.LogCaptureFixture) -> None:
        external_id = await rig.opened_thread("在庫はありますか？")
        caplog.set_level(logging.DEBUG)
        body = " ".join(rig.secrets).encode()
        rig.simulator.faults.add(Fault(kind=kind, status=500, body=body, times=FOR_EVER))

        said = [text for call in self._every_call(rig, external_id) for text in await _errors_of(call)]

        said += [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
        assert [text for text in said if any(secret in text for secret in rig.secrets)] == []

    async def posting_operation(self, rig: Rig, external_id: str) -> str:
        """Send a reply and return the call that carried it, as `"METHOD /path"`.

        Taken for the last call that is no read; override it where something else follows the posting.
        """
        before = len(rig.simulator.requests)
        await rig.answer(external_id, "少々お待ちください。")
        return next(
            request.operation
            for request in reversed(rig.simulator.requests[before:])
            if not request.operation.startswith("GET ")
        )

    async def _posting(self, rig: Rig) -> tuple[str, str]:
        needs(rig.connector.limits.can_reply, "cannot reply")
        external_id = await rig.opened_thread("在庫はありますか？")
        operation = await self.posting_operation(rig, external_id)
        # The next reply is another one also for a mall that refuses the same words twice within a minute.
        rig.clock.advance(timedelta(minutes=2))
        return external_id, operation

    async def _expect_unclear(self, rig: Rig, sending: Awaitable[Receipt]) -> None:
        """Unknown; a send that may be repeated without harm may also say so, or take the status alone as its proof."""
        if not rig.connector.limits.is_send_idempotent:
            with pytest.raises(UnknownOutcomeError):
                await sending
            return
        with contextlib.suppress(UnknownOutcomeError, RetryableError):
            await sending

    def _every_call(self, rig: Rig, external_id: str) -> list[Callable[[], Awaitable[object]]]:
        can = rig.connector.limits
        calls: list[Callable[[], Awaitable[object]]] = [rig.connector.test]
        if can.can_pull:
            calls.append(lambda: rig.connector.fetch(None))
        if can.can_read_thread:
            calls.append(lambda: rig.connector.fetch_inquiry(external_id))
        if can.can_reply:
            calls.append(lambda: rig.answer(external_id, TEXT))
        calls += [lambda mark=mark: rig.connector.mark(mark, [external_id]) for mark in sorted(can.marks)]  # type: ignore[misc]
        return calls


class _Mirror(httpx.AsyncBaseTransport):
    """A mall that lets `passing` requests through and answers the next ones with an error that repeats them whole."""

    def __init__(self, inner: httpx.AsyncBaseTransport, *, status: int, passing: int) -> None:
        self._inner = inner
        self._status = status
        self._passing = passing
        self.credentials: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        authorisation = request.headers.get("authorization", "").rpartition(" ")[2]
        if authorisation:
            self.credentials.append(authorisation)
        if self._passing > 0:
            self._passing -= 1
            return await self._inner.handle_async_request(request)
        body = (await request.aread()).decode(errors="replace")
        # Only what may hold a credential, so that the start of the answer, which is kept as evidence, is all of it.
        headers = " ".join(value for name, value in request.headers.items() if name not in _DULL)
        answer = f"{headers} {request.url} {body}".encode()
        # As a stream, like an answer from a socket: a transport around this one may want to read it itself.
        return httpx.Response(self._status, headers={"retry-after": "3600"}, stream=httpx.ByteStream(answer))


_DULL = {"accept", "accept-encoding", "connection", "content-length", "content-type", "host"}


async def _errors_of(call: Callable[[], Awaitable[object]]) -> list[str]:
    """Return all that the error of a call says: message, code, evidence, and its chain of causes."""
    try:
        await call()
    except ConnectorError as error:
        return ["\n".join((error.message, error.code, error.evidence, *traceback.format_exception(error)))]
    return []
