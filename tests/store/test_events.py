"""The change feed has no gaps and follows the order of commits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from sqlmodel import col, select

from gateway.db import Database
from gateway.model import Event, EventType
from gateway.store.events import list_events, place_events, record_event

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


async def _feed(database: Database, after: int = 0) -> list[tuple[int, str]]:
    async with database.session() as db:
        await place_events(db)
        await db.commit()
        return [(event.position or 0, event.actor) for event in await list_events(db, after=after, limit=100)]


async def test_a_change_that_was_begun_earlier_and_committed_later_comes_later(database: Database) -> None:
    async with database.session() as slow, database.session() as fast:
        record_event(slow, EventType.CASE_CHANGED, actor="slow", now=NOW)
        await slow.flush()
        record_event(fast, EventType.CASE_CHANGED, actor="fast", now=NOW)
        await fast.commit()

        before = await _feed(database)
        await slow.commit()
        after = await _feed(database, after=before[-1][0])

    assert before == [(1, "fast")]
    assert after == [(2, "slow")]


async def test_a_change_that_was_rolled_back_leaves_no_gap(database: Database) -> None:
    async with database.session() as db:
        record_event(db, EventType.CASE_CHANGED, actor="gone", now=NOW)
        await db.flush()
        await db.rollback()
        for number in range(3):
            record_event(db, EventType.CASE_CHANGED, actor=str(number), now=NOW)
        await db.commit()

    assert await _feed(database) == [(1, "0"), (2, "1"), (3, "2")]


async def test_many_writers_and_readers_agree_on_one_order(database: Database) -> None:
    seen: list[list[tuple[int, str]]] = []

    async def write(writer: int) -> None:
        for number in range(10):
            async with database.session() as db:
                record_event(db, EventType.CASE_CHANGED, actor=f"{writer}-{number}", now=NOW)
                await db.commit()

    async def read() -> None:
        mine: list[tuple[int, str]] = []
        while len(mine) < 40:
            mine += await _feed(database, after=mine[-1][0] if mine else 0)
        seen.append(mine)

    await asyncio.gather(*(write(writer) for writer in range(4)), read(), read())

    assert seen[0] == seen[1]
    assert [position for position, _ in seen[0]] == list(range(1, 41))
    for writer in range(4):
        own = [actor for _, actor in seen[0] if actor.startswith(f"{writer}-")]
        assert own == [f"{writer}-{number}" for number in range(10)]


async def test_an_event_keeps_its_position(database: Database) -> None:
    async with database.session() as db:
        record_event(db, EventType.NOTE_ADDED, actor="a", now=NOW)
        await db.commit()
    await _feed(database)
    await _feed(database)

    async with database.session() as db:
        positions = (await db.exec(select(Event.position).order_by(col(Event.id)))).all()
    assert list(positions) == [1]
