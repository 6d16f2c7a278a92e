"""What a worker costs: the memory of one that holds many channels, and what an idle one asks the database."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from benchmarks.mall import running_mall
from benchmarks.report import Row
from benchmarks.sizes import Sizes
from benchmarks.stage import ONE_SWEEP, Stage, add_channels

# Some twenty of them lie within the days that a new channel reads first.
THREADS = 240
LONGEST_WAIT_SECONDS = 300
# The first seconds of a worker are not idle: it registers, and looks once at everything that may have been left over.
SETTLING_SECONDS = 3.0


async def run_memory(stage: Stage, sizes: Sizes) -> list[Row]:
    """Compare the memory of a worker that has read many channels with that of one that has read a single one."""
    with running_mall(THREADS) as mall:
        alone = await _memory(stage, mall, "memory_one", 1)
        crowded = await _memory(stage, mall, "memory_many", sizes.channels)
    each = (crowded - alone) / max(sizes.channels - 1, 1)
    return [
        Row("Memory of a worker with 1 channel", f"{alone / 1024:,.0f} MiB"),
        Row(
            f"Memory of a worker with {sizes.channels:,} channels",
            f"{crowded / 1024:,.0f} MiB",
            "under 512 MiB for 1,000 channels",
        ),
        Row("Growth for each channel", f"{each:,.1f} KiB"),
    ]


async def _memory(stage: Stage, mall: str, name: str, channels: int) -> int:
    url = stage.create_database(name)
    async with stage.runtime(url) as runtime:
        await add_channels(runtime, mall, channels, **ONE_SWEEP)
    with stage.worker(url) as worker:
        await _until_read(url, channels)
        return _resident_kib(worker)


async def _until_read(url: str, channels: int) -> None:
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            found = connection.execute("SELECT count(*) FROM channel WHERE last_success_at IS NOT NULL").fetchone()
            if found and found[0] == channels:
                return
            if time.monotonic() > end:
                raise RuntimeError(f"{channels} channels were not read within {LONGEST_WAIT_SECONDS} s")
            await asyncio.sleep(0.2)


def _resident_kib(process: subprocess.Popen[bytes]) -> int:
    """Return the resident memory; `ps` tells it on Linux and on macOS alike."""
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], check=True, capture_output=True, text=True)
    return int(shown.stdout)


async def run_idle(stage: Stage, sizes: Sizes) -> list[Row]:
    """Count the statements in the server's own log while a worker has nothing to do."""
    url = stage.create_database("idle")
    with running_mall(1) as mall:
        async with stage.runtime(url) as runtime:
            await add_channels(runtime, mall, sizes.idle_channels, is_due=False)
        with psycopg.connect(stage.url, autocommit=True) as connection:
            name = make_url(url).database or ""
            statement = sql.SQL("ALTER DATABASE {} SET log_statement = 'all'")
            connection.execute(statement.format(sql.Identifier(name)))
        log = stage.home / "postgres" / "log"
        with stage.worker(url):
            await asyncio.sleep(SETTLING_SECONDS)
            begun = log.stat().st_size
            await asyncio.sleep(sizes.idle_seconds)
            statements = _statements(log, begun)
    begins = sum("BEGIN" in line or "COMMIT" in line or "ROLLBACK" in line for line in statements)
    return [
        Row(
            f"Queries of an idle worker with {sizes.idle_channels} channels",
            f"{(len(statements) - begins) / sizes.idle_seconds:.1f} a second"
            f" (and {begins / sizes.idle_seconds:.1f} BEGIN, COMMIT or ROLLBACK)",
            "under 10 a second",
        )
    ]


def _statements(log: Path, start: int) -> list[str]:
    with log.open("rb") as lines:
        lines.seek(start)
        text = lines.read().decode(errors="replace")
    return [line for line in text.splitlines() if "LOG:  statement: " in line or "LOG:  execute " in line]
