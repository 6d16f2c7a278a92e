"""Messages per second from a mall into cases, beside the bare inserts of the same rows."""

from __future__ import annotations

import statistics
import time
from uuid import UUID

import psycopg

from benchmarks import bulk
from benchmarks.mall import running_mall
from benchmarks.report import Row
from benchmarks.sizes import Sizes
from benchmarks.stage import Stage, add_channels
from gateway.runtime import Runtime
from gateway.sync import inbound


async def pull_all(runtime: Runtime, channel_id: UUID) -> tuple[int, float]:
    """Read a channel until nothing is left; return how many messages came and the seconds that it took."""
    messages = 0
    started = time.perf_counter()
    while True:
        report = await inbound.pull(runtime, channel_id)
        if report.error is not None:
            raise RuntimeError(f"the pull failed: {report.error}")
        messages += report.messages
        if not report.has_more:
            return messages, time.perf_counter() - started


async def run(stage: Stage, sizes: Sizes) -> list[Row]:
    """Pull and insert in turns, each round into a new channel, so that both meet the same moments of the machine."""
    ours, theirs = stage.create_database("ingest"), stage.create_database("ingest_bulk")
    rates, bare_rates, ratios = [], [], []
    with running_mall(sizes.threads) as mall:
        async with stage.runtime(ours) as runtime:
            for number, channel_id in enumerate(await add_channels(runtime, mall, sizes.rounds + 1)):
                messages, seconds = await pull_all(runtime, channel_id)
                bare_seconds = _insert_same(ours, theirs, channel_id)
                if number or sizes.rounds == 0:
                    rates.append(messages / seconds)
                    bare_rates.append(messages / bare_seconds)
                    ratios.append(bare_seconds / seconds)
    return [
        Row("Ingest, simulated mall to cases", f"{statistics.median(rates):,.0f} messages/s"),
        Row("The same rows in bulk by the driver", f"{statistics.median(bare_rates):,.0f} messages/s"),
        Row(
            "Ratio of the two",
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds)",
            "0.25 or more",
        ),
    ]


def _insert_same(ours: str, theirs: str, channel_id: UUID) -> float:
    bulk.copy_channel(ours, theirs, channel_id)
    return bulk.insert_all(theirs, bulk.load_commits(ours, channel_id))


def count_messages(url: str) -> int:
    """Return how many messages a database holds."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM message").fetchone()
        return int(found[0]) if found else 0
