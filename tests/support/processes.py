"""Worker processes, real ones, that tests can kill."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

GATEWAY = Path(sys.executable).with_name("gateway")

# Everything that a worker waits for, short enough for a test and in the right proportions.
QUICK = {
    "GATEWAY_LEASE": "8",
    "GATEWAY_STALLED_AFTER": "3",
    "GATEWAY_POLL_INTERVAL": "0.5",
    "GATEWAY_TICK_INTERVAL": "0.5",
    "GATEWAY_SETTLE_AFTER": "0.5,1,1.5",
    "GATEWAY_RETRY_AFTER": "0.5,1,2",
    "GATEWAY_ALLOW_PRIVATE_ADDRESSES": "true",
    "GATEWAY_SECRET_KEYS": "a key for tests",
}


@contextlib.asynccontextmanager
async def worker(database_url: str, home: Path, **environment: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Run a worker process while the block runs; what is left of it is killed at the end."""
    variables = {
        **os.environ,
        **QUICK,
        "GATEWAY_DATABASE_URL": database_url,
        "GATEWAY_HOME": str(home),
        **environment,
    }
    process = _start(variables, home / "worker.log")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _start(variables: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen([str(GATEWAY), "worker"], env=variables, stdout=output, stderr=output)


async def until(is_true: Callable[[], Coroutine[Any, Any, bool]], *, within: float = 60.0) -> None:
    """Wait until something is so; a test that waits in vain says for what."""
    end = time.monotonic() + within
    while not await is_true():
        if time.monotonic() > end:
            raise AssertionError(f"it did not come true within {within:.0f} s: {is_true.__qualname__}")
        await asyncio.sleep(0.1)
