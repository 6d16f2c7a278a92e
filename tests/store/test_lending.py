"""Request budgets, memos and token buckets are shared by all who ask."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.db import Database
from gateway.model import Channel, MemoEntry
from gateway.store import lending

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def channel(database: Database) -> Channel:
    channel = Channel(connector="example", name="shop", address="shop", created_at=NOW)
    async with database.session() as db:
        db.add(channel)
        await db.commit()
    return channel


async def _take(database: Database, *, at_most: timedelta = timedelta(minutes=1)) -> tuple[bool, timedelta]:
    async with database.session() as db:
        slot = await lending.take_slot(db, "shop", interval=SECOND, at_most=at_most, now=NOW)
        await db.commit()
    return slot


async def test_slots_of_a_budget_start_at_least_an_interval_apart_whoever_takes_them(database: Database) -> None:
    slots = await asyncio.gather(*(_take(database) for _ in range(8)))

    assert sorted(wait for _, wait in slots) == [SECOND * n for n in range(8)]
    assert all(granted for granted, _ in slots)


async def test_a_slot_that_is_too_far_away_is_not_reserved(database: Database) -> None:
    for _ in range(3):
        await _take(database)

    refused = await _take(database, at_most=SECOND)
    granted = await _take(database)

    assert refused == (False, SECOND * 3)
    assert granted == (True, SECOND * 3)


async def test_a_mall_that_asks_for_a_pause_gets_it(database: Database) -> None:
    async with database.session() as db:
        await lending.pause_budget(db, "shop", SECOND * 40, now=NOW)
        await lending.pause_budget(db, "shop", SECOND * 5, now=NOW)
        await db.commit()

    assert await _take(database) == (True, SECOND * 40)


async def test_by_the_databases_own_clock_the_first_slot_is_free_at_once(database: Database) -> None:
    async with database.session() as db:
        first = await lending.take_slot(db, "shop", interval=SECOND * 60, at_most=SECOND, now=None)
        second = await lending.take_slot(db, "shop", interval=SECOND * 60, at_most=SECOND, now=None)
        await db.commit()

    assert first == (True, timedelta())
    assert not second[0]
    assert SECOND * 50 < second[1] <= SECOND * 60


async def test_only_one_of_many_gets_to_remember_a_key(database: Database, channel: Channel) -> None:
    async def remember(value: bytes) -> bytes | None:
        entry = MemoEntry(channel_id=channel.id, key="nonce", value=value, expires_at=NOW + SECOND)
        async with database.session() as db:
            present = await lending.remember(db, entry, NOW)
            await db.commit()
        return present

    answers = await asyncio.gather(*(remember(str(n).encode()) for n in range(6)))

    winners = [answer for answer in answers if answer is None]
    assert len(winners) == 1
    assert len({answer for answer in answers if answer is not None}) == 1


async def test_a_memo_that_has_expired_is_free_again(database: Database, channel: Channel) -> None:
    async with database.session() as db:
        old = MemoEntry(channel_id=channel.id, key="nonce", value=b"old", expires_at=NOW + SECOND)
        await lending.remember(db, old, NOW)
        later = NOW + SECOND * 2
        new = MemoEntry(channel_id=channel.id, key="nonce", value=b"new", expires_at=later + SECOND)

        assert await lending.recall(db, channel.id, "nonce", later) is None
        assert await lending.remember(db, new, later) is None
        assert await lending.recall(db, channel.id, "nonce", later) == b"new"
        await lending.drop_expired(db, later + SECOND * 5)
        assert await lending.recall(db, channel.id, "nonce", later) is None


async def test_a_bucket_grants_its_limit_and_then_tells_how_long_to_wait(database: Database, channel: Channel) -> None:
    async with database.session() as db:
        waits = [
            await lending.take_permit(db, channel.id, "ip", NOW, limit=5, per=timedelta(minutes=10)) for _ in range(7)
        ]
        after = await lending.take_permit(
            db, channel.id, "ip", NOW + timedelta(minutes=2), limit=5, per=timedelta(minutes=10)
        )

    assert waits[:5] == [timedelta()] * 5
    assert waits[5] == timedelta(minutes=2)
    assert after == timedelta()
