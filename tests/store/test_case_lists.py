"""The list of cases: however it is asked for, it is the page that a plain look through all cases gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from gateway.db import Database
from gateway.model import Case, CaseStatus, Channel
from gateway.sdk import Kind
from gateway.store import cases
from gateway.store.cases import MOST_LANES, CaseFilter

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
WAITING = (CaseStatus.NEW, CaseStatus.OPEN)
SHOPS = (("a", "north"), ("b", "north"), ("c", "south"))


@pytest.fixture
async def held(database: Database) -> tuple[list[Channel], list[Case]]:
    """Three channels, and cases of all statuses in each, three of every four with a time of their own."""
    shops = [
        Channel(connector="example", name=name, brand=brand, address=name, created_at=NOW) for name, brand in SHOPS
    ]
    found = [
        Case(
            channel_id=shop.id,
            external_id=f"{status}-{number}",
            subject="",
            status=status,
            kind=Kind.DELIVERY if number % 2 else Kind.OTHER,
            opened_at=NOW,
            updated_at=NOW,
            last_message_at=NOW + timedelta(minutes=number * 3 // 4 * len(status)),
        )
        for shop, status, number in product(shops, CaseStatus, range(8))
    ]
    async with database.session() as db:
        db.add_all(shops)
        await db.flush()
        db.add_all(found)
        await db.commit()
    return shops, found


def shown(found: Sequence[Case], wanted: CaseFilter, brands: dict[UUID, str], *, is_ascending: bool) -> list[UUID]:
    """Look through all cases."""
    matching = [
        case
        for case in found
        if (not wanted.channels or case.channel_id in wanted.channels)
        and (not wanted.brands or brands[case.channel_id] in wanted.brands)
        and (not wanted.statuses or case.status in wanted.statuses)
        and (not wanted.kinds or case.kind in wanted.kinds)
    ]
    matching.sort(key=lambda case: (case.last_message_at, case.id), reverse=not is_ascending)
    return [case.id for case in matching]


async def all_pages(database: Database, wanted: CaseFilter, *, is_ascending: bool) -> list[Case]:
    """Read the list to its end, in small pages."""
    pages: list[Case] = []
    async with database.session() as db:
        while page := await cases.list_cases(
            db,
            wanted,
            after=(pages[-1].last_message_at, pages[-1].id) if pages else None,
            limit=7,
            is_ascending=is_ascending,
        ):
            pages += page
    return pages


@pytest.mark.parametrize("brands", [(), ("north",), ("nowhere",)], ids=["any_brand", "one_brand", "no_such_brand"])
async def test_pages_of_any_filter_show_each_matching_case_once_and_in_order(
    database: Database, held: tuple[list[Channel], list[Case]], brands: tuple[str, ...]
) -> None:
    channels, everything = held
    by_id = {channel.id: channel.brand for channel in channels}
    one, two = (channels[0].id,), (channels[0].id, channels[2].id)
    asked = product([(), one, two], [(), WAITING[:1], WAITING], [(), (Kind.DELIVERY,)], [True, False])

    for shops, statuses, kinds, is_ascending in asked:
        wanted = CaseFilter(brands=brands, channels=shops, statuses=statuses, kinds=kinds)
        pages = await all_pages(database, wanted, is_ascending=is_ascending)

        assert [case.id for case in pages] == shown(everything, wanted, by_id, is_ascending=is_ascending)


async def test_a_filter_of_very_many_channels_finds_the_same_cases(
    database: Database, held: tuple[list[Channel], list[Case]]
) -> None:
    channels, everything = held
    strangers = tuple(UUID(int=number) for number in range(MOST_LANES))
    wanted = CaseFilter(channels=(channels[1].id, *strangers), statuses=WAITING)

    async with database.session() as db:
        page = await cases.list_cases(db, wanted, after=None, limit=1000)

    assert [case.id for case in page] == shown(everything, wanted, {}, is_ascending=False)
