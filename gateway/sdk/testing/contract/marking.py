"""Flags, in both directions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.sdk.inquiry import MallFlags
from gateway.sdk.reply import Mark
from gateway.sdk.testing.contract.base import ContractPart, needs
from gateway.sdk.testing.contract.reading import unknown_id
from gateway.sdk.testing.contract.rig import Rig

BOTH_WAYS = tuple(Mark)


def has_mark(flags: MallFlags, mark: Mark) -> bool:
    """Whether the flags say what the mark means."""
    match mark:
        case Mark.READ:
            return flags.is_read is True
        case Mark.COMPLETED:
            return flags.is_completed is True
        case Mark.REOPENED:
            return flags.is_completed is False
        case Mark.PRIVATE:
            return flags.is_private is True


class MarkingContract(ContractPart):
    """`mark` and the flags of an inquiry."""

    @pytest.mark.parametrize("mark", BOTH_WAYS)
    async def test_a_mark_stands_in_the_mall_and_may_be_repeated(self, rig: Rig, mark: Mark) -> None:
        external_id = await _thread_without(rig, mark)

        first = await rig.connector.mark(mark, [external_id])
        again = await rig.connector.mark(mark, [external_id])

        for results in (first, again):
            assert [(result.external_id, result.is_done) for result in results] == [(external_id, True)]
        assert has_mark(rig.simulator.thread(external_id).flags, mark)

    @pytest.mark.parametrize("mark", BOTH_WAYS)
    async def test_a_mark_set_in_the_malls_own_screen_arrives_within_a_day(self, rig: Rig, mark: Mark) -> None:
        needs(rig.connector.limits.can_pull, "does not pull, so no flag comes back")
        external_id = await _thread_without(rig, mark)

        rig.simulator.staff_marks(external_id, mark)
        await rig.read_after(timedelta(days=1))

        assert has_mark(rig.inquiries[external_id].flags, mark)

    @pytest.mark.parametrize("mark", BOTH_WAYS)
    async def test_a_batch_with_an_unknown_thread_has_one_result_each(self, rig: Rig, mark: Mark) -> None:
        needs(rig.connector.limits.can_read_thread, "cannot tell which threads the mall knows")
        external_id = await _thread_without(rig, mark)
        unknown = unknown_id(external_id)
        batches = [[unknown, external_id]] if rig.connector.limits.mark_batch_size > 1 else [[unknown], [external_id]]

        results = [result for batch in batches for result in await rig.connector.mark(mark, batch)]

        assert [(result.external_id, result.is_done) for result in results] == [(unknown, False), (external_id, True)]
        assert results[0].reason.strip()
        assert has_mark(rig.simulator.thread(external_id).flags, mark)

    @pytest.mark.parametrize("mark", BOTH_WAYS)
    async def test_a_full_batch_is_taken(self, rig: Rig, mark: Mark) -> None:
        first = await _thread_without(rig, mark)
        more = [await _thread_without(rig, mark) for _ in range(rig.connector.limits.mark_batch_size - 1)]

        results = await rig.connector.mark(mark, [first, *more])

        assert [(result.external_id, result.is_done) for result in results] == [(one, True) for one in (first, *more)]


async def _thread_without(rig: Rig, mark: Mark) -> str:
    """A thread that does not have the mark yet."""
    needs(mark in rig.connector.limits.marks, f"cannot write the mark {mark}")
    external_id = await rig.opened_thread("在庫はありますか？")
    if mark is Mark.REOPENED:
        await rig.connector.mark(Mark.COMPLETED, [external_id])
        await rig.read_after(timedelta(days=1))
    if has_mark(rig.simulator.thread(external_id).flags, mark):
        # Some threads are born with it, as private ones are where privacy can be set; the data set has others.
        rig.simulator.seed()
        await rig.read_after(timedelta(hours=1))
        external_id = next(one.external_id for one in rig.simulator.threads() if not has_mark(one.flags, mark))
    assert not has_mark(rig.simulator.thread(external_id).flags, mark)
    return external_id
