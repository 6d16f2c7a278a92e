"""What growth costs: ingest and the list of cases, with more and more stored already."""

from __future__ import annotations

import re
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import event

from benchmarks.fill import fill
from benchmarks.ingest import count_messages, pull_all
from benchmarks.mall import running_mall
from benchmarks.report import Row
from benchmarks.sizes import Sizes
from benchmarks.stage import Stage, add_channels
from gateway.model import CaseStatus
from gateway.runtime import Runtime
from gateway.store import cases
from gateway.store.cases import CaseFilter

CHANNELS = 10
BRAND = "しろくま雑貨"
PAGE = 51
DEPTH = 0.9
"""How far down the list a deep page lies."""
INGEST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Level:
    """A database that holds `stored` messages; `deep` is a position far down its list."""

    stored: int
    url: str
    runtime: Runtime
    channels: Sequence[UUID]
    deep: tuple[datetime, UUID]


async def run(stage: Stage, sizes: Sizes) -> list[Row]:
    """Build one database for each level, then measure all of them in turns."""
    async with AsyncExitStack() as opened:
        mall = opened.enter_context(running_mall(sizes.growth_threads))
        levels = [await _build(stage, opened, mall, stored) for stored in sizes.stored]
        lists = await _time_lists(levels, sizes.lists)
        indexes = {name: await _indexes(levels[-1], wanted) for name, wanted in _filters(levels[-1]).items()}
        rates = await _time_ingest(levels)
    return [*_ingest_rows(rates), *_list_rows(lists, indexes)]


async def _build(stage: Stage, opened: AsyncExitStack, mall: str, stored: int) -> Level:
    url = stage.create_database(f"stored_{stored}")
    runtime = await opened.enter_async_context(stage.runtime(url))
    channels = await add_channels(runtime, mall, CHANNELS)
    fill(url, stored, channels)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE channel SET brand = %s WHERE id = ANY(%s)", [BRAND, channels[:3]])
        position = connection.execute(
            'SELECT last_message_at, id FROM "case" ORDER BY last_message_at DESC, id DESC'
            ' OFFSET (SELECT floor(count(*) * %s) FROM "case") LIMIT 1',
            [DEPTH],
        ).fetchone()
    assert position is not None
    return Level(count_messages(url), url, runtime, channels, (position[0], position[1]))


def _filters(level: Level) -> Mapping[str, CaseFilter]:
    some, one = tuple(level.channels[1:4]), (level.channels[1],)
    waiting = (CaseStatus.NEW, CaseStatus.OPEN, CaseStatus.ON_HOLD)
    return {
        "all": CaseFilter(),
        "one status": CaseFilter(statuses=(CaseStatus.OPEN,)),
        "three statuses": CaseFilter(statuses=waiting),
        "one channel": CaseFilter(channels=one),
        "three channels": CaseFilter(channels=some),
        "one brand": CaseFilter(brands=(BRAND,)),
        "one channel, one status": CaseFilter(channels=one, statuses=(CaseStatus.OPEN,)),
        "three channels, three statuses": CaseFilter(channels=some, statuses=waiting),
        "one brand, three statuses": CaseFilter(brands=(BRAND,), statuses=waiting),
        # The first channel has no case on hold, however many cases it has.
        "one channel, a status that it has not": CaseFilter(
            channels=(level.channels[0],), statuses=(CaseStatus.ON_HOLD,)
        ),
        "one item": CaseFilter(reference="item-7"),
    }


@dataclass(slots=True)
class Listed:
    """How long one list took on each level, and on which of them its page was full."""

    seconds: list[float]
    is_full: list[bool]

    @property
    def growth(self) -> float:
        """How many times as long the last level takes as the first one whose page is as long as its own."""
        base = next(number for number, is_full in enumerate(self.is_full) if is_full is self.is_full[-1])
        return self.seconds[-1] / self.seconds[base]


async def _time_lists(levels: Sequence[Level], times: int) -> Mapping[str, Listed]:
    """Return the median of each list on each level; each round asks every level for every list."""
    seconds: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    full: dict[tuple[str, int], bool] = {}
    for _ in range(times + 1):
        for number, level in enumerate(levels):
            for name, wanted in _filters(level).items():
                for place, after in (("first page", None), ("deep page", level.deep)):
                    key = f"{name}, {place}", number
                    took, count = await _time_list(level, wanted, after)
                    seconds[key].append(took)
                    full[key] = count == PAGE
    numbers = range(len(levels))
    # The first round only fills the caches.
    return {
        name: Listed([statistics.median(seconds[name, n][1:]) for n in numbers], [full[name, n] for n in numbers])
        for name in dict.fromkeys(name for name, _ in seconds)
    }


async def _time_list(level: Level, wanted: CaseFilter, after: tuple[datetime, UUID] | None) -> tuple[float, int]:
    async with level.runtime.database.session() as db:
        await db.connection()
        started = time.perf_counter()
        found = await cases.list_cases(db, wanted, after=after, limit=PAGE)
        return time.perf_counter() - started, len(found)


async def _indexes(level: Level, wanted: CaseFilter) -> str:
    """Return by which indexes the server reads the deep page of a list, as its own plan says."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        asked.append((statement, parameters))

    engine = level.runtime.database.engine.sync_engine
    async with level.runtime.database.session() as db:
        event.listen(engine, "before_cursor_execute", note)
        try:
            await cases.list_cases(db, wanted, after=level.deep, limit=PAGE)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        statement, parameters = asked[-1]
        connection = await db.connection()
        plan = "\n".join((await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)).scalars())
    used = dict.fromkeys(re.findall(r"(?:using|Bitmap Index Scan on) (\w+)", plan))
    # A table that is read as a whole is named, too: nothing stays hidden.
    return ", ".join([*used, *(f"all of {table}" for table in re.findall(r"Seq Scan on (\S+)", plan))])


async def _time_ingest(levels: Sequence[Level]) -> list[float]:
    """Return the median messages a second on each level, read into channels that hold their share already."""
    rates: list[list[float]] = [[] for _ in levels]
    for number in range(INGEST_ROUNDS + 1):
        for level, measured in zip(levels, rates, strict=True):
            messages, seconds = await pull_all(level.runtime, level.channels[number])
            measured.append(messages / seconds)
    return [statistics.median(measured[1:]) for measured in rates]


def _list_rows(lists: Mapping[str, Listed], indexes: Mapping[str, str]) -> list[Row]:
    rows = []
    for name, listed in lists.items():
        times = " / ".join(f"{one * 1000:.1f}" for one in listed.seconds)
        through = indexes[name.rpartition(",")[0]]
        figure = f"{times} ms; {listed.growth:.1f} times; by {through}"
        # Who asks for an item gets as many more cases as there are: all of them are looked at to find the latest.
        rows.append(Row(f"List of cases: {name}", figure, "" if name.startswith("one item") else "1.5 times or less"))
    return rows


def _ingest_rows(rates: Sequence[float]) -> list[Row]:
    return [
        Row(
            "Ingest with more stored",
            f"{' / '.join(f'{rate:,.0f}' for rate in rates)} messages/s; {rates[-1] / rates[0]:.2f} times",
            "0.8 or more",
        )
    ]
