"""From the gateway to a mall: once, within the rules, and recognised when it comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.sdk.capabilities import ReplyLimits
from gateway.sdk.errors import RejectedError
from gateway.sdk.fingerprint import fingerprint
from gateway.sdk.inquiry import AuthorRole
from gateway.sdk.reply import OutboundFile
from gateway.sdk.testing.contract.base import ContractPart, needs
from gateway.sdk.testing.contract.rig import Rig
from gateway.sdk.testing.contract.samples import breaches, longest_text, sample_file

TEXT = "お問い合わせありがとうございます。\n\n明日発送いたします。"


class ReplyingContract(ContractPart):
    """Sending, its limits, and the echo."""

    async def test_a_reply_reaches_the_mall_exactly_once(self, rig: Rig) -> None:
        external_id = await _thread(rig)

        await rig.answer(external_id, TEXT)

        assert rig.copies(external_id, TEXT) == 1
        assert len(rig.simulator.thread(external_id).shop_texts) == 1

    async def test_a_reply_comes_back_as_one_message_with_the_receipts_id(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_pull, "does not pull, so nothing comes back")
        external_id = await _thread(rig)

        receipt = await rig.answer(external_id, TEXT)
        await rig.read_after(timedelta(days=1))

        echoes = [message for message in rig.messages(external_id) if message.author_role is AuthorRole.SHOP]
        assert [fingerprint(echo.text) for echo in echoes] == [fingerprint(TEXT)]
        assert receipt.external_id in {None, echoes[0].external_id}
        assert receipt.sent_at is None or receipt.sent_at.tzinfo is not None

    async def test_a_reply_can_be_read_back_at_once(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_read_thread, "cannot read a single thread")
        external_id = await _thread(rig)

        receipt = await rig.answer(external_id, TEXT)
        record = await rig.connector.fetch_inquiry(external_id)

        assert record is not None
        said = rig.connector.normalise(record).messages[-1]
        assert said.author_role is AuthorRole.SHOP
        assert fingerprint(said.text) == fingerprint(TEXT)
        assert receipt.external_id in {None, said.external_id}

    async def test_two_replies_stand_in_the_order_of_their_sending(self, rig: Rig) -> None:
        external_id = await _thread(rig)

        await rig.answer(external_id, "一つ目です。")
        rig.clock.advance(timedelta(minutes=2))
        await rig.answer(external_id, "二つ目です。")

        said = [fingerprint(text) for text in rig.simulator.thread(external_id).shop_texts]
        assert said == [fingerprint("一つ目です。"), fingerprint("二つ目です。")]

    async def test_the_longest_allowed_reply_is_taken(self, rig: Rig) -> None:
        external_id = await _thread(rig)
        text = longest_text(_limits(rig))

        assert rig.connector.check(rig.reply(external_id, text)) == []
        await rig.answer(external_id, text)

        assert rig.copies(external_id, text) == 1

    async def test_every_declared_limit_is_checked_before_anything_is_sent(self, rig: Rig) -> None:
        external_id = await _thread(rig)

        for breach in breaches(_limits(rig)):
            reply = rig.reply(external_id, breach.text, breach.files)
            before = len(rig.simulator.requests)

            with pytest.raises(RejectedError) as caught:
                await rig.connector.send(reply)

            codes = {violation.code for violation in caught.value.violations}
            assert breach.code in codes, f"{breach.code} is declared and not checked"
            assert codes <= {violation.code for violation in rig.connector.check(reply)}
            assert len(rig.simulator.requests) == before, f"{breach.code}: the mall was asked all the same"

    async def test_a_violation_speaks_both_languages_and_points_into_the_reply(self, rig: Rig) -> None:
        external_id = await _thread(rig)

        for breach in breaches(_limits(rig)):
            for violation in rig.connector.check(rig.reply(external_id, breach.text, breach.files)):
                assert violation.message.ja.strip()
                assert violation.message.en.strip()
                assert violation.pointer.startswith(("/text", "/files/"))

    async def test_a_reply_without_a_reply_interface_is_refused_with_its_reason(self, rig: Rig) -> None:
        needs(not rig.connector.limits.can_reply, "can reply")
        external_id = await rig.opened_thread("在庫はありますか？")

        violations = rig.connector.check(rig.reply(external_id, TEXT))

        assert [violation.code for violation in violations] == ["no_reply"]

    async def test_files_go_with_a_reply(self, rig: Rig) -> None:
        external_id = await _thread(rig)
        limits = _limits(rig)
        needs(limits.max_attachments > 0, "a reply carries no files")
        files = [self.sample_file(limits)] * limits.max_attachments

        await rig.answer(external_id, TEXT, files)

        stored = [file for message in rig.simulator.thread(external_id).messages for file in message.files]
        assert [(file.name, file.content) for file in stored] == [(file.name, file.content) for file in files]

    def sample_file(self, limits: ReplyLimits) -> OutboundFile:
        """Return a small file that the mall takes; override it where the kit has no sample of the types."""
        return sample_file(limits)


async def _thread(rig: Rig) -> str:
    needs(rig.connector.limits.can_reply, "cannot reply")
    return await rig.opened_thread("在庫はありますか？")


def _limits(rig: Rig) -> ReplyLimits:
    limits = rig.connector.limits.reply
    assert limits is not None
    return limits
