"""The commands that stay, as processes: they start with one line, and end in good order."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

GATEWAY = Path(sys.executable).with_name("gateway")


class Started:
    """A process that has said its first line."""

    def __init__(self, process: subprocess.Popen[str], line: str) -> None:
        self.process = process
        self.line = line

    @property
    def url(self) -> str:
        found = re.search(r"http://\S+", self.line)
        assert found is not None, self.line
        return found[0]

    def end_by(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def started(*arguments: str, home: Path, **environment: str) -> Iterator[Started]:
    """Run a command while the block runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    with (home / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [str(GATEWAY), *arguments],
            env={**kept, "PYTHONUNBUFFERED": "1", "GATEWAY_HOME": str(home), **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (home / "stderr").read_text()
        yield Started(process, line)
    finally:
        process.kill()
        process.communicate()


def test_one_process_on_the_embedded_database_is_a_whole_gateway(tmp_path: Path) -> None:
    with started("serve", "--port", "0", home=tmp_path) as gateway:
        alive = httpx.get(f"{gateway.url}/healthz")
        ready = httpx.get(f"{gateway.url}/readyz").json()
        unknown = httpx.get(f"{gateway.url}/v1/cases")
        exit_code = gateway.end_by(signal.SIGTERM)

    assert alive.status_code == 200
    assert ready["is_ready"]
    assert "worker" in {check["name"] for check in ready["checks"]}
    assert unknown.status_code == 401
    assert exit_code in {0, 128 + signal.SIGTERM}
    assert not (tmp_path / "postgres" / "postmaster.pid").exists(), "the embedded server stops with its last user"


def test_a_worker_inside_is_left_out_where_the_database_is_somebodys(tmp_path: Path, database_url: str) -> None:
    with started("serve", "--port", "0", home=tmp_path, GATEWAY_DATABASE_URL=database_url) as gateway:
        ready = httpx.get(f"{gateway.url}/readyz").json()
        exit_code = gateway.end_by(signal.SIGINT)

    assert "worker" not in {check["name"] for check in ready["checks"]}
    assert "worker" not in gateway.line
    assert exit_code == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_in_good_order(tmp_path: Path, database_url: str, number: signal.Signals) -> None:
    with started("worker", home=tmp_path, GATEWAY_DATABASE_URL=database_url) as worker:
        exit_code = worker.end_by(number)

    assert worker.line.startswith("gateway: worker ")
    assert exit_code == 0
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def test_a_taken_port_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = subprocess.run(
            [str(GATEWAY), "serve", "--port", str(taken.getsockname()[1])],
            env={"PATH": os.environ["PATH"], "GATEWAY_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert refused.returncode == 2
    assert "is in use; stop the other program" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "home").exists()


def test_a_simulated_mall_answers_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    with started("simulate", "example", home=tmp_path) as mall:
        threads = httpx.get(f"{mall.url}/_simulator/threads").json()
        exit_code = mall.end_by(signal.SIGINT)

    assert threads
    assert exit_code == 130
    assert (tmp_path / "stderr").read_text() == ""
