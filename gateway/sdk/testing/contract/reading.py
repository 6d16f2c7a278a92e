"""From a mall to the gateway: nothing is missed, whatever shifts, and reading changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.sdk.errors import AuthenticationError, RejectedError
from gateway.sdk.fingerprint import fingerprint
from gateway.sdk.inquiry import AuthorRole
from gateway.sdk.page import Page
from gateway.sdk.testing.contract.base import ContractPart, needs
from gateway.sdk.testing.contract.rig import Rig
from gateway.sdk.testing.contract.samples import PNG
from gateway.sdk.testing.simulator import SimulatedFile

STRANGE_CURSORS = ("", "\x00", "null", "[]", "{}", '{"version":99}', "eyJwIjoxfQ==", "2026-11-18T00:00:00Z", "カーソル")
PHOTO = SimulatedFile(name="photo.png", content_type="image/png", content=PNG)


class ReadingContract(ContractPart):
    """Pages, cursors, threads and files."""

    async def test_a_fresh_channel_finds_every_thread_and_comes_to_an_end(self, rig: Rig) -> None:
        rig.simulator.seed()

        await rig.read()

        threads = rig.simulator.threads()
        assert threads, "a seeded simulator has threads"
        assert sorted({thread.external_id for thread in threads} - rig.inquiries.keys()) == []
        for thread in threads:
            read = {fingerprint(text) for text in rig.texts(thread.external_id)}
            assert [message.text for message in thread.messages if fingerprint(message.text) not in read] == []
        assert rig.unreadable == []

    async def test_reading_changes_nothing_at_the_mall(self, rig: Rig) -> None:
        rig.simulator.seed()
        before = rig.simulator.threads()

        await rig.read()

        assert rig.simulator.threads() == before

    async def test_a_page_can_be_fetched_twice_without_effect(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        rig.simulator.seed()

        first, again = await rig.connector.fetch(None), await rig.connector.fetch(None)
        second, second_again = await rig.connector.fetch(first.cursor), await rig.connector.fetch(first.cursor)

        assert _identities(first) == _identities(again)
        assert _identities(second) == _identities(second_again)

    async def test_a_page_has_at_most_page_size_records(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        page_size = rig.connector.limits.page_size
        self._fill(rig, page_size + 3)

        pages = await rig.read()

        assert max(len(page.records) for page in pages) <= page_size
        assert len(rig.inquiries) == page_size + 3

    @pytest.mark.parametrize("cursor", STRANGE_CURSORS)
    async def test_a_strange_cursor_starts_over(self, rig: Rig, cursor: str) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        rig.simulator.seed()
        rig.cursor = cursor

        await rig.read()

        assert {thread.external_id for thread in rig.simulator.threads()} <= rig.inquiries.keys()

    async def test_a_damaged_cursor_starts_over(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        rig.simulator.seed()
        await rig.read()
        cursor = rig.cursor or ""
        for damaged in (cursor[: len(cursor) // 2], cursor[1:], cursor + "}", cursor.replace("2", "9")):
            page = await rig.connector.fetch(damaged)

            assert isinstance(page, Page)

    async def test_the_covered_spans_have_a_beginning_and_an_end(self, rig: Rig) -> None:
        needs(rig.connector.limits.lists_by is not None, "has no list")
        rig.simulator.seed()

        pages = await rig.read()

        spans = [span for page in pages for span in page.covered]
        assert spans, "a list that was read to its end tells what it covered"
        assert [span for span in spans if span.start.tzinfo is None or not span.start < span.end] == []

    async def test_a_new_inquiry_is_found_within_an_hour(self, rig: Rig) -> None:
        await rig.read()

        external_id = rig.simulator.customer_writes("在庫はありますか？ 😀")
        await rig.read_after(timedelta(hours=1))

        assert rig.has_text(external_id, "在庫はありますか？ 😀")
        assert rig.messages(external_id)[-1].author_role.is_inbound

    async def test_a_follow_up_on_a_fresh_thread_is_found_within_an_hour(self, rig: Rig) -> None:
        external_id = await rig.opened_thread("在庫はありますか？")

        rig.simulator.customer_writes("まだですか？", thread_id=external_id)
        await rig.read_after(timedelta(hours=1))

        assert rig.texts(external_id)[-2:] == ["在庫はありますか？", "まだですか？"]

    async def test_a_follow_up_on_a_thread_of_200_days_is_found_within_a_day(self, rig: Rig) -> None:
        long_ago = rig.clock.now() - timedelta(days=200)
        external_id = rig.simulator.customer_writes("修理できますか？", at=long_ago)
        await rig.read()
        rig.clock.advance(timedelta(minutes=1))

        rig.simulator.customer_writes("半年ほど前の件です。", thread_id=external_id)
        await rig.read_after(timedelta(days=1))

        assert rig.has_text(external_id, "半年ほど前の件です。")

    async def test_every_follow_up_gives_the_thread_another_version(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        external_id = await rig.opened_thread("一通目です。")
        versions = {await self._version(rig, external_id)}

        for text in ("二通目です。", "三通目です。"):
            rig.simulator.customer_writes(text, thread_id=external_id)
            await rig.read_after(timedelta(hours=1))
            versions.add(await self._version(rig, external_id))

        assert len(versions) == 3
        assert len(rig.messages(external_id)) == 3

    @pytest.mark.parametrize("is_new", [True, False], ids=["by_a_new_thread", "by_a_follow_up"])
    async def test_a_page_that_shifts_while_being_read_loses_nothing(self, rig: Rig, is_new: bool) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        external_ids = self._fill(rig, rig.connector.limits.page_size + 3)
        page = await rig.connector.fetch(None)
        for record in page.records:
            await rig.keep(record)
        rig.cursor = page.cursor

        late = rig.simulator.customer_writes("途中です。", thread_id=None if is_new else external_ids[-1])
        await rig.read()
        await rig.read_after(timedelta(hours=1))

        assert sorted({*external_ids, late} - rig.inquiries.keys()) == []
        assert rig.has_text(late, "途中です。")

    async def test_an_answer_given_in_the_malls_own_screen_arrives_within_a_day(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_pull, "does not pull, so no answer of others comes back")
        external_id = await rig.opened_thread("在庫はありますか？")

        rig.simulator.staff_writes(external_id, "入荷しました。")
        await rig.read_after(timedelta(days=1))

        said = [message for message in rig.messages(external_id) if message.author_role is AuthorRole.SHOP]
        assert [message.text for message in said] == ["入荷しました。"]

    async def test_an_unreadable_record_does_not_hide_the_good_ones(self, rig: Rig) -> None:
        before = rig.simulator.customer_writes("前です。")
        rig.simulator.add_unreadable()
        after = rig.simulator.customer_writes("後です。")

        await rig.read_after(timedelta(minutes=1))

        assert {before, after} <= rig.inquiries.keys()
        if rig.connector.limits.can_pull:
            assert len(rig.unreadable) == 1

    async def test_one_thread_can_be_read_as_it_is_now(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_read_thread, "cannot read a single thread")
        external_id = await rig.opened_thread("在庫はありますか？")
        rig.simulator.customer_writes("まだですか？", thread_id=external_id)

        record = await rig.connector.fetch_inquiry(external_id)

        assert record is not None
        inquiry = rig.connector.normalise(record)
        assert inquiry.external_id == external_id
        assert [message.text for message in inquiry.messages] == ["在庫はありますか？", "まだですか？"]
        assert inquiry.messages[0].external_id == rig.messages(external_id)[0].external_id

    async def test_a_thread_that_the_mall_does_not_know_is_none(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_read_thread, "cannot read a single thread")
        external_id = await rig.opened_thread("在庫はありますか？")

        assert await rig.connector.fetch_inquiry(unknown_id(external_id)) is None

    async def test_a_customers_file_can_be_downloaded(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_download, "cannot download")
        external_id = await rig.opened_thread("写真を送ります。", files=[PHOTO])
        attachment = rig.messages(external_id)[-1].attachments[0]

        file = await rig.connector.download(attachment, max_bytes=len(PNG))

        assert attachment.name == PHOTO.name
        assert file.content == PNG

    async def test_a_file_over_the_gateways_own_limit_is_refused(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_download, "cannot download")
        external_id = await rig.opened_thread("写真を送ります。", files=[PHOTO])
        attachment = rig.messages(external_id)[-1].attachments[0]

        with pytest.raises(RejectedError) as caught:
            await rig.connector.download(attachment, max_bytes=len(PNG) - 1)

        assert caught.value.code == "file_too_large"

    async def test_credentials_that_end_in_the_middle_of_a_page_lose_nothing(self, rig: Rig) -> None:
        needs(rig.connector.limits.can_pull, "does not pull")
        external_ids = self._fill(rig, rig.connector.limits.page_size + 3)
        page = await rig.connector.fetch(None)
        for record in page.records:
            await rig.keep(record)
        rig.cursor = page.cursor
        expire_credentials(rig)

        with pytest.raises(AuthenticationError):
            await rig.read()
        late = rig.simulator.customer_writes("停止中です。")
        await rig.change_settings(rig.simulator.renew_credentials())
        await rig.read_after(timedelta(hours=1))

        assert sorted({*external_ids, late} - rig.inquiries.keys()) == []

    def _fill(self, rig: Rig, count: int) -> list[str]:
        """Let customers open `count` threads, one a minute, the last one a minute ago."""
        now = rig.clock.now()
        return [
            rig.simulator.customer_writes(f"{number}件目です。", at=now - timedelta(minutes=count - number))
            for number in range(count)
        ]

    async def _version(self, rig: Rig, external_id: str) -> str:
        pages = [await rig.connector.fetch(None)]
        while pages[-1].has_more:
            pages.append(await rig.connector.fetch(pages[-1].cursor))
        versions = [one.version for page in pages for one in page.records if one.external_id == external_id]
        assert versions, "a record that can be read names its thread in `external_id`"
        return versions[0]


def expire_credentials(rig: Rig) -> None:
    """Let the channel's credentials end, or skip where they have no end."""
    try:
        rig.simulator.expire_credentials()
    except NotImplementedError as error:
        if rig.connector.limits.credential_lifetime is not None:
            raise
        pytest.skip(str(error))


def unknown_id(external_id: str) -> str:
    """Return an id of the same form that no thread has."""
    return external_id[:-1] + ("0" if external_id[-1] != "0" else "1")


def _identities(page: Page) -> list[tuple[str | None, str]]:
    return [(record.external_id, record.version) for record in page.records]
