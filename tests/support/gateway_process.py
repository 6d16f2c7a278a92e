"""The program that users start, on a database of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.support import postgres
from tests.support.processes import GATEWAY, QUICK


@contextlib.contextmanager
def running_gateway(server_url: str, home: Path, *, name: str) -> Iterator[httpx.Client]:
    """Run a gateway and its worker while the block runs, and yield a client that may do everything there.

    The database is `name` with a random ending, and is gone afterwards.
    """
    url = postgres.create_database(server_url, database := f"{name}_{uuid.uuid4().hex[:10]}")
    environment = {**os.environ, **QUICK, "GATEWAY_DATABASE_URL": url, "GATEWAY_HOME": str(home), "GATEWAY_PORT": "0"}
    created = subprocess.run(
        [str(GATEWAY), "tokens", "create", name, "--json"], env=environment, capture_output=True, text=True, check=True
    )
    token = json.loads(created.stdout)["token"]
    process = subprocess.Popen(
        [str(GATEWAY), "serve"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    # On a server of its own the gateway leaves the work to worker processes.
    working = subprocess.Popen([str(GATEWAY), "worker"], env=environment, stderr=subprocess.DEVNULL)
    try:
        address = _address(process)
        with httpx.Client(base_url=address, headers={"authorization": f"Bearer {token}"}, timeout=30) as client:
            yield client
    finally:
        working.terminate()
        process.terminate()
        process.communicate(timeout=30)
        working.wait(30)
        postgres.drop_database(server_url, database)


def _address(process: subprocess.Popen[str]) -> str:
    """Return the address that the gateway prints when it listens."""
    for line in process.stdout or ():
        for word in line.split():
            if word.startswith("http://"):
                return word.rstrip(".,;")
    raise AssertionError("the gateway ended before it listened")
